"""Looking for what was emitted."""

from typing import Any

from storage.encoding import (
    FOREVER,
    cursor_of,
    cursor_text,
    is_writable,
    key_parts,
    key_text,
    micros,
    position_of,
)
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.notifications import Origin
from storage.searching import LOOKED_AT, Found, FoundPage, Provenance, Search
from storage.streams import IdempotencyKey

NEWEST = [("created_at", -1), ("_id", -1)]


async def provenance(c: Collections, notification_id: str) -> Provenance | None:
    """By the id; None for an unknown one."""
    found = await c[NOTIFICATIONS].find_one(
        {"_id": notification_id}, {"key": 1, "emitted_by": 1, "request_id": 1}
    )
    if found is None:
        return None
    scope, text = key_parts(found["key"]) if "key" in found else (None, None)
    return Provenance(origin=_origin(found) or (None if scope is None else Origin(by=scope)), key=text)


def _origin(document: Document) -> Origin | None:
    by = document.get("emitted_by")
    return None if by is None else Origin(by=by, request_id=document.get("request_id"))


def found_of(document: Document) -> Found:
    """What a whole document says, with its origin."""
    return Found(notification=notification_of(document), origin=_origin(document))


async def search(c: Collections, asked: Search, *, before: str | None, limit: int) -> FoundPage:
    """A page, as `Streams.search` says; by the times, of all or of a room, or by the key.

    It may be read from where it lags. The edge of what is looked at is found first, by the index alone.
    """
    place = (FOREVER, "") if before is None else position_of(before)
    texts = (asked.room, asked.type, asked.by, asked.key, asked.request_id)
    if not all(is_writable(text) for text in texts if text is not None):
        return FoundPage(items=(), next=None)
    looked_at = _looked_at(asked, place)
    edge = None
    if asked.key is None:
        # Answered by an index alone: however much does not fit what is asked for, no more than these are read.
        cursor = c.lagging(NOTIFICATIONS).find(looked_at, {"created_at": 1}).sort(NEWEST)
        found = await cursor.skip(LOOKED_AT - 1).limit(1).to_list()
        edge = (found[0]["created_at"], found[0]["_id"]) if found else None
    condition = {**looked_at, **_fitting(asked)}
    if edge is not None:
        time, id_ = edge
        condition["$nor"] = [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": id_}}]
        condition["created_at"] = {**looked_at["created_at"], "$gte": time}
    documents = await c.lagging(NOTIFICATIONS).find(condition).sort(NEWEST).limit(limit + 1).to_list()
    items = [found_of(each) for each in documents[:limit]]
    following = None
    if len(documents) > limit:
        following = cursor_of(items[-1].notification)
    elif edge is not None:
        following = cursor_text(*edge)
    return FoundPage(items=items, next=following)


def _looked_at(asked: Search, place: tuple[int, str]) -> dict[str, Any]:
    """What an index finds: the times, and the room or the key."""
    time, id_ = place
    when: Document = {"$lte": time}
    if asked.since is not None:
        when["$gte"] = micros(asked.since)
    if asked.until is not None:
        when["$lt"] = micros(asked.until)
    condition: dict[str, Any] = {
        "created_at": when,
        # Spelled out beside the range that bounds the index: equal times are told apart by the id.
        "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": id_}}],
    }
    if asked.room is not None:
        condition["room"] = asked.room
    if asked.key is not None:
        condition["key"] = key_text(IdempotencyKey(scope=asked.by or "", text=asked.key, fingerprint=b""))
    return condition


def _fitting(asked: Search) -> dict[str, Any]:
    """What is looked at in each."""
    condition: dict[str, Any] = {}
    if asked.by is not None and asked.key is None:
        condition["emitted_by"] = asked.by
    if asked.type is not None:
        condition["type"] = asked.type
    if asked.request_id is not None:
        condition["request_id"] = asked.request_id
    return condition
