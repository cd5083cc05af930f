"""Clearing: what of a stream is wiped or pruned."""

from collections.abc import Sequence
from typing import Any

from storage.encoding import WIPED
from storage.mongo import obligations
from storage.mongo.append import ROOMS, positions
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import WIPED_BELOW
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


async def wipe(c: Collections, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before."""
    chosen = {"_id": {"$in": list(ids)}}
    rooms = {
        document["room"]
        for document in await c[NOTIFICATIONS].find({**chosen, "seq": {"$gt": 0}}, {"room": 1}).to_list()
    }
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
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below."""
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
    pruned = 0
    after: tuple[int, str] | None = None
    visited: set[str] = set()
    # Page by page, because a page may hold only what an owed mail still keeps in place.
    while pruned < limit:
        page = await _oldest(c, after=after, before=before, limit=max(limit, 100))
        if not page:
            break
        after = (page[-1]["created_at"], page[-1]["_id"])
        settled = [d["_id"] for d in page if "seq" not in d and not obligations.owes(d)]
        pruned += await _delete(c, settled[: limit - pruned])
        for room in dict.fromkeys(d["room"] for d in page if "seq" in d and d["room"] not in visited):
            visited.add(room)
            if pruned < limit:
                pruned += await _prune_stream(c, room, before=before, limit=limit - pruned)
    return pruned


async def _oldest(
    c: Collections, *, after: tuple[int, str] | None, before: int, limit: int
) -> list[Document]:
    condition: dict[str, Any] = {"created_at": {"$lt": before}}
    if after is not None:
        time, notification_id = after
        condition = {
            "$or": [
                {"created_at": time, "_id": {"$gt": notification_id}},
                {"created_at": {"$gt": time, "$lt": before}},
            ]
        }
    cursor = c[NOTIFICATIONS].find(condition, {"created_at": 1, "room": 1, "seq": 1, obligations.OWES: 1})
    return await cursor.sort([("created_at", 1), ("_id", 1)]).limit(limit).to_list()


async def _prune_stream(c: Collections, room: str, *, before: int, limit: int) -> int:
    cursor = c[NOTIFICATIONS].find(
        {"room": room, "seq": {"$gt": 0}}, {"seq": 1, "created_at": 1, obligations.OWES: 1}
    )
    ids: list[str] = []
    floor = 0
    for document in await cursor.sort("seq", 1).limit(limit).to_list():
        if document["created_at"] >= before or obligations.owes(document):
            break
        ids.append(document["_id"])
        floor = document["seq"]
    if not ids:
        return 0
    # The floor first: it is what keeps the head when the last of a stream goes.
    await c[ROOMS].update_one({"_id": room}, {"$max": {"floor": floor, "cleared": floor}}, upsert=True)
    deleted = await _delete(c, ids)
    await c[RECEIPTS].delete_many({"room": room, "seq": {"$lte": floor}})
    return deleted


async def _delete(c: Collections, ids: Sequence[str]) -> int:
    if not ids:
        return 0
    await obligations.delete(c, ids)
    return (await c[NOTIFICATIONS].delete_many({"_id": {"$in": list(ids)}})).deleted_count
