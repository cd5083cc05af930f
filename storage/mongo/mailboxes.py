"""The shelf of mailboxes, in the collection `refused_mailboxes`: a document for each user whose mailbox refuses us."""

from collections.abc import Collection, Sequence
from datetime import datetime

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from storage.encoding import micros, moment, writable
from storage.mailboxes import Mailboxes, RefusingMailbox
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure

REFUSED_MAILBOXES = "refused_mailboxes"
INDEXES = {REFUSED_MAILBOXES: (IndexModel([("told", 1), ("_id", 1)], name="told"),)}


class MongoMailboxes(MongoShelf, Mailboxes):
    """One of a user, by the user's id. All four fields are compared where it is changed."""

    INDEXES = INDEXES

    @operation
    async def refuse(self, c: Collections, user: str, address: str, *, at: datetime) -> bool:
        """One upsert. Of two addresses that come at once for a user who had none, one is noted, and the other answered
        as known.
        """
        try:
            await c[REFUSED_MAILBOXES].update_one(
                {"_id": user, "address": {"$ne": address}},
                {"$set": {"address": address, "at": micros(at), "told": None}},
                upsert=True,
            )
        except DuplicateKeyError:
            # It is known of this address: the filter passes over it, and its id is taken.
            return False
        return True

    @operation
    async def told(self, c: Collections, refusal: RefusingMailbox, notification: str) -> bool:
        told = {"$set": {"told": notification}}
        return (await c[REFUSED_MAILBOXES].update_one(_same(refusal), told)).matched_count == 1

    @operation
    async def forget(self, c: Collections, refusal: RefusingMailbox) -> bool:
        return (await c[REFUSED_MAILBOXES].delete_one(_same(refusal))).deleted_count == 1

    @operation
    async def of_many(self, c: Collections, users: Collection[str]) -> Sequence[RefusingMailbox]:
        chosen = {"_id": {"$in": writable(list(users))}}
        return [_refusal(each) for each in await c[REFUSED_MAILBOXES].find(chosen).sort("_id", 1).to_list()]

    @operation
    async def page(
        self, c: Collections, *, after: str | None, limit: int, untold: bool = False
    ) -> Sequence[RefusingMailbox]:
        """By the ids, through the index of what was told where only the untold are asked for."""
        chosen: Document = {"_id": {"$gt": after or ""}} | ({"told": None} if untold else {})
        found = await c[REFUSED_MAILBOXES].find(chosen).sort("_id", 1).limit(limit).to_list()
        return [_refusal(each) for each in found]

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[REFUSED_MAILBOXES].delete_many({"_id": {"$in": list(erasure.names)}})
        return 0


def _same(refusal: RefusingMailbox) -> Document:
    return {
        "_id": refusal.user,
        "address": refusal.address,
        "at": micros(refusal.at),
        "told": refusal.told,
    }


def _refusal(document: Document) -> RefusingMailbox:
    return RefusingMailbox(
        user=document["_id"],
        address=document["address"],
        at=moment(document["at"]),
        told=document["told"],
    )
