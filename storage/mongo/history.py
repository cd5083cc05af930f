"""A page of a user's history."""

from collections.abc import Mapping, Sequence
from typing import Any

from storage.encoding import FOREVER, cursor_of, position_of, writable
from storage.inboxes import HistoryPage, HistoryQuery, InboxItem
from storage.mongo import collapsing
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, together
from storage.mongo.documents import notification_of, receipt_from
from storage.mongo.standings import RECEIPTS, inboxes_of
from storage.streams import Notification

ROOMS_PER_MERGE = 100
"""Fewer than the number of ranges up to which the server merges sorted index scans instead of sorting."""
CANDIDATES = 1_000


async def history(c: Collections, query: HistoryQuery, *, now: int) -> HistoryPage:
    position = (FOREVER, "") if query.before is None else position_of(query.before)
    rooms = list(dict.fromkeys(writable(query.rooms)))
    inboxes = await inboxes_of(c, [query.user])
    upto = {room: inboxes.get((query.user, room), {}).get("read_upto", 0) for room in rooms}
    items: list[InboxItem] = []
    size = query.limit + 1
    while len(items) <= query.limit and rooms:
        candidates = await _candidates(c, query, upto, before=position, limit=size, now=now)
        chained = {n.room for n in candidates if n.collapse is not None}
        if chained and await collapsing.settle(c, list(chained)):
            # Some of these are not shown any more.
            candidates = await _candidates(c, query, upto, before=position, limit=size, now=now)
        receipts = await _receipts_of(c, query.user, candidates)
        for notification in candidates:
            row = receipts.get(notification.id)
            receipt = receipt_from(row, inboxes.get((query.user, notification.room)), notification.seq or 0)
            if receipt.dismissed_at is None and not (query.unread_only and receipt.is_read):
                items.append(InboxItem(notification=notification, receipt=receipt))
        if len(candidates) < size:
            break
        # All of a page may be dismissed: look further, and further each time.
        position = position_of(cursor_of(candidates[-1]))
        size = min(size * 2, CANDIDATES)
    page = tuple(items[: query.limit])
    return HistoryPage(
        items=page, next=cursor_of(page[-1].notification) if page and len(items) > query.limit else None
    )


async def _candidates(
    c: Collections,
    query: HistoryQuery,
    rooms: Mapping[str, int],
    *,
    before: tuple[int, str],
    limit: int,
    now: int,
) -> list[Notification]:
    """The next of the rooms, newest first, whatever the user did with them; `rooms` maps to `read_upto`."""
    time, notification_id = before
    condition: dict[str, Any] = {
        "seq": {"$gt": 0},
        "until": {"$gt": now},
        "created_at": {"$lte": time},
        # Spelled out beside the range that bounds the index: equal times are told apart by the id.
        "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": notification_id}}],
    }
    if query.types:
        condition["type"] = {"$in": writable(query.types)}
    if query.categories:
        condition["entry.category"] = {"$in": writable(query.categories)}
    if query.muted is not None:
        condition["$nor"] = [{"type": {"$in": writable(query.muted.types)}, "room": {"$ne": query.muted.own}}]
    names = list(rooms)

    async def fetch(part: Sequence[str]) -> list[Document]:
        if query.unread_only:
            condition_of_part = {
                "$and": [condition, {"$or": [{"room": room, "seq": {"$gt": rooms[room]}} for room in part]}],
                "room": {"$in": list(part)},
            }
        else:
            condition_of_part = {**condition, "room": {"$in": list(part)}}
        cursor = c.lagging(NOTIFICATIONS).find(condition_of_part).sort([("created_at", -1), ("_id", -1)])
        return await cursor.limit(limit).to_list()

    parts = await together(
        *(fetch(names[start : start + ROOMS_PER_MERGE]) for start in range(0, len(names), ROOMS_PER_MERGE))
    )
    documents = [document for part in parts for document in part]
    documents.sort(key=lambda document: (document["created_at"], document["_id"]), reverse=True)
    return [notification_of(document) for document in documents[:limit]]


async def _receipts_of(
    c: Collections, user: str, notifications: Sequence[Notification]
) -> dict[str, Document]:
    rooms: dict[str, list[int]] = {}
    for notification in notifications:
        rooms.setdefault(notification.room, []).append(notification.seq or 0)
    if not rooms:
        return {}
    ranges = [{"user": user, "room": room, "seq": {"$in": sequences}} for room, sequences in rooms.items()]
    return {row["notification"]: row for row in await c[RECEIPTS].find({"$or": ranges}).to_list()}
