"""The shelf of lanes, in the collections `lane_counts`, a document for each count of a minute, and `lane_states`."""

from collections.abc import Mapping
from datetime import datetime

from pymongo import IndexModel, UpdateOne
from pymongo.errors import DuplicateKeyError

from storage.encoding import micros, micros_or_none, moment, moment_or_none
from storage.lanes import OUTCOMES, LaneCount, LaneOutcome, Lanes, LaneState, Pause
from storage.mail import LaneName
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.switches import ERASED

LANE_COUNTS = "lane_counts"
LANE_STATES = "lane_states"
INDEXES = {LANE_COUNTS: (IndexModel([("lane", 1), ("minute", 1)], name="lane"),)}


def _counted(counted: LaneCount, count: int) -> UpdateOne:
    # By the id alone: then two nodes that count the first at once both succeed.
    """The upsert that counts one outcome."""
    return UpdateOne(
        {"_id": f"{counted.lane}/{counted.minute}/{counted.outcome}"},
        {
            "$inc": {"count": count},
            "$setOnInsert": {
                "lane": str(counted.lane),
                "minute": counted.minute,
                "outcome": counted.outcome.value,
            },
        },
        upsert=True,
    )


class MongoLanes(MongoShelf, Lanes):
    """There are few documents: lanes, and campaigns that send, times outcomes times the minutes in which there was mail."""

    INDEXES = INDEXES

    @operation
    async def add(self, c: Collections, counts: Mapping[LaneCount, int]) -> None:
        if counts:
            updates = [_counted(counted, count) for counted, count in counts.items()]
            await c[LANE_COUNTS].bulk_write(updates, ordered=False)

    @operation
    async def sums(self, c: Collections, lane: str, *, since: int) -> Mapping[LaneOutcome, int]:
        sums = await c[LANE_COUNTS].aggregate(
            [
                {"$match": {"lane": str(lane), "minute": {"$gte": since}}},
                {"$group": {"_id": "$outcome", "count": {"$sum": "$count"}}},
            ]
        )
        return {
            LaneOutcome(each["_id"]): int(each["count"]) async for each in sums if each["_id"] in OUTCOMES
        }

    @operation
    async def states(self, c: Collections) -> Mapping[LaneName, LaneState]:
        documents = await c[LANE_STATES].find({}).to_list()
        return {LaneName(document["_id"]): _state(document) for document in documents}

    @operation
    async def pause(self, c: Collections, lane: LaneName, pause: Pause, *, judged: datetime | None) -> bool:
        """One upsert that judges: who comes second finds the id taken, or another `since`."""
        since = micros_or_none(judged)
        fields = {"at": micros(pause.at), "by": pause.by, "reason": pause.reason}
        try:
            # Of a lane that was never resumed there may be no document yet.
            result = await c[LANE_STATES].update_one(
                {"_id": lane.value, "paused": None, "since": since},
                {"$set": {"paused": fields}},
                upsert=since is None,
            )
        except DuplicateKeyError:
            return False
        return bool(result.matched_count or result.upserted_id)

    @operation
    async def resume(self, c: Collections, lane: LaneName, *, at: datetime) -> bool:
        result = await c[LANE_STATES].update_one(
            {"_id": lane.value, "paused": {"$ne": None}}, {"$set": {"paused": None, "since": micros(at)}}
        )
        return result.matched_count == 1

    @operation
    async def clear(self, c: Collections, *, before: int, limit: int) -> int:
        old = await c[LANE_COUNTS].find({"minute": {"$lt": before}}, {"_id": 1}).limit(limit).to_list()
        if not old:
            return 0
        ids = [each["_id"] for each in old]
        return (await c[LANE_COUNTS].delete_many({"_id": {"$in": ids}})).deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[LANE_STATES].update_many(
            {"paused.by": f"user:{erasure.user}"}, {"$set": {"paused.by": ERASED}}
        )
        return 0


def _state(document: Document) -> LaneState:
    paused = document.get("paused")
    return LaneState(
        since=moment_or_none(document.get("since")),
        paused=None
        if paused is None
        else Pause(at=moment(paused["at"]), by=paused["by"], reason=paused["reason"]),
    )
