"""The shelf of inboxes, in the tables `inboxes` and `receipts`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from storage.beginnings import Membership
from storage.encoding import is_writable, micros, receipt_of, writable
from storage.inboxes import (
    Count,
    HistoryPage,
    HistoryQuery,
    Inboxes,
    Marked,
    Muted,
    Opening,
    OpeningRequest,
    Receipt,
)
from storage.openings import OpeningsTogether
from storage.people import Erasure
from storage.sqlite import beginnings
from storage.sqlite.history import COVERED_AT, history
from storage.sqlite.muting import shown
from storage.sqlite.openings import openings
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.standings import Standing, heads, of_user, standings, total
from storage.sqlite.threads import Threads

MIGRATIONS = (
    Migration(
        name="inboxes-1",
        schema=1,
        run=statements("""
CREATE TABLE inboxes (
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    read_upto INTEGER NOT NULL,
    read_at INTEGER,                    -- when the user last read everything
    PRIMARY KEY (user, room)
) WITHOUT ROWID;
CREATE INDEX inboxes_room ON inboxes (room, read_upto);

CREATE TABLE receipts (
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    seen_at INTEGER,
    read_at INTEGER,
    dismissed_at INTEGER,
    clicked_at INTEGER,
    PRIMARY KEY (user, room, seq)
) WITHOUT ROWID;
CREATE INDEX receipts_room ON receipts (room, seq);
CREATE INDEX receipts_newest ON receipts (user, id);
"""),
    ),
    # Who is in the store already keeps all that is unread: their rooms begin at 0, and are told by having no beginning.
    Migration(
        name="inboxes-2",
        schema=4,
        run=statements("""
-- everything up to here was before the user; NULL: not told yet
ALTER TABLE inboxes ADD COLUMN begins INTEGER;
-- when that was told
ALTER TABLE inboxes ADD COLUMN begun_at INTEGER;
INSERT INTO facts (name, value) SELECT 'beginnings', CASE WHEN EXISTS (SELECT 1 FROM notifications)
    THEN CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) ELSE 0 END;
