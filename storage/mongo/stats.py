"""The shelf of statistics, in the collections `stats_events`, a document for each, `stats_rollups`, one for each series of a step,
and `stats_stale`.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, IndexModel, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession as Session
from pymongo.errors import DuplicateKeyError

from storage.encoding import micros, moment
from storage.errors import InvalidCursor
from storage.events import DIMENSIONS, OUTCOMES, Alike, Event, Happened, Outcome, Series, key_of_one, together
from storage.mongo.collections import FACTS, Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.stats import SETTLING, Bucket, NumberedEvent, SeriesCounts, Stale, Stats, StatsQuery, Step, Sum

EVENTS = "stats_events"
ROLLUPS = "stats_rollups"
STALE = "stats_stale"
LEAD = "stats"
"""The fact that tells who counts."""
INDEXES = {
    EVENTS: (
        IndexModel([("key", 1)], name="key", unique=True),
        IndexModel([("at", 1)], name="at"),
    ),
    ROLLUPS: (IndexModel([("step", 1), ("start", 1)], name="step_start"),),
}
_STEPS = {step: place for place, step in enumerate(Step)}
_PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}


class MongoStats(MongoShelf, Stats):
    """Events are found by their keys, and are told in the order of the ids that their nodes gave them. A bucket that is
    stale is a document, which whatever comes replaces: its mark is another then.
    """

    INDEXES = INDEXES

    @operation
    async def note(self, c: Collections, events: Sequence[Happened]) -> None:
        """One transaction: events that are known are looked for within, as a duplicate would undo it each time."""
        if not events:
            return
        alike = together(events)
        by_key = {key: each for each in reversed(alike) for key in reversed(each.keys)}
        minutes = {Step.MINUTE.start(at) for at in {each.at for each in alike}}

        async def keep(session: Session) -> None:
            known = c[EVENTS].find({"key": {"$in": list(by_key)}}, {"key": 1, "_id": 0}, session=session)
            there = {bytes(each["key"]) for each in await known.to_list()}
            new = [_document(key, each) for key, each in by_key.items() if key not in there]
            if new:
                await c[EVENTS].insert_many(new, ordered=False, session=session)
            await _mark(c, (Bucket(Step.MINUTE, start) for start in minutes), session)

        await atomically(c, keep)

    @operation
    async def series_of(self, c: Collections, mails: Sequence[str]) -> dict[str, Series]:
        mail_of = {key_of_one(mail, Outcome.SENT): mail for mail in mails}
        found = await c[EVENTS].find({"key": {"$in": list(mail_of)}}).to_list()
        return {mail_of[bytes(each["key"])]: _series(each) for each in found}

    @operation
    async def lead(self, c: Collections, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """One upsert by a pipeline, as that of the archive."""
        at, until = micros(now), micros(now + timedelta(seconds=lease_seconds))
        is_over = {"$lte": [{"$ifNull": ["$until", 0]}, at]}
        turn = {"$ifNull": ["$turn", 0]}
        try:
            led = await c[FACTS].find_one_and_update(
                {"_id": LEAD, "$or": [{"holder": holder}, {"until": {"$lte": at}}]},
                [
                    {
                        "$set": {
                            "holder": holder,
                            "turn": {"$cond": [is_over, {"$add": [turn, 1]}, turn]},
                            "until": until,
                        }
                    }
                ],
                upsert=True,
                return_document=True,
            )
        except DuplicateKeyError:
            return None  # another has it
        assert led is not None  # an upsert answers what is there after it
        return int(led["turn"])

    @operation
    async def stale(self, c: Collections, *, limit: int) -> list[Stale]:
        steps = tuple(Step)
        return [
            Stale(bucket=Bucket(steps[each["_id"]["step"]], moment(each["_id"]["start"])), mark=each["mark"])
            for each in await c[STALE].find().sort("_id", 1).limit(limit).to_list()
        ]

    @operation
    async def recount(self, c: Collections, bucket: Bucket, *, of: Step | None) -> SeriesCounts:
        """Added up by the server, through the index of times or of steps."""
        span = {"$gte": micros(bucket.start), "$lt": micros(bucket.end)}
        found: dict[Series, dict[Outcome, int]] = {}
        if of is None:
            names: Document = {name: f"${name}" for name in (*DIMENSIONS, "outcome")}
            grouped = await c[EVENTS].aggregate(
                [
                    {"$match": {"at": span}},
                    {"$group": {"_id": names, "count": {"$sum": {"$ifNull": ["$count", 1]}}}},
                ]
            )
            async for each in grouped:
                counts = found.setdefault(_series(each["_id"]), {})
                counts[OUTCOMES[each["_id"]["outcome"]]] = int(each["count"])
        else:
            names = {name: f"${name}" for name in DIMENSIONS}
            grouped = await c[ROLLUPS].aggregate(
                [{"$match": {"step": _STEPS[of], "start": span}}, {"$group": {"_id": names, **_SUMS}}]
            )
            async for each in grouped:
                found[_series(each["_id"])] = _counts(each)
        return found

    @operation
    async def replace(
        self, c: Collections, bucket: Bucket, counts: SeriesCounts, *, of: Sequence[Stale], turn: int
    ) -> bool:
        """One transaction, which writes to the fact of the lead: whoever takes the turn over at this moment undoes it,
        or comes after.
        """
        step, start = _STEPS[bucket.step], micros(bucket.start)
        rows = [
            {
                "step": step,
                "start": start,
                **_named(series),
                **{outcome.value: count for outcome, count in each.items() if count},
            }
            for series, each in counts.items()
        ]

        async def put(session: Session) -> bool:
            # Written, so that whoever takes the turn over at the same time is the only one.
            held = await c[FACTS].update_one(
                {"_id": LEAD, "turn": turn}, {"$set": {"counted": secrets.token_hex(4)}}, session=session
            )
            if not held.matched_count:
                return False
            await c[ROLLUPS].delete_many({"step": step, "start": start}, session=session)
            if rows:
                await c[ROLLUPS].insert_many([dict(row) for row in rows], ordered=False, session=session)
            if bucket.step.above is not None:
                await _mark(c, [bucket.within(bucket.step.above)], session)
            marks = [DeleteOne({"_id": _place(each.bucket), "mark": each.mark}) for each in of]
            if marks:
                await c[STALE].bulk_write(marks, ordered=False, session=session)
            return True

        return await atomically(c, put)

    @operation
    async def sums(self, c: Collections, question: StatsQuery) -> list[Sum]:
        """Added up by the server, cut to the limit here."""
        span = {"$gte": micros(question.since), "$lt": micros(question.until)}
        by = [DIMENSIONS[DIMENSIONS.index(name)] for name in question.by]
        # What does not apply is not there.
        where: Document = {
            name: value or {"$exists": False}
            for name, value in (question.where or {}).items()
            if name in DIMENSIONS
        }
        names: Document = {**({"at": "$start"} if question.each else {}), **{name: f"${name}" for name in by}}
        grouped = await c.lagging(ROLLUPS).aggregate(
            [
                {"$match": {"step": _STEPS[question.step], "start": span, **where}},
                {"$group": {"_id": names, **_SUMS}},
            ]
        )
        found = [
            Sum(
                moment(each["_id"]["at"]) if question.each else None,
                tuple(each["_id"].get(name) or "" for name in by),
                _counts(each),
            )
            async for each in grouped
        ]
        return sorted(found, key=_order)[: question.limit]

    @operation
    async def told(
        self, c: Collections, *, after: str | None, since: datetime | None, limit: int, now: datetime
    ) -> list[NumberedEvent]:
        """By the ids of the documents, which begin with the second in which a node made them. Nodes whose clocks differ
        by more than `SETTLING` may have events overlooked.
        """
        # An id begins with the second in which it was made: beyond that age none is still on its way.
        behind = {"$lt": _first_of(now - SETTLING)}
        if after is not None:
            if not ObjectId.is_valid(after):
                raise InvalidCursor("the cursor is not one of this store", parameter="after")
            behind["$gt"] = ObjectId(after)
        elif since is not None:
            # What was at that time or later came after it, but for the nodes' clocks.
            behind["$gte"] = _first_of(since - SETTLING)
        asked: Document = {"_id": behind}
        if since is not None:
            asked["at"] = {"$gte": micros(since)}
        rows = await c[EVENTS].find(asked).sort("_id", 1).limit(limit).to_list()
        return [NumberedEvent(cursor=str(row["_id"]), event=_event(row)) for row in rows]

    @operation
    async def clear_events(self, c: Collections, *, before: datetime, limit: int) -> int:
        return await _clear(c, EVENTS, {"at": {"$lt": micros(before)}}, limit)

    @operation
    async def clear_rollups(self, c: Collections, step: Step, *, before: datetime, limit: int) -> int:
        return await _clear(c, ROLLUPS, {"step": _STEPS[step], "start": {"$lt": micros(before)}}, limit)


_SUMS: Document = {outcome.value: {"$sum": f"${outcome.value}"} for outcome in OUTCOMES}


def _first_of(time: datetime) -> ObjectId:
    """What every id of that second, or a later one, is no less than. An id holds no second before 1970, nor after 2106."""
    second = min(max(int(time.timestamp()), 0), 2**32 - 1)
    return ObjectId(second.to_bytes(4) + bytes(8))


def _order(each: Sum) -> tuple[Any, ...]:
    return (each.at or 0, each.of)


def _named(series: Series) -> dict[str, str]:
    return {name: value for name, value in series._asdict().items() if value}


def _series(names: Mapping[str, Any]) -> Series:
    return Series(*(names.get(name) or "" for name in DIMENSIONS))


def _counts(row: Mapping[str, Any]) -> dict[Outcome, int]:
    return {outcome: int(count) for outcome in OUTCOMES if (count := row[outcome.value])}


def _document(key: bytes, of: Alike) -> Document:
    document: Document = {
        "key": key,
        "at": micros(of.at),
        **_named(of.series),
        "outcome": _PLACES[of.outcome],
    }
    if of.count != 1:
        document["count"] = of.count
    return document


def _event(row: Document) -> Event:
    return Event(
        key=bytes(row["key"]),
        at=moment(row["at"]),
        series=_series(row),
        outcome=OUTCOMES[row["outcome"]],
        count=row.get("count", 1),
    )


def _place(bucket: Bucket) -> Document:
    return {"step": _STEPS[bucket.step], "start": micros(bucket.start)}


async def _mark(c: Collections, buckets: Iterable[Bucket], session: Session) -> None:
    marks = [
        ReplaceOne({"_id": _place(bucket)}, {"mark": secrets.token_hex(8)}, upsert=True) for bucket in buckets
    ]
    await c[STALE].bulk_write(marks, ordered=False, session=session)


async def _clear(c: Collections, name: str, old: Document, limit: int) -> int:
    ids = [each["_id"] for each in await c[name].find(old, {"_id": 1}).limit(limit).to_list()]
    return (await c[name].delete_many({"_id": {"$in": ids}})).deleted_count if ids else 0
