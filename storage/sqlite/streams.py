"""The shelf of notifications, in the tables `notifications` and `rooms`."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from storage.encoding import ERASED, EXPIRED, FOREVER, RECALLED, WIPED, is_writable, micros, writable
from storage.errors import IdempotencyMismatch, Unstorable
from storage.notifications import Notification
from storage.people import Erasure
from storage.searching import Found, FoundPage, Provenance, Search
from storage.sqlite import append, clearing, heads, mail_rows, rows, searching, spans
from storage.sqlite.rows import NOTIFICATION, notification_of
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.threads import Threads
from storage.streams import Appended, Emission, Placed, Streams, Tried

TYPED_FROM: Final = 2_000
"""The sequence beyond which a room's notifications have an index by their types.

Most rooms are one user's and never come so far: a batch of emits to many of them would write a page of that index for each, and
cost half as much again. A page of a type looks through what lies below, whatever of it is of the type, in a third of a
millisecond. The index is built with it: another number wants it built anew.
"""
MIGRATIONS = (
    Migration(
        name="streams-1",
        schema=1,
        run=statements(f"""
CREATE TABLE rooms (                    -- those of which something was pruned or wiped
    room TEXT PRIMARY KEY,
    floor INTEGER NOT NULL DEFAULT 0,   -- everything up to here was pruned
    cleared INTEGER NOT NULL DEFAULT 0  -- everything up to here was pruned or wiped
) WITHOUT ROWID;

CREATE TABLE notifications (
    id TEXT NOT NULL PRIMARY KEY,
    room TEXT NOT NULL,
    seq INTEGER,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    link TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    recalled_at INTEGER,
    shown_until INTEGER NOT NULL,       -- its expiry, far away if none, 0 once wiped
    key TEXT,
    ordinal INTEGER,
    fingerprint BLOB
);
CREATE UNIQUE INDEX notifications_stream ON notifications (room, seq) WHERE seq IS NOT NULL;
CREATE UNIQUE INDEX notifications_key ON notifications (key, ordinal) WHERE key IS NOT NULL;
CREATE INDEX notifications_newest ON notifications (room, created_at);
CREATE INDEX notifications_gone ON notifications (room, shown_until, seq) WHERE shown_until < {FOREVER};
CREATE INDEX notifications_expiring ON notifications (shown_until) WHERE shown_until < {FOREVER} AND shown_until > 0;
"""),
    ),
    # An index is most of what a row costs: the order of appending is that of the times, so one that has it is enough. It
    # holds what has no sequence as well, so that all of a room can be found.
    Migration(
        name="streams-2",
        schema=2,
        run=statements("""
DROP INDEX notifications_newest;
DROP INDEX notifications_stream;
CREATE UNIQUE INDEX notifications_stream ON notifications (room, seq);
"""),
    ),
    Migration(
        name="streams-3",
        schema=4,
        run=statements("""
-- when the user whose own room it is was erased
ALTER TABLE rooms ADD COLUMN erased_at INTEGER;
"""),
    ),
    Migration(
        name="streams-4",
        run=statements("""
-- what the catalog made of it, as JSON; NULL for a type that it did not have
ALTER TABLE notifications ADD COLUMN entry TEXT;
"""),
    ),
    Migration(
        name="streams-5",
        run=statements("""
-- of the newest of a chain: the key that it is shown under, how many it stands for, since when mail of it waits
ALTER TABLE notifications ADD COLUMN collapse_key TEXT;
ALTER TABLE notifications ADD COLUMN collapsed INTEGER;
ALTER TABLE notifications ADD COLUMN waits_since INTEGER;
-- of the others: the newer one that stands for it; it keeps its words, and `shown_until` is 0
ALTER TABLE notifications ADD COLUMN superseded_by TEXT;
CREATE INDEX notifications_collapse ON notifications (room, collapse_key) WHERE collapse_key IS NOT NULL;
"""),
    ),
    Migration(
        name="streams-origins",
        run=statements("""
-- who has asked for it, and by which request
ALTER TABLE notifications ADD COLUMN emitted_by TEXT;
ALTER TABLE notifications ADD COLUMN request_id TEXT;
"""),
    ),
    # A page of one type looks at the index alone, and fetches what is of it: ten times as fast where little is. An index by
    # type would be faster still, and cost every append more than a tenth; this one costs it nothing. That no sequence is
    # taken twice is the appending transaction's doing.
    Migration(
        name="streams-types",
        run=statements("""
DROP INDEX notifications_stream;
CREATE UNIQUE INDEX notifications_stream ON notifications (room, seq, type);
"""),
    ),
    # In a large room to look at the index alone is too much as well. Here it is by type, and only for what is large.
    Migration(
        name="streams-large",
        run=statements(f"""
