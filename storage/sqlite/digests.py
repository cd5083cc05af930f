"""The shelf of digests, in the table `digests`; what is gathered lies in the table of `obligations.py`."""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from storage import collapsing
from storage.digests import FULL, Digests
from storage.encoding import EXPIRED, FOREVER, RECALLED, WIPED, micros, micros_or_none, moment, moment_or_none
from storage.endings import Gathered, Skipped
from storage.notifications import Notification
from storage.obligations import Digest, Kind, Lease, Obligation
from storage.people import Erasure
from storage.sqlite import obligations
from storage.sqlite.rows import NOTIFICATION, notification_of
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="digests-1",
        run=statements("""
CREATE TABLE digests (
    id TEXT NOT NULL PRIMARY KEY,
    room TEXT NOT NULL,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    rule TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    latest_at INTEGER,
    gathered INTEGER NOT NULL,
    lead TEXT,
    state TEXT NOT NULL,                -- open, closing, closed
    wake_at INTEGER,                    -- when it is to close, or its lease ends; NULL: it is closed
    token TEXT,                         -- of the lease, while it is closing
    ended_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX digests_open ON digests (room, channel, key) WHERE state = 'open';
CREATE INDEX digests_wake ON digests (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX digests_room ON digests (room);
CREATE INDEX digests_ended ON digests (ended_at) WHERE ended_at IS NOT NULL;
"""),
    ),
)
_COLUMNS = "id, room, channel, key, rule, opened_at, closes_at, latest_at, gathered, lead"
_OPEN = "room = ? AND channel = ? AND key = ? AND state = 'open'"


def gather(connection: sqlite3.Connection, lease: Lease, ending: Gathered, *, now: int) -> bool:
    """End a lease so; part of the transaction of `Outbox.end`.

    It looks whether the lease is held first: a lost one opens no digest.
    """
    held = connection.execute(
        "SELECT n.shown_until, n.superseded_by, n.recalled_at FROM obligations m JOIN notifications n ON n.id = m.id"
        " WHERE m.id = ? AND m.token = ?",
        (lease.id, lease.token),
    ).fetchone()
    if held is None:
        return False
    shown_until, superseded_by, recalled_at = held
    if shown_until == WIPED:
        # Not shown any more, since the lease was taken: it is skipped, as it had been if it had waited.
        superseded = superseded_by is not None
        connection.execute(
            "UPDATE obligations SET state = 'skipped', reason = ?, code = NULL, decided_by = ?, wake_at = NULL,"
            " token = NULL, updated_at = ? WHERE id = ?",
            (
                collapsing.REASON if superseded else EXPIRED if recalled_at is None else RECALLED,
                collapsing.RULE if superseded else None, now, lease.id,
            ),
        )  # fmt: skip
        return True
    connection.execute(
        "UPDATE obligations SET state = 'gathered', digest = ?, reason = ?, code = NULL, decided_by = ?,"
        " attempts = attempts - 1, wake_at = NULL, token = NULL, updated_at = ? WHERE id = ?",
        (_gathering(connection, ending, now), ending.reason, ending.rule, now, lease.id),
    )
    return True


