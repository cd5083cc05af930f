"""What a user does with notifications beyond reading them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo import UpdateOne

from storage.encoding import micros, writable
from storage.inboxes import Marked, Selection
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, both
from storage.mongo.muting import shown
from storage.mongo.standings import INBOXES, RECEIPTS, inboxes_of, standings

AWAKE: Final = ("snoozed_until", "wake_at", "token")
"""What a receipt has not that comes back by itself no more."""
GONE: Final = "$$REMOVE"
NOW: Final = object()
"""Stands for the time at which it is done."""


def absent(name: str) -> Document:
    """Whether a field is not there, as an expression."""
    return {"$eq": [{"$type": f"${name}"}, "missing"]}


def _there(name: str) -> Document:
    return {"$not": [absent(name)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that can be done: to which receipts it makes a difference, and what becomes of them."""

    missing: Any
    becomes: Mapping[str, Any]
    reads: bool = False
    unreads: bool = False
    begins: bool = True
    """Whether it makes a difference to what there is no receipt of."""
    of_dismissed: bool = False
    """Whether it is done with what was dismissed, and with nothing else."""


UNREAD = Act(
    missing={"$or": [absent("unread_at"), _there("archived_at"), _there("snoozed_until")]},
    becomes={
        "seen_at": {"$ifNull": ["$seen_at", {"$ifNull": ["$read_at", NOW]}]},
        "unread_at": {"$ifNull": ["$unread_at", NOW]},
        **dict.fromkeys(("read_at", "archived_at", *AWAKE), GONE),
    },
    unreads=True,
)
ARCHIVE = Act(
    missing=absent("archived_at"), becomes={"archived_at": NOW, **dict.fromkeys(AWAKE, GONE)}, reads=True
)
UNARCHIVE = Act(missing=_there("archived_at"), becomes={"archived_at": GONE}, begins=False)
UNDISMISS = Act(missing=True, becomes={"dismissed_at": GONE}, begins=False, of_dismissed=True)


def snoozing(until: int) -> Act:
    """The act of putting off until then, in microseconds."""
    becomes = {"snoozed_until": until, "wake_at": until, "token": GONE, "archived_at": GONE}
    return Act(missing={"$ne": ["$snoozed_until", until]}, becomes=becomes, reads=True)


def pressing(action: str) -> Act:
    # $literal: a name that begins with a dollar is no path.
    """The act of pressing a button."""
    becomes = {"acted": {"$literal": action}, "acted_at": NOW}
    return Act(missing=absent("acted"), becomes=becomes, reads=True)


async def do(c: Collections, act: Act, chosen: Selection) -> Marked:
    """Do it with what is chosen and shown, and not dismissed but where that is taken back.

    The inboxes first, then receipts, then turns: whoever counts looks in that order, and misses none that has been
    answered.
    """
    user, now = chosen.user, micros(chosen.now)
    places, inboxes = await places_of(c, chosen)
    changed = 0
    if places:
        # Before the receipts: whoever looks for those looks here first.
        await begin(c, user, {place["room"] for place in places if (user, place["room"]) not in inboxes})
        updates = []
        for place in places:
            covered = inboxes.get((user, place["room"]), {}).get("read_upto", 0) >= place["seq"]
            updates.append(_update(act, user, place, covered=covered, now=now))
        result = await c[RECEIPTS].bulk_write(updates, ordered=False)
        changed = result.upserted_count + result.modified_count
        if act.unreads:
            # After the receipts, and also where nothing has changed: it may have, and this been lost.
            await take_turn(c, [(user, place["room"]) for place in places])
    marked = await outcome(c, chosen, places, changed=changed, reads=act.reads)
    ids = tuple(place["_id"] for place in places)
    if changed < len(ids):
        dismissed = await _dismissed(c, user, ids)
        ids = tuple(id_ for id_ in ids if id_ not in dismissed)
    return replace(marked, ids=ids)


async def _dismissed(c: Collections, user: str, ids: Sequence[str]) -> set[str]:
    """Those of these that the user has dismissed, and so passed over in whatever is done with the others."""
    cursor = c[RECEIPTS].find(
        {"user": user, "notification": {"$in": list(ids)}, "dismissed_at": {"$exists": True}},
        {"_id": 0, "notification": 1},
    )
    return {row["notification"] for row in await cursor.to_list()}


async def places_of(
    c: Collections, chosen: Selection
) -> tuple[list[Document], Mapping[tuple[str, str], Document]]:
    """Where what is chosen stands, as far as it is shown, and the user's inboxes.

    Two questions at once. A notification that is recalled between them and the mark gets a mark that counts for nothing.
    """
    cursor = c[NOTIFICATIONS].find(_shown(chosen), {"room": 1, "seq": 1})
    return await both(cursor.to_list(), inboxes_of(c, [chosen.user]))


def _shown(chosen: Selection) -> Document:
    return {
        "_id": {"$in": writable(chosen.ids)},
        "room": {"$in": list(dict.fromkeys(writable(chosen.rooms)))},
        "seq": {"$gt": 0},
        "until": {"$gt": micros(chosen.now)},
    }


