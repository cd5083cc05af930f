"""The shelf of memberships, in the collection `memberships`."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel, ReturnDocument, UpdateOne

from storage.encoding import micros, moment, writable
from storage.finding import LAST
from storage.mongo.collections import FACTS, Collections, together
from storage.mongo.heads import positions
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.standings import INBOXES
from storage.people import Erasure
from storage.topics import (
    COUNTED,
    TOPICS_PER_USER,
    Changed,
    Full,
    MembersPage,
    TopicMember,
    Topics,
    TopicsPage,
)

MEMBERSHIPS = "memberships"
"""The name of the collection, and of the fact that counts its changes."""


INDEXES = {
    MEMBERSHIPS: (
        IndexModel([("topic", 1), ("user", 1)], name="members", unique=True),
        IndexModel([("user", 1), ("topic", 1)], name="topics"),
    )
}

COUNTED_TOGETHER = 10
"""Topics whose members are counted at the same time."""


class MongoTopics(MongoShelf, Topics):
    """A document for each member of a topic.

    The revision is a fact of the database, raised after all that it counts.
    """

    INDEXES = INDEXES

    @operation
    async def change(
        self,
        c: Collections,
        topic: str,
        *,
        room: str,
        add: Sequence[str],
        remove: Sequence[str],
        now: datetime,
    ) -> Changed | Full:
        """Beginnings, then memberships, then who leaves, then the revision: each may be done again."""
        fresh = await _strangers(c, topic, add)
        if full := await _full(c, fresh):
            return Full(full)
        added = removed = 0
        at = micros(now)
        if fresh:
            head = (await positions(c, [room]))[room].head
            begun = {"$setOnInsert": {"read_upto": head, "begins": head, "begun_at": at}}
            # Before the memberships: whoever is a member has the room begun.
            await c[INBOXES].bulk_write(
                [UpdateOne({"user": user, "room": room}, begun, upsert=True) for user in fresh], ordered=False
            )
            joined = {"$setOnInsert": {"since": at}}
            result = await c[MEMBERSHIPS].bulk_write(
                [UpdateOne({"topic": topic, "user": user}, joined, upsert=True) for user in fresh],
                ordered=False,
            )
            added = result.upserted_count
        if remove:
            gone = await c[MEMBERSHIPS].delete_many({"topic": topic, "user": {"$in": writable(remove)}})
            removed = gone.deleted_count
        # Last: who reads a revision finds all that it counts.
        fact = await c[FACTS].find_one_and_update(
            {"_id": MEMBERSHIPS}, {"$inc": {"value": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert fact is not None  # an upsert answers what is there after it
        return Changed(added=added, removed=removed, revision=fact["value"])

    @operation
    async def named(self, c: Collections, *, prefix: str = "", after: str | None, limit: int) -> TopicsPage:
        """From one topic to the next by the index of members."""
        behind = {"$gt": after or "", "$gte": prefix, "$lt": prefix + LAST}
        # The server goes from one topic to the next by the index: not through all members of each.
        cursor = await c[MEMBERSHIPS].aggregate(
            [
                {"$match": {"topic": behind}},
                {"$sort": {"topic": 1}},
                {"$group": {"_id": "$topic"}},
                {"$sort": {"_id": 1}},
                {"$limit": limit + 1},
            ]
        )
        found = [row["_id"] for row in await cursor.to_list()]
        return TopicsPage(topics=tuple(found[:limit]), next=found[limit - 1] if len(found) > limit else None)

    @operation
    async def counts(self, c: Collections, topics: Sequence[str]) -> dict[str, int]:
        """Ten topics at a time, each counted up to `COUNTED`."""
        asked = writable(topics)
        counted: dict[str, int] = {}
        for start in range(0, len(asked), COUNTED_TOGETHER):
            part = asked[start : start + COUNTED_TOGETHER]
            # Each by itself: only so is there a bound to what is gone through.
            counts = await together(
                *(c[MEMBERSHIPS].count_documents({"topic": topic}, limit=COUNTED) for topic in part)
            )
            counted |= dict(zip(part, counts, strict=True))
        return counted

    @operation
    async def members(
        self, c: Collections, topic: str, *, after: str | None, limit: int, prefix: str = ""
    ) -> MembersPage:
        behind = {"$gt": after or "", "$gte": prefix, "$lt": prefix + LAST}
        cursor = (
            c[MEMBERSHIPS].find({"topic": topic, "user": behind}, {"user": 1, "since": 1}).sort("user", 1)
        )
        found = await cursor.limit(limit + 1).to_list()
        page = found[:limit]
        return MembersPage(
            members=tuple(TopicMember(user=row["user"], since=moment(row["since"])) for row in page),
            next=page[-1]["user"] if len(found) > limit else None,
        )

    @operation
    async def of_user(self, c: Collections, user: str) -> dict[str, datetime]:
        cursor = c[MEMBERSHIPS].find({"user": user}).sort("topic", 1).limit(TOPICS_PER_USER)
        return {row["topic"]: moment(row["since"]) for row in await cursor.to_list()}

    @operation
    async def of_users(self, c: Collections, users: Sequence[str]) -> dict[str, tuple[str, ...]]:
        cursor = c[MEMBERSHIPS].find({"user": {"$in": writable(users)}}, {"_id": 0, "user": 1, "topic": 1})
        topics: dict[str, list[str]] = {}
        for row in await cursor.to_list():
            topics.setdefault(row["user"], []).append(row["topic"])
        return {user: tuple(sorted(names)[:TOPICS_PER_USER]) for user, names in topics.items()}

    @operation
    async def revision(self, c: Collections) -> int:
        fact = await c[FACTS].find_one({"_id": MEMBERSHIPS})
        return 0 if fact is None else int(fact["value"])

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[MEMBERSHIPS].delete_many({"user": erasure.user})
        return 0


async def _strangers(c: Collections, topic: str, users: Sequence[str]) -> list[str]:
    """Those of `users` who are no members yet, each once."""
    if not users:
        return []
    cursor = c[MEMBERSHIPS].find({"topic": topic, "user": {"$in": list(users)}}, {"_id": 0, "user": 1})
    known = {row["user"] for row in await cursor.to_list()}
    return [user for user in dict.fromkeys(users) if user not in known]


async def _full(c: Collections, users: Sequence[str]) -> tuple[str, ...]:
    """Those of `users` who have as many topics as one may; changes at the same moment may go one beyond."""
    if not users:
        return ()
    cursor = await c[MEMBERSHIPS].aggregate(
        [
            {"$match": {"user": {"$in": list(users)}}},
            {"$group": {"_id": "$user", "topics": {"$sum": 1}}},
            {"$match": {"topics": {"$gte": TOPICS_PER_USER}}},
        ]
    )
    return tuple(sorted([row["_id"] for row in await cursor.to_list()]))
