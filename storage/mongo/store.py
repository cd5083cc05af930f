"""`MongoStore`: the shelves over a MongoDB database, which any number of processes share, and their common life."""

import asyncio
import os
import secrets
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TypeVar

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.mongo.archive import MongoArchive
from storage.mongo.audit import MongoAudit
from storage.mongo.campaigns import MongoCampaigns
from storage.mongo.clicks import MongoClicks
from storage.mongo.collections import FACTS, NOTIFICATIONS, Collections
from storage.mongo.digests import MongoDigests
from storage.mongo.epochs import MongoEpochs
from storage.mongo.inboxes import MongoInboxes
from storage.mongo.lanes import MongoLanes
from storage.mongo.links import MongoLinks
from storage.mongo.mailboxes import MongoMailboxes
from storage.mongo.opens import MongoOpens
from storage.mongo.outbox import MongoOutbox
from storage.mongo.people import MongoPeople
from storage.mongo.preferences import MongoPreferences
from storage.mongo.recipients import MongoRecipients
from storage.mongo.schedule import MongoSchedule
from storage.mongo.schema import LEASE_SECONDS, migrate
from storage.mongo.shelf import MongoShelf, Operations
from storage.mongo.snoozes import MongoSnoozes
from storage.mongo.stats import MongoStats
from storage.mongo.strays import MongoStrays
from storage.mongo.streams import MongoStreams
from storage.mongo.suppressions import MongoSuppressions
from storage.mongo.switches import MongoSwitches
from storage.mongo.tallies import MongoTallies
from storage.mongo.topics import MongoTopics
from storage.mongo.trials import MongoTrials

PING_SECONDS = 1.5
PROBE = 0
"""The id of what `ping` writes, among the notifications: whose ids are texts, so that nothing finds it by one."""

Shelf = TypeVar("Shelf", bound=MongoShelf)


class MongoStore:
    """A store in the database that `url` names (`bellhop` if none); options of the URL win over ours.

    A method of a shelf is one write, or a transaction, or several writes of which every beginning is sound: which it
    is, and what a crash leaves, is said where it is done.
    """

    migration_lease_seconds = LEASE_SECONDS
    """How long after a crash the next node begins a migration again."""

    def __init__(self, url: str) -> None:
        self._operations = Operations(url)
        self._shelves: list[MongoShelf] = []
        self.streams = self._put_up(MongoStreams(self._operations))
        self.inboxes = self._put_up(MongoInboxes(self._operations))
        self.snoozes = self._put_up(MongoSnoozes(self._operations))
        self.outbox = self._put_up(MongoOutbox(self._operations))
        self.digests = self._put_up(MongoDigests(self._operations))
        self.people = self._put_up(MongoPeople(self._operations, self._shelves))
        self.epochs = self._put_up(MongoEpochs(self._operations))
        self.switches = self._put_up(MongoSwitches(self._operations))
        self.tallies = self._put_up(MongoTallies(self._operations))
        self.topics = self._put_up(MongoTopics(self._operations))
        self.preferences = self._put_up(MongoPreferences(self._operations))
        self.links = self._put_up(MongoLinks(self._operations))
        self.schedule = self._put_up(MongoSchedule(self._operations))
        self.suppressions = self._put_up(MongoSuppressions(self._operations))
        self.strays = self._put_up(MongoStrays(self._operations))
        self.lanes = self._put_up(MongoLanes(self._operations))
        self.mailboxes = self._put_up(MongoMailboxes(self._operations))
        self.campaigns = self._put_up(MongoCampaigns(self._operations))
        self.recipients = self._put_up(MongoRecipients(self._operations))
        self.stats = self._put_up(MongoStats(self._operations))
        self.audit = self._put_up(MongoAudit(self._operations))
        self.clicks = self._put_up(MongoClicks(self._operations))
        self.opens = self._put_up(MongoOpens(self._operations))
        self.archive = self._put_up(MongoArchive(self._operations))
        self.trials = self._put_up(MongoTrials(self._operations))

    def _put_up(self, shelf: Shelf) -> Shelf:
        """Have a shelf, and its indexes when the store is opened."""
        self._shelves.append(shelf)
        return shelf

    async def open(self) -> None:
        """As `Store.open` says. Several nodes may do it at once: one migrates, and the others wait for it."""
        await self._operations.open(self._prepare)

    async def _prepare(self, c: Collections) -> None:
        """Check the server, and bring the database to this release's schema; other nodes may do the same.

        There are no transactions without a replica set, so a single server is refused.
        """
        hello = await c.client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreConfigurationError(
                "MongoDB must run as a replica set (one member is enough): start mongod with --replSet and initiate it"
            )
        migrations = list(chain.from_iterable(shelf.MIGRATIONS for shelf in self._shelves))
        indexes = list(chain.from_iterable(shelf.INDEXES.items() for shelf in self._shelves))
        await migrate(c, migrations, indexes, lease_seconds=self.migration_lease_seconds)
        for name, of_collection in indexes:
            # They are there: the server is asked whether they are the same, and whether this user may write at all.
            await c[name].create_indexes(list(of_collection))

    async def ping(self, *, size: int = 1) -> None:
        """An upsert of one document, by the write concern of the URL, or else a majority's.

        The driver's own timeouts are longer: a write that is given up here may still be done.
        """
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._operations.run(lambda c: _overwrite(c, size))
        except TimeoutError as error:
            raise StoreUnavailable("MongoDB: a write is not answered") from error

    async def time(self) -> datetime | None:
        """What the server says of its time as it greets, to a millisecond. Of a sharded cluster it is the router's."""
        return await self._operations.run(_time)

    async def shared_secret(self) -> bytes:
        return await self._operations.run(_shared_secret)

    async def close(self) -> None:
        """The shelves first, as they may still have batches to ask."""
        for shelf in self._shelves:
            await shelf.close()
        await self._operations.close()


async def _overwrite(c: Collections, size: int) -> None:
    """Overwrite the probe, among the notifications: what refuses them, a lock or a full disk, refuses it. What is not
    random MongoDB may find to be there already.
    """
    probe = {"$set": {"probe": os.urandom(max(size, 8))}}
    await c[NOTIFICATIONS].update_one({"_id": PROBE}, probe, upsert=True)


async def _time(c: Collections) -> datetime:
    now: datetime = (await c.client.admin.command("hello"))["localTime"]
    return now if now.tzinfo is not None else now.replace(tzinfo=UTC)


async def _shared_secret(c: Collections) -> bytes:
    """The secret, made by an upsert if there is none: of two that make one at once the first one's is read by both."""
    made = {"$setOnInsert": {"value": secrets.token_bytes(32)}}
    # One operation that makes and reads: a read alone may not see yet what another process has made just now.
    operation = partial(
        c[FACTS].find_one_and_update,
        {"_id": "secret"},
        made,
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    try:
        found = await operation()
    except DuplicateKeyError:
        # Another process was faster; what it made is there now.
        found = await operation()
    assert found is not None  # an upsert answers what is there after it
    return bytes(found["value"])
