"""The shelf of tallies, in the collection `tallies`: a document for each count of an hour."""

from collections.abc import Mapping

from pymongo import IndexModel, UpdateOne

from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.tallies import Tallies, TallyKey

TALLIES = "tallies"

INDEXES = {TALLIES: (IndexModel([("hour", 1), ("type", 1)], name="hour_type"),)}


def _counted(hour: int, tally: TallyKey, count: int) -> UpdateOne:
    # By the id alone: then two nodes that count the first at once both succeed.
    return UpdateOne(
        {"_id": f"{hour}/{'/'.join(tally)}"},
        {"$inc": {"count": count}, "$setOnInsert": {"hour": hour, **tally._asdict()}},
        upsert=True,
    )


class MongoTallies(MongoShelf, Tallies):
    """There are few documents: types times outcomes times hours."""

    INDEXES = INDEXES

    @operation
    async def add(self, c: Collections, hour: int, counts: Mapping[TallyKey, int]) -> None:
        """One unordered bulk. What of it was counted when an error is raised is not known."""
        if counts:
            updates = [_counted(hour, tally, count) for tally, count in counts.items()]
            await c[TALLIES].bulk_write(updates, ordered=False)

    @operation
    async def since(self, c: Collections, hour: int, *, type_: str | None = None) -> Mapping[TallyKey, int]:
        found: Document = {"hour": {"$gte": hour}}
        if type_ is not None:
            found["type"] = type_
        of = {name: f"${name}" for name in TallyKey._fields}
        sums = await c[TALLIES].aggregate(
            [{"$match": found}, {"$group": {"_id": of, "count": {"$sum": "$count"}}}]
        )
        return {TallyKey(**each["_id"]): int(each["count"]) async for each in sums}

    @operation
    async def clear(self, c: Collections, *, before: int, limit: int) -> int:
        old = await c[TALLIES].find({"hour": {"$lt": before}}, {"_id": 1}).limit(limit).to_list()
        if not old:
            return 0
        return (await c[TALLIES].delete_many({"_id": {"$in": [each["_id"] for each in old]}})).deleted_count
