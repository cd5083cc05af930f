"""Collapsing in this store, where what is newer and what it stands for are two documents.

The newest of a chain has its place in it (`collapse.place`), which is taken once, and says by `over` which sequence it stands
for. After it is inserted, what came before it is hidden, and then `over` goes. Should its node die in between, whoever
looks at the room next (a count, a page, a worker, a repetition of the emit) sees `over`, and does the rest before anything else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pymongo import IndexModel, UpdateMany

from storage.collapsing import REASON, RULE, Latest, Pair
from storage.encoding import ROOMS_PER_QUERY, WIPED, writable
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.mail_rows import WAITING_STATES
from storage.mongo.obligations import supersede_apart

INDEXES = (
    IndexModel(
        [("room", 1), ("collapse.key", 1), ("collapse.place", 1)],
        name="chains",
        unique=True,
        partialFilterExpression={"collapse.key": {"$exists": True}},
    ),
    IndexModel(
        [("room", 1), ("over", 1)],
        name="unfinished",
        partialFilterExpression={"over": {"$exists": True}},
    ),
)
"""On the notifications."""
PLACE = ("room", "collapse.key", "collapse.place")
"""The index that refuses a place in a chain that another process has taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """That a notification stands for those before it in its chain."""

    id: str
    pair: Pair
    place: int
    at: int
    """When it was made."""
    old: str | None = None
    """The id of the last before it, where that is known."""


def succession_of(document: Document, old: str | None = None) -> Succession:
    """What a document with `over` says: whom it stands for, and where in the chain. `old` is known to whoever has just
    inserted it.
    """
    return Succession(
        old=old,
        id=document["_id"],
        pair=(document["room"], document["collapse"]["key"]),
        place=document["collapse"]["place"],
        at=document["created_at"],
    )


async def latest(c: Collections, pairs: Iterable[Pair]) -> dict[Pair, tuple[Latest, int]]:
    """What is shown under each key, where something is, and its place.

    One question for up to 1,000 rooms, by the index of chains. Where a process has died, it is the newer of two.
    """
    wanted = set(pairs)
    rooms = writable({room for room, _ in wanted})
    keys = writable({key for _, key in wanted})
    found: dict[Pair, tuple[Latest, int]] = {}
    for start in range(0, len(rooms), ROOMS_PER_QUERY):
        cursor = c[NOTIFICATIONS].find(
            {"room": {"$in": rooms[start : start + ROOMS_PER_QUERY]}, "collapse.key": {"$in": keys}},
            {"room": 1, "seq": 1, "until": 1, "collapse": 1, "mail.state": 1},
        )
        for document in await cursor.to_list():
            collapse = document["collapse"]
            pair = document["room"], collapse["key"]
            # Two, where one has not been hidden yet.
            if pair in wanted and (pair not in found or found[pair][1] < collapse["place"]):
                is_waiting = document.get("mail", {}).get("state") == "pending"
                held = Latest(
                    id=document["_id"],
                    seq=document.get("seq"),
                    count=collapse["count"],
                    shown_until=document["until"],
                    waits_since=collapse.get("since") if is_waiting else None,
                )
                found[pair] = held, collapse["place"]
    return found


async def finish(c: Collections, successions: Sequence[Succession]) -> None:
    """Hide what each stands for, with its mail that waits; idempotent.

    What stands by itself and waits is withdrawn first, then the older ones are hidden, and last the mark goes: a crash
    leaves the mark, by which all of it is done again.
    """
    if not successions:
        return
    changes = []
    for each in successions:
        room, key = each.pair
        before = {"room": room, "collapse.key": key, "collapse.place": {"$lt": each.place}}
        changes.append(UpdateMany(before, _hiding(each)))
    # Last: as long as it stands, all this is done again.
    done = UpdateMany({"_id": {"$in": [each.id for each in successions]}}, {"$unset": {"over": ""}})
    old = [each.old for each in successions if each.old is not None]
    await supersede_apart(c, old, now=max(each.at for each in successions))
    await c[NOTIFICATIONS].bulk_write([*changes, done], ordered=True)


async def settle(c: Collections, rooms: Sequence[str]) -> bool:
    """Finish what a process that died has left in these rooms; whether there was anything.

    It is one look into an index that is empty, but for the moment between two writes.
    """
    cursor = c[NOTIFICATIONS].find(
        {"room": {"$in": list(rooms)}, "over": {"$exists": True}}, {"room": 1, "collapse": 1, "created_at": 1}
    )
    left = [succession_of(document) for document in await cursor.to_list()]
    await finish(c, left)
    return bool(left)


def _hiding(by: Succession) -> list[Document]:
    """What makes of a notification one that another stands for. It keeps its words, unless these would expire."""
    would_expire = {"$eq": [{"$type": "$expires_at"}, "long"]}

    def kept(field: str) -> Document:
        return {"$cond": [would_expire, "$$REMOVE", f"${field}"]}

    waits = {"$in": ["$mail.state", WAITING_STATES]}
    skipped = {"state": "skipped", "reason": REASON, "decided_by": RULE, "updated_at": by.at}
    withdrawn = {"$unsetField": {"field": "wake", "input": {"$mergeObjects": ["$mail", skipped]}}}
    return [
        {
            "$set": {
                "until": WIPED,
                "superseded_by": by.id,
                "title": {"$cond": [would_expire, "", "$title"]},
                "body": kept("body"),
                "link": kept("link"),
                "data": kept("data"),
                "entry": {
                    "$cond": [
                        {"$and": [would_expire, {"$eq": [{"$type": "$entry"}, "object"]}]},
                        {"$unsetField": {"field": "translations", "input": "$entry"}},
                        "$entry",
                    ]
                },
                "mail": {"$cond": [waits, withdrawn, "$mail"]},
            }
        },
        {"$unset": ["collapse", "over"]},
    ]
