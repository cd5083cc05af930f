"""How a database comes to this release's schema: the shelves' migrations and indexes, made by one node at a time.

A document among the `facts` keeps the names of those that ran, and who is running one now. That right is a lease by the
server's clock. Its holder prolongs it while it works; after a crash it ends by itself, and the next node begins the same
migration again. So a migration must be such that it can be begun again after any part of it, also while a node that was
only paused still writes. Databases of the first releases have no such document: what they are is what a new one is.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pymongo
from pymongo import IndexModel, ReturnDocument
from pymongo.errors import PyMongoError

from storage.errors import StoreUnavailable
from storage.migrations import CHANGING, pending
from storage.mongo.collections import FACTS, Collections, Document

LEASE_SECONDS = 15.0
OPERATION_SECONDS = 86_400.0
"""How long a single operation of a migration may take, or the making of the indexes of a collection."""
LOOK_SECONDS = 0.2
"""Between two looks whether another node is done."""
PATIENCE_SECONDS = 20.0
"""How long another node's migration is waited for before whoever opens the store hears of it."""
RAN = "migrations"
"""The id of the document."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)

Indexes = Sequence[tuple[str, Sequence[IndexModel]]]
"""Which indexes a collection has, by its name; several shelves may have some on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change of what one shelf keeps."""

    name: str
    run: Callable[[Collections], Awaitable[None]]
    """May be begun again after any part of it. Of its operations each may take `OPERATION_SECONDS`."""


async def migrate(
    c: Collections, migrations: Sequence[Migration], indexes: Indexes, *, lease_seconds: float
) -> None:
    """Return when all migrations have run and all indexes are there, made here or by another node.

    Raises `StoreConfigurationError` for a database that a newer release has changed, and `StoreUnavailable` when another
    node takes long.

    It costs one read, and one for each collection, where all is there. What another node is at is waited for,
    `PATIENCE_SECONDS` at most. A node that dies in the midst holds up the others until its lease ends, and the next
    begins that migration again from its start.
    """
    holder = uuid.uuid4().hex
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while pending(migrations, await _ran(c)) or await _missing(c, indexes):
        found = await _take(c, holder, lease_seconds)
        if found is not None:
            try:
                # Looked at again: another node may have made some between the look and the lease.
                for migration in pending(migrations, found["ran"]):
                    logger.info(CHANGING, extra={"change": migration.name})
                    await _held(c, holder, lease_seconds, migration.run(c))
                    await _hold(c, holder, {"$addToSet": {"ran": migration.name}})
                for name, missing in (await _missing(c, indexes)).items():
                    logger.info(CHANGING, extra={"change": f"indexes of {name}"})
                    await _held(c, holder, lease_seconds, c[name].create_indexes(missing))
            finally:
                with contextlib.suppress(PyMongoError):
                    await _release(c, holder)
        elif asyncio.get_running_loop().time() > deadline:
            raise StoreUnavailable("MongoDB: another node is changing the schema")
        else:
            await asyncio.sleep(LOOK_SECONDS)


async def _ran(c: Collections) -> list[str]:
    """The names of the migrations that ran; none in a new database."""
    document = await c[FACTS].find_one({"_id": RAN})
    names: list[str] = [] if document is None else document["ran"]
    return names


async def _missing(c: Collections, indexes: Indexes) -> dict[str, list[IndexModel]]:
    """The indexes that are not there, by collection."""
    missing: dict[str, list[IndexModel]] = {}
    for name, of_collection in indexes:
        there = await c[name].index_information()
        if lacking := [index for index in of_collection if index.document["name"] not in there]:
            missing.setdefault(name, []).extend(lacking)
    return missing


async def _take(c: Collections, holder: str, lease_seconds: float) -> Document | None:
    """The document, when this node may run what is due; None while another does.

    By the server's clock, in one write: of two nodes that ask at once one is answered.
    """
    await c[FACTS].update_one({"_id": RAN}, {"$setOnInsert": {"ran": []}}, upsert=True)
    return await c[FACTS].find_one_and_update(
        {"_id": RAN, "$expr": {"$lte": [{"$ifNull": ["$until", _NEVER]}, "$$NOW"]}},
        [{"$set": {"holder": holder, "until": _until(lease_seconds)}}],
        return_document=ReturnDocument.AFTER,
    )


def _until(lease_seconds: float) -> Document:
    return {"$add": ["$$NOW", int(lease_seconds * 1000)]}


async def _held(c: Collections, holder: str, lease_seconds: float, work: Awaitable[object]) -> None:
    """Await `work`, and prolong the lease meanwhile; raises, with the work ended, when that is no longer had."""
    working = asyncio.create_task(_patient(work), name="mongo-migration")
    try:
        while not (await asyncio.wait({working}, timeout=lease_seconds / 3))[0]:
            await _hold(c, holder, [{"$set": {"until": _until(lease_seconds)}}])
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _patient(work: Awaitable[object]) -> None:
    # What goes through a whole collection takes its time: a server that stands still is noticed by the lease.
    with pymongo.timeout(OPERATION_SECONDS):
        await work


async def _hold(c: Collections, holder: str, update: Document | list[Document]) -> None:
    """Together with the lease itself a migration is written down as run, so that no node that was overtaken does it."""
    held = await c[FACTS].update_one({"_id": RAN, "holder": holder}, update)
    if not held.matched_count:
        raise StoreUnavailable("MongoDB: another node has taken over the change of the schema")


async def _release(c: Collections, holder: str) -> None:
    await c[FACTS].update_one({"_id": RAN, "holder": holder}, {"$unset": {"holder": "", "until": ""}})
