"""What is known about users, and forgetting it."""

from collections.abc import Sequence

from pymongo import UpdateOne

from storage.encoding import ERASED, micros, moment_or_none, writable
from storage.models import Contact, UserData
from storage.mongo.collections import Collections
from storage.mongo.documents import Document, notification_of, receipt_from
from storage.mongo.streams import wipe


async def remember(c: Collections, contacts: Sequence[Contact]) -> None:
    """Known fields give way to newer ones only: `last_seen` tells which of two is newer."""
    if contacts:
        await c.contacts.bulk_write([_update(contact) for contact in contacts], ordered=True)


def _update(contact: Contact) -> UpdateOne:
    fields: Document = {"_id": contact.user}
    seen = None if contact.last_seen is None else micros(contact.last_seen)
    for name, value in (("email", contact.email), ("name", contact.name)):
        if value is not None:
            # $literal: a name that begins with a dollar is no path.
            given = {"$literal": value}
            older = {"$lt": [seen, {"$ifNull": ["$last_seen", seen]}]}
            fields[name] = (
                given if seen is None else {"$cond": [older, {"$ifNull": [f"${name}", given]}, given]}
            )
    # A pipeline cannot tell an insert from an update: what holds nothing of these is new.
    is_new = {
        "$and": [{"$eq": [{"$type": f"${name}"}, "missing"]} for name in ("email", "name", "last_seen")]
    }
    first = {"$ifNull": [seen, {"$multiply": [{"$toLong": "$$NOW"}, 1000]}]}
    fields["first_seen"] = {"$cond": [is_new, first, "$first_seen"]}
    if seen is not None:
        fields["last_seen"] = {"$max": ["$last_seen", seen]}
    return UpdateOne({"_id": contact.user}, [{"$set": fields}], upsert=True)


async def contact(c: Collections, user: str) -> Contact | None:
    return (await contacts(c, [user])).get(user)


async def contacts(c: Collections, users: Sequence[str]) -> dict[str, Contact]:
    documents = await c.contacts.find({"_id": {"$in": writable(users)}}).to_list()
    return {
        document["_id"]: Contact(
            user=document["_id"],
            email=document.get("email"),
            name=document.get("name"),
            last_seen=moment_or_none(document.get("last_seen")),
        )
        for document in documents
    }


async def forget(c: Collections, users: Sequence[str]) -> None:
    await c.contacts.delete_many({"_id": {"$in": list(users)}})


async def user_data(c: Collections, user: str, room: str, *, limit: int) -> UserData:
    newest = c.pages.find({"room": room, "until": {"$gt": 0}}).sort([("created_at", -1), ("_id", -1)])
    receipts = c.receipts.find({"user": user}).sort("notification", -1).limit(limit)
    inboxes = {inbox["room"]: inbox for inbox in await c.inboxes.find({"user": user}).to_list()}
    return UserData(
        contact=await contact(c, user),
        notifications=tuple(notification_of(document) for document in await newest.limit(limit).to_list()),
        receipts={
            row["notification"]: receipt_from(row, inboxes.get(row["room"]), row["seq"])
            for row in await receipts.to_list()
        },
        # A room in which only single ones were read has nothing to tell here.
        read_upto={room: inbox["read_upto"] for room, inbox in inboxes.items() if inbox["read_upto"]},
    )


async def erase_user(c: Collections, user: str, room: str, *, now: int) -> int:
    await forget(c, [user])
    await c.receipts.delete_many({"user": user})
    await c.inboxes.delete_many({"user": user})
    # Whoever returns under the same name begins anew: what was addressed to the room before tells nothing of them.
    await c.rooms.update_one({"_id": room}, {"$set": {"erased_at": now}}, upsert=True)
    ids = [document["_id"] for document in await c.notifications.find({"room": room}, {"_id": 1}).to_list()]
    wiped = await wipe(c, ids, reason=ERASED, now=now)
    # The address is the user's too. A worker that holds a lease has its own copy, and may still settle.
    await c.notifications.update_many({"room": room, "mail.to": {"$exists": True}}, {"$set": {"mail.to": ""}})
    return wiped
