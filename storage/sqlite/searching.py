"""Looking for what was emitted. Each function runs inside one transaction of its caller.

Ids begin with their time. So newest first is the order of the ids, and times bound them; what a notification says of its
time is looked at besides.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from storage.encoding import (
    FOREVER,
    cursor_of,
    cursor_text,
    is_writable,
    key_parts,
    key_text,
    micros,
    position_of,
)
from storage.ids import first_of
from storage.notifications import Origin
from storage.searching import LOOKED_AT, Found, FoundPage, Provenance, Search
from storage.sqlite import mail_rows
from storage.sqlite.bulk import Row
from storage.sqlite.rows import NOTIFICATION, NOTIFICATION_WIDTH, notification_of
from storage.streams import IdempotencyKey

MARGIN = timedelta(minutes=10)
"""By so much a notification's id may be made before or after the time that it says."""
LAST = "g"
"""Behind every id."""
TOP = FOREVER - 1
"""Behind every sequence."""
Condition = tuple[str, Any]
"""What must hold, with a mark for a value, and the value."""

_ORIGIN = "n.emitted_by, n.request_id"
FOUND = f"{NOTIFICATION}, {_ORIGIN}"
"""The columns that `found_of` takes."""


def found_of(row: Row) -> Found:
    """What a row of the columns of `FOUND` says."""
    return Found(notification=notification_of(row), origin=_origin(*row[NOTIFICATION_WIDTH:]))


def provenance(connection: sqlite3.Connection, notification_id: str) -> Provenance | None:
    """By the primary key; None for an unknown id."""
    found = connection.execute(
        f"SELECT n.key, {_ORIGIN} FROM notifications n WHERE n.id = ?",  # noqa: S608 - constants only
        (notification_id,),
    ).fetchone()
    if found is None:
        return None
    key, *origin = found
    scope, text = (None, None) if key is None else key_parts(key)
    return Provenance(origin=_origin(*origin) or (None if scope is None else Origin(by=scope)), key=text)


def _origin(by: str | None, request_id: str | None) -> Origin | None:
    return None if by is None else Origin(by=by, request_id=request_id)