def _gathering(connection: sqlite3.Connection, ending: Gathered, now: int) -> str:
    """The id of the digest that takes one item more."""
    wanted = ending.digest
    found = connection.execute(
        f"SELECT id, closes_at, latest_at, gathered FROM digests WHERE {_OPEN}",  # noqa: S608 - constants only
        (wanted.room, wanted.channel, wanted.key),
    ).fetchone()
    if found is None:
        _open(connection, replace(wanted, opened_at=moment(now)), gathered=1)
        return wanted.id
    id_, closes_at, latest_at, gathered = found
    if ending.silence is not None:
        closes_at = max(closes_at, now + ending.silence // timedelta(microseconds=1))
        closes_at = min(closes_at, FOREVER if latest_at is None else latest_at)
    if gathered + 1 >= FULL:
        closes_at = min(closes_at, now)
    connection.execute(
        "UPDATE digests SET gathered = gathered + 1, closes_at = ?1, wake_at = ?1 WHERE id = ?2",
        (closes_at, id_),
    )
    return str(id_)


def _open(connection: sqlite3.Connection, digest: Digest, *, gathered: int) -> None:
    """Insert an open digest with so many items. Of its room, channel and key none may be open."""
    closes_at = micros(digest.closes_at)
    connection.execute(
        f"INSERT INTO digests ({_COLUMNS}, state, wake_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",  # noqa: S608 - constants only
        (
            digest.id, digest.room, digest.channel, digest.key, digest.rule, micros(digest.opened_at), closes_at,
            micros_or_none(digest.latest_at), gathered, digest.lead, closes_at,
        ),
    )  # fmt: skip


class SQLiteDigests(SQLiteShelf, Digests):
    """A row for each digest.

    It is `open`, `closing` or closed by its state, and wakes until it is closed. The index of open ones is unique, so a
    key has one at most.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def lead(self, connection: sqlite3.Connection, digest: Digest) -> bool:
        """The look and the opening are one transaction."""
        found = connection.execute(
            f"SELECT lead FROM digests WHERE {_OPEN}",  # noqa: S608 - constants only
            (digest.room, digest.channel, digest.key),
        ).fetchone()
        if found is None:
            _open(connection, digest, gathered=0)
            return True
        return bool(found[0] == digest.lead)

    @writing
    def lease(
        self, connection: sqlite3.Connection, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Digest]]:
        """One statement takes them: an update of those due, the earliest first."""
        token = secrets.token_hex(8)
        rows = connection.execute(
            "UPDATE digests SET state = 'closing', token = ?, wake_at = ? WHERE id IN"  # noqa: S608 - constants only
            " (SELECT id FROM digests WHERE wake_at <= ? ORDER BY wake_at LIMIT ?)"
            f" RETURNING {_COLUMNS}",
            (token, micros(now + timedelta(seconds=lease_seconds)), micros(now), limit),
        ).fetchall()
        return token, sorted(map(_digest, rows), key=lambda digest: (digest.closes_at, digest.id))

    @writing
    def prolong(
        self,
        connection: sqlite3.Connection,
        digest_id: str,
        *,
        token: str,
        lease_seconds: float,
        now: datetime,
    ) -> bool:
        """One statement that asks for the token; whether the lease has ended is not asked."""
        changed = connection.execute(
            "UPDATE digests SET wake_at = ? WHERE id = ? AND token = ?",
            (micros(now + timedelta(seconds=lease_seconds)), digest_id, token),
        )
        return changed.rowcount == 1

    @writing
    def put_off(self, connection: sqlite3.Connection, digest_id: str, until: datetime, *, token: str) -> bool:
        """One statement, which looks for another that is open, so that the index of these holds."""
        changed = connection.execute(
            "UPDATE digests SET closes_at = :until, wake_at = :until, latest_at = MAX(latest_at, :until), token = NULL,"
            " state = CASE WHEN gathered >= :full OR EXISTS (SELECT 1 FROM digests o WHERE o.room = digests.room"
            " AND o.channel = digests.channel AND o.key = digests.key AND o.state = 'open') THEN state ELSE 'open' END"
            " WHERE id = :id AND token = :token",
            {"until": micros(until), "full": FULL, "id": digest_id, "token": token},
        )
        return changed.rowcount == 1

    @reading
    def items(
        self, connection: sqlite3.Connection, digest_id: str, *, before: Notification | None, limit: int
    ) -> tuple[Notification, ...]:
        """By the index of what is gathered, behind the time and the id of the last."""
        place = (FOREVER, "") if before is None else (micros(before.created_at), before.id)
        rows = connection.execute(
            f"SELECT {NOTIFICATION} FROM obligations m JOIN notifications n ON n.id = m.id"  # noqa: S608 - constants only
            " WHERE m.digest = ? AND m.state = 'gathered' AND (m.created_at, m.id) < (?, ?)"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT ?",
            (digest_id, *place, limit),
        )
        return tuple(map(notification_of, rows))

    @writing
    def leave_out(
        self,
        connection: sqlite3.Connection,
        digest_id: str,
        items: Mapping[str, Skipped],
        *,
        token: str,
        now: datetime,
    ) -> bool:
        """Under one lock with the look at the lease."""
        if not _is_held(connection, digest_id, token):
            return False
        connection.executemany(
            "UPDATE obligations SET state = 'skipped', reason = ?, decided_by = ?, updated_at = ?"
            " WHERE id = ? AND digest = ? AND state = 'gathered'",
            [(why.reason, why.rule, micros(now), id_, digest_id) for id_, why in items.items()],
        )
        return True

    @writing
    def settle(
        self,
        connection: sqlite3.Connection,
        digest_id: str,
        mail: Obligation | None,
        *,
        token: str,
        now: datetime,
    ) -> bool:
        """The mail is owed by `INSERT OR IGNORE`, under the digest's id."""
        if not _is_held(connection, digest_id, token):
            return False
        at = micros(now)
        connection.execute(
            "UPDATE obligations SET state = 'merged', updated_at = ? WHERE digest = ? AND state = 'gathered'",
            (at, digest_id),
        )
        if mail is not None:
            obligations.owe(connection, [mail])
        connection.execute(
            "UPDATE digests SET state = 'closed', wake_at = NULL, token = NULL, ended_at = ? WHERE id = ?",
            (at, digest_id),
        )
        return True

    @reading
    def next_due(self, connection: sqlite3.Connection) -> datetime | None:
        (due,) = connection.execute("SELECT MIN(wake_at) FROM digests WHERE wake_at IS NOT NULL").fetchone()
        return moment_or_none(due)

    @reading
    def of_room(self, connection: sqlite3.Connection, room: str, *, limit: int) -> Sequence[Digest]:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM digests WHERE room = ? AND state = 'open' ORDER BY closes_at, id LIMIT ?",  # noqa: S608 - constants only
            (room, limit),
        )
        return tuple(map(_digest, rows))

    @reading
    def has_company(
        self, connection: sqlite3.Connection, room: str, *, key: str, rule: str, besides: str, now: datetime
    ) -> bool:
        """One statement of two halves, which ends with the first that says yes."""
        found = connection.execute(
            "SELECT 1 FROM digests WHERE room = :room AND channel = 'email' AND key = :key AND state = 'open'"
            " UNION ALL SELECT 1 FROM obligations INDEXED BY obligations_reader WHERE reader = :room AND of_id IS NULL"
            " AND state IN ('pending', 'leased') AND decided_by = :rule AND due_at <= :now AND id <> :besides LIMIT 1",
            {"room": room, "key": key, "rule": rule, "besides": besides, "now": micros(now)},
        )
        return found.fetchone() is not None

    @reading
    def open_count(self, connection: sqlite3.Connection) -> int:
        (count,) = connection.execute("SELECT COUNT(*) FROM digests WHERE wake_at IS NOT NULL").fetchone()
        return int(count)

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        """Digests and their mails in one transaction."""
        rows = connection.execute(
            "DELETE FROM digests WHERE id IN"
            # One whose mail is owed still waits for that: forgotten, it would leave a mail that nobody finds.
            " (SELECT d.id FROM digests d WHERE d.ended_at < ? AND NOT EXISTS (SELECT 1 FROM obligations m"
            " WHERE m.id = d.id AND m.wake_at IS NOT NULL) ORDER BY d.ended_at LIMIT ?) RETURNING id",
            (micros(before), limit),
        ).fetchall()
        connection.execute(
            "DELETE FROM obligations WHERE id IN (SELECT value FROM json_each(?)) AND of_kind = ? AND wake_at IS NULL",
            (json.dumps([id_ for (id_,) in rows]), Kind.DIGEST),
        )
        return len(rows)

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        """The open ones as well; their items are withdrawn with the notifications.

        Their rows stay until they are pruned, with nothing of whose they were: by them their mails are found.
        """
        connection.execute(
            "UPDATE digests SET room = '', key = '', lead = NULL, state = 'closed', wake_at = NULL, token = NULL,"
            " ended_at = COALESCE(ended_at, ?) WHERE room = ?",
            (erasure.at, erasure.room),
        )
        return 0


def _is_held(connection: sqlite3.Connection, digest_id: str, token: str) -> bool:
    """Whether the lease is still this token's. The transaction's lock keeps it so."""
    held = connection.execute("SELECT 1 FROM digests WHERE id = ? AND token = ?", (digest_id, token))
    return held.fetchone() is not None


def _digest(row: tuple[Any, ...]) -> Digest:
    id_, room, channel, key, rule, opened_at, closes_at, latest_at, gathered, lead = row
    return Digest(
        id=id_,
        room=room,
        channel=channel,
        key=key,
        rule=rule,
        opened_at=moment(opened_at),
        closes_at=moment(closes_at),
        latest_at=moment_or_none(latest_at),
        gathered=gathered,
        lead=lead,
    )
