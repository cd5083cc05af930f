"""Clearing: what of a stream is wiped or pruned. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Collection, Sequence

from storage.archive import Going, floors
from storage.encoding import FOREVER, WIPED
from storage.sqlite import mail_rows, obligations
from storage.sqlite.heads import HEAD

BARE_ENTRY = "json_remove(entry, '$.translations', '$.actions', '$.image')"
"""What is left of an entry when the contents go."""


def wipe(connection: sqlite3.Connection, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before.

    A superseded one has its words still, and is wiped by this; it counts as not wiped before. Ids that are unknown are
    passed over.
    """
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
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below.

    It costs one look into the index of streams, and one write. Called after whatever may have wiped the lowest that is
    shown.
    """
    connection.execute(
        "INSERT INTO rooms (room, cleared) SELECT asked.value, COALESCE("  # noqa: S608 - constants only
        "  (SELECT seq - 1 FROM notifications WHERE room = asked.value AND shown_until > 0"
        "   AND seq > COALESCE((SELECT cleared FROM rooms WHERE room = asked.value), 0) ORDER BY seq LIMIT 1),"
        f"  {HEAD}) FROM json_each(?) asked WHERE TRUE"
        " ON CONFLICT (room) DO UPDATE SET cleared = MAX(cleared, excluded.cleared)",
        (json.dumps([room]),),
    )


def prune(connection: sqlite3.Connection, *, before: int, limit: int) -> int:
    """Delete up to `limit` of what was made before; answers how many."""
    return remove(connection, choose(connection, before=before, limit=limit))


def choose(connection: sqlite3.Connection, *, before: int, limit: int) -> list[Going]:
    """What is to go next, of each stream its oldest end.

    In the order of appending, which is that of the times but for what came late: so no index of times is needed.

    It reads on while what is old may not go: behind much that one owed mail holds in place, that is all of it, with the
    write lock held. What was restored from the archive has been appended again, and stands at the end.
    """
    chosen: list[Going] = []
    after = 0
    visited: set[str] = set()
    # Page by page, because a page may hold only what an owed mail still keeps in place.
    while len(chosen) < limit:
        page = connection.execute(
            "SELECT rowid, id, room, seq, created_at FROM notifications WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (after, max(limit, 100)),
        ).fetchall()
        old = [Going(*row[1:]) for row in page if row[4] < before]
        if not old:
            break
        after = page[-1][0]
        chosen += _settled(connection, [each for each in old if each.seq is None])[: limit - len(chosen)]
        for room in dict.fromkeys(each.room for each in old if each.seq is not None):
            if room not in visited and len(chosen) < limit:
                visited.add(room)
                chosen += _oldest_end(connection, room, before=before, limit=limit - len(chosen))
    return chosen


def _settled(connection: sqlite3.Connection, chosen: Sequence[Going]) -> list[Going]:
    """Those that owe no mail, whether by their own or by one that is of them."""
    settled = set(obligations.settled(connection, [each.id for each in chosen]))
    return [each for each in chosen if each.id in settled]


def _oldest_end(
    connection: sqlite3.Connection,
    room: str,
    *,
    before: int,
    limit: int,
    among: Collection[str] | None = None,
) -> list[Going]:
    """The beginning of the stream up to what is to stay; with `among`, that is all but these ids.

    Up to the first that is too young or owes mail. At most `limit`, from the beginning of what is left.
    """
    chosen: list[Going] = []
    for notification_id, seq, created_at, owed in connection.execute(
        f"SELECT n.id, n.seq, n.created_at, {mail_rows.OWES} FROM notifications n LEFT JOIN obligations m ON m.id = n.id"  # noqa: S608 - constants only
        " WHERE n.room = ? AND n.seq IS NOT NULL ORDER BY n.seq LIMIT ?",
        (room, limit),
    ):
        if created_at >= before or owed or (among is not None and notification_id not in among):
            break
        chosen.append(Going(notification_id, room, seq, created_at))
    return chosen


def removable(connection: sqlite3.Connection, ids: Sequence[str]) -> list[Going]:
    """What of these, which were chosen before, can still go: mail may have become owed again.

    What is not there any more is passed over. Of a room it is the beginning again, so that no hole is made.
    """
    rows = connection.execute(
        "SELECT id, room, seq, created_at FROM notifications WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    there = [Going(*row) for row in rows]
    chosen = _settled(connection, [each for each in there if each.seq is None])
    among = frozenset(ids)
    for room in dict.fromkeys(each.room for each in there if each.seq is not None):
        chosen += _oldest_end(connection, room, before=FOREVER, limit=len(ids), among=among)
    return chosen


def remove(connection: sqlite3.Connection, chosen: Sequence[Going]) -> int:
    """Delete what was chosen in this transaction; answers how many.

    With their mails and receipts; the floors of the rooms are raised, so that their heads stay.
    """
    _delete(connection, [each.id for each in chosen])
    for room, floor in floors(chosen).items():
        connection.execute("DELETE FROM receipts WHERE room = ? AND seq <= ?", (room, floor))
        connection.execute(
            "INSERT INTO rooms (room, floor, cleared) VALUES (?, ?, ?) ON CONFLICT (room) DO UPDATE"
            " SET floor = MAX(floor, excluded.floor), cleared = MAX(cleared, excluded.cleared)",
            (room, floor, floor),
        )
    return len(chosen)


def _delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Delete notifications with the mails that are theirs or of them."""
    obligations.delete(connection, ids)
    connection.execute(
        "DELETE FROM notifications WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    )
