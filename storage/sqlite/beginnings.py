"""Beginnings in this store. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Sequence

from storage.beginnings import After, Beginning, Known, Membership, beginning
from storage.encoding import writable
from storage.sqlite.heads import heads

Request = tuple[str, Sequence[str], Membership]
"""A user, the user's rooms, and which of them are shared."""


def unbegun(connection: sqlite3.Connection, requests: Sequence[Request]) -> list[Request]:
    """Those of `requests` that have a shared room without a beginning, with these rooms only."""
    asked = [
        (index, user, room)
        for index, (user, rooms, membership) in enumerate(requests)
        for room in writable(rooms)
        if room != membership.own
    ]
    # One row for all of them: nearly always there are none.
    (found,) = connection.execute(
        "SELECT json_group_array(json(value)) FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM inboxes"
        " WHERE user = value ->> 1 AND room = value ->> 2 AND begins IS NOT NULL)",
        (json.dumps(asked),),
    ).fetchone()
    rooms_of: dict[int, list[str]] = {}
    for index, _, room in json.loads(found):
        rooms_of.setdefault(index, []).append(room)
    return [(requests[index][0], rooms, requests[index][2]) for index, rooms in rooms_of.items()]


def begin(connection: sqlite3.Connection, requests: Sequence[Request], *, now: int) -> None:
    # Looked at again: another may have begun them between the look and this transaction.
    for user, rooms, membership in unbegun(connection, requests):
        known = _known(connection, user, membership)
        for room in rooms:
            upto = _upto(connection, room, beginning(room, membership, known))
            connection.execute(
                "INSERT INTO inboxes (user, room, read_upto, begins, begun_at) VALUES (:user, :room, :upto, :upto, :now)"
                " ON CONFLICT (user, room) DO UPDATE SET read_upto = MAX(read_upto, excluded.read_upto),"
                " begins = excluded.begins, begun_at = excluded.begun_at WHERE begins IS NULL",
                {"user": user, "room": room, "upto": upto, "now": now},
            )


def _known(connection: sqlite3.Connection, user: str, membership: Membership) -> Known:
    rows = dict(connection.execute("SELECT room, begins FROM inboxes WHERE user = ?", (user,)))
    contact = connection.execute("SELECT first_seen FROM contacts WHERE user = ?", (user,)).fetchone()
    has_receipts = connection.execute("SELECT 1 FROM receipts WHERE user = ? LIMIT 1", (user,)).fetchone()
    return Known(
        predates=contact == (None,) or None in rows.values() or (not rows and has_receipts is not None),
        settled=rows.get(membership.everybodys[0]) is not None,
        heard_at=_heard_at(connection, membership.own, None if contact is None else contact[0]),
    )


def _heard_at(connection: sqlite3.Connection, own: str, first_seen: int | None) -> int | None:
    """The first that is known of the user; 0 when that is older than what is kept, or than beginnings are."""
    (since,) = connection.execute("SELECT value FROM facts WHERE name = 'beginnings'").fetchone()
    floor, erased_at = connection.execute(
        "SELECT MAX(floor), MAX(erased_at) FROM rooms WHERE room = ?", (own,)
    ).fetchone()
    if floor and erased_at is None:
        return 0
    (told,) = connection.execute(
        "SELECT MIN(created_at) FROM notifications WHERE room = ? AND created_at > ?",
        (own, -1 if erased_at is None else erased_at),
    ).fetchone()
    heard = min((time for time in (first_seen, told) if time is not None), default=None)
    return 0 if heard is not None and heard < since else heard


def _upto(connection: sqlite3.Connection, room: str, begins: Beginning) -> int:
    """The last sequence before the beginning."""
    if not isinstance(begins, After):
        return heads(connection, [room])[room]
    if not begins.time:
        return 0
    found = connection.execute(
        "SELECT seq FROM notifications WHERE room = ? AND seq IS NOT NULL AND created_at < ? ORDER BY seq DESC LIMIT 1",
        (room, begins.time),
    ).fetchone()
    return 0 if found is None else int(found[0])
