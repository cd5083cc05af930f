"""Clearing: what of a stream is wiped or pruned. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Sequence

from storage.encoding import WIPED
from storage.sqlite import obligations
from storage.sqlite.heads import HEAD

BARE_ENTRY = "json_remove(entry, '$.translations', '$.actions', '$.image')"
"""What is left of an entry when the contents go."""


def wipe(connection: sqlite3.Connection, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before."""
    rooms = [
        row[0]
        for row in connection.execute(
            "UPDATE notifications SET title = '', body = '', link = NULL, data = '{}',"  # noqa: S608 - constants only
            f" entry = {BARE_ENTRY}, shown_until = ?, collapse_key = NULL,"
            " superseded_by = NULL WHERE id IN (SELECT value FROM json_each(?))"
            " AND (shown_until <> ? OR superseded_by IS NOT NULL) RETURNING room",
            (WIPED, json.dumps(ids), WIPED),
        )
    ]
    obligations.withdraw(connection, ids, reason=reason, now=now)
    for room in set(rooms):
        clear(connection, room)
    return len(rooms)


def clear(connection: sqlite3.Connection, room: str) -> None:
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below."""
    connection.execute(
        "INSERT INTO rooms (room, cleared) SELECT asked.value, COALESCE("  # noqa: S608 - constants only
        "  (SELECT seq - 1 FROM notifications WHERE room = asked.value AND shown_until > 0"
        "   AND seq > COALESCE((SELECT cleared FROM rooms WHERE room = asked.value), 0) ORDER BY seq LIMIT 1),"
        f"  {HEAD}) FROM json_each(?) asked WHERE TRUE"
        " ON CONFLICT (room) DO UPDATE SET cleared = MAX(cleared, excluded.cleared)",
        (json.dumps([room]),),
    )


def prune(connection: sqlite3.Connection, *, before: int, limit: int) -> int:
    """In the order of appending, which is that of the times but for what came late: so no index of times is needed."""
    pruned = 0
    after = 0
    visited: set[str] = set()
    # Page by page, because a page may hold only what an owed mail still keeps in place.
    while pruned < limit:
        page = connection.execute(
            "SELECT rowid, created_at, id, room, seq FROM notifications WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (after, max(limit, 100)),
        ).fetchall()
        old = [row[2:] for row in page if row[1] < before]
        if not old:
            break
        after = page[-1][0]
        unplaced = [notification_id for notification_id, _, seq in old if seq is None]
        pruned += _prune_unplaced(connection, unplaced[: limit - pruned])
        for room in dict.fromkeys(room for _, room, seq in old if seq is not None and room not in visited):
            visited.add(room)
            if pruned < limit:
                pruned += _prune_stream(connection, room, before=before, limit=limit - pruned)
    return pruned


def _prune_unplaced(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    settled = obligations.settled(connection, ids)
    _delete(connection, settled)
    return len(settled)


def _prune_stream(connection: sqlite3.Connection, room: str, *, before: int, limit: int) -> int:
    ids: list[str] = []
    floor = 0
    for notification_id, seq, created_at, owed in connection.execute(
        f"SELECT n.id, n.seq, n.created_at, {obligations.OWES} FROM notifications n LEFT JOIN obligations m ON m.id = n.id"  # noqa: S608 - constants only
        " WHERE n.room = ? AND n.seq IS NOT NULL ORDER BY n.seq LIMIT ?",
        (room, limit),
    ):
        if created_at >= before or owed:
            break
        ids.append(notification_id)
        floor = seq
    if not ids:
        return 0
    _delete(connection, ids)
    connection.execute("DELETE FROM receipts WHERE room = ? AND seq <= ?", (room, floor))
    connection.execute(
        "INSERT INTO rooms (room, floor, cleared) VALUES (?, ?, ?) ON CONFLICT (room) DO UPDATE"
        " SET floor = MAX(floor, excluded.floor), cleared = MAX(cleared, excluded.cleared)",
        (room, floor, floor),
    )
    return len(ids)


def _delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    obligations.delete(connection, ids)
    connection.execute(
        "DELETE FROM notifications WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    )