async def outcome(
    c: Collections, chosen: Selection, places: Sequence[Document], *, changed: int, reads: bool
) -> Marked:
    """What there is to say when so many of these places were changed.

    It counts anew, so a mark of another device that came meanwhile is in it too.
    """
    user, now = chosen.user, micros(chosen.now)
    rooms = list(dict.fromkeys(writable(chosen.rooms)))
    after = await standings(c, {user: rooms}, now=now)
    if changed and reads:
        # All of a room read one by one is the same as read up to its head, and cheaper ever after.
        read = {
            room: after.heads[room]
            for room in {place["room"] for place in places}
            if after.unread[user, room] == 0 and after.read_upto[user, room] < after.heads[room]
        }
        await advance(c, user, read, read_at=None)
    unread = await shown(c, user, rooms, after, chosen.muted, now=now)
    return Marked(changed=changed, unread=unread, heads=after.heads, turn=after.turn(user, rooms))


def _update(act: Act, user: str, place: Document, *, covered: bool, now: int) -> UpdateOne:
    """A pipeline judges and writes at once: of two who do it at the same moment one is the first."""
    missing, becomes = act.missing, dict(act.becomes)
    begins = act.begins
    if act.unreads and not covered:
        missing = {"$or": [_there("read_at"), _there("archived_at"), _there("snoozed_until")]}
        begins = False
    if act.reads:
        once: Any = {"$ifNull": ["$read_at", NOW]}
        # What `read_upto` covers has no time of its own, unless it was made unread again.
        becomes["read_at"] = {"$cond": [_there("unread_at"), NOW, "$read_at"]} if covered else once
        becomes |= {"unread_at": GONE, "returned_at": GONE}
    dismissed = _there if act.of_dismissed else absent
    applies = {"$and": [dismissed("dismissed_at"), missing]}
    fields = {name: {"$cond": [applies, at(value, now), f"${name}"]} for name, value in becomes.items()}
    return UpdateOne(
        {"user": user, "room": place["room"], "seq": place["seq"]},
        [{"$set": {"notification": place["_id"], **fields}}],
        upsert=begins,
    )


def at(value: Any, now: int) -> Any:
    """The value with the time in it."""
    if value is NOW:
        return now
    if isinstance(value, dict):
        return {name: at(inner, now) for name, inner in value.items()}
    return [at(inner, now) for inner in value] if isinstance(value, list) else value


async def acted(c: Collections, chosen: Selection) -> tuple[str | None, int | None]:
    """What the user has pressed of the one chosen, and when; nothing of what the user is not shown."""
    place = await c[NOTIFICATIONS].find_one(_shown(chosen), {"room": 1, "seq": 1})
    if place is None:
        return None, None
    key = {
        "user": chosen.user,
        "room": place["room"],
        "seq": place["seq"],
        "dismissed_at": {"$exists": False},
    }
    row = await c[RECEIPTS].find_one(key, {"acted": 1, "acted_at": 1}) or {}
    return row.get("acted"), row.get("acted_at")


async def take_turn(c: Collections, places: Sequence[tuple[str, str]]) -> None:
    """Something of these (user, room) has become unread again.

    Not idempotent, and need not be: a turn that grows once too often tells clients to count anew, and nothing wrong.
    """
    updates = [
        UpdateOne(
            {"user": user, "room": room}, {"$inc": {"turn": 1}, "$setOnInsert": {"read_upto": 0}}, upsert=True
        )
        for user, room in dict.fromkeys(places)
    ]
    if updates:
        await c[INBOXES].bulk_write(updates, ordered=False)


async def advance(c: Collections, user: str, heads: Mapping[str, int], *, read_at: int | None) -> None:
    """All of these rooms is read.

    `$max`: of two who read at once the further one stays.
    """
    if not heads:
        return
    when = {} if read_at is None else {"$set": {"read_at": read_at}}
    await c[INBOXES].bulk_write(
        [
            UpdateOne({"user": user, "room": room}, {"$max": {"read_upto": head}, **when}, upsert=True)
            for room, head in heads.items()
        ],
        ordered=False,
    )


async def settle(c: Collections, user: str, heads: Mapping[str, int]) -> None:
    """Give up the receipts that say no more than that all of these rooms was read.

    Two writes; a crash between them leaves some unread that were read, until all is read again.
    """
    ranges = [{"user": user, "room": room, "seq": {"$lte": head}} for room, head in heads.items()]
    more = ("dismissed_at", "clicked_at", "archived_at", "snoozed_until", "acted", "wake_at")
    await c[RECEIPTS].delete_many({"$or": ranges, **{name: {"$exists": False} for name in more}})
    await c[RECEIPTS].update_many(
        {"$or": ranges, "unread_at": {"$gt": 0}}, {"$unset": {"unread_at": "", "returned_at": ""}}
    )


async def begin(c: Collections, user: str, rooms: Collection[str]) -> None:
    """Have an inbox of each of these rooms."""
    blank = {"$setOnInsert": {"read_upto": 0}}
    updates = [UpdateOne({"user": user, "room": room}, blank, upsert=True) for room in rooms]
    if updates:
        await c[INBOXES].bulk_write(updates, ordered=False)