CREATE INDEX notifications_typed ON notifications (room, type, seq) WHERE seq > {TYPED_FROM};
"""),
    ),
)


_SPAN = f"SELECT {spans.span(room=':room', after=':after')}"


class SQLiteStreams(SQLiteShelf, Streams):
    """Notifications, each a row that its appending transaction numbers."""

    MIGRATIONS = MIGRATIONS

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads)
        self._heads = heads.Heads()
        """Of the writer's thread."""

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        """One transaction. A second one, only when an id was stored already: whoever brings it did not hear the first
        answer.
        """
        write, known = self._threads.write, self._heads
        try:
            try:
                return await write(
                    lambda connection: append.append(connection, emissions, known.counting),
                    then=known.committed,
                )
            except sqlite3.IntegrityError:
                # An id that is stored already: rare enough to look for only now.
                return await write(
                    lambda connection: append.append_anew(connection, emissions), then=known.forget
                )
        except sqlite3.IntegrityError as error:
            raise Unstorable("a notification's id is taken by another") from error
        except (UnicodeEncodeError, OverflowError, sqlite3.DataError) as error:
            raise Unstorable(f"SQLite cannot hold it: {error}") from error

    def learn(self, heads: Mapping[str, int]) -> None:
        """Not needed: within the transaction that appends, SQLite says whether another process has stored anything."""

    def unlearn(self) -> None:
        self._heads.forget()

    @reading
    def heads(self, connection: sqlite3.Connection, rooms: Sequence[str]) -> dict[str, int]:
        return heads.heads(connection, rooms)

    async def span(
        self, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        """With `now`, what has expired and is not wiped yet is passed over too."""
        if not is_writable(room):
            return []
        shown_at = WIPED if now is None else micros(now)
        asked = {"room": room, "after": after, "limit": limit, "now": shown_at}
        (found,) = await self._threads.look(_SPAN, asked)
        return spans.told(found)

    @reading
    def latest(self, connection: sqlite3.Connection, *, limit: int, now: datetime) -> list[Found]:
        """By the primary key from its end: it reads `limit` rows, whatever they are."""
        found = connection.execute(
            f"SELECT {searching.FOUND} FROM (SELECT * FROM notifications ORDER BY id DESC LIMIT ?) n"  # noqa: S608
            f" {mail_rows.JOIN} WHERE n.shown_until > ? ORDER BY n.id DESC",
            (limit, micros(now)),
        )
        return [searching.found_of(row) for row in found]

    @reading
    def notification(self, connection: sqlite3.Connection, notification_id: str) -> Notification | None:
        return rows.find(connection, notification_id) if is_writable(notification_id) else None

    @reading
    def of_room(self, connection: sqlite3.Connection, room: str, *, limit: int) -> list[Notification]:
        found = connection.execute(
            f"SELECT {NOTIFICATION} FROM notifications n {mail_rows.JOIN}"  # noqa: S608 - constants only
            " WHERE n.room = ? AND (n.shown_until <> ? OR n.superseded_by IS NOT NULL) ORDER BY n.created_at DESC, n.id DESC LIMIT ?",
            (room, WIPED, limit),
        )
        return [notification_of(row) for row in found]

    @reading
    def placed(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Placed]:
        rows = connection.execute(
            "SELECT id, room, type, COALESCE(entry ->> '$.variant', '') FROM notifications"
            " WHERE id IN (SELECT value FROM json_each(?)) AND seq IS NOT NULL",
            (json.dumps(writable(ids)),),
        )
        return {id_: Placed(room, type_, variant) for id_, room, type_, variant in rows}

    @reading
    def tried(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Tried]:
        rows = connection.execute(
            "SELECT id, room, entry ->> '$.trial' AS trial, entry ->> '$.variant' FROM notifications"
            " WHERE id IN (SELECT value FROM json_each(?)) AND trial IS NOT NULL",
            (json.dumps(writable(ids)),),
        )
        return {id_: Tried(room, trial, variant) for id_, room, trial, variant in rows}

    @reading
    def provenance(self, connection: sqlite3.Connection, notification_id: str) -> Provenance | None:
        return searching.provenance(connection, notification_id) if is_writable(notification_id) else None

    @reading
    def search(
        self, connection: sqlite3.Connection, asked: Search, *, before: str | None, limit: int
    ) -> FoundPage:
        return searching.search(connection, asked, before=before, limit=limit)

    @writing
    def recall(
        self, connection: sqlite3.Connection, notification_id: str, *, now: datetime
    ) -> Notification | None:
        """In one transaction: the mark, the contents, the mail and the room's `cleared`."""
        if not is_writable(notification_id):
            return None
        at = micros(now)
        connection.execute(
            "UPDATE notifications SET recalled_at = ? WHERE id = ? AND recalled_at IS NULL",
            (at, notification_id),
        )
        clearing.wipe(connection, [notification_id], reason=RECALLED, now=at)
        return rows.find(connection, notification_id)

    @writing
    def expire(self, connection: sqlite3.Connection, *, now: datetime, limit: int) -> int:
        """By an index that holds only what expires and is not wiped: where nothing does, it costs one look."""
        at = micros(now)
        ids = [
            row[0]
            for row in connection.execute(
                f"SELECT id FROM notifications WHERE shown_until < {FOREVER} AND shown_until > 0"  # noqa: S608
                " AND shown_until <= ? ORDER BY shown_until LIMIT ?",
                (at, limit),
            )
        ]
        return clearing.wipe(connection, ids, reason=EXPIRED, now=at)

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        return clearing.prune(connection, before=micros(before), limit=limit)

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        """Wipe all of the user's own room, however much that is, in the transaction of the erasure."""
        ids = [
            row[0]
            for row in connection.execute("SELECT id FROM notifications WHERE room = ?", (erasure.room,))
        ]
        # Whoever returns under the same name begins anew: what was addressed to the room before tells nothing of them.
        connection.execute(
            "INSERT INTO rooms (room, erased_at) VALUES (?, ?)"
            " ON CONFLICT (room) DO UPDATE SET erased_at = excluded.erased_at",
            (erasure.room, erasure.at),
        )
        return clearing.wipe(connection, ids, reason=ERASED, now=erasure.at)
