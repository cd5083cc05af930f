"""Looking for what was emitted. Each function runs inside one transaction of its caller.

Ids begin with their time. So newest first is the order of the ids, and times bound them; what a notification says of its
time is looked at besides.
"""

import sqlite3
from datetime import timedelta
from typing import Any

from storage.encoding import cursor_of, cursor_text, is_writable, key_parts, key_text, micros, position_of
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
    alone. Of a room its stream is gone through, and what has no sequence with it.
    """
    last, first = LAST if before is None else position_of(before)[1], ""
    if asked.until is not None:
        last = min(last, _first_of(asked.until + MARGIN))
    if asked.since is not None:
        first = _first_of(asked.since - MARGIN)
    edge = None
    if asked.key is None and asked.room is None:
        # Found by the ids alone: however much does not fit what is asked for, no more than these are read.
        edge = connection.execute(
            "SELECT id FROM notifications WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT 1 OFFSET ?",
            (last, first, LOOKED_AT - 1),
        ).fetchone()
    by, conditions, values = _conditions(asked)
    rows = connection.execute(
        f"SELECT {FOUND} FROM notifications n {by} {mail_rows.JOIN}"  # noqa: S608 - constants, and marks for values
        f" WHERE {' AND '.join(['n.id < ?', 'n.id >= ?', *conditions])} ORDER BY n.id DESC LIMIT ?",
        (last, first if edge is None else edge[0], *values, limit + 1),
    ).fetchall()
    items = [found_of(row) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = cursor_of(items[-1].notification)
    elif edge is not None:
        following = cursor_text(0, edge[0])
    return FoundPage(items=items, next=following)


def _first_of(moment: Any) -> str:
    return first_of(micros(moment) // 1000)


def _conditions(asked: Search) -> tuple[str, list[str], list[Any]]:
    """The index to go by, where it is not that of the ids, what must hold, and the values for it."""
    by = ""
    held: list[tuple[str, Any]] = []
    if asked.room is not None:
        by = "INDEXED BY notifications_stream"
        held.append(("n.room = ?", asked.room))
    if asked.key is not None:
        by = "INDEXED BY notifications_key"
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
    if not all(is_writable(value) for _, value in held if isinstance(value, str)):
        return "", ["FALSE"], []
    return by, [condition for condition, _ in held], [value for _, value in held]
