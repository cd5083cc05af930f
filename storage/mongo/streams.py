"""Notifications in their rooms: reading, wiping and pruning; `append.py` writes them."""

from collections.abc import Sequence
from typing import Any

from storage.encoding import EXPIRED, FOREVER, RECALLED, WIPED
from storage.models import Notification, Receipt
from storage.mongo.append import positions
from storage.mongo.collections import Collections, together
from storage.mongo.documents import WIPED_BELOW, Document, notification_of, receipt_from

USERS_PER_RECEIPTS = 1_000
RANGES_PER_QUERY = 50
"""Each range of an `$or` is planned by itself."""


async def heads(c: Collections, rooms: Sequence[str]) -> dict[str, int]:
    return {room: head for room, (head, _, _) in (await positions(c, list(dict.fromkeys(rooms)))).items()}


async def span(c: Collections, room: str, *, after: int, limit: int, shown_at: int) -> list[Notification]:
    cursor = c.notifications.find({"room": room, "seq": {"$gt": max(after, 0)}, "until": {"$gt": shown_at}})
    return [notification_of(document) for document in await cursor.sort("seq", 1).limit(limit).to_list()]


async def find(c: Collections, notification_id: str) -> Notification | None:
    document = await c.notifications.find_one({"_id": notification_id})
    return None if document is None else notification_of(document)


async def receipts(c: Collections, notification_id: str) -> dict[str, Receipt]:
    place = await c.notifications.find_one({"_id": notification_id, "seq": {"$gt": 0}}, {"room": 1, "seq": 1})
    if place is None:
        return {}
    room, seq = place["room"], place["seq"]
    rows = c.receipts.find({"room": room, "seq": seq}).limit(USERS_PER_RECEIPTS)
    readers = c.inboxes.find({"room": room, "read_upto": {"$gte": seq}}).limit(USERS_PER_RECEIPTS)
    by_user = {row["user"]: row for row in await rows.to_list()}
    # Before whose time it was has not read it.
    inboxes = {inbox["user"]: inbox for inbox in await readers.to_list() if inbox.get("begins", 0) < seq}
    found = {user: receipt_from(row, inboxes.get(user), seq) for user, row in by_user.items()}
    for user, inbox in inboxes.items():
        receipt = receipt_from(None, inbox, seq)
        if user not in found and receipt.is_read and len(found) < USERS_PER_RECEIPTS:
            found[user] = receipt
    return found


async def recall(c: Collections, notification_id: str, *, now: int) -> Notification | None:
    await c.notifications.update_one(
        {"_id": notification_id, "recalled_at": {"$exists": False}}, {"$set": {"recalled_at": now}}
    )
    await wipe(c, [notification_id], reason=RECALLED, now=now)
    return await find(c, notification_id)


async def expire(c: Collections, *, now: int, limit: int) -> int:
    cursor = c.notifications.find({"until": {"$gt": 0, "$lte": min(now, FOREVER - 1)}}, {"_id": 1})
    ids = [document["_id"] for document in await cursor.sort("until", 1).limit(limit).to_list()]
    return await wipe(c, ids, reason=EXPIRED, now=now)


async def wipe(c: Collections, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before."""
    chosen = {"_id": {"$in": list(ids)}}
    rooms = {
        document["room"]
        for document in await c.notifications.find({**chosen, "seq": {"$gt": 0}}, {"room": 1}).to_list()
    }
    wiped = await c.notifications.update_many(
        {**chosen, "until": {"$gt": WIPED}},
        {"$set": {"title": "", "until": WIPED}, "$unset": {"body": "", "link": "", "data": ""}},
    )
    # Should this process end here: a worker that leases the mail sees that its notification is gone.
    await c.notifications.update_many(
        {**chosen, "mail.state": "pending"},
        {
            "$set": {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now},
            "$unset": {"mail.wake": ""},
        },
    )
    await c.notifications.update_many(
        {**chosen, "mail.subject": {"$exists": True}}, {"$unset": {"mail.subject": ""}}
    )
    for room in rooms:
        await _clear(c, room)
    return wiped.modified_count


async def _clear(c: Collections, room: str) -> None:
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below."""
    # The head before the first shown: what is appended between the two lies above the head.
    head, _, cleared = (await positions(c, [room]))[room]
    shown = await c.notifications.find_one(
        {"room": room, "seq": {"$gt": cleared}, "until": {"$gt": WIPED}}, {"seq": 1}, sort=[("seq", 1)]
    )
    upto = head if shown is None else min(head, shown["seq"] - 1)
    if upto <= cleared:
        return
    await c.rooms.update_one({"_id": room}, {"$max": {"cleared": upto}}, upsert=True)
    await c.notifications.update_many(
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
        settled = [d["_id"] for d in page if "seq" not in d and "wake" not in d.get("mail", {})]
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
    cursor = c.notifications.find(condition, {"created_at": 1, "room": 1, "seq": 1, "mail.wake": 1})
    return await cursor.sort([("created_at", 1), ("_id", 1)]).limit(limit).to_list()


async def _prune_stream(c: Collections, room: str, *, before: int, limit: int) -> int:
    cursor = c.notifications.find(
        {"room": room, "seq": {"$gt": 0}}, {"seq": 1, "created_at": 1, "mail.wake": 1}
    )
    ids: list[str] = []
    floor = 0
    for document in await cursor.sort("seq", 1).limit(limit).to_list():
        if document["created_at"] >= before or "wake" in document.get("mail", {}):
            break
        ids.append(document["_id"])
        floor = document["seq"]
    if not ids:
        return 0
    # The floor first: it is what keeps the head when the last of a stream goes.
    await c.rooms.update_one({"_id": room}, {"$max": {"floor": floor, "cleared": floor}}, upsert=True)
    deleted = await _delete(c, ids)
    await c.receipts.delete_many({"room": room, "seq": {"$lte": floor}})
    return deleted


async def _delete(c: Collections, ids: Sequence[str]) -> int:
    if not ids:
        return 0
    return (await c.notifications.delete_many({"_id": {"$in": list(ids)}})).deleted_count


async def spans(
    c: Collections, after: dict[str, int], *, heads: dict[str, int], now: int
) -> dict[str, list[Notification]]:
    """What each room holds after its sequence in `after` and up to its head, ascending."""
    found: dict[str, list[Notification]] = {room: [] for room in after}
    rooms = list(after)

    async def fetch(part: Sequence[str]) -> None:
        ranges = [{"room": room, "seq": {"$gt": after[room], "$lte": heads[room]}} for room in part]
        cursor = c.notifications.find({"$or": ranges, "until": {"$gt": now}})
        for document in await cursor.to_list():
            found[document["room"]].append(notification_of(document))

    await together(
        *(fetch(rooms[start : start + RANGES_PER_QUERY]) for start in range(0, len(rooms), RANGES_PER_QUERY))
    )
    for notifications in found.values():
        notifications.sort(key=lambda notification: notification.seq or 0)
    return found
