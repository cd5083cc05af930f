"""The shelf of suppressions, in the tables `suppressions` and `soft_bounces`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.encoding import (
    FOREVER,
    evidence_of,
    evidence_text,
    held_until,
    micros,
    moment,
    position_of,
    whole_days,
    writable,
)
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.suppressions import EVERYTHING, FIRM, Reason, Suppression, SuppressionPage, Suppressions

MIGRATIONS = (
    Migration(
        name="suppressions-1",
        run=statements("""
CREATE TABLE suppressions (
    address TEXT NOT NULL,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    evidence TEXT NOT NULL,             -- JSON
    created_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL,        -- later than any clock, for what does not expire
    PRIMARY KEY (address, scope)
) WITHOUT ROWID;
CREATE INDEX suppressions_newest ON suppressions (created_at, id);
CREATE INDEX suppressions_expiring ON suppressions (held_until);
CREATE TABLE soft_bounces (
    address TEXT NOT NULL,
    day INTEGER NOT NULL,               -- since the epoch
    PRIMARY KEY (address, day)
) WITHOUT ROWID;
CREATE INDEX soft_bounces_day ON soft_bounces (day);
"""),
    ),
)

_COLUMNS = "id, address, scope, reason, source, evidence, created_at, held_until"
_FIRM = ", ".join(f"'{reason}'" for reason in sorted(FIRM))
_ADD = (
    f"INSERT INTO suppressions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
    " ON CONFLICT (address, scope) DO UPDATE SET id = excluded.id, reason = excluded.reason,"
    " source = excluded.source, evidence = excluded.evidence, created_at = excluded.created_at,"
    " held_until = excluded.held_until WHERE excluded.held_until > held_until"
    f" OR (excluded.held_until = held_until AND excluded.reason IN ({_FIRM}) AND reason NOT IN ({_FIRM}))"
)


class SQLiteSuppressions(SQLiteShelf, Suppressions):
    """A row for each address and scope, which gives way to one that outlasts it, or is firmer, as that is inserted."""

    MIGRATIONS = MIGRATIONS

    @writing
    def add(self, connection: sqlite3.Connection, suppressions: Sequence[Suppression]) -> int:
        return connection.executemany(_ADD, [_row(each) for each in suppressions]).rowcount

    @reading
    def matching(
        self, connection: sqlite3.Connection, addresses: Sequence[str], *, now: datetime
    ) -> dict[str, tuple[Suppression, ...]]:
        """One question by the primary key."""
        found: dict[str, tuple[Suppression, ...]] = {}
        for row in connection.execute(
            f"SELECT {_COLUMNS} FROM suppressions"  # noqa: S608 - constants only
            " WHERE address IN (SELECT value FROM json_each(?)) AND held_until > ?",
            (json.dumps(writable(addresses)), micros(now)),
        ):
            found[row[1]] = (*found.get(row[1], ()), _suppression(row))
        return found

    @reading
    def any(self, connection: sqlite3.Connection, *, now: datetime) -> bool:
        (found,) = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM suppressions WHERE held_until > ?)", (micros(now),)
        ).fetchone()
        return bool(found)

    @reading
    def page(
        self,
        connection: sqlite3.Connection,
        *,
        address: str | None,
        scope: str | None,
        before: str | None,
        limit: int,
        now: datetime,
    ) -> SuppressionPage:
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        # Only what is asked: of an address the primary key knows the few that there are.
        named = [
            (name, value) for name, value in (("address", address), ("scope", scope)) if value is not None
        ]
        also = "".join(f" AND {name} = ?" for name, _ in named)
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM suppressions WHERE (created_at, id) < (?, ?) AND held_until > ?{also}"  # noqa: S608 - constants only
            " ORDER BY created_at DESC, id DESC LIMIT ?",
            (time, id_, micros(now), *(value for _, value in named), limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = f"{page[-1][6]}~{page[-1][0]}" if page and len(rows) > limit else None
        return SuppressionPage(items=tuple(_suppression(row) for row in page), next=following)

    @writing
    def lift(self, connection: sqlite3.Connection, address: str, *, scope: str | None, now: datetime) -> int:
        """Suppressions and days in one transaction; what had expired is deleted, and not counted."""
        lifted = connection.execute(
            "DELETE FROM suppressions WHERE address = ?1 AND (?2 IS NULL OR scope = ?2) RETURNING held_until",
            (address, scope),
        ).fetchall()
        if scope in (None, EVERYTHING):
            connection.execute("DELETE FROM soft_bounces WHERE address = ?", (address,))
        return sum(until > micros(now) for (until,) in lifted)

    @writing
    def bounced_softly(self, connection: sqlite3.Connection, address: str, *, at: datetime, days: int) -> int:
        """Insert, forget and count in one transaction."""
        today = whole_days(at)
        connection.execute(
            "INSERT OR IGNORE INTO soft_bounces (address, day) VALUES (?, ?)", (address, today)
        )
        connection.execute("DELETE FROM soft_bounces WHERE address = ? AND day <= ?", (address, today - days))
        (count,) = connection.execute(
            "SELECT COUNT(*) FROM soft_bounces WHERE address = ? AND day <= ?", (address, today)
        ).fetchone()
        return int(count)

    @writing
    def prune(self, connection: sqlite3.Connection, *, now: datetime, days: int, limit: int) -> int:
        expired = connection.execute(
            "DELETE FROM suppressions WHERE (address, scope) IN"
            " (SELECT address, scope FROM suppressions WHERE held_until <= ? LIMIT ?)",
            (micros(now), limit),
        ).rowcount
        forgotten = connection.execute(
            "DELETE FROM soft_bounces WHERE (address, day) IN"
            " (SELECT address, day FROM soft_bounces WHERE day <= ? LIMIT ?)",
            (whole_days(now) - days, limit),
        ).rowcount
        return expired + forgotten

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        """By the user's addresses, in both tables."""
        for table in ("suppressions", "soft_bounces"):
            connection.executemany(
                f"DELETE FROM {table} WHERE address = ?",  # noqa: S608 - constants only
                [(address,) for address in erasure.addresses],
            )
        return 0


def _row(each: Suppression) -> tuple[Any, ...]:
    return (
        each.id, each.address, each.scope, each.reason, each.source, evidence_text(each.evidence),
        micros(each.created_at), held_until(each),
    )  # fmt: skip


def _suppression(row: tuple[Any, ...]) -> Suppression:
    id_, address, scope, reason, source, evidence, created_at, until = row
    return Suppression(
        id=id_,
        address=address,
        scope=scope,
        reason=Reason(reason),
        source=source,
        evidence=evidence_of(evidence),
        created_at=moment(created_at),
        expires_at=None if until == FOREVER else moment(until),
    )