"""),
    ),
)

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


class SQLiteInboxes(OpeningsTogether, SQLiteShelf, Inboxes):
    """What users have read; a whole room read is one number, and single ones are receipts above it."""

    MIGRATIONS = MIGRATIONS

    def __init__(self, threads: Threads) -> None:
        SQLiteShelf.__init__(self, threads)
        OpeningsTogether.__init__(self, self._open_batch, name="sqlite-openings", batch=64)

    async def _open_batch(self, requests: list[OpeningRequest]) -> list[Opening]:
        # One hop and one snapshot for all who came at once: a thread hop costs more than the queries.
        answers, unbegun = await self._threads.read(lambda connection: openings(connection, requests))
        if unbegun:
            # Once for each user and room: whoever has been here before is answered above.
            await self._begin(unbegun, now=max(request.now for request in requests))
            answers, _ = await self._threads.read(lambda connection: openings(connection, requests))
        return answers

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        asked = [(user, rooms, membership)]
        if unbegun := await self._threads.read(lambda connection: beginnings.unbegun(connection, asked)):
            await self._begin(unbegun, now=now)

    @writing
    def _begin(
        self, connection: sqlite3.Connection, requests: Sequence[beginnings.Request], *, now: datetime
    ) -> None:
        beginnings.begin(connection, requests, now=micros(now))

    @reading
    def history(self, connection: sqlite3.Connection, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        return history(connection, query, now=micros(now))

    @reading
    def unread(
        self,
        connection: sqlite3.Connection,
        user: str,
        rooms: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Count:
        at = micros(now)
        standing = standings(connection, of_user(user, rooms), now=at)
        return Count(unread=shown(connection, user, standing, muted, now=at), heads=heads(standing))

    @writing
    def read(
        self,
        connection: sqlite3.Connection,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Marked:
        at = micros(now)
        return _mark(connection, user, rooms, ids, muted, now=at, missing=_UNREAD, read=at)

    @writing
    def seen(
        self,
        connection: sqlite3.Connection,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Marked:
        at = micros(now)
        missing = f"{_UNREAD} AND c.seen_at IS NULL"
        return _mark(connection, user, rooms, ids, muted, now=at, missing=missing, seen=at)

    @writing
    def dismiss(
        self,
        connection: sqlite3.Connection,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Marked:
        at = micros(now)
        missing = "c.dismissed_at IS NULL"
        return _mark(connection, user, rooms, ids, muted, now=at, missing=missing, read=at, dismissed=at)

    @writing
    def read_all(
        self, connection: sqlite3.Connection, user: str, rooms: Sequence[str], *, now: datetime
    ) -> Marked:
        at = micros(now)
        standing = standings(connection, of_user(user, rooms), now=at)
        unread = [place for place in standing if place.unread]
        _advance(connection, user, unread, read_at=at)
        connection.executemany(
            "DELETE FROM receipts"
            " WHERE user = ? AND room = ? AND seq <= ? AND dismissed_at IS NULL AND clicked_at IS NULL",
            [(user, place.room, place.head) for place in unread],
        )
        read_from = {place.room: place.read_upto for place in unread}
        return Marked(changed=total(unread), unread=0, heads=heads(standing), read_from=read_from)

    @reading
    def receipt(self, connection: sqlite3.Connection, user: str, notification_id: str) -> Receipt:
        if not is_writable(notification_id):
            return Receipt()
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

    @reading
    def receipts_of(
        self, connection: sqlite3.Connection, user: str, ids: Sequence[str]
    ) -> dict[str, Receipt]:
        rows = connection.execute(
            f"SELECT n.id, c.seen_at, c.read_at, c.dismissed_at, c.clicked_at, {COVERED_AT}"  # noqa: S608 - constants only
            " FROM notifications n"
            " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
            " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
            " WHERE n.id IN (SELECT value FROM json_each(:ids)) AND n.seq IS NOT NULL",
            {"user": user, "ids": json.dumps(writable(ids))},
        )
        found = dict.fromkeys(ids, Receipt())
        for id_, seen_at, read_at, dismissed_at, clicked_at, covered_at in rows:
            found[id_] = receipt_of(
                seen_at=seen_at,
                read_at=read_at,
                dismissed_at=dismissed_at,
                clicked_at=clicked_at,
                covered_at=covered_at,
            )
        return found

    @reading
    def receipts(self, connection: sqlite3.Connection, notification_id: str) -> dict[str, Receipt]:
        return _receipts(connection, notification_id) if is_writable(notification_id) else {}

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM inboxes WHERE user = ?", (erasure.user,))
        connection.execute("DELETE FROM receipts WHERE user = ?", (erasure.user,))
        return 0


def _mark(
    connection: sqlite3.Connection,
    user: str,
    rooms: Sequence[str],
    ids: Sequence[str],
    muted: Muted | None,
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
    after = standings(connection, of_user(user, rooms), now=now)
    if read is not None and changed:
        # All of a room read one by one is the same as read up to its head, and cheaper ever after.
        _advance(connection, user, [s for s in after if s.unread == 0 and s.read_upto < s.head], read_at=None)
    return Marked(changed=changed, unread=shown(connection, user, after, muted, now=now), heads=heads(after))


def _advance(
    connection: sqlite3.Connection, user: str, places: Sequence[Standing], *, read_at: int | None
) -> None:
    connection.executemany(
        "INSERT INTO inboxes (user, room, read_upto, read_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user, room) DO UPDATE SET read_upto = MAX(read_upto, excluded.read_upto),"
        " read_at = COALESCE(excluded.read_at, read_at)",
        [(user, standing.room, standing.head, read_at) for standing in places],
    )


def _receipts(connection: sqlite3.Connection, notification_id: str) -> dict[str, Receipt]:
    place = connection.execute(
        "SELECT room, seq FROM notifications WHERE id = ? AND seq IS NOT NULL", (notification_id,)
    ).fetchone()
    if place is None:
        return {}
    room, seq = place
    found: dict[str, Receipt] = {}
    for user, seen_at, read_at, dismissed_at, clicked_at, covered_at in connection.execute(
        "SELECT r.user, r.seen_at, r.read_at, r.dismissed_at, r.clicked_at,"
        " CASE WHEN i.read_upto >= r.seq AND COALESCE(i.begins, 0) < r.seq THEN i.read_at END"
        " FROM receipts r LEFT JOIN inboxes i ON i.user = r.user AND i.room = r.room"
        " WHERE r.room = ? AND r.seq = ? LIMIT 1000",
        (room, seq),
    ):
        found[user] = receipt_of(
            seen_at=seen_at,
            read_at=read_at,
            dismissed_at=dismissed_at,
            clicked_at=clicked_at,
            covered_at=covered_at,
        )
    for user, read_at in connection.execute(
        "SELECT user, read_at FROM inboxes WHERE room = ? AND read_upto >= ? AND read_at IS NOT NULL"
        # Before whose time it was has not read it.
        " AND COALESCE(begins, 0) < ? LIMIT ?",
        (room, seq, seq, 1000),
    ):
        if user not in found and len(found) < 1000:
            found[user] = receipt_of(covered_at=read_at)
    return found
