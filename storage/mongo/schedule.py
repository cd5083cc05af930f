"""The shelf of what is to be emitted later, in the collections `scheduled` and `cancellations`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel, UpdateOne

from storage.encoding import (
    cursor_text,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    position_of,
    writable,
)
from storage.mongo.collections import Collections, Document
from storage.mongo.leasing import take_due
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.schedule import TOMBSTONE, Added, Cancelled, Missed, Schedule, Scheduled, SchedulePage, met

SCHEDULED = "scheduled"
CANCELLATIONS = "cancellations"

INDEXES = {
    SCHEDULED: (
        IndexModel([("wake_at", 1)], name="wake", partialFilterExpression={"wake_at": {"$exists": True}}),
        IndexModel([("due_at", 1), ("_id", 1)], name="due", partialFilterExpression={"wake_at": {"$exists": True}}),
        IndexModel(
            [("scope", 1), ("cancel_key", 1)], name="key", partialFilterExpression={"cancel_key": {"$exists": True}}
        ),
        IndexModel([("room", 1)], name="room"),
        IndexModel([("ended_at", 1)], name="ended", partialFilterExpression={"ended_at": {"$exists": True}}),
        IndexModel([("missed", 1)], name="missed", partialFilterExpression={"missed": {"$exists": True}}),
        IndexModel([("token", 1)], name="token", partialFilterExpression={"token": {"$exists": True}}),
    ),
    CANCELLATIONS: (
        IndexModel([("scope", 1), ("cancel_key", 1), ("room", 1)], name="cancelled", unique=True),
        IndexModel([("at", 1)], name="at"),
    ),
}  # fmt: skip
_MISSED = {"missed": {"$exists": True}}
_WAITING: Document = {"$or": [{"wake_at": {"$exists": True}, "token": {"$exists": False}}, _MISSED]}
"""Neither over nor under way."""


class MongoSchedule(MongoShelf, Schedule):
    """A document for each room that something is to be emitted to. One that has ended has no `wake_at` any more.

    Each change is one write that judges what it finds. Adding and cancelling meet by the order of theirs: each writes
    before it looks.
    """

    INDEXES = INDEXES

    @operation
    async def add(self, c: Collections, items: Sequence[Scheduled], *, now: datetime) -> list[Added]:
        """Three round trips, whatever their number: the upserts, the look for cancellations, and what is there now."""
        if not items:
            return []
        result = await c[SCHEDULED].bulk_write(
            [UpdateOne({"_id": item.id}, {"$setOnInsert": _document(item)}, upsert=True) for item in items],
            ordered=False,
        )
        new = {items[index].id for index in result.upserted_ids or {}}
        # Afterwards: a cancellation is noted before it looks for what is there, so that one of the two finds the other. Also of
        # what was there: who added it may have died before this.
        await _heed(c, items, micros(now))
        cursor = c[SCHEDULED].find(
            {"_id": {"$in": [item.id for item in items]}}, {"fingerprint": 1, "cancelled": 1}
        )
        found = {row["_id"]: row for row in await cursor.to_list()}
        answers: list[Added] = []
        for item in items:
            row = found.get(item.id, {})
            is_same = bytes(row.get("fingerprint", item.fingerprint)) == item.fingerprint
            answers.append(Added(item.id in new, is_same, bool(row.get("cancelled"))))
            new.discard(item.id)
        return answers

    @operation
    async def lease(
        self, c: Collections, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Scheduled]]:
        token, rows = await take_due(
            c, SCHEDULED, order="due_at", limit=limit, lease_seconds=lease_seconds, now=now
        )
        return token, [_scheduled(row) for row in rows]

    @operation
    async def end(self, c: Collections, ids: Sequence[str], *, token: str, now: datetime) -> None:
        await c[SCHEDULED].update_many(
            {"_id": {"$in": list(ids)}, "token": token},
            {"$set": {"ended_at": micros(now), "request": ""}, "$unset": {"wake_at": "", "token": ""}},
        )

    @operation
    async def miss(self, c: Collections, why: Mapping[str, Missed], *, token: str, now: datetime) -> None:
        """One write for each reason, of those that are under the token still."""
        for reason in Missed:
            ids = [id_ for id_, each in why.items() if each is reason]
            if ids:
                await c[SCHEDULED].update_many(
                    {"_id": {"$in": ids}, "token": token},
                    {
                        "$set": {"ended_at": micros(now), "missed": reason.value},
                        "$unset": {"wake_at": "", "token": ""},
                    },
                )

    @operation
    async def next_due(self, c: Collections) -> datetime | None:
        row = await c[SCHEDULED].find_one(
            {"wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)]
        )
        return None if row is None else moment(row["wake_at"])

    @operation
    async def cancel(
        self, c: Collections, scope: str, cancel_key: str, *, room: str | None, now: datetime
    ) -> Cancelled:
        """The cancellation is kept first, so that what is added at this moment finds it."""
        await c[CANCELLATIONS].update_one(
            {"scope": scope, "cancel_key": cancel_key, "room": room or ""},
            {"$max": {"at": micros(now)}},
            upsert=True,
        )
        meant: Document = {"scope": scope, "cancel_key": cancel_key}
        if room is not None:
            meant["room"] = room
        cancelled = await c[SCHEDULED].update_many({**meant, **_WAITING}, _cancelling(micros(now)))
        too_late = await c[SCHEDULED].count_documents({**meant, "cancelled": {"$exists": False}})
        return Cancelled(cancelled=cancelled.modified_count, too_late=too_late)

    @operation
    async def cancelled(
        self, c: Collections, scope: str, asked: Collection[tuple[str, str]], *, now: datetime
    ) -> set[tuple[str, str]]:
        """One question by the index of keys."""
        cursor = c[CANCELLATIONS].find(
            {
                "scope": scope,
                "cancel_key": {"$in": list({key for key, _ in asked})},
                "at": {"$gt": micros(now - TOMBSTONE)},
            }
        )
        return met([(row["cancel_key"], row["room"]) for row in await cursor.to_list()], asked)

    @operation
    async def drop(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        """One by one, for a truthful answer beside a node that leases the same."""
        dropped = []
        for id_ in writable(ids):
            result = await c[SCHEDULED].update_one({"_id": id_, **_WAITING}, _cancelling(micros(now)))
            if result.modified_count:
                dropped.append(id_)
        return dropped

    @operation
    async def hasten(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        """One by one, for a truthful answer beside a node that leases the same."""
        at = micros(now)
        hastened = []
        for id_ in writable(ids):
            result = await c[SCHEDULED].update_one(
                {"_id": id_, **_WAITING},
                {
                    "$set": {"due_at": at, "wake_at": at},
                    "$unset": {"latest_at": "", "ended_at": "", "missed": ""},
                },
            )
            if result.matched_count:
                hastened.append(id_)
        return hastened

    @operation
    async def page(
        self, c: Collections, *, after: str | None, limit: int, missed: bool = False
    ) -> SchedulePage:
        condition: Document = {**(_MISSED if missed else {"wake_at": {"$exists": True}})}
        if after is not None:
            due_at, id_ = position_of(after, parameter="after")
            condition["$or"] = [{"due_at": {"$gt": due_at}}, {"due_at": due_at, "_id": {"$gt": id_}}]
        cursor = c[SCHEDULED].find(condition).sort([("due_at", 1), ("_id", 1)]).limit(limit + 1)
        rows = await cursor.to_list()
        items = tuple(_scheduled(row) for row in rows[:limit])
        last = items[-1] if len(rows) > limit else None
        return SchedulePage(
            items=items, next=None if last is None else cursor_text(micros(last.due_at), last.id)
        )

    @operation
    async def of_room(self, c: Collections, room: str, *, limit: int) -> tuple[Scheduled, ...]:
        cursor = c[SCHEDULED].find({"room": room, "$or": [{"wake_at": {"$exists": True}}, _MISSED]})
        rows = await cursor.sort([("due_at", 1), ("_id", 1)]).limit(limit).to_list()
        return tuple(_scheduled(row) for row in rows)

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        """Cancellations in one write, then up to `limit` of what has ended."""
        at = micros(before)
        await c[CANCELLATIONS].delete_many({"at": {"$lt": at}})
        old = await c[SCHEDULED].find({"ended_at": {"$lt": at}}, {"_id": 1}).limit(limit).to_list()
        if not old:
            return 0
        gone = await c[SCHEDULED].delete_many({"_id": {"$in": [row["_id"] for row in old]}})
        return gone.deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[SCHEDULED].delete_many({"room": erasure.room})
        await c[CANCELLATIONS].delete_many({"room": erasure.room})
        return 0


async def _heed(c: Collections, items: Sequence[Scheduled], now: int) -> None:
    """Cancel those of these whose key was cancelled a moment ago; what has an id of them and is another request stays
    as it is.
    """
    keyed = [item for item in items if item.cancel_key is not None]
    if not keyed:
        return
    since = now - TOMBSTONE // timedelta(microseconds=1)
    cursor = c[CANCELLATIONS].find(
        {
            "scope": {"$in": list({item.scope for item in keyed})},
            "cancel_key": {"$in": list({item.cancel_key for item in keyed})},
            "at": {"$gt": since},
        }
    )
    cancelled = {(row["scope"], row["cancel_key"], row["room"]) for row in await cursor.to_list()}
    meant = [
        UpdateOne({"_id": item.id, "fingerprint": item.fingerprint, **_WAITING}, _cancelling(now))
        for item in keyed
        if {(item.scope, item.cancel_key, ""), (item.scope, item.cancel_key, item.room)} & cancelled
    ]
    if meant:
        await c[SCHEDULED].bulk_write(meant, ordered=False)


def _cancelling(now: int) -> Document:
    return {
        "$set": {"ended_at": now, "cancelled": True, "request": ""},
        "$unset": {"wake_at": "", "missed": ""},
    }


def _document(item: Scheduled) -> Document:
    due_at = micros(item.due_at)
    document: Document = {
        "wake_at": due_at, "due_at": due_at, "room": item.room, "scope": item.scope, "request": item.request,
        "fingerprint": item.fingerprint, "created_at": micros(item.created_at),
    }  # fmt: skip
    if item.epoch:
        document["epoch"] = item.epoch
    if item.cancel_key is not None:
        document["cancel_key"] = item.cancel_key
    if item.latest_at is not None:
        document["latest_at"] = micros_or_none(item.latest_at)
    return document


def _scheduled(row: Document) -> Scheduled:
    return Scheduled(
        id=row["_id"],
        due_at=moment(row["due_at"]),
        room=row["room"],
        scope=row["scope"],
        request=row["request"],
        fingerprint=bytes(row["fingerprint"]),
        cancel_key=row.get("cancel_key"),
        latest_at=moment_or_none(row.get("latest_at")),
        epoch=row.get("epoch", ""),
        missed=None if row.get("missed") is None else Missed(row["missed"]),
        created_at=moment(row["created_at"]),
    )
