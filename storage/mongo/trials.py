"""The shelf of trials, in the collection `trial_parts`: a document for each person in an experiment."""

from collections.abc import Collection, Sequence
from datetime import datetime

from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from storage.encoding import is_writable, micros, moment, moment_or_none
from storage.mongo.collections import Collections, Document
from storage.mongo.errors import only_duplicates
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.trials import ArmCount, Converted, Note, Participant, Participation, Reached, Reported, Trials

PARTS = "trial_parts"
TRIES = 5
"""Of a write, when other nodes enrol the same people at the same time."""
_HAS_USER = {"user": {"$type": "string"}}
INDEXES = {
    PARTS: (
        # Of whom was erased there is no user.
        IndexModel([("trial", 1), ("user", 1)], name="part", unique=True, partialFilterExpression=_HAS_USER),
        IndexModel([("trial", 1), ("enrolled_at", 1)], name="trial_enrolled"),
        IndexModel(
            [("trial", 1), ("converted_at", 1), ("_id", 1)],
            name="converted",
            partialFilterExpression={"converted_at": {"$gt": 0}},
        ),
        IndexModel([("user", 1), ("enrolled_at", 1)], name="user", partialFilterExpression=_HAS_USER),
        IndexModel([("enrolled_at", 1)], name="oldest"),
    ),
}
_FIELD = {Reached: "reached_at", Converted: "converted_at", Reported: "converted_at"}
_ONLY: dict[type[Note], Document] = {Reported: {"reached_at": {"$gt": 0}}}


class MongoTrials(MongoShelf, Trials):
    """A document for each person in an experiment, unique by the two; of who was erased without the user."""

    INDEXES = INDEXES

    @operation
    async def enrol(self, c: Collections, participants: Sequence[Participant]) -> None:
        # Two of one person in one write would both be new to an unordered one.
        """Upserts in order, each followed by whether it was reached."""
        by_person = {
            (each.trial, each.user): each for each in reversed(participants) if is_writable(each.user)
        }
        reached = {(each.trial, each.user) for each in participants if each.reached}
        updates: list[UpdateOne] = []
        for person, each in by_person.items():
            at = micros(each.at)
            new = {"variant": each.variant, "enrolled_at": at}
            updates.append(UpdateOne(_whose(each), {"$setOnInsert": new}, upsert=True))
            if person in reached:
                updates.append(UpdateOne({**_whose(each), "reached_at": None}, {"$set": {"reached_at": at}}))
        await _write(c, updates)

    @operation
    async def note(self, c: Collections, notes: Sequence[Note]) -> None:
        """One bulk in order, of updates that each ask for what is not noted yet."""
        await _write(
            c,
            [
                UpdateOne(
                    {**_whose(each), field: None, **_ONLY.get(type(each), {})},
                    {"$set": {field: micros(each.at)}},
                )
                for each in notes
                if is_writable(each.user) and (field := _FIELD[type(each)])
            ],
        )

    @operation
    async def begun_at(self, c: Collections, trial: str) -> datetime | None:
        first = await c[PARTS].find_one({"trial": trial}, {"enrolled_at": 1}, sort=[("enrolled_at", 1)])
        return None if first is None else moment(first["enrolled_at"])

    @operation
    async def counts(self, c: Collections, trial: str) -> dict[str, ArmCount]:
        """Added up by the server over all of the experiment."""
        is_reached, has_converted = _is_there("reached_at"), _is_there("converted_at")
        grouped = await c[PARTS].aggregate(
            [
                {"$match": {"trial": trial}},
                {
                    "$group": {
                        "_id": "$variant",
                        "assigned": {"$sum": 1},
                        "reached": {"$sum": {"$cond": [is_reached, 1, 0]}},
                        "converted": {"$sum": {"$cond": [{"$and": [is_reached, has_converted]}, 1, 0]}},
                    }
                },
            ]
        )
        return {
            each["_id"]: ArmCount(
                assigned=each["assigned"], reached=each["reached"], converted=each["converted"]
            )
            async for each in grouped
        }

    @operation
    async def conversions(self, c: Collections, trial: str, *, limit: int) -> list[str]:
        asked = {"trial": trial, "converted_at": {"$gt": 0}, "reached_at": {"$gt": 0}}
        order = [("converted_at", 1), ("_id", 1)]
        found = await c[PARTS].find(asked, {"variant": 1}).sort(order).limit(limit).to_list()
        return [each["variant"] for each in found]

    @operation
    async def of_user(self, c: Collections, user: str, *, limit: int) -> list[Participation]:
        if not is_writable(user):
            return []
        newest = [("enrolled_at", -1), ("_id", -1)]
        return [
            Participation(
                trial=each["trial"],
                variant=each["variant"],
                enrolled_at=moment(each["enrolled_at"]),
                reached_at=moment_or_none(each.get("reached_at")),
                converted_at=moment_or_none(each.get("converted_at")),
            )
            for each in await c[PARTS].find({"user": user}).sort(newest).limit(limit).to_list()
        ]

    @operation
    async def prune(self, c: Collections, *, before: datetime, keep: Collection[str], limit: int) -> int:
        over = [trial for trial in await c[PARTS].distinct("trial") if trial not in keep]
        chosen = {"trial": {"$in": over}, "enrolled_at": {"$lt": micros(before)}}
        old = await c[PARTS].find(chosen, {"_id": 1}).limit(limit).to_list()
        if not old:
            return 0
        return (await c[PARTS].delete_many({"_id": {"$in": [each["_id"] for each in old]}})).deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        # What was found stays found: only whose it was is forgotten.
        await c[PARTS].update_many({"user": erasure.user}, {"$unset": {"user": ""}})
        return 0


def _whose(each: Participant | Note) -> Document:
    return {"trial": each.trial, "user": each.user}


def _is_there(field: str) -> Document:
    return {"$gt": [f"${field}", 0]}


async def _write(c: Collections, updates: list[UpdateOne]) -> None:
    """In their order: one that finds what another has made comes behind it."""
    for attempt in range(TRIES if updates else 0):
        try:
            await c[PARTS].bulk_write(updates, ordered=True)
        except BulkWriteError as error:
            # Another node has enrolled the same person at the same moment: they are there now, and all this may be done again.
            only_duplicates(error)
            if attempt == TRIES - 1:
                raise
        else:
            return
