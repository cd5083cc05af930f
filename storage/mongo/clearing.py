"""Clearing: what of a stream is wiped or pruned."""

from collections.abc import Collection, Sequence

from pymongo import DeleteMany, UpdateOne

from storage.archive import Going, floors
from storage.encoding import FOREVER, WIPED
from storage.mongo import collapsing, mail_rows, obligations
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import WIPED_BELOW
from storage.mongo.heads import ROOMS, positions
from storage.mongo.pages import behind
from storage.mongo.standings import RECEIPTS

_CONTENTS = (
    "body",
    "link",
    "data",
    "entry.translations",
    "entry.actions",
    "entry.image",
    "collapse",
    "over",
    "superseded_by",
)
"""What goes of a notification that is wiped."""
_PLACE = {"created_at": 1, "room": 1, "seq": 1, mail_rows.OWES: 1}
"""The fields by which it is judged whether a notification can go."""


async def wipe(c: Collections, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before.

    What one of these stands for, and a process that died has not hidden, is hidden before: the mark of that goes with the
    contents. Contents first, then the mail, then `cleared`. A crash leaves mail of what is wiped, which its worker skips, and a
    `cleared` that is too low, which costs time and changes no count.
    """
    chosen = {"_id": {"$in": list(ids)}}
    found = await c[NOTIFICATIONS].find(chosen, {"room": 1, "seq": 1, "over": 1}).to_list()
    if unfinished := {document["room"] for document in found if "over" in document}:
        await collapsing.settle(c, list(unfinished))
    rooms = {document["room"] for document in found if "seq" in document}
    wiped = await c[NOTIFICATIONS].update_many(
        {**chosen, "$or": [{"until": {"$gt": WIPED}}, {"superseded_by": {"$exists": True}}]},
        {
            "$set": {"title": "", "until": WIPED},
            "$unset": dict.fromkeys(_CONTENTS, ""),
        },
    )
    await obligations.withdraw(c, ids, reason=reason, now=now)
    for room in rooms:
        await _clear(c, room)
    return wiped.modified_count


async def _clear(c: Collections, room: str) -> None:
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below.

    Raised before the documents say so: what lies below counts for nothing, whatever it says.
    """
    # The head before the first shown: what is appended between the two lies above the head.
    head, _, cleared, _ = (await positions(c, [room]))[room]
    shown = await c[NOTIFICATIONS].find_one(
        {"room": room, "seq": {"$gt": cleared}, "until": {"$gt": WIPED}}, {"seq": 1}, sort=[("seq", 1)]
    )
    upto = head if shown is None else min(head, shown["seq"] - 1)
    if upto <= cleared:
        return
    await c[ROOMS].update_one({"_id": room}, {"$max": {"cleared": upto}}, upsert=True)
    await c[NOTIFICATIONS].update_many(
        {"room": room, "until": WIPED, "seq": {"$gt": 0, "$lte": upto}}, {"$set": {"until": WIPED_BELOW}}
    )


async def prune(c: Collections, *, before: int, limit: int) -> int:
    """Delete up to `limit` of what was made before; answers how many. Nodes that do it at once delete the same, and
    answer for a part each.
    """
    return await remove(c, await choose(c, before=before, limit=limit))


async def choose(c: Collections, *, before: int, limit: int) -> list[Going]:
    """What is to go next, of each stream its oldest end.

    The oldest by their times, through an index of them. What is old and may not go is read past, however much that is.
    """
    chosen: list[Going] = []
    after: tuple[int, str] | None = None
    visited: set[str] = set()
    # Page by page, because a page may hold only what an owed mail still keeps in place.
    while len(chosen) < limit:
        page = await _oldest(c, after=after, before=before, limit=max(limit, 100))
        if not page:
            break
        after = (page[-1]["created_at"], page[-1]["_id"])
        settled = [_chosen(d) for d in page if "seq" not in d and not mail_rows.owes(d)]
        chosen += settled[: limit - len(chosen)]
        for room in dict.fromkeys(d["room"] for d in page if "seq" in d):
            if room not in visited and len(chosen) < limit:
                visited.add(room)
                chosen += await _oldest_end(c, room, before=before, limit=limit - len(chosen))
    return chosen


def _chosen(document: Document) -> Going:
    return Going(document["_id"], document["room"], document.get("seq"), document["created_at"])


async def _oldest(
    c: Collections, *, after: tuple[int, str] | None, before: int, limit: int
) -> list[Document]:
    """Notifications of all rooms that were made before, the oldest first, behind `after`; by the index of times,
    without their contents.
    """
    condition = {"created_at": {"$lt": before}} if after is None else behind(*after, before=before)
    cursor = c[NOTIFICATIONS].find(condition, _PLACE)
    return await cursor.sort([("created_at", 1), ("_id", 1)]).limit(limit).to_list()


async def _oldest_end(
    c: Collections, room: str, *, before: int, limit: int, among: Collection[str] | None = None
) -> list[Going]:
    """The beginning of the stream up to what is to stay; with `among`, that is all but these ids.

    Up to the first that is too young or owes mail. At most `limit`, from the beginning of what is left.
    """
    chosen: list[Going] = []
    cursor = c[NOTIFICATIONS].find({"room": room, "seq": {"$gt": 0}}, _PLACE)
    for document in await cursor.sort("seq", 1).limit(limit).to_list():
        stays = among is not None and document["_id"] not in among
        if document["created_at"] >= before or mail_rows.owes(document) or stays:
            break
        chosen.append(_chosen(document))
    return chosen


async def removable(c: Collections, ids: Sequence[str]) -> list[Going]:
    """What of these, which were chosen before, can still go: mail may have become owed again.

    What is not there any more is passed over. Of a room it is the beginning again, so that no hole is made.
    """
    there = await c[NOTIFICATIONS].find({"_id": {"$in": list(ids)}}, _PLACE).to_list()
    chosen = [_chosen(d) for d in there if "seq" not in d and not mail_rows.owes(d)]
    among = frozenset(ids)
    for room in dict.fromkeys(d["room"] for d in there if "seq" in d):
        chosen += await _oldest_end(c, room, before=FOREVER, limit=len(ids), among=among)
    return chosen


async def remove(c: Collections, chosen: Sequence[Going], *, those: Document | None = None) -> int:
    """Delete what was chosen just now, with `those` what of it that still holds of; answers how many. May be done again.

    The floors, then mails, then the notifications, then receipts. A crash between them leaves what a later call
    deletes, but for receipts of what is gone: these count for nothing.
    """
    if not chosen:
        return 0
    of_rooms = floors(chosen)
    # The floor first: it is what keeps the head when the last of a stream goes.
    raised = [
        UpdateOne({"_id": room}, {"$max": {"floor": floor, "cleared": floor}}, upsert=True)
        for room, floor in of_rooms.items()
    ]
    if raised:
        await c[ROOMS].bulk_write(raised, ordered=False)
    ids = [each.id for each in chosen]
    await obligations.delete(c, ids)
    deleted = (await c[NOTIFICATIONS].delete_many({"_id": {"$in": ids}, **(those or {})})).deleted_count
    marks = [DeleteMany({"room": room, "seq": {"$lte": floor}}) for room, floor in of_rooms.items()]
    if marks:
        await c[RECEIPTS].bulk_write(marks, ordered=False)
    return deleted