def search(connection: sqlite3.Connection, asked: Search, *, before: str | None, limit: int) -> FoundPage:
    """A page, as `Streams.search` says.

    By the ids where neither a room nor a key is asked for: the edge of what is looked at is found first, by the index
    alone.
    """
    place, last = (TOP, LAST) if before is None else position_of(before)
    texts = (asked.room, asked.type, asked.by, asked.key, asked.request_id)
    if not all(is_writable(text) for text in texts if text is not None):
        return FoundPage(items=(), next=None)
    first = "" if asked.since is None else _first_of(asked.since - MARGIN)
    if asked.until is not None:
        last = min(last, _first_of(asked.until + MARGIN))
    if asked.room is not None and asked.key is None:
        return _of_room(connection, asked, asked.room, place=place, ids=(first, last), limit=limit)
    edge = None
    if asked.key is None:
        # Found by the ids alone: however much does not fit what is asked for, no more than these are read.
        edge = connection.execute(
            "SELECT id FROM notifications WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT 1 OFFSET ?",
            (last, first, LOOKED_AT - 1),
        ).fetchone()
    held = [("n.id < ?", last), ("n.id >= ?", first if edge is None else edge[0]), *_conditions(asked)]
    by = "" if asked.key is None else "INDEXED BY notifications_key"
    rows = _rows(connection, by, held, order="n.id", limit=limit)
    items = [found_of(row) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = cursor_of(items[-1].notification)
    elif edge is not None:
        following = cursor_text(0, edge[0])
    return FoundPage(items=items, next=following)


def _of_room(
    connection: sqlite3.Connection, asked: Search, room: str, *, place: int, ids: tuple[str, str], limit: int
) -> FoundPage:
    """A page of what is in the stream of a room, and of what has no sequence, which is little, put in between by the ids.

    A cursor says below which sequence, and below which id of what has none, the next page begins.
    """
    first, last = ids
    top = place if asked.until is None else min(place, _sequence_at(connection, room, last))
    bottom = 0 if asked.since is None else _sequence_at(connection, room, first)
    # Found by the index alone, as above.
    edge = connection.execute(
        "SELECT seq, id FROM notifications INDEXED BY notifications_stream"
        " WHERE room = ? AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (room, top, bottom, LOOKED_AT - 1),
    ).fetchone()
    if edge is not None:
        bottom, first = edge[0], max(first, edge[1])
    by, held = "INDEXED BY notifications_stream", _conditions(asked)
    streamed = [("n.seq < ?", top), ("n.seq >= ?", bottom), *held]
    apart = [("n.seq IS ?", None), ("n.id < ?", last), ("n.id >= ?", first), *held]
    ahead = list(map(found_of, _rows(connection, by, streamed, order="n.seq", limit=limit)))
    beside = list(map(found_of, _rows(connection, by, apart, order="n.id", limit=limit)))
    items: list[Found] = []
    while (ahead or beside) and len(items) < limit:
        is_beside = not ahead or (beside and beside[0].notification.id > ahead[0].notification.id)
        items.append((beside if is_beside else ahead).pop(0))
    if not ahead and not beside:
        return FoundPage(items=items, next=None if edge is None else cursor_text(*edge))
    passed = [each.notification.seq for each in items if each.notification.seq is not None]
    below = min(last, *(each.notification.id for each in items))
    return FoundPage(items=items, next=cursor_text(passed[-1] if passed else top, below))


def _sequence_at(connection: sqlite3.Connection, room: str, id_: str) -> int:
    """The first sequence of the room with this id or a later one, found by halves: of a stream the ids grow too."""
    low, high = connection.execute(
        # Each by itself: only so does the index alone answer it.
        "SELECT COALESCE((SELECT MIN(seq) FROM notifications WHERE room = ?1), 0),"
        " COALESCE((SELECT MAX(seq) + 1 FROM notifications WHERE room = ?1), 0)",
        (room,),
    ).fetchone()
    while low < high:
        middle = (low + high) // 2
        seq, there = connection.execute(
            "SELECT seq, id FROM notifications WHERE room = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (room, middle),
        ).fetchone()
        low, high = (low, middle) if there >= id_ else (seq + 1, high)
    return int(low)


def _rows(
    connection: sqlite3.Connection, by: str, held: list[Condition], *, order: str, limit: int
) -> list[Row]:
    """The rows of which all of this holds, and one more than `limit`, the last in this order first."""
    return connection.execute(
        f"SELECT {FOUND} FROM notifications n {by} {mail_rows.JOIN}"  # noqa: S608 - constants, and marks for values
        f" WHERE {' AND '.join(condition for condition, _ in held)} ORDER BY {order} DESC LIMIT ?",
        (*(value for _, value in held), limit + 1),
    ).fetchall()


def _first_of(moment: datetime) -> str:
    return first_of(micros(moment) // 1000)


def _conditions(asked: Search) -> list[Condition]:
    """What must hold beside the place."""
    held: list[Condition] = []
    if asked.room is not None:
        held.append(("n.room = ?", asked.room))
    if asked.key is not None:
        key = IdempotencyKey(scope=asked.by or "", text=asked.key, fingerprint=b"")
        held.append(("n.key = ?", key_text(key)))
    elif asked.by is not None:
        held.append(("n.emitted_by = ?", asked.by))
    if asked.type is not None:
        held.append(("n.type = ?", asked.type))
    if asked.request_id is not None:
        held.append(("n.request_id = ?", asked.request_id))
    if asked.since is not None:
        held.append(("n.created_at >= ?", micros(asked.since)))
    if asked.until is not None:
        held.append(("n.created_at < ?", micros(asked.until)))
    return held
