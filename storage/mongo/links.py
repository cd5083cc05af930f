"""The shelf of link keys, in the collection `link_keys`."""

from collections.abc import Mapping

from pymongo import IndexModel, UpdateOne

from storage.links import Links
from storage.mongo.collections import Collections
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure

LINK_KEYS = "link_keys"

INDEXES = {LINK_KEYS: (IndexModel([("user", 1)], name="user"),)}


class MongoLinks(MongoShelf, Links):
    """A document for each key."""

    INDEXES = INDEXES

    @operation
    async def remember(self, c: Collections, keys: Mapping[bytes, str]) -> None:
        """One unordered bulk. A key that another node keeps at this moment is a duplicate, which the server tries again
        by itself.
        """
        if keys:
            await c[LINK_KEYS].bulk_write(
                [
                    UpdateOne({"_id": key}, {"$setOnInsert": {"user": user}}, upsert=True)
                    for key, user in keys.items()
                ],
                ordered=False,
            )

    @operation
    async def user_of(self, c: Collections, key: bytes) -> str | None:
        found = await c[LINK_KEYS].find_one({"_id": key})
        return None if found is None else str(found["user"])

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[LINK_KEYS].delete_many({"user": {"$in": list(erasure.names)}})
        return 0
