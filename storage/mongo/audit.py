"""The shelf of deeds, in the collection `deeds`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from storage.audit import Audit, Deed, DeedPage, DeedSearch
from storage.encoding import (
    FOREVER,
    cursor_text,
    data_of,
    data_text,
    is_writable,
    micros,
    moment,
    moment_or_none,
    position_of,
)
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation

DEEDS = "deeds"
_NEWEST = [("at", -1), ("_id", -1)]
INDEXES = {
    DEEDS: (
        IndexModel(_NEWEST, name="newest"),
        IndexModel([("by", 1), *_NEWEST], name="by"),
        IndexModel([("operation", 1), *_NEWEST], name="operation"),
        IndexModel([("target", 1), *_NEWEST], name="target"),
    )
}
_HINTS = ("target", "by", "operation")
"""By what it may be looked for, each with an index of its name; the first that is asked for is gone by."""


class MongoAudit(MongoShelf, Audit):
    """Nothing of it is erased with a person: the id is all that it holds of one."""

    INDEXES = INDEXES

    @operation
    async def begin(self, c: Collections, deed: Deed) -> None:
        """One insert, by the write concern of the store. Raises `StoreUnavailable` also for an id that is taken."""
        await c[DEEDS].insert_one(
            {
                "_id": deed.id,
                "at": micros(deed.at),
                "by": deed.by,
                "role": deed.role,
                "operation": deed.operation,
                "target": deed.target,
                "detail": data_text(deed.detail),
                "request_id": deed.request_id,
                "outcome": deed.outcome,
                "ended_at": None if deed.ended_at is None else micros(deed.ended_at),
            }
        )

    @operation
    async def end(self, c: Collections, deed_id: str, outcome: str, *, now: datetime) -> None:
        await c[DEEDS].update_one(
            {"_id": deed_id, "outcome": None}, {"$set": {"outcome": outcome, "ended_at": micros(now)}}
        )

    @operation
    async def page(self, c: Collections, asked: DeedSearch, *, before: str | None, limit: int) -> DeedPage:
        """By one index, hinted, so that the server chooses no other as the collection grows."""
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        wanted = {"target": asked.target, "by": asked.by, "operation": asked.operation}
        held = {name: value for name, value in wanted.items() if value is not None}
        if not all(map(is_writable, held.values())):
            return DeedPage(items=(), next=None)
        when: Document = {"$lte": time}
        if asked.since is not None:
            when["$gte"] = micros(asked.since)
        if asked.until is not None:
            when["$lt"] = micros(asked.until)
        condition: dict[str, Any] = {
            **held,
            "at": when,
            # Spelled out beside the range that bounds the index: equal times are told apart by the id.
            "$or": [{"at": {"$lt": time}}, {"at": time, "_id": {"$lt": id_}}],
        }
        cursor = c.lagging(DEEDS).find(condition).sort(_NEWEST)
        cursor = cursor.hint(next((name for name in _HINTS if name in held), "newest"))
        found = await cursor.limit(limit + 1).to_list()
        page = found[:limit]
        following = cursor_text(page[-1]["at"], page[-1]["_id"]) if len(found) > limit else None
        return DeedPage(items=[_deed(document) for document in page], next=following)

    @operation
    async def of_person(self, c: Collections, user: str, *, limit: int) -> Sequence[Deed]:
        name = f"user:{user}"
        cursor = c[DEEDS].find({"$or": [{"by": name}, {"target": name}]}).sort(_NEWEST).limit(limit)
        return [_deed(document) for document in await cursor.to_list()]

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        old = c[DEEDS].find({"at": {"$lt": micros(before)}}, {"_id": 1}).sort([("at", 1), ("_id", 1)])
        ids = [document["_id"] for document in await old.limit(limit).to_list()]
        return (await c[DEEDS].delete_many({"_id": {"$in": ids}})).deleted_count if ids else 0


def _deed(document: Document) -> Deed:
    return Deed(
        id=document["_id"],
        at=moment(document["at"]),
        by=document["by"],
        role=document["role"],
        operation=document["operation"],
        target=document["target"],
        detail=data_of(document["detail"]),
        request_id=document["request_id"],
        outcome=document["outcome"],
        ended_at=moment_or_none(document["ended_at"]),
    )
