"""The shelf of what is to be emitted later, in the tables `scheduled` and `cancellations`."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.encoding import (
    cursor_text,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    position_of,
    writable,
)
from storage.people import Erasure
from storage.schedule import TOMBSTONE, Added, Cancelled, Missed, Schedule, Scheduled, SchedulePage, met
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="schedule-1",
        run=statements("""
CREATE TABLE scheduled (
    id TEXT NOT NULL PRIMARY KEY,
    wake_at INTEGER,                    -- when it is due, or its lease ends; NULL: it has ended
    due_at INTEGER NOT NULL,
    room TEXT NOT NULL,
    scope TEXT NOT NULL,
    request TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    cancel_key TEXT,
    latest_at INTEGER,
    created_at INTEGER NOT NULL,
    token TEXT,                         -- of the lease, if it is leased
    ended_at INTEGER,
    cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX scheduled_wake ON scheduled (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX scheduled_due ON scheduled (due_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX scheduled_key ON scheduled (scope, cancel_key) WHERE cancel_key IS NOT NULL;
CREATE INDEX scheduled_room ON scheduled (room);
CREATE INDEX scheduled_ended ON scheduled (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE cancellations (
    scope TEXT NOT NULL,
    cancel_key TEXT NOT NULL,
    room TEXT NOT NULL,                 -- '' is every room
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, cancel_key, room)
) WITHOUT ROWID;
"""),
    ),
    Migration(
        name="schedule-2",
        run=statements("""
ALTER TABLE scheduled ADD COLUMN epoch TEXT NOT NULL DEFAULT '';
ALTER TABLE scheduled ADD COLUMN missed TEXT;
CREATE INDEX scheduled_missed ON scheduled (due_at, id) WHERE missed IS NOT NULL;
"""),
    ),
)
_COLUMNS = "id, due_at, room, scope, request, fingerprint, cancel_key, latest_at, created_at, epoch, missed"
_WAITING = "((wake_at IS NOT NULL AND token IS NULL) OR missed IS NOT NULL)"
"""Neither over nor under way."""


class SQLiteSchedule(SQLiteShelf, Schedule):
    """A row for each room that something is to be emitted to.

    What has ended stays until it is pruned, without its request, so that the same one is known when it is asked again.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def add(
        self, connection: sqlite3.Connection, items: Sequence[Scheduled], *, now: datetime
    ) -> list[Added]:
        return [_added(connection, item, micros(now)) for item in items]

    @writing
    def lease(
        self, connection: sqlite3.Connection, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Scheduled]]:
        """One statement takes them, an update of those due; they are put in order afterwards."""
        token = secrets.token_hex(8)
        rows = connection.execute(
            f"UPDATE scheduled SET token = ?, wake_at = ? WHERE id IN"  # noqa: S608 - constants only
            " (SELECT id FROM scheduled WHERE wake_at <= ? ORDER BY wake_at LIMIT ?)"
            f" RETURNING {_COLUMNS}",
            (token, micros(now + timedelta(seconds=lease_seconds)), micros(now), limit),
        ).fetchall()
        return token, sorted(map(_scheduled, rows), key=lambda item: (item.due_at, item.id))

    @writing
    def end(self, connection: sqlite3.Connection, ids: Sequence[str], *, token: str, now: datetime) -> None:
        connection.execute(
            "UPDATE scheduled SET wake_at = NULL, token = NULL, ended_at = ?, request = ''"
            " WHERE id IN (SELECT value FROM json_each(?)) AND token = ?",
            (micros(now), json.dumps(list(ids)), token),
        )

    @writing
    def miss(
        self, connection: sqlite3.Connection, why: Mapping[str, Missed], *, token: str, now: datetime
    ) -> None:
        connection.executemany(
            "UPDATE scheduled SET wake_at = NULL, token = NULL, ended_at = ?, missed = ?"
            " WHERE id = ? AND token = ?",
            [(micros(now), reason, id_, token) for id_, reason in why.items()],
        )

    @reading
    def next_due(self, connection: sqlite3.Connection) -> datetime | None:
        (due,) = connection.execute("SELECT MIN(wake_at) FROM scheduled WHERE wake_at IS NOT NULL").fetchone()
        return moment_or_none(due)

    @writing
    def cancel(
        self, connection: sqlite3.Connection, scope: str, cancel_key: str, *, room: str | None, now: datetime
    ) -> Cancelled:
        """The cancellation and what it meets, in one transaction: the counts are exact."""
        at = micros(now)
        connection.execute(
            "INSERT OR REPLACE INTO cancellations (scope, cancel_key, room, at) VALUES (?, ?, ?, ?)",
            (scope, cancel_key, room or "", at),
        )
        meant = "scope = :scope AND cancel_key = :key AND (:room IS NULL OR room = :room)"
        values = {"scope": scope, "key": cancel_key, "room": room, "at": at}
        cancelled = connection.execute(f"{_CANCEL} WHERE {meant} AND {_WAITING}", values).rowcount
        (too_late,) = connection.execute(
            f"SELECT COUNT(*) FROM scheduled WHERE {meant} AND NOT cancelled",  # noqa: S608 - constants only
            values,
        ).fetchone()
        return Cancelled(cancelled=cancelled, too_late=too_late)

    @reading
    def cancelled(
        self, connection: sqlite3.Connection, scope: str, asked: Collection[tuple[str, str]], *, now: datetime
    ) -> set[tuple[str, str]]:
        """One question by the primary key, whatever their number."""
        rows = connection.execute(
            "SELECT cancel_key, room FROM cancellations"
            " WHERE scope = ? AND cancel_key IN (SELECT value FROM json_each(?)) AND at > ?",
            (scope, json.dumps(list({key for key, _ in asked})), micros(now - TOMBSTONE)),
        )
        return met(rows, asked)

    @writing
    def drop(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        rows = connection.execute(
            f"{_CANCEL} WHERE id IN (SELECT value FROM json_each(:ids)) AND {_WAITING} RETURNING id",  # noqa: S608 - constants only
            {"ids": json.dumps(writable(ids)), "at": micros(now)},
        )
        return [id_ for (id_,) in rows]

    @writing
    def hasten(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        rows = connection.execute(
            "UPDATE scheduled SET due_at = :at, wake_at = :at, latest_at = NULL, ended_at = NULL, missed = NULL"  # noqa: S608 - constants only
            f" WHERE id IN (SELECT value FROM json_each(:ids)) AND {_WAITING} RETURNING id",
            {"ids": json.dumps(writable(ids)), "at": micros(now)},
        )
        return [id_ for (id_,) in rows]

    @reading
    def page(
        self, connection: sqlite3.Connection, *, after: str | None, limit: int, missed: bool = False
    ) -> SchedulePage:
        """By the index of what is to come, or of what was missed."""
        due_at, id_ = (-1, "") if after is None else position_of(after, parameter="after")
        meant = "missed" if missed else "wake_at"
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM scheduled WHERE {meant} IS NOT NULL AND (due_at, id) > (?, ?)"  # noqa: S608 - constants only
            " ORDER BY due_at, id LIMIT ?",
            (due_at, id_, limit + 1),
        ).fetchall()
        items = tuple(map(_scheduled, rows[:limit]))
        last = items[-1] if len(rows) > limit else None
        return SchedulePage(
            items=items, next=None if last is None else cursor_text(micros(last.due_at), last.id)
        )

    @reading
    def of_room(self, connection: sqlite3.Connection, room: str, *, limit: int) -> tuple[Scheduled, ...]:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM scheduled WHERE room = ? AND (wake_at IS NOT NULL OR missed IS NOT NULL)"  # noqa: S608 - constants only
            " ORDER BY due_at, id LIMIT ?",
            (room, limit),
        )
        return tuple(map(_scheduled, rows))

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        """All old cancellations, and up to `limit` of what has ended, the longest ago first."""
        at = micros(before)
        connection.execute("DELETE FROM cancellations WHERE at < ?", (at,))
        return connection.execute(
            "DELETE FROM scheduled WHERE id IN"
            " (SELECT id FROM scheduled WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
            (at, limit),
        ).rowcount

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM scheduled WHERE room = ?", (erasure.room,))
        connection.execute("DELETE FROM cancellations WHERE room = ?", (erasure.room,))
        return 0


_CANCEL = "UPDATE scheduled SET wake_at = NULL, ended_at = :at, missed = NULL, cancelled = 1, request = ''"


def _added(connection: sqlite3.Connection, item: Scheduled, now: int) -> Added:
    """Keep one, unless its id is known; as cancelled, if its key was a moment ago."""
    found = connection.execute(
        "SELECT fingerprint, cancelled FROM scheduled WHERE id = ?", (item.id,)
    ).fetchone()
    if found is not None:
        return Added(False, found[0] == item.fingerprint, bool(found[1]))  # noqa: FBT003 - in the order of its fields
    is_cancelled = (
        item.cancel_key is not None
        and connection.execute(
            "SELECT 1 FROM cancellations WHERE scope = ? AND cancel_key = ? AND room IN ('', ?) AND at > ?",
            (item.scope, item.cancel_key, item.room, now - TOMBSTONE // timedelta(microseconds=1)),
        ).fetchone()
        is not None
    )
    connection.execute(
        f"INSERT INTO scheduled ({_COLUMNS}, wake_at, ended_at, cancelled)"  # noqa: S608 - constants only
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.id, micros(item.due_at), item.room, item.scope, "" if is_cancelled else item.request,
            item.fingerprint, item.cancel_key, micros_or_none(item.latest_at), micros(item.created_at),
            item.epoch, item.missed, None if is_cancelled else micros(item.due_at), now if is_cancelled else None, is_cancelled,
        ),
    )  # fmt: skip
    return Added(True, True, is_cancelled)  # noqa: FBT003 - in the order of its fields


def _scheduled(row: tuple[Any, ...]) -> Scheduled:
    id_, due_at, room, scope, request, fingerprint, cancel_key, latest_at, created_at, epoch, missed = row
    return Scheduled(
        id=id_,
        due_at=moment(due_at),
        room=room,
        scope=scope,
        request=request,
        fingerprint=fingerprint,
        cancel_key=cancel_key,
        latest_at=moment_or_none(latest_at),
        epoch=epoch,
        missed=None if missed is None else Missed(missed),
        created_at=moment(created_at),
    )
