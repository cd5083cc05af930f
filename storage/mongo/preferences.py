"""The shelf of preferences, in the collection `preferences`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from storage.encoding import data_of, data_text, is_writable, micros, moment, writable
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.preferences import CHANGES_KEPT, PreferenceChange, Preferences, StoredPreferences

PREFERENCES = "preferences"

INDEXES = {PREFERENCES: (IndexModel([("changed_at", -1)], name="changed"),)}


class MongoPreferences(MongoShelf, Preferences):
    """A document for each user who has chosen anything, with the changes that have made it.

    `CHANGES_KEPT` of them are within it: the bound on their size is the caller's, who bounds what can be asked.
    """

    INDEXES = INDEXES

    @operation
    async def of_users(self, c: Collections, users: Sequence[str]) -> dict[str, StoredPreferences]:
        cursor = c[PREFERENCES].find({"_id": {"$in": writable(users)}}, {"document": 1, "version": 1})
        return {
            row["_id"]: StoredPreferences(document=data_of(row["document"]), version=row["version"])
            for row in await cursor.to_list()
        }

    @operation
    async def put(
        self, c: Collections, user: str, document: Mapping[str, Any], change: PreferenceChange
    ) -> bool:
        """One write that judges the version: document and change are one document."""
        at = micros(change.at)
        kept: Document = {
            "version": change.version, "at": at, "by": change.by, "asked": data_text(change.asked),
        }  # fmt: skip
        if change.mail is not None:
            kept["mail"] = change.mail
        update = {
            "$set": {"document": data_text(document), "version": change.version, "changed_at": at},
            "$push": {"changes": {"$each": [kept], "$slice": -CHANGES_KEPT}},
        }
        is_first = change.version == 1
        # Whoever is known already has another version: then the upsert would be a second document of the same id.
        found = {"_id": user, "version": {"$exists": False} if is_first else change.version - 1}
        try:
            result = await c[PREFERENCES].update_one(found, update, upsert=is_first)
        except DuplicateKeyError:
            return False
        return result.upserted_id is not None or result.matched_count == 1

    @operation
    async def changes(self, c: Collections, user: str, *, limit: int) -> tuple[PreferenceChange, ...]:
        """The end of the list within the user's document."""
        if not is_writable(user):
            return ()
        row = await c[PREFERENCES].find_one({"_id": user}, {"changes": {"$slice": -limit}})
        kept = [] if row is None else row["changes"]
        return tuple(
            PreferenceChange(
                version=change["version"],
                at=moment(change["at"]),
                by=change["by"],
                mail=change.get("mail"),
                asked=data_of(change["asked"]),
            )
            for change in reversed(kept)
        )

    @operation
    async def users(self, c: Collections, *, after: str, limit: int) -> list[str]:
        cursor = c[PREFERENCES].find({"_id": {"$gt": after}}, {"_id": 1}).sort("_id", 1).limit(limit)
        return [row["_id"] for row in await cursor.to_list()]

    @operation
    async def changed_since(self, c: Collections, at: datetime, *, limit: int) -> dict[str, int]:
        """By the index of changes, from its end."""
        cursor = (
            c[PREFERENCES]
            .find({"changed_at": {"$gte": micros(at)}}, {"version": 1})
            .sort("changed_at", -1)
            .limit(limit)
        )
        return {row["_id"]: row["version"] for row in await cursor.to_list()}

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[PREFERENCES].delete_many({"_id": {"$in": list(erasure.names)}})
        return 0
