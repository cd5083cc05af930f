"""The shelf of notifications, in the collections `notifications` and `rooms`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pymongo import IndexModel

from storage.encoding import ERASED, EXPIRED, FOREVER, RECALLED, WIPED, is_writable, micros, writable
from storage.errors import IdempotencyMismatch
from storage.mongo import clearing, collapsing, searching
from storage.mongo.append import Appender
from storage.mongo.collections import NOTIFICATIONS, Collections
from storage.mongo.documents import notification_of
from storage.mongo.heads import ROOMS, positions
from storage.mongo.pages import ids_of
from storage.mongo.schema import Migration
from storage.mongo.shelf import MongoShelf, Operations, operation
from storage.notifications import Notification
from storage.people import Erasure
from storage.searching import Found, FoundPage, Provenance, Search
from storage.streams import Appended, Emission, Placed, Streams, Tried

TYPED_FROM: Final = 500
"""The sequence beyond which a room's notifications have an index by their types.

Most rooms are one user's and never come so far: their appends pay nothing for it. A page of a type looks through what
lies below, whatever of it is of the type: of 500 that takes the server a millisecond. The index is built with it: another
number wants it built anew.
"""
INDEXES = {
    NOTIFICATIONS: (
        # The condition is one that a query can repeat, so that the planner may use it: sequences start at 1.
        IndexModel(
            [("room", 1), ("seq", -1)],
            name="stream",
            unique=True,
            partialFilterExpression={"seq": {"$gt": 0}},
        ),
        IndexModel([("key", 1), ("ordinal", 1)], name="key", unique=True, sparse=True),
        # The last of it says what is not shown any more: a long chain is passed over without its documents.
        IndexModel([("room", 1), ("created_at", -1), ("_id", -1), ("until", 1)], name="shown"),
        IndexModel(
            [("room", 1), ("type", 1), ("created_at", -1), ("_id", -1)],
            name="typed",
            partialFilterExpression={"seq": {"$gt": TYPED_FROM}},
        ),
        IndexModel([("created_at", 1), ("_id", 1)], name="oldest"),
        IndexModel(
            [("room", 1), ("until", 1), ("seq", 1)],
            name="gone",
            partialFilterExpression={"until": {"$gte": 0, "$lt": FOREVER}},
        ),
        IndexModel(
            [("until", 1)], name="expiring", partialFilterExpression={"until": {"$gt": 0, "$lt": FOREVER}}
        ),
        *collapsing.INDEXES,
    )
}


async def _drop_newest(c: Collections) -> None:
    """What `shown` does, it did without the last field; may be begun again."""
    if "newest" in await c[NOTIFICATIONS].index_information():
        await c[NOTIFICATIONS].drop_index("newest")


MIGRATIONS = (Migration(name="streams-2", run=_drop_newest),)


async def _find(c: Collections, notification_id: str) -> Notification | None:
    """One notification by its id; None when it is not there."""
    document = await c[NOTIFICATIONS].find_one({"_id": notification_id})
    return None if document is None else notification_of(document)


class MongoStreams(MongoShelf, Streams):
    """Notifications, each a document that this process numbers before it inserts it."""

    INDEXES = INDEXES
    MIGRATIONS = MIGRATIONS

    def __init__(self, operations: Operations) -> None:
        super().__init__(operations)
        self._appender = Appender()

    @operation
    async def append(
        self, c: Collections, emissions: Sequence[Emission]
    ) -> list[Appended | IdempotencyMismatch]:
        """As `Streams.append` says; batches of this process one after the other, those of other processes at the same time."""
        return await self._appender.append(c, emissions)

    def learn(self, heads: Mapping[str, int]) -> None:
        self._appender.learn(heads)

    def unlearn(self) -> None:
        self._appender.unlearn()

    @operation
    async def heads(self, c: Collections, rooms: Sequence[str]) -> dict[str, int]:
        places = await positions(c, list(dict.fromkeys(rooms)))
        return {room: position.head for room, position in places.items()}

    @operation
    async def span(
        self, c: Collections, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        """By the index of streams. What was superseded and not hidden yet, for a process has died, is still in it."""
        shown_at = WIPED if now is None else micros(now)
        cursor = c[NOTIFICATIONS].find(
            {"room": room, "seq": {"$gt": max(after, 0)}, "until": {"$gt": shown_at}}
        )
        return [notification_of(document) for document in await cursor.sort("seq", 1).limit(limit).to_list()]

    @operation
    async def latest(self, c: Collections, *, limit: int, now: datetime) -> list[Found]:
        """By the index of ids from its end: it reads `limit` documents, whatever they are."""
        # Ids are texts; what `ping` writes has none.
        newest = await c[NOTIFICATIONS].find({"_id": {"$gt": ""}}).sort("_id", -1).limit(limit).to_list()
        shown_at = micros(now)
        return [searching.found_of(document) for document in newest if document["until"] > shown_at]

    @operation
    async def notification(self, c: Collections, notification_id: str) -> Notification | None:
        return await _find(c, notification_id) if is_writable(notification_id) else None

    @operation
    async def of_room(self, c: Collections, room: str, *, limit: int) -> list[Notification]:
        """May be read from where it lags."""
        newest = (
            c.lagging(NOTIFICATIONS)
            .find({"room": room, "$or": [{"until": {"$gt": 0}}, {"superseded_by": {"$exists": True}}]})
            .sort([("created_at", -1), ("_id", -1)])
        )
        return [notification_of(document) for document in await newest.limit(limit).to_list()]

    @operation
    async def placed(self, c: Collections, ids: Sequence[str]) -> dict[str, Placed]:
        """By the ids, of those that have a sequence; no contents are read."""
        found = c[NOTIFICATIONS].find(
            {"_id": {"$in": writable(ids)}, "seq": {"$gt": 0}}, {"room": 1, "type": 1, "entry.variant": 1}
        )
        return {
            each["_id"]: Placed(each["room"], each["type"], each.get("entry", {}).get("variant", ""))
            for each in await found.to_list()
        }

    @operation
    async def tried(self, c: Collections, ids: Sequence[str]) -> dict[str, Tried]:
        of_trials = {"_id": {"$in": writable(ids)}, "entry.trial": {"$type": "string"}}
        found = c[NOTIFICATIONS].find(of_trials, {"room": 1, "entry.trial": 1, "entry.variant": 1})
        return {
            each["_id"]: Tried(each["room"], each["entry"]["trial"], each["entry"]["variant"])
            for each in await found.to_list()
        }

    @operation
    async def provenance(self, c: Collections, notification_id: str) -> Provenance | None:
        return await searching.provenance(c, notification_id) if is_writable(notification_id) else None

    @operation
    async def search(self, c: Collections, asked: Search, *, before: str | None, limit: int) -> FoundPage:
        return await searching.search(c, asked, before=before, limit=limit)

    @operation
    async def recall(self, c: Collections, notification_id: str, *, now: datetime) -> Notification | None:
        """The mark first: what is cut short behind it is recalled, and wiped by doing it again."""
        if not is_writable(notification_id):
            return None
        at = micros(now)
        await c[NOTIFICATIONS].update_one(
            {"_id": notification_id, "recalled_at": {"$exists": False}}, {"$set": {"recalled_at": at}}
        )
        await clearing.wipe(c, [notification_id], reason=RECALLED, now=at)
        return await _find(c, notification_id)

    @operation
    async def expire(self, c: Collections, *, now: datetime, limit: int) -> int:
        """By an index that holds only what expires and is not wiped. Two nodes that do it at once wipe the same, each once."""
        at = micros(now)
        cursor = c[NOTIFICATIONS].find({"until": {"$gt": 0, "$lte": min(at, FOREVER - 1)}}, {"_id": 1})
        ids = [document["_id"] for document in await cursor.sort("until", 1).limit(limit).to_list()]
        return await clearing.wipe(c, ids, reason=EXPIRED, now=at)

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        return await clearing.prune(c, before=micros(before), limit=limit)

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        """Note when, and then wipe all of the user's own room, page by page; may be done again after any of them."""
        # Whoever returns under the same name begins anew: what was addressed to the room before tells nothing of them.
        await c[ROOMS].update_one({"_id": erasure.room}, {"$set": {"erased_at": erasure.at}}, upsert=True)
        wiped = 0
        async for ids in ids_of(c, erasure.room):
            wiped += await clearing.wipe(c, ids, reason=ERASED, now=erasure.at)
        return wiped
