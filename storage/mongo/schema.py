"""How a database comes to this release's schema: each shelf's migrations, once each, and by one node at a time.

A document among the `facts` keeps the names of those that ran, and who is running one now. That right is a lease by the
server's clock. Its holder prolongs it while it works; after a crash it ends by itself, and the next node begins the same
migration again. So a migration must be such that it can be begun again after any part of it, also while a node that was
only paused still writes. Databases of the first releases have no such document: what they are is what a new one is.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pymongo
from pymongo import ReturnDocument

from storage.errors import StoreUnavailable
from storage.migrations import pending
from storage.mongo.collections import FACTS, Collections, Document

LEASE_SECONDS = 15.0
LOOK_SECONDS = 0.2
"""Between two looks whether another node is done."""
PATIENCE_SECONDS = 20.0
"""How long another node's migration is waited for before whoever opens the store hears of it."""
RAN = "migrations"
"""The id of the document."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change of what one shelf keeps."""

    name: str
    run: Callable[[Collections], Awaitable[None]]
    """May be begun again after any part of it; no operation of it has a timeout."""


async def migrate(c: Collections, migrations: Sequence[Migration], *, lease_seconds: float) -> None:
    """Return when all have run, here or on another node.

    Raises `StoreConfigurationError` for a database that a newer release has changed, and `StoreUnavailable` when another
    node takes long.
    """
    holder = uuid.uuid4().hex
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while pending(migrations, await _ran(c)):
        found = await _take(c, holder, lease_seconds)
        if found is not None:
            try:
                # Looked at again: another node may have run some between the look and the lease.
                for migration in pending(migrations, found["ran"]):
                    await _run(c, migration, holder, lease_seconds)
            finally:
                await _release(c, holder)
        elif asyncio.get_running_loop().time() > deadline:
            raise StoreUnavailable("MongoDB: another node is changing the schema")
        else:
            await asyncio.sleep(LOOK_SECONDS)


async def _ran(c: Collections) -> list[str]:
    document = await c[FACTS].find_one({"_id": RAN})
    names: list[str] = [] if document is None else document["ran"]
    return names


async def _take(c: Collections, holder: str, lease_seconds: float) -> Document | None:
    """The document, when this node may run what is due; None while another does."""
    await c[FACTS].update_one({"_id": RAN}, {"$setOnInsert": {"ran": []}}, upsert=True)
    return await c[FACTS].find_one_and_update(
        {"_id": RAN, "$expr": {"$lte": [{"$ifNull": ["$until", _NEVER]}, "$$NOW"]}},
        [{"$set": {"holder": holder, "until": _until(lease_seconds)}}],
        return_document=ReturnDocument.AFTER,
    )


def _until(lease_seconds: float) -> Document:
    return {"$add": ["$$NOW", int(lease_seconds * 1000)]}


async def _run(c: Collections, migration: Migration, holder: str, lease_seconds: float) -> None:
    working = asyncio.create_task(_unbounded(migration.run(c)), name=f"migration {migration.name}")
    try:
        while not (await asyncio.wait({working}, timeout=lease_seconds / 3))[0]:
            await _hold(c, holder, [{"$set": {"until": _until(lease_seconds)}}])
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    await _hold(c, holder, {"$addToSet": {"ran": migration.name}})


async def _unbounded(work: Awaitable[None]) -> None:
    # What goes through a whole collection takes as long as it takes; a server that stands still is noticed by the lease.
    with pymongo.timeout(None):
        await work


async def _hold(c: Collections, holder: str, update: Document | list[Document]) -> None:
    held = await c[FACTS].update_one({"_id": RAN, "holder": holder}, update)
    if not held.matched_count:
        raise StoreUnavailable("MongoDB: another node has taken over the change of the schema")


async def _release(c: Collections, holder: str) -> None:
    await c[FACTS].update_one({"_id": RAN, "holder": holder}, {"$unset": {"holder": "", "until": ""}})
