"""The shelf of the archive, in the tables `archive_pieces`, a row for each month with its last piece, and `archive_keys`."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from storage.archive import (
    KEPT_OF_RECEIPTS,
    Archive,
    ArchivedNotification,
    ArchiveKey,
    Piece,
    PieceState,
    ReaderOf,
    of_one_month,
)
from storage.encoding import WIPED, is_writable, micros, micros_or_none, moment, writable
from storage.mail import OWED
from storage.notifications import Notification
from storage.people import Erasure
from storage.receipts import Receipt
from storage.sqlite import clearing, mail_rows, obligations, rows
from storage.sqlite.rows import NOTIFICATION, RECEIPT, SHOWN_UNTIL, covered_at, notification_of, receipt_from
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="archive-1",
        run=statements("""
CREATE TABLE archive_pieces (
    month TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,            -- of its last piece
    state TEXT NOT NULL,
    ids TEXT NOT NULL                   -- JSON: those that are still to go
) WITHOUT ROWID;
CREATE TABLE archive_keys (
    user TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE archive_lead (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    holder TEXT NOT NULL,
    turn INTEGER NOT NULL,
    until INTEGER NOT NULL
);
"""),
    ),
)
_UNFINISHED = "SELECT month, number, state, ids FROM archive_pieces WHERE state <> 'closed' LIMIT 1"


class SQLiteArchive(SQLiteShelf, Archive):
    """A row for each month, and one for each key. What is restored is appended again: its row comes behind all that are
    there.
    """

    MIGRATIONS = MIGRATIONS

    @reading
    def is_due(self, connection: sqlite3.Connection, *, before: datetime) -> bool:
        if connection.execute(_UNFINISHED).fetchone() is not None:
            return True
        oldest = connection.execute("SELECT created_at FROM notifications ORDER BY rowid LIMIT 1").fetchone()
        return oldest is not None and bool(oldest[0] < micros(before))

    @writing
    def lead(
        self, connection: sqlite3.Connection, holder: str, *, lease_seconds: float, now: datetime
    ) -> int | None:
        """Judged and written under the write lock; the one row of its table."""
        until = micros(now + timedelta(seconds=lease_seconds))
        row = connection.execute("SELECT holder, turn, until FROM archive_lead").fetchone()
        led_by, turn, ends = ("", 0, 0) if row is None else row
        is_over = ends <= micros(now)
        if led_by != holder and not is_over:
            return None
        turn = int(turn) + 1 if is_over else int(turn)
        connection.execute("INSERT OR REPLACE INTO archive_lead VALUES (0, ?, ?, ?)", (holder, turn, until))
        return turn

    @writing
    def begin(
        self, connection: sqlite3.Connection, *, before: datetime, limit: int, turn: int
    ) -> Piece | None:
        """In one transaction: the look at the turn, the choice and the piece."""
        if not _leads(connection, turn):
            return None
        if (row := connection.execute(_UNFINISHED).fetchone()) is not None:
            return _piece_of(row)
        chosen = clearing.choose(connection, before=micros(before), limit=limit)
        if not chosen:
            return None
        month, taken = of_one_month(chosen, moment)
        row = connection.execute(
            "INSERT INTO archive_pieces VALUES (?, 1, 'open', ?) ON CONFLICT (month) DO UPDATE"
            " SET number = number + 1, state = 'open', ids = excluded.ids RETURNING month, number, state, ids",
            (month, json.dumps([each.id for each in taken])),
        ).fetchone()
        return _piece_of(row)

    @reading
    def rooms(self, connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
        found = connection.execute(
            "SELECT DISTINCT room FROM notifications WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(ids),),
        )
        return {room for (room,) in found}

    @reading
    def recalled(self, connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
        return _recalled(connection, ids)

    @reading
    def contents(
        self, connection: sqlite3.Connection, ids: Sequence[str], reader_of: ReaderOf
    ) -> list[ArchivedNotification]:
        """One snapshot: of each what it was together with what its reader did."""
        found = connection.execute(
            f"SELECT {NOTIFICATION} FROM json_each(?) asked CROSS JOIN notifications n ON n.id = asked.value"  # noqa: S608 - constants only
            f" {mail_rows.JOIN} ORDER BY asked.key",
            (json.dumps(ids),),
        ).fetchall()
        kept = []
        for row in found:
            notification = notification_of(row)
            room, seq = notification.room, notification.seq
            reader = None if seq is None else reader_of(room)
            receipt = None if reader is None or seq is None else _receipt(connection, reader, room, seq)
            kept.append(ArchivedNotification(notification=notification, receipt=receipt))
        return kept

    @writing
    def keep(self, connection: sqlite3.Connection, piece: Piece, *, turn: int) -> bool:
        return _turn_into(connection, piece, PieceState.KEPT, turn)

    @writing
    def abandon(self, connection: sqlite3.Connection, piece: Piece, *, turn: int) -> bool:
        return _turn_into(connection, piece, PieceState.CLOSED, turn)

    @writing
    def release(
        self, connection: sqlite3.Connection, piece: Piece, *, limit: int, recalled: Collection[str] = ()
    ) -> int:
        """The deletion and the piece are one transaction. Ids of it that stay are not asked for again."""
        place = (piece.month, piece.number)
        row = connection.execute(
            "SELECT ids FROM archive_pieces WHERE month = ? AND number = ? AND state = 'kept'", place
        ).fetchone()
        if row is None:
            return 0
        ids: list[str] = json.loads(row[0])
        since = _recalled(connection, ids[:limit]).difference(recalled)
        going = [id_ for id_ in ids[:limit] if id_ not in since]
        clearing.remove(connection, clearing.removable(connection, going))
        left = ids[limit:]
        connection.execute(
            "UPDATE archive_pieces SET ids = ?, state = ? WHERE month = ? AND number = ?",
            (json.dumps(left), PieceState.KEPT if left else PieceState.CLOSED, *place),
        )
        return len(left)

    @writing
    def keys(self, connection: sqlite3.Connection, users: Collection[str]) -> dict[str, ArchiveKey]:
        """Inserted where there is none, and read in the same transaction."""
        connection.executemany(
            "INSERT OR IGNORE INTO archive_keys (user, id, secret) VALUES (?, ?, ?)",
            [(user, secrets.token_hex(8), secrets.token_bytes(32)) for user in users],
        )
        found = _keys(connection, "user", users)
        return {key.user: key for key in found}

    @reading
    def keys_by_id(self, connection: sqlite3.Connection, ids: Collection[str]) -> dict[str, ArchiveKey]:
        return {key.id: key for key in _keys(connection, "id", writable(ids))}

    @reading
    def key_of(self, connection: sqlite3.Connection, user: str) -> ArchiveKey | None:
        found = _keys(connection, "user", writable([user]))
        return found[0] if found else None

    @writing
    def restore(
        self,
        connection: sqlite3.Connection,
        kept: Sequence[ArchivedNotification],
        reader_of: ReaderOf,
        *,
        now: datetime,
    ) -> int:
        """One transaction for all that are handed over."""
        restored = 0
        last: dict[str, int] = {}
        for each in kept:
            if _put_back(connection, each, reader_of(each.notification.room)):
                restored += 1
                room, seq = each.notification.room, each.notification.seq or 0
                last[room] = max(seq, last.get(room, 0))
        for room, seq in last.items():
            reader = reader_of(room)
            if reader is not None:
                connection.execute(
                    # It begins with its first, as own rooms do: else the user would be taken for one of before beginnings.
                    "INSERT OR IGNORE INTO inboxes (user, room, read_upto, begins, begun_at) VALUES (?, ?, 0, 0, ?)",
                    (reader, room, micros(now)),
                )
            connection.execute(
                "UPDATE inboxes SET read_upto = ?1, read_at = COALESCE(read_at, ?2) WHERE room = ?3 AND read_upto < ?1",
                (seq, micros(now), room),
            )
        return restored

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM archive_keys WHERE user = ?", (erasure.user,))
        return 0


def _leads(connection: sqlite3.Connection, turn: int) -> bool:
    return connection.execute("SELECT 1 FROM archive_lead WHERE turn = ?", (turn,)).fetchone() is not None


def _recalled(connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    found = connection.execute(
        "SELECT id FROM notifications WHERE id IN (SELECT value FROM json_each(?)) AND recalled_at IS NOT NULL",
        (json.dumps(ids),),
    )
    return {id_ for (id_,) in found}


def _turn_into(connection: sqlite3.Connection, piece: Piece, state: PieceState, turn: int) -> bool:
    if not _leads(connection, turn):
        return False
    turned = connection.execute(
        "UPDATE archive_pieces SET state = ? WHERE month = ? AND number = ? AND state = 'open'",
        (state, piece.month, piece.number),
    )
    return turned.rowcount == 1


def _piece_of(row: tuple[str, int, str, str]) -> Piece:
    month, number, state, ids = row
    return Piece(month=month, number=number, state=PieceState(state), ids=tuple(json.loads(ids)))


def _receipt(connection: sqlite3.Connection, user: str, room: str, seq: int) -> Receipt:
    row = connection.execute(
        f"SELECT {RECEIPT}, {covered_at('?3')}"  # noqa: S608 - constants only
        " FROM (SELECT 1) LEFT JOIN receipts c ON c.user = ?1 AND c.room = ?2 AND c.seq = ?3"
        " LEFT JOIN inboxes i ON i.user = ?1 AND i.room = ?2",
        (user, room, seq),
    ).fetchone()
    return receipt_from(row)


def _keys(connection: sqlite3.Connection, column: str, values: Collection[str]) -> list[ArchiveKey]:
    rows = connection.execute(
        f"SELECT user, id, secret FROM archive_keys WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608 - names of columns only
        (json.dumps(list(values)),),
    )
    return [ArchiveKey(user=user, id=id_, secret=secret) for user, id_, secret in rows]


def _put_back(connection: sqlite3.Connection, kept: ArchivedNotification, reader: str | None) -> bool:
    """Put one notification back, with its mail and its receipt; False when it is there, or does not fit its room."""
    n = kept.notification
    if not is_writable(n.id) or not _fits(connection, n.room, n.seq):
        return False
    if n.mail is not None and n.mail.state in OWED:
        # Its mail had become owed again as it was put away: so it stayed, and a later piece has how that ended.
        return False
    if reader is not None and _was_erased(connection, n):
        return False
    row = list(rows.row_of(n, None, None, None))
    if not n.title or n.superseded_by is not None:
        row[SHOWN_UNTIL] = WIPED
    if not rows.insert_new(connection, tuple(row)):
        return False
    # It stands by itself.
    connection.execute(
        "UPDATE notifications SET collapse_key = NULL, superseded_by = ? WHERE id = ?",
        (n.superseded_by, n.id),
    )
    if n.mail is not None:
        obligations.insert(connection, [mail_rows.row_of(n, n.mail)])
        connection.execute("UPDATE obligations SET digest = ? WHERE id = ?", (n.mail.digest, n.id))
    if reader is not None and n.seq is not None and kept.receipt not in (None, Receipt()):
        _put_back_receipt(connection, reader, kept)
    return True


def _fits(connection: sqlite3.Connection, room: str, seq: int | None) -> bool:
    """Whether it was pruned of this store: what has no sequence fits anywhere."""
    if seq is None:
        return True
    row = connection.execute("SELECT floor FROM rooms WHERE room = ?", (room,)).fetchone()
    return row is not None and bool(seq <= row[0])


def _was_erased(connection: sqlite3.Connection, n: Notification) -> bool:
    """Whether the user in whose own room it is was erased since."""
    row = connection.execute("SELECT erased_at FROM rooms WHERE room = ?", (n.room,)).fetchone()
    return row is not None and row[0] is not None and micros(n.created_at) <= row[0]


def _put_back_receipt(connection: sqlite3.Connection, reader: str, kept: ArchivedNotification) -> None:
    """Give the reader back what was done with it; a receipt that is there stays."""
    assert kept.receipt is not None
    n, receipt = kept.notification, kept.receipt
    connection.execute(
        f"INSERT OR IGNORE INTO receipts (user, room, seq, id, acted, {', '.join(KEPT_OF_RECEIPTS)})"  # noqa: S608 - names of columns only
        f" VALUES (?, ?, ?, ?, ?{', ?' * len(KEPT_OF_RECEIPTS)})",
        (
            reader, n.room, n.seq, n.id, receipt.acted,
            *(micros_or_none(getattr(receipt, name)) for name in KEPT_OF_RECEIPTS),
        ),
    )  # fmt: skip
