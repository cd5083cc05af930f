"""The shelf of strays, in the collection `strays`."""

from datetime import datetime

from pymongo import IndexModel

from storage.encoding import FOREVER, micros, moment, position_of
from storage.mongo import obligations
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.strays import RAW_BYTES, Stray, StrayPage, Strays

STRAYS = "strays"
_NEWEST = [("received_at", -1), ("_id", -1)]
INDEXES = {STRAYS: (IndexModel(_NEWEST, name="newest"),)}


class MongoStrays(MongoShelf, Strays):
    """A document for each, found by the time at which it came."""

    INDEXES = INDEXES

    @operation
    async def keep(self, c: Collections, stray: Stray, *, most: int) -> None:
        """Insert, and then delete what is beyond `most`, a thousand at a time: nodes that do so at once delete the same."""
        await c[STRAYS].insert_one(
            {
                "_id": stray.id,
                "received_at": micros(stray.received_at),
                "kind": stray.kind,
                "subject": stray.subject,
                "mail": stray.mail,
                "raw": stray.raw[:RAW_BYTES],
            }
        )
        older = await c[STRAYS].find({}, {"_id": 1}).sort(_NEWEST).skip(most).limit(1000).to_list()
        if older:
            await c[STRAYS].delete_many({"_id": {"$in": [document["_id"] for document in older]}})

    @operation
    async def page(self, c: Collections, *, before: str | None, limit: int) -> StrayPage:
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        condition = {
            "received_at": {"$lte": time},
            "$or": [{"received_at": {"$lt": time}}, {"received_at": time, "_id": {"$lt": id_}}],
        }
        documents = await c[STRAYS].find(condition).sort(_NEWEST).limit(limit + 1).to_list()
        page = documents[:limit]
        following = None
        if page and len(documents) > limit:
            following = f"{page[-1]['received_at']}~{page[-1]['_id']}"
        return StrayPage(items=tuple(map(_stray, page)), next=following)

    @operation
    async def prune(self, c: Collections, *, before: datetime) -> int:
        return (await c[STRAYS].delete_many({"received_at": {"$lt": micros(before)}})).deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        """What is about the user's mail goes, and what quotes an address of the user's, whatever the case it is in."""
        texts = [address.encode() for address in erasure.addresses]
        about = [mail for mail in await c[STRAYS].distinct("mail") if mail]
        owed = await obligations.owed_in(c, erasure.rooms, about) if about else set()
        await c[STRAYS].delete_many({"mail": {"$in": list(owed)}})
        if texts:
            async for document in c[STRAYS].find({}, {"raw": 1}):
                if any(text in document["raw"].lower() for text in texts):
                    await c[STRAYS].delete_one({"_id": document["_id"]})
        return 0


def _stray(document: Document) -> Stray:
    return Stray(
        id=document["_id"],
        received_at=moment(document["received_at"]),
        kind=document["kind"],
        subject=document["subject"],
        mail=document["mail"],
        raw=bytes(document["raw"]),
    )
