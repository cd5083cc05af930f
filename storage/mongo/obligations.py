"""What the other shelves do to what is owed, as they do something to its notification."""

from collections.abc import Sequence

from storage import collapsing
from storage.encoding import ERASED
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, insert_new
from storage.mongo.mail_rows import OBLIGATIONS, WAITING_STATES, owed_document
from storage.mongo.pages import ids_of
from storage.obligations import Obligation


async def owe(c: Collections, owed: Sequence[Obligation]) -> int:
    """Store what stands by itself; answers how many were new.

    Unordered, so what is known keeps no other from being stored. After an error some may be.
    """
    if not owed:
        return 0
    return await insert_new(c, OBLIGATIONS, [owed_document(obligation) for obligation in owed])


async def withdraw(c: Collections, ids: Sequence[str], *, reason: str, now: int) -> None:
    """Their notifications are wiped: what waits is skipped, and the subjects go.

    Should the process end before: a worker that leases the mail sees that its notification is gone.
    """
    await _withdraw(c, NOTIFICATIONS, {"_id": {"$in": list(ids)}}, reason=reason, now=now)
    await _withdraw(c, OBLIGATIONS, {"of.id": {"$in": list(ids)}}, reason=reason, now=now)


async def supersede_apart(c: Collections, ids: Sequence[str], *, now: int) -> None:
    """Newer ones stand for these notifications: what stands by itself and waits is skipped.

    A notification's own mail is withdrawn together with its document.
    """
    if ids:
        await c[OBLIGATIONS].update_many(
            {"of.id": {"$in": list(ids)}, "mail.state": {"$in": WAITING_STATES}},
            {
                "$set": {
                    "mail.state": "skipped",
                    "mail.reason": collapsing.REASON,
                    "mail.decided_by": collapsing.RULE,
                    "mail.updated_at": now,
                },
                "$unset": {"mail.wake": ""},
            },
        )


async def _withdraw(c: Collections, name: str, chosen: Document, *, reason: str, now: int) -> None:
    """Skip what waits of these, and then take the subjects away, of all of them; two writes."""
    await c[name].update_many(
        {**chosen, "mail.state": {"$in": WAITING_STATES}},
        {
            "$set": {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now},
            "$unset": {"mail.wake": ""},
        },
    )
    await c[name].update_many({**chosen, "mail.subject": {"$exists": True}}, {"$unset": {"mail.subject": ""}})


async def forget_recipients(c: Collections, room: str, *, now: int) -> None:
    """The user of this room is erased: of what was owed to them no address is kept, and nothing more is sent.

    A worker that holds a lease has its own copy of the address, and may still settle.

    Addresses of the room's own mail go first, then what waits is withdrawn, and then all that stands by itself is
    emptied. It may be done again after any of these.
    """
    await c[NOTIFICATIONS].update_many(
        {"room": room, "mail.to": {"$exists": True}}, {"$set": {"mail.to": ""}, "$unset": {"mail.steps": ""}}
    )
    await _withdraw(c, OBLIGATIONS, {"room": room}, reason=ERASED, now=now)
    gone = {"$set": {"mail.to": ""}, "$unset": {"news": "", "room": "", "mail.steps": ""}}
    async for ids in ids_of(c, room):
        await c[OBLIGATIONS].update_many({"of.id": {"$in": ids}}, gone)
    # Last, as it takes the name of the room away by which they are found.
    await c[OBLIGATIONS].update_many({"room": room}, gone)


async def forget(c: Collections, ids: Sequence[str], *, now: int) -> None:
    """Nothing more of these is sent, and neither an address nor what was to be told is kept.

    By their ids, for what was owed as its user was being erased.
    """
    chosen = {"_id": {"$in": list(ids)}}
    await _withdraw(c, OBLIGATIONS, chosen, reason=ERASED, now=now)
    await c[OBLIGATIONS].update_many(
        chosen, {"$set": {"mail.to": ""}, "$unset": {"news": "", "mail.steps": ""}}
    )


async def recipients(c: Collections, room: str) -> list[str]:
    """Whither mail was owed to the user of this room.

    As they were written, each once and in their order as texts.
    """
    found = set(await c[NOTIFICATIONS].distinct("mail.to", {"room": room}))
    found.update(await c[OBLIGATIONS].distinct("mail.to", {"room": room}))
    async for ids in ids_of(c, room):
        found.update(await c[OBLIGATIONS].distinct("mail.to", {"of.id": {"$in": ids}}))
    return sorted(found - {""})


async def owed_in(c: Collections, rooms: Sequence[str], ids: Sequence[str]) -> set[str]:
    """Those of these mails that are, or were, owed to the users of these rooms; of whom was erased before none is known."""
    apart = await c[OBLIGATIONS].find({"_id": {"$in": list(ids)}}, {"room": 1, "of.id": 1}).to_list()
    # A notification's own mail has its id.
    of = {id_: id_ for id_ in ids} | {each["_id"]: each["of"]["id"] for each in apart}
    told = {"_id": {"$in": list(of.values())}, "room": {"$in": list(rooms)}}
    known = {each["_id"] for each in await c[NOTIFICATIONS].find(told, {"_id": 1}).to_list()}
    named = {each["_id"] for each in apart if each.get("room") in rooms}
    return named | {id_ for id_, of_id in of.items() if of_id in known}


async def delete(c: Collections, ids: Sequence[str]) -> None:
    """What stands by itself, of these notifications."""
    await c[OBLIGATIONS].delete_many({"of.id": {"$in": list(ids)}})
