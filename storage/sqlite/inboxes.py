"""What users have read, seen and dismissed. Each function runs inside one transaction of its caller.

Unread is arithmetic on a room's head: less what lies below `read_upto` or is pruned, less the user's own receipts and
what was wiped above that. What a query visits are those receipts and gaps, never the history.
"""

import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter

from storage.encoding import FOREVER, cursor_of, micros, position_of, receipt_of, writable
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
from storage.sqlite import beginnings
from storage.sqlite.lineage import epoch
from storage.sqlite.rows import MAIL_JOIN, NOTIFICATION, NOTIFICATION_WIDTH, notification_of
from storage.sqlite.streams import HEAD, span

# Two ranges, not one: of the wiped (0) only those above the base are visited, of the merely expired there are few.
_GONE = f"""((
    SELECT COUNT(*) FROM notifications
    WHERE room = asked.value AND shown_until < {FOREVER} AND shown_until = 0 AND seq > {{base}}
) + (
    SELECT COUNT(*) FROM notifications
    WHERE room = asked.value AND shown_until < {FOREVER} AND shown_until > 0 AND shown_until <= :now AND seq > {{base}}
))"""  # noqa: S608 - made of constants
_BASE = "MAX(COALESCE(i.read_upto, 0), COALESCE(r.cleared, 0))"
# One row with all of it: each row that Python fetches costs a hand-over of its global lock, which under load costs more
# than the queries.
_STANDING = f"""
SELECT json_group_array(json_array(
    {HEAD}, COALESCE(r.floor, 0), COALESCE(i.read_upto, 0),
    {_BASE} + {_GONE.format(base=_BASE)} + (
        SELECT COUNT(*) FROM receipts c CROSS JOIN notifications n ON n.room = c.room AND n.seq = c.seq
        WHERE c.user = asked.user AND c.room = asked.value AND c.seq > {_BASE} AND c.read_at IS NOT NULL
            AND n.seq IS NOT NULL AND n.shown_until > :now
    )
))
FROM (SELECT value ->> 0 AS user, value ->> 1 AS value FROM json_each(:asked) ORDER BY key) asked
LEFT JOIN rooms r ON r.room = asked.value
LEFT JOIN inboxes i ON i.user = asked.user AND i.room = asked.value
"""  # noqa: S608 - made of the constants above


COVERED_AT = "CASE WHEN i.begins >= n.seq THEN i.begun_at WHEN i.read_upto >= n.seq THEN i.read_at END"
"""When the notification `n` counted as read for the user of the inbox `i` without a receipt that says so."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a user stands in a room."""

    room: str
    head: int
    floor: int
    read_upto: int
    unread: int


def _standings(
    connection: sqlite3.Connection, asked: Sequence[tuple[str, str]], *, now: int
) -> list[_Standing]:
    """How each (user, room) stands, in the order in which they are asked for."""
    (found,) = connection.execute(_STANDING, {"asked": json.dumps(asked), "now": now}).fetchone()
    return [
        _Standing(room, head, floor, read_upto, max(0, head - settled))
        for (_, room), (head, floor, read_upto, settled) in zip(asked, json.loads(found), strict=True)
    ]


def _of_user(user: str, rooms: Iterable[str]) -> list[tuple[str, str]]:
    return [(user, room) for room in dict.fromkeys(writable(rooms))]


def unread(connection: sqlite3.Connection, user: str, rooms: Sequence[str], *, now: int) -> Count:
    standings = _standings(connection, _of_user(user, rooms), now=now)
    return Count(unread=_sum(standings), heads=_heads(standings))


def _sum(standings: Sequence[_Standing]) -> int:
    return sum(standing.unread for standing in standings)


def _heads(standings: Sequence[_Standing]) -> dict[str, int]:
    return {standing.room: standing.head for standing in standings}


