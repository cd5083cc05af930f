"""The shelf of what is owed: what workers do, in the table of `obligations.py`. Leases, their endings and pages have modules of their own."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from storage.courses import Course, CourseStep, StepKind, heard
from storage.encoding import (
    is_writable,
    micros,
    moment_or_none,
    writable,
)
from storage.endings import Ending, Gathered, Settled
from storage.mail import AFTER_SENT, HASTENED, LaneName, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Obligation, Subject
from storage.outbox import MailPage, MailSearch, Outbox
from storage.people import Erasure
from storage.sqlite import digests, mail_endings, mail_leases, mail_pages, obligations
from storage.sqlite.mail_endings import changed
from storage.sqlite.mail_pages import FROM, OWED, told
from storage.sqlite.shelf import SQLiteShelf, reading, writing


class SQLiteOutbox(SQLiteShelf, Outbox):
    """What is owed, a row each. The write lock keeps workers apart, so a lease is a select and an update."""

    MIGRATIONS = obligations.MIGRATIONS

    @writing
    def owe(self, connection: sqlite3.Connection, owed: Sequence[Obligation]) -> int:
        return obligations.owe(connection, owed)

    @writing
    def lease(
        self,
        connection: sqlite3.Connection,
        *,
        lane: LaneName,
        limit: int,
        lease_seconds: float,
        now: datetime,
    ) -> list[Lease]:
        return mail_leases.lease(connection, lane=lane, limit=limit, lease_seconds=lease_seconds, now=now)

    @writing
    def prolong(
        self, connection: sqlite3.Connection, lease: Lease, *, lease_seconds: float, now: datetime
    ) -> bool:
        """One statement that asks for the token; whether the lease has ended is not asked."""
        until = micros(now + timedelta(seconds=lease_seconds))
        return changed(
            connection,
            "UPDATE obligations SET wake_at = ? WHERE id = ? AND token = ?",
            (until, lease.id, lease.token),
        )

    @writing
    def end(self, connection: sqlite3.Connection, lease: Lease, ending: Ending, *, now: datetime) -> bool:
        if isinstance(ending, Gathered):
            return digests.gather(connection, lease, ending, now=micros(now))
        return mail_endings.end(connection, lease, ending, now)

    @writing
    def end_together(
        self, connection: sqlite3.Connection, endings: Sequence[tuple[Lease, Settled]], *, now: datetime
    ) -> list[bool]:
        """One transaction for all of them: an error undoes all, and they may be told again."""
        return [mail_endings.end(connection, lease, ending, now) for lease, ending in endings]

    @writing
    def claim(
        self,
        connection: sqlite3.Connection,
        lease: Lease,
        key: str,
        *,
        limit: int,
        since: datetime,
        now: datetime,
    ) -> bool:
        """Counted and written under one write lock: nobody can claim in between."""
        return _counted(connection, key, since, besides=lease.id) < limit and changed(
            connection,
            "UPDATE obligations SET counted_as = ?, counted_at = ? WHERE id = ? AND token = ?",
            (key, micros(now), lease.id, lease.token),
        )

    @reading
    def counted(
        self, connection: sqlite3.Connection, key: str, *, since: datetime, besides: str | None = None
    ) -> int:
        return _counted(connection, key, since, besides=besides)

    @reading
    def find(self, connection: sqlite3.Connection, obligation_id: str) -> Notification | None:
        if not is_writable(obligation_id):
            return None
        row = connection.execute(f"SELECT {OWED} {FROM} WHERE m.id = ?", (obligation_id,)).fetchone()
        return None if row is None else told(row)

    @reading
    def courses(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Course]:
        return obligations.courses(connection, writable(ids))

    @reading
    def subject(self, connection: sqlite3.Connection, obligation_id: str) -> Subject | None:
        if not is_writable(obligation_id):
            return None
        row = connection.execute(
            "SELECT of_kind, of_id FROM obligations WHERE id = ?", (obligation_id,)
        ).fetchone()
        if row is None:
            return None
        kind, of = row
        return Subject(kind=Kind(kind or Kind.NOTIFICATION), id=of or obligation_id)

    @reading
    def taken_as(self, connection: sqlite3.Connection, relay_key: str) -> str | None:
        if not is_writable(relay_key):
            return None
        rows = connection.execute(
            "SELECT id FROM obligations WHERE relay_key = ? LIMIT 2", (relay_key,)
        ).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    @writing
    def came_back(
        self,
        connection: sqlite3.Connection,
        obligation_id: str,
        state: MailState,
        *,
        reason: str | None,
        now: datetime,
    ) -> bool:
        """One statement that judges the state, and keeps the step."""
        if state is MailState.SENT:
            return False  # it outweighs nothing
        outweighed = json.dumps(AFTER_SENT[: AFTER_SENT.index(state)])
        step = obligations.step_text(heard(state, reason, now))
        return changed(
            connection,
            f"UPDATE obligations SET state = ?, reason = ?, updated_at = ?, {obligations.STEPPED}"  # noqa: S608 - constants only
            " WHERE id = ? AND state IN (SELECT value FROM json_each(?))",
            (state, reason, micros(now), step, obligation_id, outweighed),
        )

    @writing
    def revive(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        """One statement for all of them; the answer is in the order of `ids`."""
        at, step = micros(now), obligations.step_text(CourseStep(at=now, kind=StepKind.REVIVED))
        revived = {
            row[0]
            for row in connection.execute(
                "UPDATE obligations SET state = 'pending', attempts = 0, due_at = ?, wake_at = ?,"  # noqa: S608 - constants only
                f" updated_at = ?, reason = NULL, code = NULL, {obligations.STEPPED}"
                " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'dead' RETURNING id",
                (at, at, at, step, json.dumps(writable(ids))),
            )
        }
        return [obligation_id for obligation_id in dict.fromkeys(ids) if obligation_id in revived]

    @writing
    def hasten(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        return _of_pending(
            connection, ids, "decided_by = :rule, due_at = :now, wake_at = :now", now=now, rule=HASTENED
        )

    @writing
    def drop(
        self, connection: sqlite3.Connection, ids: Sequence[str], *, rule: str, reason: str, now: datetime
    ) -> list[str]:
        change = "state = 'skipped', reason = :reason, code = NULL, decided_by = :rule, wake_at = NULL"
        return _of_pending(connection, ids, change, now=now, rule=rule, reason=reason)

    @reading
    def held(self, connection: sqlite3.Connection, *, after: str | None, limit: int) -> MailPage:
        return mail_pages.held(connection, after=after, limit=limit)

    @reading
    def of_room(self, connection: sqlite3.Connection, room: str, *, limit: int) -> tuple[Notification, ...]:
        return mail_pages.of_room(connection, room, limit=limit)

    @reading
    def next_due(self, connection: sqlite3.Connection, *, lane: LaneName) -> datetime | None:
        """The first of an index of what is owed by lane."""
        (wake_at,) = connection.execute(
            "SELECT MIN(wake_at) FROM obligations WHERE lane = ? AND wake_at IS NOT NULL", (lane,)
        ).fetchone()
        return moment_or_none(wake_at)

    @reading
    def mail_page(
        self, connection: sqlite3.Connection, search: MailSearch, *, before: str | None, limit: int
    ) -> MailPage:
        return mail_pages.page(connection, search, before=before, limit=limit)

    @reading
    def mail_counts(self, connection: sqlite3.Connection) -> dict[MailState, int]:
        """It goes through the index of states, which holds every mail."""
        counts = dict.fromkeys(MailState, 0)
        for state, count in connection.execute("SELECT state, COUNT(*) FROM obligations GROUP BY state"):
            counts[MailState(state)] = count
        return counts

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        obligations.forget_recipients(connection, erasure.room, now=erasure.at)
        return 0


def _counted(connection: sqlite3.Connection, key: str, since: datetime, *, besides: str | None) -> int:
    """How many mails count under a key since that time, but for the one that asks."""
    (count,) = connection.execute(
        "SELECT COUNT(*) FROM obligations WHERE counted_as = ? AND counted_at > ? AND id IS NOT ?"
        " AND state IN ('leased', 'sent', 'delivered', 'bounced', 'complained')",
        (key, micros(since), besides),
    ).fetchone()
    return int(count)


def _of_pending(
    connection: sqlite3.Connection, ids: Sequence[str], change: str, *, now: datetime, **values: str
) -> list[str]:
    """Change those of these mails that are pending; answers which they were, in order."""
    changed = {
        row[0]
        for row in connection.execute(
            f"UPDATE obligations SET {change}, updated_at = :now"  # noqa: S608 - constants only
            " WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'pending' RETURNING id",
            {"now": micros(now), "ids": json.dumps(writable(ids)), **values},
        )
    }
    return [obligation_id for obligation_id in dict.fromkeys(ids) if obligation_id in changed]
