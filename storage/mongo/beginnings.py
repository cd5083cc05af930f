"""Beginnings in this store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pymongo import UpdateOne

from storage.beginnings import After, Beginning, BeginningRequest, Known, Membership, beginning
from storage.encoding import micros, writable
from storage.mongo.collections import FACTS, NOTIFICATIONS, Collections, Document
from storage.mongo.heads import ROOMS, positions
from storage.mongo.people import CONTACTS
from storage.mongo.standings import INBOXES, RECEIPTS

SINCE = "beginnings"
"""The fact that tells from when on they are kept."""


def unbegun(
    inboxes: Mapping[tuple[str, str], Document], requests: Sequence[BeginningRequest]
) -> list[BeginningRequest]:
    """Those of `requests` that have a shared room without a beginning, with these rooms only.

    From inboxes that were read before: no question is asked here.
    """
    found: list[BeginningRequest] = []
    for user, rooms, membership in requests:
        missing = [
            room
            for room in writable(rooms)
            if room != membership.own and inboxes.get((user, room), {}).get("begins") is None
        ]
        if missing:
            found.append((user, missing, membership))
    return found


async def note_since(c: Collections) -> None:
    """From when on beginnings are kept: 0 in a store that is new, in which nobody was before."""
    is_new = await c[NOTIFICATIONS].find_one({}, {"_id": 1}) is None
    now = 0 if is_new else micros(datetime.now(UTC))
    await c[FACTS].update_one({"_id": SINCE}, {"$setOnInsert": {"value": now}}, upsert=True)


async def begin(c: Collections, requests: Sequence[BeginningRequest], *, now: int) -> None:
    """Have the rooms begin, each once: of several nodes the first has its way.

    What a user is known by is asked for each, and the head or the time's place for each room; then all is one write. A
    pipeline leaves what has begun meanwhile as it is.
    """
    updates = []
    for user, rooms, membership in requests:
        known = await _known(c, user, membership)
        for room in rooms:
            upto = await _upto(c, room, beginning(room, membership, known))
            is_new = {"$eq": [{"$type": "$begins"}, "missing"]}
            fields: Document = {
                "user": user,
                "room": room,
                "read_upto": {"$cond": [is_new, {"$max": ["$read_upto", upto]}, "$read_upto"]},
                "begins": {"$ifNull": ["$begins", upto]},
                "begun_at": {"$ifNull": ["$begun_at", now]},
            }
            updates.append(UpdateOne({"user": user, "room": room}, [{"$set": fields}], upsert=True))
    await c[INBOXES].bulk_write(updates, ordered=False)


async def _known(c: Collections, user: str, membership: Membership) -> Known:
    """What the rule asks of a user: the inboxes, the contact, whether there are receipts, and when Bellhop first heard
    of them.
    """
    inboxes = {inbox["room"]: inbox for inbox in await c[INBOXES].find({"user": user}).to_list()}
    contact = await c[CONTACTS].find_one({"_id": user})
    settled = "begins" in inboxes.get(membership.everybodys[0], {})
    if settled:
        # The own room never has a beginning: of who has begun elsewhere its inbox says nothing.
        inboxes.pop(membership.own, None)
    has_receipts = not inboxes and await c[RECEIPTS].find_one({"user": user}, {"_id": 1}) is not None
    is_old_contact = contact is not None and "first_seen" not in contact
    return Known(
        predates=is_old_contact or has_receipts or any("begins" not in inbox for inbox in inboxes.values()),
        settled=settled,
        heard_at=await _heard_at(c, membership.own, (contact or {}).get("first_seen")),
    )


async def _heard_at(c: Collections, own: str, first_seen: int | None) -> int | None:
    """The first that is known of the user; 0 when that is older than what is kept, or than beginnings are."""
    since = (await c[FACTS].find_one({"_id": SINCE}) or {}).get("value", 0)
    room = await c[ROOMS].find_one({"_id": own}) or {}
    erased_at = room.get("erased_at")
    if room.get("floor") and erased_at is None:
        return 0
    told = await c[NOTIFICATIONS].find_one(
        {"room": own, "created_at": {"$gt": -1 if erased_at is None else erased_at}},
        {"created_at": 1},
        sort=[("created_at", 1)],
    )
    times = (first_seen, None if told is None else told["created_at"])
    heard = min((time for time in times if time is not None), default=None)
    return 0 if heard is not None and heard < since else heard


async def _upto(c: Collections, room: str, begins: Beginning) -> int:
    """The last sequence before the beginning; no less than what was pruned: what comes back of that counts as read."""
    position = (await positions(c, [room]))[room]
    if not isinstance(begins, After):
        return position.head
    if not begins.time:
        return position.floor
    last = await c[NOTIFICATIONS].find_one(
        {"room": room, "created_at": {"$lt": begins.time}, "seq": {"$gt": 0}},
        {"seq": 1},
        sort=[("created_at", -1), ("_id", -1)],
    )
    return position.floor if last is None else max(position.floor, int(last["seq"]))
