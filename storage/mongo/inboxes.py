"""What users have read, seen and dismissed.

Unread is arithmetic on a room's head: less what lies below `read_upto` or is pruned, less the user's own receipts and
what was wiped above that. What a query visits are those receipts and gaps, never the history.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pymongo import UpdateOne

from storage.beginnings import Membership
from storage.encoding import FOREVER, cursor_of, micros, position_of, writable
from storage.models import (
    Count,
    HistoryPage,
    HistoryQuery,
    InboxItem,
    Marked,
    Notification,
    Opening,
    OpeningRequest,
    Receipt,
)
from storage.mongo import beginnings
from storage.mongo.append import positions
from storage.mongo.collections import Collections, both, together
from storage.mongo.documents import Document, notification_of, receipt_from
from storage.mongo.lineage import epoch
from storage.mongo.streams import RANGES_PER_QUERY, spans

ROOMS_PER_MERGE = 100
"""Fewer than the number of ranges up to which the server merges sorted index scans instead of sorting."""
CANDIDATES = 1_000


@dataclass(frozen=True, slots=True)
class _Standings:
    """How some users stand in some rooms."""

    heads: dict[str, int]
    floors: dict[str, int]
    cleared: dict[str, int]
    gone: dict[str, list[int]]
    """Sequences above `cleared`, ascending, that are wiped or expired."""
    read_upto: dict[tuple[str, str], int]
    unread: dict[tuple[str, str], int]
    inboxes: dict[tuple[str, str], Document]


async def _inboxes(c: Collections, users: Sequence[str]) -> dict[tuple[str, str], Document]:
    cursor = c.inboxes.find({"user": {"$in": list(users)}})
    return {(inbox["user"], inbox["room"]): inbox for inbox in await cursor.to_list()}


async def _gone(c: Collections, rooms: Sequence[str], *, now: int) -> dict[str, list[int]]:
    gone: dict[str, list[int]] = {}
    if rooms:
        cursor = c.notifications.find(
            {
                "room": {"$in": list(rooms)},
                "until": {"$gte": 0, "$lte": min(now, FOREVER - 1)},
                "seq": {"$gt": 0},
            },
            {"_id": 0, "room": 1, "seq": 1},
        )
        for document in await cursor.to_list():
            gone.setdefault(document["room"], []).append(document["seq"])
        for sequences in gone.values():
            sequences.sort()
    return gone


async def _read_one_by_one(
    c: Collections, bases: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], list[int]]:
    """The sequences above each base that the user has a receipt of reading for."""
    found: dict[tuple[str, str], list[int]] = {}
    places = list(bases.items())

    async def fetch(part: Sequence[tuple[tuple[str, str], int]]) -> None:
        ranges = [{"user": user, "room": room, "seq": {"$gt": base}} for (user, room), base in part]
        cursor = c.receipts.find(
            {"$or": ranges, "read_at": {"$exists": True}}, {"_id": 0, "user": 1, "room": 1, "seq": 1}
        )
        for row in await cursor.to_list():
            found.setdefault((row["user"], row["room"]), []).append(row["seq"])

    await together(
        *(
            fetch(places[start : start + RANGES_PER_QUERY])
            for start in range(0, len(places), RANGES_PER_QUERY)
        )
    )
    return found


async def _standings(
    c: Collections,
    wanted: Mapping[str, Sequence[str]],
    *,
    now: int,
    since: Mapping[str, int] = MappingProxyType({}),
) -> _Standings:
    """For each user of `wanted` and each of the user's rooms, in two round trips whatever their number.

    `gone` holds the rooms in which something is unread, and those of `since` that had something after it.
    """
    rooms = list(dict.fromkeys(room for of_user in wanted.values() for room in of_user))
    places, inboxes = await both(positions(c, rooms), _inboxes(c, list(wanted)))
    bases: dict[tuple[str, str], int] = {}
    read_upto: dict[tuple[str, str], int] = {}
    for user, of_user in wanted.items():
        for room in of_user:
            inbox = inboxes.get((user, room))
            read_upto[user, room] = 0 if inbox is None else inbox["read_upto"]
            bases[user, room] = max(read_upto[user, room], places[room][2])
    behind = {pair: base for pair, base in bases.items() if base < places[pair[1]][0]}
    # An inbox document is made before its first receipt: without one there is none to look for.
    patchy = {room for _, room in behind} | {room for room, had in since.items() if had < places[room][0]}
    gone, read = await both(
        _gone(c, list(patchy), now=now),
        _read_one_by_one(c, {pair: base for pair, base in behind.items() if pair in inboxes}),
    )
    unread = dict.fromkeys(bases, 0)
    for pair, base in behind.items():
        head = places[pair[1]][0]
        of_room = gone.get(pair[1], [])
        wiped = _within(of_room, base, head)
        of_reader = [seq for seq in read.get(pair, ()) if seq <= head]
        if of_reader and wiped:
            absent = set(of_room)
            of_reader = [seq for seq in of_reader if seq not in absent]
        unread[pair] = head - base - wiped - len(of_reader)
    return _Standings(
        heads={room: place[0] for room, place in places.items()},
        floors={room: place[1] for room, place in places.items()},
        cleared={room: place[2] for room, place in places.items()},
        gone=gone,
        read_upto=read_upto,
        unread=unread,
        inboxes=inboxes,
    )


def _within(ascending: Sequence[int], after: int, upto: int) -> int:
    return bisect_right(ascending, upto) - bisect_right(ascending, after)


async def unread(c: Collections, user: str, rooms: Sequence[str], *, now: int) -> Count:
    standings = await _standings(c, {user: writable(rooms)}, now=now)
    return Count(unread=sum(standings.unread.values()), heads=standings.heads)


async def begin(c: Collections, user: str, rooms: Sequence[str], membership: Membership, *, now: int) -> None:
    if unbegun := beginnings.unbegun(await _inboxes(c, [user]), [(user, rooms, membership)]):
        await beginnings.begin(c, unbegun, now=now)


async def openings(c: Collections, requests: Sequence[OpeningRequest]) -> list[Opening]:
    """Many at once: a round trip costs more than what it carries."""
    wanted: dict[str, list[str]] = {}
    for asked in requests:
        wanted.setdefault(asked.user, []).extend(writable(asked.rooms))
    now = micros(max(asked.now for asked in requests))
    begin_with = [(r.user, r.rooms, r.membership) for r in requests if r.membership is not None]
    oldest: dict[str, int] = {}
    for asked in requests:
        for room in set(asked.rooms) & asked.since.keys():
            oldest[room] = min(asked.since[room], oldest.get(room, asked.since[room]))
    rooms_of = {user: list(dict.fromkeys(rooms)) for user, rooms in wanted.items()}
    in_force, standings = await both(epoch(c), _standings(c, rooms_of, now=now, since=oldest))
    if begin_with and (unbegun := beginnings.unbegun(standings.inboxes, begin_with)):
        # Once for each user and room: whoever has been here before costs nothing more.
        await beginnings.begin(c, unbegun, now=now)
        standings = await _standings(c, rooms_of, now=now, since=oldest)
    after: dict[str, int] = {}
    behind: list[dict[str, int]] = []
    resync: list[list[str]] = []
    for asked in requests:
        fetch, lost = _behind(asked, standings, in_force)
        behind.append(fetch)
        resync.append(lost)
        for room, had in fetch.items():
            after[room] = min(had, after.get(room, had))
    found = await spans(c, after, heads=standings.heads, now=now)
    return [
        Opening(
            heads={room: standings.heads.get(room, 0) for room in asked.rooms},
            unread=sum(standings.unread.get((asked.user, room), 0) for room in dict.fromkeys(asked.rooms)),
            missed=tuple(n for room, had in fetch.items() for n in found[room] if (n.seq or 0) > had),
            resync=tuple(lost),
            epoch=in_force,
        )
        for asked, fetch, lost in zip(requests, behind, resync, strict=True)
    ]


def _behind(asked: OpeningRequest, standings: _Standings, epoch: str) -> tuple[dict[str, int], list[str]]:
    """The rooms to fetch, by the last sequence had, and those too far behind."""
    since = asked.since_in(epoch)
    fetch: dict[str, int] = {}
    resync: list[str] = []
    for room in dict.fromkeys(asked.rooms):
        head = standings.heads.get(room, 0)
        had = since.get(room, head)
        if had == head:
            continue
        shown_after = max(had, standings.cleared[room])
        missed = head - shown_after - _within(standings.gone.get(room, ()), shown_after, head)
        if standings.floors[room] <= had < head and missed <= asked.limit:
            fetch[room] = had
        else:
            resync.append(room)
    return fetch, resync


async def history(c: Collections, query: HistoryQuery, *, now: int) -> HistoryPage:
    position = (FOREVER, "") if query.before is None else position_of(query.before)
    rooms = list(dict.fromkeys(writable(query.rooms)))
    inboxes = await _inboxes(c, [query.user])
    upto = {room: inboxes.get((query.user, room), {}).get("read_upto", 0) for room in rooms}
    items: list[InboxItem] = []
    size = query.limit + 1
    while len(items) <= query.limit and rooms:
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
    names = list(rooms)

    async def fetch(part: Sequence[str]) -> list[Document]:
        if query.unread_only:
            condition_of_part = {
                "$and": [condition, {"$or": [{"room": room, "seq": {"$gt": rooms[room]}} for room in part]}],
                "room": {"$in": list(part)},
            }
        else:
            condition_of_part = {**condition, "room": {"$in": list(part)}}
        cursor = c.pages.find(condition_of_part).sort([("created_at", -1), ("_id", -1)])
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
    return {row["notification"]: row for row in await c.receipts.find({"$or": ranges}).to_list()}


async def read(c: Collections, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int) -> Marked:
    return await _mark(c, user, rooms, ids, {"read_at": _once("read_at", now)}, now=now, unread_only=True)


async def seen(c: Collections, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int) -> Marked:
    # What was read has been seen: nothing changes then.
    unseen = {"$eq": [{"$type": "$read_at"}, "missing"]}
    fields = {"seen_at": {"$cond": [unseen, _once("seen_at", now), "$seen_at"]}}
    return await _mark(c, user, rooms, ids, fields, now=now, unread_only=True)


async def dismiss(c: Collections, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int) -> Marked:
    fields = {"dismissed_at": _once("dismissed_at", now), "read_at": _once("read_at", now)}
    return await _mark(c, user, rooms, ids, fields, now=now, unread_only=False)


def _once(name: str, value: int) -> Document:
    return {"$ifNull": [f"${name}", value]}


async def _mark(
    c: Collections,
    user: str,
    rooms: Sequence[str],
    ids: Sequence[str],
    fields: Document,
    *,
    now: int,
    unread_only: bool,
) -> Marked:
    rooms = list(dict.fromkeys(writable(rooms)))
    cursor = c.notifications.find(
        {"_id": {"$in": writable(ids)}, "room": {"$in": rooms}, "seq": {"$gt": 0}, "until": {"$gt": now}},
        {"room": 1, "seq": 1},
    )
    places, inboxes = await both(cursor.to_list(), _inboxes(c, [user]))
    upserts = []
    for place in places:
        covered = inboxes.get((user, place["room"]), {}).get("read_upto", 0) >= place["seq"]
        if covered and unread_only:
            continue
        marks = {name: value for name, value in fields.items() if not (covered and name == "read_at")}
        upserts.append(
            UpdateOne(
                {"user": user, "room": place["room"], "seq": place["seq"]},
                [{"$set": {"notification": place["_id"], **marks}}],
                upsert=True,
            )
        )
    changed = 0
    if upserts:
        missing = {place["room"] for place in places if (user, place["room"]) not in inboxes}
        if missing:
            # Before the receipts: whoever looks for those looks here first.
            await c.inboxes.bulk_write(
                [
                    UpdateOne({"user": user, "room": room}, {"$setOnInsert": {"read_upto": 0}}, upsert=True)
                    for room in missing
                ],
                ordered=False,
            )
        result = await c.receipts.bulk_write(upserts, ordered=False)
        changed = result.upserted_count + result.modified_count
    standings = await _standings(c, {user: rooms}, now=now)
    if changed and "read_at" in fields:
        # All of a room read one by one is the same as read up to its head, and cheaper ever after.
        await _advance(
            c,
            user,
            {
                room: standings.heads[room]
                for room in {place["room"] for place in places}
                if standings.unread[user, room] == 0
                and standings.read_upto[user, room] < standings.heads[room]
            },
            read_at=None,
        )
    return Marked(changed=changed, unread=sum(standings.unread.values()), heads=standings.heads)


async def _advance(c: Collections, user: str, heads: Mapping[str, int], *, read_at: int | None) -> None:
    if not heads:
        return
    when = {} if read_at is None else {"$set": {"read_at": read_at}}
    await c.inboxes.bulk_write(
        [
            UpdateOne({"user": user, "room": room}, {"$max": {"read_upto": head}, **when}, upsert=True)
            for room, head in heads.items()
        ],
        ordered=False,
    )


async def read_all(c: Collections, user: str, rooms: Sequence[str], *, now: int) -> Marked:
    standings = await _standings(c, {user: list(dict.fromkeys(writable(rooms)))}, now=now)
    unread = {room: count for (_, room), count in standings.unread.items() if count}
    await _advance(c, user, {room: standings.heads[room] for room in unread}, read_at=now)
    if unread:
        # After the advance: between the two a receipt says no more than `read_upto` does.
        ranges = [{"user": user, "room": room, "seq": {"$lte": standings.heads[room]}} for room in unread]
        await c.receipts.delete_many(
            {"$or": ranges, "dismissed_at": {"$exists": False}, "clicked_at": {"$exists": False}}
        )
    return Marked(changed=sum(unread.values()), unread=0, heads=standings.heads)


async def receipt(c: Collections, user: str, notification_id: str) -> Receipt:
    place = await c.notifications.find_one({"_id": notification_id, "seq": {"$gt": 0}}, {"room": 1, "seq": 1})
    if place is None:
        return Receipt()
    here = {"user": user, "room": place["room"]}
    row = await c.receipts.find_one({**here, "seq": place["seq"]})
    return receipt_from(row, await c.inboxes.find_one(here), place["seq"])
