"""The shelf of mail that is owed: what workers do, in the table of `mails.py`."""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from storage.encoding import (
    EXPIRED,
    FOREVER,
    RECALLED,
    cursor_of,
    micros,
    moment,
    moment_or_none,
    position_of,
    writable,
)
from storage.mail import MailState
from storage.outbox import Lease, MailPage, Outbox
from storage.people import Erasure
from storage.sqlite import mails
from storage.sqlite.rows import NOTIFICATION, find, notification_of
from storage.sqlite.shelf import SQLiteShelf, reading, writing


class SQLiteOutbox(SQLiteShelf, Outbox):
    MIGRATIONS = mails.MIGRATIONS

    @writing
    def lease(
        self, connection: sqlite3.Connection, *, limit: int, lease_seconds: float, now: datetime
    ) -> list[Lease]:
        at = micros(now)
        until = micros(now + timedelta(seconds=lease_seconds))
        leases: list[Lease] = []
        while len(leases) < limit:
            due = connection.execute(
                "SELECT m.id, n.shown_until, n.recalled_at FROM mails m JOIN notifications n ON n.id = m.id"
                " WHERE m.wake_at IS NOT NULL AND m.wake_at <= ? ORDER BY m.wake_at, m.id LIMIT ?",
                (at, limit - len(leases)),
            ).fetchall()
            if not due:
                break
            for mail_id, shown_until, recalled_at in due:
                if shown_until <= at:
                    reason = EXPIRED if recalled_at is None else RECALLED
                    _skip_gone(connection, mail_id, reason=reason, now=at)
                else:
                    leases.append(_take(connection, mail_id, until=until, now=at))
            if until <= at:
                break  # A lease that has ended already would be found again at once.
        return leases

    @writing
    def prolong(
        self, connection: sqlite3.Connection, lease: Lease, *, lease_seconds: float, now: datetime
    ) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return _changed(
            connection,
            "UPDATE mails SET wake_at = ? WHERE id = ? AND token = ?",
            (until, lease.notification.id, lease.token),
        )

    @writing
    def settle(self, connection: sqlite3.Connection, lease: Lease, *, now: datetime) -> bool:
        return _conclude(connection, lease, state=MailState.SENT, now=now)

    @writing
    def skip(self, connection: sqlite3.Connection, lease: Lease, *, reason: str, now: datetime) -> bool:
        return _conclude(connection, lease, state=MailState.SKIPPED, reason=reason, now=now)

    @writing
    def bury(
        self, connection: sqlite3.Connection, lease: Lease, *, reason: str, code: int | None, now: datetime
    ) -> bool:
        return _conclude(connection, lease, state=MailState.DEAD, reason=reason, code=code, now=now)

    @writing
    def postpone(
        self,
        connection: sqlite3.Connection,
        lease: Lease,
        *,
        until: datetime,
        reason: str,
        code: int | None,
        count_attempt: bool,
        now: datetime,
    ) -> bool:
        due_at = micros(until)
        return _changed(
            connection,
            "UPDATE mails SET state = 'pending', attempts = attempts - ?, due_at = ?, wake_at = ?, reason = ?,"
            " code = ?, updated_at = ?, token = NULL WHERE id = ? AND token = ?",
            (
                0 if count_attempt else 1,
                due_at,
                due_at,
                reason,
                code,
                micros(now),
                lease.notification.id,
                lease.token,
            ),
        )

    @writing
    def release(self, connection: sqlite3.Connection, lease: Lease, *, now: datetime) -> bool:
        return _changed(
            connection,
            "UPDATE mails SET state = 'pending', attempts = attempts - 1, wake_at = due_at, updated_at = ?,"
            " token = NULL WHERE id = ? AND token = ?",
            (micros(now), lease.notification.id, lease.token),
        )

    @writing
    def revive(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        revived = {
            row[0]
            for row in connection.execute(
                "UPDATE mails SET state = 'pending', attempts = 0, due_at = :now, wake_at = :now, updated_at = :now,"
                " reason = NULL, code = NULL"
                " WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'dead' RETURNING id",
                {"now": micros(now), "ids": json.dumps(writable(ids))},
            )
        }
        return [mail_id for mail_id in dict.fromkeys(ids) if mail_id in revived]

    @reading
    def next_due(self, connection: sqlite3.Connection) -> datetime | None:
        (wake_at,) = connection.execute("SELECT MIN(wake_at) FROM mails WHERE wake_at IS NOT NULL").fetchone()
        return moment_or_none(wake_at)

    @reading
    def mail_page(
        self, connection: sqlite3.Connection, *, state: MailState | None, before: str | None, limit: int
    ) -> MailPage:
        time, notification_id = (FOREVER, "") if before is None else position_of(before)
        rows = connection.execute(
            f"SELECT {NOTIFICATION} FROM mails m JOIN notifications n ON n.id = m.id"  # noqa: S608 - constants only
            f" WHERE (m.created_at, m.id) < (?, ?){'' if state is None else ' AND m.state = ?'}"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT ?",
            (time, notification_id, *(() if state is None else (state,)), limit + 1),
        )
        items = [notification_of(row) for row in rows]
        page = tuple(items[:limit])
        return MailPage(items=page, next=cursor_of(page[-1]) if len(items) > limit and page else None)

    @reading
    def mail_counts(self, connection: sqlite3.Connection) -> dict[MailState, int]:
        counts = dict.fromkeys(MailState, 0)
        for state, count in connection.execute("SELECT state, COUNT(*) FROM mails GROUP BY state"):
            counts[MailState(state)] = count
        return counts

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        # The address is the user's too. A worker that holds a lease has its own copy, and may still settle.
        connection.execute(
            "UPDATE mails SET recipient = '' WHERE id IN (SELECT id FROM notifications WHERE room = ?)",
            (erasure.room,),
        )
        return 0


def _skip_gone(connection: sqlite3.Connection, mail_id: str, *, reason: str, now: int) -> None:
    connection.execute(
        "UPDATE mails SET state = 'skipped', reason = ?, updated_at = ?, wake_at = NULL, token = NULL WHERE id = ?",
        (reason, now, mail_id),
    )


def _take(connection: sqlite3.Connection, mail_id: str, *, until: int, now: int) -> Lease:
    token = uuid.uuid4().hex
    connection.execute(
        "UPDATE mails SET state = 'leased', attempts = attempts + 1, updated_at = ?, token = ?, wake_at = ? WHERE id = ?",
        (now, token, until, mail_id),
    )
    notification = find(connection, mail_id)
    assert notification is not None
    assert notification.mail is not None
    return Lease(notification=notification, mail=notification.mail, token=token, until=moment(until))


def _conclude(
    connection: sqlite3.Connection,
    lease: Lease,
    *,
    state: MailState,
    now: datetime,
    reason: str | None = None,
    code: int | None = None,
) -> bool:
    """The end of a mail: sent, skipped or dead."""
    at = micros(now)
    sent_at = at if state is MailState.SENT else None
    return _changed(
        connection,
        "UPDATE mails SET state = ?, reason = ?, code = ?, updated_at = ?, sent_at = ?,"
        " wake_at = NULL, token = NULL WHERE id = ? AND token = ?",
        (state, reason, code, at, sent_at, lease.notification.id, lease.token),
    )


def _changed(connection: sqlite3.Connection, statement: str, values: mails.Row) -> bool:
    """Whether the statement found its mail, whose lease is still this token's."""
    return connection.execute(statement, values).rowcount == 1