def openings(
    connection: sqlite3.Connection, requests: Sequence[OpeningRequest]
) -> tuple[list[Opening], list[beginnings.Request]]:
    """What each session is owed, in order, all as of the last one's time; and who has rooms that have not begun."""
    unbegun = beginnings.unbegun(
        connection, [(r.user, r.rooms, r.membership) for r in requests if r.membership is not None]
    )
    if unbegun:
        return [], unbegun
    now = micros(max(request.now for request in requests))
    asked = [_of_user(request.user, request.rooms) for request in requests]
    standings = iter(_standings(connection, list(chain.from_iterable(asked)), now=now))
    in_force = epoch(connection)
    answers = [
        _opening(connection, request, list(islice(standings, len(rooms))), now=now, epoch=in_force)
        for request, rooms in zip(requests, asked, strict=True)
    ]
    return answers, []


def _opening(
    connection: sqlite3.Connection,
    request: OpeningRequest,
    standings: Sequence[_Standing],
    *,
    now: int,
    epoch: str,
) -> Opening:
    heads = dict.fromkeys(request.rooms, 0)
    since = request.since_in(epoch)
    missed: list[Notification] = []
    resync: list[str] = []
    unread = 0
    for standing in standings:
        room, head = standing.room, standing.head
        heads[room] = head
        unread += standing.unread
        had = since.get(room, head)
        if had == head:
            continue
        if not standing.floor <= had < head:
            resync.append(room)
            continue
        found = span(connection, room, after=had, upto=head, limit=request.limit + 1, shown_at=now)
        if len(found) > request.limit:
            resync.append(room)
        else:
            missed += found
    return Opening(heads=heads, unread=unread, missed=tuple(missed), resync=tuple(resync), epoch=epoch)


def history(connection: sqlite3.Connection, query: HistoryQuery, *, now: int) -> HistoryPage:
    """Newest first is last appended first: the places are the row ids, which grow with every append."""
    before = FOREVER if query.before is None else position_of(query.before)[0]
    rooms = dict.fromkeys(writable(query.rooms))
    newest_first = heapq.merge(
        *(_room_history(connection, query, room, before=before, now=now) for room in rooms),
        key=itemgetter(0),
        reverse=True,
    )
    found = list(islice(newest_first, query.limit + 1))
    page = found[: query.limit]
    place, last = page[-1] if page else (0, None)
    return HistoryPage(
        items=tuple(item for _, item in page),
        next=None if last is None or len(found) <= query.limit else cursor_of(last.notification, place),
    )


def _room_history(
    connection: sqlite3.Connection, query: HistoryQuery, room: str, *, before: int, now: int
) -> Iterator[tuple[int, InboxItem]]:
    """One room's part with the places, newest first; rows are read as far as the merge asks for them."""
    conditions = ""
    types = None
    if query.types:
        conditions += " AND n.type IN (SELECT value FROM json_each(:types))"
        types = json.dumps(writable(query.types))
    if query.unread_only:
        conditions += " AND c.read_at IS NULL AND n.seq > COALESCE(i.read_upto, 0)"
    rows = connection.execute(
        f"SELECT {NOTIFICATION}, c.seen_at, c.read_at, c.clicked_at,"  # noqa: S608 - constants and conditions
        f" {COVERED_AT}, n.rowid"
        f" FROM notifications n {MAIL_JOIN}"
        " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
        " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
        # The plus keeps SQLite to the index of the room, where it finds the row ids too.
        " WHERE n.room = :room AND +n.rowid < :before AND n.seq IS NOT NULL"
        f" AND n.shown_until > :now AND c.dismissed_at IS NULL{conditions}"
        " ORDER BY n.seq DESC LIMIT :limit",
        {
            "user": query.user,
            "room": room,
            "before": before,
            "now": now,
            "types": types,
            "limit": query.limit + 1,
        },
    )
    for row in rows:
        seen_at, read_at, clicked_at, covered_at, place = row[NOTIFICATION_WIDTH:]
        receipt = receipt_of(seen_at=seen_at, read_at=read_at, clicked_at=clicked_at, covered_at=covered_at)
        yield place, InboxItem(notification=notification_of(row), receipt=receipt)


