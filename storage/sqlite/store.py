"""`SQLiteStore`: the shelves over one file, which several processes may share, and their common life."""

import asyncio
import sqlite3
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable
from storage.sqlite.archive import SQLiteArchive
from storage.sqlite.audit import SQLiteAudit
from storage.sqlite.campaigns import SQLiteCampaigns
from storage.sqlite.clicks import SQLiteClicks
from storage.sqlite.digests import SQLiteDigests
from storage.sqlite.epochs import SQLiteEpochs
from storage.sqlite.inboxes import SQLiteInboxes
from storage.sqlite.lanes import SQLiteLanes
from storage.sqlite.links import SQLiteLinks
from storage.sqlite.mailboxes import SQLiteMailboxes
from storage.sqlite.opens import SQLiteOpens
from storage.sqlite.outbox import SQLiteOutbox
from storage.sqlite.people import SQLitePeople
from storage.sqlite.preferences import SQLitePreferences
from storage.sqlite.recipients import SQLiteRecipients
from storage.sqlite.schedule import SQLiteSchedule
from storage.sqlite.schema import migrate
from storage.sqlite.shelf import SQLiteShelf
from storage.sqlite.snoozes import SQLiteSnoozes
from storage.sqlite.stats import SQLiteStats
from storage.sqlite.strays import SQLiteStrays
from storage.sqlite.streams import SQLiteStreams
from storage.sqlite.suppressions import SQLiteSuppressions
from storage.sqlite.switches import SQLiteSwitches
from storage.sqlite.tallies import SQLiteTallies
from storage.sqlite.threads import Threads
from storage.sqlite.topics import SQLiteTopics
from storage.sqlite.trials import SQLiteTrials

PING_SECONDS = 1.5

Shelf = TypeVar("Shelf", bound=SQLiteShelf)


class SQLiteStore:
    """A store in the file `path`, made if missing with its folder. Every method is one hop to a thread.

    A method of a shelf is one transaction, whole or not at all, so there is no crash that leaves half of one. It is the
    store of one machine: several processes may share it, and one writes at a time.
    """

    def __init__(self, path: str | Path) -> None:
        """Nothing is opened or made before `open`. Shelves that are put up later may have migrations that want the
        earlier ones' tables.
        """
        self._threads = Threads(Path(path))
        self._shelves: list[SQLiteShelf] = []
        self.streams = self._put_up(SQLiteStreams(self._threads))
        self.inboxes = self._put_up(SQLiteInboxes(self._threads))
        self.snoozes = self._put_up(SQLiteSnoozes(self._threads))
        # Before the outbox: in an erasure it is by their mail that they are found.
        self.strays = self._put_up(SQLiteStrays(self._threads))
        self.outbox = self._put_up(SQLiteOutbox(self._threads))
        self.digests = self._put_up(SQLiteDigests(self._threads))
        self.people = self._put_up(SQLitePeople(self._threads, self._shelves))
        self.epochs = self._put_up(SQLiteEpochs(self._threads))
        self.switches = self._put_up(SQLiteSwitches(self._threads))
        self.tallies = self._put_up(SQLiteTallies(self._threads))
        self.topics = self._put_up(SQLiteTopics(self._threads))
        self.preferences = self._put_up(SQLitePreferences(self._threads))
        self.links = self._put_up(SQLiteLinks(self._threads))
        self.schedule = self._put_up(SQLiteSchedule(self._threads))
        self.suppressions = self._put_up(SQLiteSuppressions(self._threads))
        self.lanes = self._put_up(SQLiteLanes(self._threads))
        self.mailboxes = self._put_up(SQLiteMailboxes(self._threads))
        self.campaigns = self._put_up(SQLiteCampaigns(self._threads))
        self.recipients = self._put_up(SQLiteRecipients(self._threads))
        self.stats = self._put_up(SQLiteStats(self._threads))
        self.audit = self._put_up(SQLiteAudit(self._threads))
        self.clicks = self._put_up(SQLiteClicks(self._threads))
        self.opens = self._put_up(SQLiteOpens(self._threads))
        self.archive = self._put_up(SQLiteArchive(self._threads))
        self.trials = self._put_up(SQLiteTrials(self._threads))

    def _put_up(self, shelf: Shelf) -> Shelf:
        """Have a shelf, and its tables when the store is opened; those of an earlier one are there before."""
        self._shelves.append(shelf)
        return shelf

    async def open(self) -> None:
        """As `Store.open` says; all shelves' migrations run in one transaction."""
        migrations = list(chain.from_iterable(shelf.MIGRATIONS for shelf in self._shelves))
        await self._threads.open(lambda connection: migrate(connection, migrations))

    async def ping(self, *, size: int = 1) -> None:
        """One small commit, as durable as an append: it waits in the writer's queue like any other, and for its lock.

        A ping that is given up after `PING_SECONDS` may still be written; that harms nothing.
        """
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._threads.write(lambda connection: _overwrite(connection, size))
        except TimeoutError as error:
            raise StoreUnavailable("SQLite: the file is busy") from error

    async def shared_secret(self) -> bytes:
        return await self._threads.write(_shared_secret)

    async def time(self) -> datetime | None:
        """None: the file has no clock, and leases go by those of the processes, which are this machine's."""
        return None

    async def close(self) -> None:
        """The shelves first, as they may still have batches for the threads."""
        for shelf in self._shelves:
            await shelf.close()
        await self._threads.close()


def _shared_secret(connection: sqlite3.Connection) -> bytes:
    connection.execute("INSERT OR IGNORE INTO facts VALUES ('secret', randomblob(32))")
    (secret,) = connection.execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()
    return bytes(secret)


def _overwrite(connection: sqlite3.Connection, size: int) -> None:
    """Write the fact `probe`, with some bytes in it. What is not random SQLite may find to be there already."""
    connection.execute(
        "INSERT INTO facts (name, value) VALUES ('probe', randomblob(?))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (max(size, 8),),
    )
