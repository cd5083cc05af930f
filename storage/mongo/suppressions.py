"""The shelf of suppressions, in the collections `suppressions` and `soft_bounces`.

A suppression's id is its scope and its address, so that there is one of each. `soft_bounces` has a document an address, with
the days on which it refused.
"""

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from storage.encoding import (
    FOREVER,
    evidence_of,
    evidence_text,
    held_until,
    micros,
    moment,
    position_of,
    whole_days,
    writable,
)
from storage.mongo.collections import Collections, Document
from storage.mongo.errors import only_duplicates
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.suppressions import EVERYTHING, FIRM, Reason, Suppression, SuppressionPage, Suppressions

SUPPRESSIONS = "suppressions"
SOFT_BOUNCES = "soft_bounces"
INDEXES = {
    SUPPRESSIONS: (
        IndexModel([("address", 1)], name="address"),
        IndexModel([("created_at", -1), ("name", -1)], name="newest"),
        IndexModel([("held_until", 1)], name="expiring"),
    ),
    SOFT_BOUNCES: (IndexModel([("last", 1)], name="last"),),
}


class MongoSuppressions(MongoShelf, Suppressions):
    """A document for each address and scope, whose id is the two: so there are no two of one. No time of the server's
    takes part.
    """

    INDEXES = INDEXES

    @operation
    async def add(self, c: Collections, suppressions: Sequence[Suppression]) -> int:
        """One bulk of upserts that judge; where another node has put one there at this moment, once more without the
        upsert.
        """
        if not suppressions:
            return 0
        additions = [_addition(each) for each in suppressions]
        try:
            result = await c[SUPPRESSIONS].bulk_write(additions, ordered=False)
        except BulkWriteError as error:
            details = only_duplicates(error)
            # What it gives way to is there: the filter passes over it, and its id is taken. Or another has put one there at
            # this moment, that lasts less: that gives way now.
            again = [_renewal(suppressions[each["index"]]) for each in details["writeErrors"]]
            renewed = await c[SUPPRESSIONS].bulk_write(again, ordered=False)
            return int(details["nUpserted"] + details["nModified"]) + renewed.modified_count
        return result.upserted_count + result.modified_count

    @operation
    async def matching(
        self, c: Collections, addresses: Sequence[str], *, now: datetime
    ) -> dict[str, tuple[Suppression, ...]]:
        """One question by the index of addresses."""
        chosen = {"address": {"$in": writable(addresses)}, "held_until": {"$gt": micros(now)}}
        found: dict[str, tuple[Suppression, ...]] = {}
        for document in await c[SUPPRESSIONS].find(chosen).sort("_id", 1).to_list():
            address = document["address"]
            found[address] = (*found.get(address, ()), _suppression(document))
        return found

    @operation
    async def any(self, c: Collections, *, now: datetime) -> bool:
        return await c[SUPPRESSIONS].find_one({"held_until": {"$gt": micros(now)}}, {"_id": 1}) is not None

    @operation
    async def page(
        self,
        c: Collections,
        *,
        address: str | None,
        scope: str | None,
        before: str | None,
        limit: int,
        now: datetime,
    ) -> SuppressionPage:
        """By the index of what is newest; an address or a scope is looked at in each."""
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        condition: Document = {
            "held_until": {"$gt": micros(now)},
            "created_at": {"$lte": time},
            "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "name": {"$lt": id_}}],
        }
        if address is not None:
            condition["address"] = address
        if scope is not None:
            condition["scope"] = scope
        cursor = c[SUPPRESSIONS].find(condition).sort([("created_at", -1), ("name", -1)])
        documents = await cursor.limit(limit + 1).to_list()
        page = documents[:limit]
        following = None
        if page and len(documents) > limit:
            following = f"{page[-1]['created_at']}~{page[-1]['name']}"
        return SuppressionPage(items=tuple(map(_suppression, page)), next=following)

    @operation
    async def lift(self, c: Collections, address: str, *, scope: str | None, now: datetime) -> int:
        """The days first, then what is in force, then what has expired. It may be cut short and asked again."""
        chosen: Document = {"address": address} if scope is None else {"_id": _id(scope, address)}
        at = micros(now)
        if scope in (None, EVERYTHING):
            await c[SOFT_BOUNCES].delete_one({"_id": address})
        lifted = (await c[SUPPRESSIONS].delete_many({**chosen, "held_until": {"$gt": at}})).deleted_count
        # Not all of the address: what has come to be known since the first is in force.
        await c[SUPPRESSIONS].delete_many({**chosen, "held_until": {"$lte": at}})
        return lifted

    @operation
    async def bounced_softly(self, c: Collections, address: str, *, at: datetime, days: int) -> int:
        """One write by a pipeline, which notes the day and drops the old ones."""
        today = whole_days(at)
        noted = {"$setUnion": [{"$ifNull": ["$days", []]}, [today]]}
        recent = {"$filter": {"input": noted, "cond": {"$gt": ["$$this", today - days]}}}
        document = await c[SOFT_BOUNCES].find_one_and_update(
            {"_id": address},
            [{"$set": {"days": recent}}, {"$set": {"last": {"$max": "$days"}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert document is not None  # an upsert answers what is there after it
        return sum(day <= today for day in document["days"])

    @operation
    async def prune(self, c: Collections, *, now: datetime, days: int, limit: int) -> int:
        expired = await _delete_some(c, SUPPRESSIONS, {"held_until": {"$lte": micros(now)}}, limit)
        return expired + await _delete_some(
            c, SOFT_BOUNCES, {"last": {"$lte": whole_days(now) - days}}, limit
        )

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[SUPPRESSIONS].delete_many({"address": {"$in": list(erasure.addresses)}})
        await c[SOFT_BOUNCES].delete_many({"_id": {"$in": list(erasure.addresses)}})
        return 0


async def _delete_some(c: Collections, name: str, chosen: Document, limit: int) -> int:
    ids = [document["_id"] for document in await c[name].find(chosen, {"_id": 1}).limit(limit).to_list()]
    # Judged once more as it is deleted: one may have been renewed since.
    return (await c[name].delete_many({"_id": {"$in": ids}, **chosen})).deleted_count if ids else 0


def _id(scope: str, address: str) -> str:
    return f"{scope} {address}"


def _addition(each: Suppression) -> UpdateOne:
    """What keeps it, where nothing is there that it gives way to; its id is taken where something is."""
    return _renewal(each, upsert=True)


def _renewal(each: Suppression, *, upsert: bool = False) -> UpdateOne:
    """What puts it in the place of one that lasts less, or as long and is less firm; where there is none, `upsert` makes it."""
    until = held_until(each)
    fields = {
        "name": each.id,
        "address": each.address,
        "scope": each.scope,
        "reason": each.reason.value,
        "source": each.source,
        "evidence": evidence_text(each.evidence),
        "created_at": micros(each.created_at),
        "held_until": until,
    }
    less: Document = {"held_until": {"$lt": until}}
    if each.reason in FIRM:
        less = {"$or": [less, {"held_until": until, "reason": {"$nin": [*map(str, FIRM)]}}]}
    return UpdateOne({"_id": _id(each.scope, each.address), **less}, {"$set": fields}, upsert=upsert)


def _suppression(document: Document) -> Suppression:
    until = document["held_until"]
    return Suppression(
        id=document["name"],
        address=document["address"],
        scope=document["scope"],
        reason=Reason(document["reason"]),
        source=document["source"],
        evidence=evidence_of(document["evidence"]),
        created_at=moment(document["created_at"]),
        expires_at=None if until == FOREVER else moment(until),
    )