_UPSERT = """
INSERT INTO receipts (user, room, seq, id, seen_at, read_at, dismissed_at)
SELECT :user, n.room, n.seq, n.id, :seen, CASE WHEN n.seq > COALESCE(i.read_upto, 0) THEN :read END, :dismissed
FROM json_each(:ids) asked CROSS JOIN notifications n ON n.id = asked.value
LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room
LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq
WHERE n.room IN (SELECT value FROM json_each(:rooms)) AND n.seq IS NOT NULL AND n.shown_until > :now AND {missing}
ON CONFLICT (user, room, seq) DO UPDATE SET
    seen_at = COALESCE(seen_at, excluded.seen_at),
    read_at = COALESCE(read_at, excluded.read_at),
    dismissed_at = COALESCE(dismissed_at, excluded.dismissed_at)
"""
_UNREAD = "n.seq > COALESCE(i.read_upto, 0) AND c.read_at IS NULL"


def read(
    connection: sqlite3.Connection, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int
) -> Marked:
    return _mark(connection, user, rooms, ids, now=now, missing=_UNREAD, read=now)


def seen(
    connection: sqlite3.Connection, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int
) -> Marked:
    return _mark(connection, user, rooms, ids, now=now, missing=f"{_UNREAD} AND c.seen_at IS NULL", seen=now)


def dismiss(
    connection: sqlite3.Connection, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: int
) -> Marked:
    return _mark(
        connection, user, rooms, ids, now=now, missing="c.dismissed_at IS NULL", read=now, dismissed=now
    )


def _mark(
    connection: sqlite3.Connection,
    user: str,
    rooms: Sequence[str],
    ids: Sequence[str],
    *,
    now: int,
    missing: str,
    seen: int | None = None,
    read: int | None = None,
    dismissed: int | None = None,
) -> Marked:
    changed = connection.execute(
        _UPSERT.format(missing=missing),
        {
            "user": user,
            "rooms": json.dumps(writable(rooms)),
            "ids": json.dumps(list(dict.fromkeys(writable(ids)))),
            "now": now,
            "seen": seen,
            "read": read,
            "dismissed": dismissed,
        },
    ).rowcount
    standings = _standings(connection, _of_user(user, rooms), now=now)
    if read is not None and changed:
        # All of a room read one by one is the same as read up to its head, and cheaper ever after.
        _advance(
            connection, user, [s for s in standings if s.unread == 0 and s.read_upto < s.head], read_at=None
        )
    return Marked(changed=changed, unread=_sum(standings), heads=_heads(standings))


def _advance(
    connection: sqlite3.Connection, user: str, standings: Sequence[_Standing], *, read_at: int | None
) -> None:
    connection.executemany(
        "INSERT INTO inboxes (user, room, read_upto, read_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user, room) DO UPDATE SET read_upto = MAX(read_upto, excluded.read_upto),"
        " read_at = COALESCE(excluded.read_at, read_at)",
        [(user, standing.room, standing.head, read_at) for standing in standings],
    )


def read_all(connection: sqlite3.Connection, user: str, rooms: Sequence[str], *, now: int) -> Marked:
    standings = _standings(connection, _of_user(user, rooms), now=now)
    unread = [standing for standing in standings if standing.unread]
    _advance(connection, user, unread, read_at=now)
    connection.executemany(
        "DELETE FROM receipts"
        " WHERE user = ? AND room = ? AND seq <= ? AND dismissed_at IS NULL AND clicked_at IS NULL",
        [(user, standing.room, standing.head) for standing in unread],
    )
    return Marked(changed=_sum(unread), unread=0, heads=_heads(standings))


def receipt(connection: sqlite3.Connection, user: str, notification_id: str) -> Receipt:
    row = connection.execute(
        f"SELECT c.seen_at, c.read_at, c.dismissed_at, c.clicked_at, {COVERED_AT}"  # noqa: S608 - constants only
        " FROM notifications n"
        " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
        " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
        " WHERE n.id = :id AND n.seq IS NOT NULL",
        {"user": user, "id": notification_id},
    ).fetchone()
    if row is None:
        return Receipt()
    seen_at, read_at, dismissed_at, clicked_at, covered_at = row
    return receipt_of(
        seen_at=seen_at,
        read_at=read_at,
        dismissed_at=dismissed_at,
        clicked_at=clicked_at,
        covered_at=covered_at,
    )
