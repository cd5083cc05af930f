"""A page of a user's history."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from storage.encoding import FOREVER, cursor_of, position_of, writable
from storage.histories import RETURNED_MAX, HistoryPage, HistoryQuery, InboxItem
from storage.mongo import beginnings, collapsing
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, together
from storage.mongo.documents import notification_of, receipt_from
from storage.mongo.standings import RECEIPTS, inboxes_of
from storage.notifications import Notification
from storage.receipts import Place, place_of

ROOMS_PER_MERGE = 100
"""Fewer than the number of ranges up to which the server merges sorted index scans instead of sorting."""
CANDIDATES = 1_000
AWAY_MAX = 10_000
"""How much of what a user has put away is looked at, the newest of it."""


async def history(c: Collections, query: HistoryQuery, *, now: int) -> HistoryPage:
    """A page, newest by its time and then by its id.

    Candidates are read of all rooms together, and then judged by their receipts. When too few are left, more are read,
    twice as many each time: so a user who has dismissed much costs more. What is archived or snoozed is found by its
    receipts, the newest `AWAY_MAX`.
    """
    position = (FOREVER, "") if query.before is None else position_of(query.before)
    rooms = list(dict.fromkeys(writable(query.rooms)))
    inboxes = await inboxes_of(c, [query.user])
    asked = [] if query.membership is None else [(query.user, rooms, query.membership)]
    if unbegun := beginnings.unbegun(inboxes, asked):
        await beginnings.begin(c, unbegun, now=now)
        inboxes = await inboxes_of(c, [query.user])
    upto = {room: inboxes.get((query.user, room), {}).get("read_upto", 0) for room in rooms}
    wanted = _asked(query)
    if query.place is not Place.INBOX:
        wanted["_id"] = {"$in": await _away(c, query, rooms)}
    again = await _again(c, query, rooms) if query.unread_only else []
    items: list[InboxItem] = []
    size = query.limit + 1
    while len(items) <= query.limit and rooms:
        candidates = await _candidates(c, query, wanted, upto, again, before=position, limit=size, now=now)
        chained = {n.room for n in candidates if n.collapse is not None}
        if chained and await collapsing.settle(c, list(chained)):
            # Some of these are not shown any more.
            candidates = await _candidates(
                c, query, wanted, upto, again, before=position, limit=size, now=now
            )
        receipts = await _receipts_of(c, query.user, candidates)
        for notification in candidates:
            row = receipts.get(notification.id)
            receipt = receipt_from(row, inboxes.get((query.user, notification.room)), notification.seq or 0)
            if place_of(receipt) is query.place and not (query.unread_only and receipt.is_read):
                items.append(InboxItem(notification=notification, receipt=receipt))
        if len(candidates) < size:
            break
        # All of a page may be dismissed: look further, and further each time.
        position = position_of(cursor_of(candidates[-1]))
        size = min(size * 2, CANDIDATES)
    page = tuple(items[: query.limit])
    returned = await _returned(c, query, rooms, wanted, inboxes, now=now) if query.wants_returned else ()
    return HistoryPage(
        items=page,
        next=cursor_of(page[-1].notification) if page and len(items) > query.limit else None,
        returned=returned,
    )


def _asked(query: HistoryQuery) -> Document:
    """What is asked of the notification alone."""
    asked: Document = {}
    if query.types:
        asked["type"] = {"$in": writable(query.types)}
    if query.categories:
        asked["entry.category"] = {"$in": writable(query.categories)}
    if query.muted is not None:
        asked["$nor"] = [{"type": {"$in": writable(query.muted.types)}, "room": {"$ne": query.muted.own}}]
    return asked


async def _away(c: Collections, query: HistoryQuery, rooms: Sequence[str]) -> list[str]:
    """What the user has put away or off: its newest `AWAY_MAX`, which is found by its receipts."""
    field = "archived_at" if query.place is Place.ARCHIVE else "snoozed_until"
    there = {"user": query.user, "room": {"$in": list(rooms)}, field: {"$gt": 0}}
    rows = c[RECEIPTS].find(there, {"_id": 0, "notification": 1}).sort("notification", -1).limit(AWAY_MAX)
    return [row["notification"] for row in await rows.to_list()]


async def _again(c: Collections, query: HistoryQuery, rooms: Sequence[str]) -> list[str]:
    """What the user has made unread again."""
    there = {"user": query.user, "room": {"$in": list(rooms)}, "unread_at": {"$gt": 0}}
    rows = c[RECEIPTS].find(there, {"_id": 0, "notification": 1}).sort("notification", -1).limit(AWAY_MAX)
    return [row["notification"] for row in await rows.to_list()]


async def _returned(
    c: Collections,
    query: HistoryQuery,
    rooms: Sequence[str],
    asked: Document,
    inboxes: Mapping[tuple[str, str], Document],
    *,
    now: int,
) -> tuple[InboxItem, ...]:
    """What came back from a snooze; whom nothing ever became unread again is not asked about."""
    rooms = [room for room in rooms if inboxes.get((query.user, room), {}).get("turn")]
    if not rooms:
        return ()
    there = {"user": query.user, "room": {"$in": rooms}, "returned_at": {"$gt": 0}}
    newest = c[RECEIPTS].find(there).sort([("returned_at", -1), ("notification", -1)]).limit(RETURNED_MAX)
    rows = await newest.to_list()
    shown = {"_id": {"$in": [row["notification"] for row in rows]}, "until": {"$gt": now}, **asked}
    found = {d["_id"]: notification_of(d) for d in await c[NOTIFICATIONS].find(shown).to_list()}
    return tuple(
        InboxItem(
            notification=found[row["notification"]],
            receipt=receipt_from(row, inboxes.get((query.user, row["room"])), row["seq"]),
        )
        for row in rows
        if row["notification"] in found
    )


async def _candidates(
    c: Collections,
    query: HistoryQuery,
    asked: Document,
    rooms: Mapping[str, int],
    again: Sequence[str],
    *,
    before: tuple[int, str],
    limit: int,
    now: int,
) -> list[Notification]:
    """The next of the rooms, newest first, whatever the user did with them; `rooms` maps to `read_upto`.

    What is newest is read from the primary: with the heads that a client has been told it is all there is. The rest may come
    from a secondary that has what the page before ended with, and so all that came before it.
    """
    time, notification_id = before
    condition: dict[str, Any] = {
        "seq": {"$gt": 0},
        "until": {"$gt": now},
        "created_at": {"$lte": time},
        **asked,
    }

    async def newest(found: AsyncCollection[Document], last: str, limit: int) -> list[Document]:
        # Spelled out beside the range that bounds the index: equal times are told apart by the id.
        behind = [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {last: notification_id}}]

        def chosen(part: Sequence[str]) -> Document:
            of_part = {"$or": behind, "room": {"$in": list(part)}}
            if query.unread_only:
                return {"$and": [condition, {"$or": _unread(part, rooms, again)}], **of_part}
            return {**condition, **of_part}

        return await _merged(found, list(rooms), chosen, limit)

    if c.has_lagging and notification_id:
        documents = await newest(c.lagging(NOTIFICATIONS), "$lte", limit + 1)
        if documents and documents[0]["_id"] == notification_id:
            return [notification_of(document) for document in documents[1:]]
    documents = await newest(c[NOTIFICATIONS], "$lt", limit)
    return [notification_of(document) for document in documents]


async def _receipts_of(
    c: Collections, user: str, notifications: Sequence[Notification]
) -> dict[str, Document]:
    """What the user did with these, by id: one question, by the index of receipts."""
    rooms: dict[str, list[int]] = {}
    for notification in notifications:
        rooms.setdefault(notification.room, []).append(notification.seq or 0)
    if not rooms:
        return {}
    ranges = [{"user": user, "room": room, "seq": {"$in": sequences}} for room, sequences in rooms.items()]
    return {row["notification"]: row for row in await c[RECEIPTS].find({"$or": ranges}).to_list()}


def _unread(part: Sequence[str], rooms: Mapping[str, int], again: Sequence[str]) -> list[Document]:
    """What of these rooms is not read by the mark of the room, or was made unread again."""
    unread: list[Document] = [{"room": room, "seq": {"$gt": rooms[room]}} for room in part]
    if again:
        unread.append({"_id": {"$in": list(again)}})
    return unread


async def _merged(
    found: AsyncCollection[Document],
    names: Sequence[str],
    chosen: Callable[[Sequence[str]], Document],
    limit: int,
) -> list[Document]:
    """The newest of all these rooms, of which a query takes some.

    Several queries at once where there are more rooms than the server merges; what each read beyond the limit is thrown
    away.
    """

    async def fetch(part: Sequence[str]) -> list[Document]:
        cursor = found.find(chosen(part)).sort([("created_at", -1), ("_id", -1)])
        return await cursor.limit(limit).to_list()

    starts = range(0, len(names), ROOMS_PER_MERGE)
    parts = await together(*(fetch(names[start : start + ROOMS_PER_MERGE]) for start in starts))
    documents = [document for part in parts for document in part]
    documents.sort(key=lambda document: (document["created_at"], document["_id"]), reverse=True)
    return documents[:limit]
