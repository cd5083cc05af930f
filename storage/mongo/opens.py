"""The shelf of opens, in the collection `opens`."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel

from storage.encoding import is_writable, micros, moment
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.opens import Open, Opens
from storage.people import Erasure

OPENS = "opens"
_OLDEST = [("at", 1), ("_id", 1)]
_NEWEST = [("at", -1), ("_id", -1)]
INDEXES = {
    OPENS: (
        IndexModel([("mail", 1), *_OLDEST], name="mail"),
        IndexModel(
            [("notification", 1), *_OLDEST],
            name="notification",
            partialFilterExpression={"notification": {"$type": "string"}},
        ),
        IndexModel([("user", 1), *_OLDEST], name="user"),
        IndexModel([("at", 1)], name="oldest"),
    ),
}


class MongoOpens(MongoShelf, Opens):
    """A document for each."""

    INDEXES = INDEXES

    @operation
    async def note(self, c: Collections, opened: Open, *, most: int) -> bool:
        # Of several at the same moment some may come on top: it is a bound, and no account.
        """A count up to `most`, and then an insert, as of clicks."""
        if await c[OPENS].count_documents({"mail": opened.mail}, limit=most) >= most:
            return False
        await c[OPENS].insert_one(
            {
                "_id": opened.id, "mail": opened.mail, "user": opened.user, "notification": opened.notification,
                "at": micros(opened.at), "network": opened.network, "signals": list(opened.signals),
            }
        )  # fmt: skip
        return True

    @operation
    async def about(self, c: Collections, id_: str, *, limit: int) -> Sequence[Open]:
        return (
            await _opens(c, {"$or": [{"mail": id_}, {"notification": id_}]}, limit)
            if is_writable(id_)
            else []
        )

    @operation
    async def of_user(self, c: Collections, user: str, *, limit: int) -> Sequence[Open]:
        return await _opens(c, {"user": user}, limit) if is_writable(user) else []

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        old = await c[OPENS].find({"at": {"$lt": micros(before)}}, {"_id": 1}).limit(limit).to_list()
        if not old:
            return 0
        return (await c[OPENS].delete_many({"_id": {"$in": [each["_id"] for each in old]}})).deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[OPENS].delete_many({"user": {"$in": list(erasure.names)}})
        return 0


async def _opens(c: Collections, which: Document, limit: int) -> list[Open]:
    return [
        Open(
            id=found["_id"], mail=found["mail"], user=found["user"], notification=found["notification"],
            at=moment(found["at"]), network=bytes(found["network"]), signals=tuple(found["signals"]),
        )
        for found in await c[OPENS].find(which).sort(_NEWEST).limit(limit).to_list()
    ]  # fmt: skip
