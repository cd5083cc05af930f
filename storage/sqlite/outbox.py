"""Mail that is owed. Each function runs inside one transaction of its caller.

`wake_at` says when a worker must look at a mail: when it is due, or when its lease ends; a mail without one is not owed.
"""

import json
import sqlite3
import uuid
from collections.abc import Sequence

from storage.encoding import EXPIRED, FOREVER, RECALLED, cursor_of, moment, position_of, writable
from storage.models import Lease, MailPage, MailState
from storage.sqlite.rows import NOTIFICATION, find, notification_of


def lease(connection: sqlite3.Connection, *, limit: int, until: int, now: int) -> list[Lease]:
    leases: list[Lease] = []
    while len(leases) < limit:
        due = connection.execute(
            "SELECT m.id, n.shown_until, n.recalled_at FROM mails m JOIN notifications n ON n.id = m.id"
            " WHERE m.wake_at IS NOT NULL AND m.wake_at <= ? ORDER BY m.wake_at, m.id LIMIT ?",
            (now, limit - len(leases)),
        ).fetchall()
        if not due:
            break
        for mail_id, shown_until, recalled_at in due:
            if shown_until <= now:
                _skip_gone(connection, mail_id, reason=EXPIRED if recalled_at is None else RECALLED, now=now)
            else:
                leases.append(_take(connection, mail_id, until=until, now=now))
        if until <= now:
            break  # A lease that has ended already would be found again at once.
    return leases


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


def prolong(connection: sqlite3.Connection, lease: Lease, *, until: int) -> bool:
    return (
        connection.execute(
            "UPDATE mails SET wake_at = ? WHERE id = ? AND token = ?",
            (until, lease.notification.id, lease.token),
        ).rowcount
        == 1
    )


def conclude(
    connection: sqlite3.Connection,
    lease: Lease,
    *,
    state: MailState,
    now: int,
    reason: str | None = None,
    code: int | None = None,
) -> bool:
    """The end of a mail: sent, skipped or dead."""
    return (
        connection.execute(
            "UPDATE mails SET state = ?, reason = ?, code = ?, updated_at = ?, sent_at = ?,"
            " wake_at = NULL, token = NULL WHERE id = ? AND token = ?",
            (
                state,
                reason,
                code,
                now,
                now if state is MailState.SENT else None,
                lease.notification.id,
                lease.token,
            ),
        ).rowcount
        == 1
    )


def postpone(
    connection: sqlite3.Connection,
    lease: Lease,
    *,
    until: int,
    reason: str,
    code: int | None,
    count_attempt: bool,
    now: int,
) -> bool:
    return (
        connection.execute(
            "UPDATE mails SET state = 'pending', attempts = attempts - ?, due_at = ?, wake_at = ?, reason = ?,"
            " code = ?, updated_at = ?, token = NULL WHERE id = ? AND token = ?",
            (0 if count_attempt else 1, until, until, reason, code, now, lease.notification.id, lease.token),
        ).rowcount
        == 1
    )


def release(connection: sqlite3.Connection, lease: Lease, *, now: int) -> bool:
    return (
        connection.execute(
            "UPDATE mails SET state = 'pending', attempts = attempts - 1, wake_at = due_at, updated_at = ?,"
            " token = NULL WHERE id = ? AND token = ?",
            (now, lease.notification.id, lease.token),
        ).rowcount
        == 1
    )


def revive(connection: sqlite3.Connection, ids: Sequence[str], *, now: int) -> list[str]:
    revived = {
        row[0]
        for row in connection.execute(
            "UPDATE mails SET state = 'pending', attempts = 0, due_at = :now, wake_at = :now, updated_at = :now,"
            " reason = NULL, code = NULL"
            " WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'dead' RETURNING id",
            {"now": now, "ids": json.dumps(writable(ids))},
        )
    }
    return [mail_id for mail_id in dict.fromkeys(ids) if mail_id in revived]


def next_due(connection: sqlite3.Connection) -> int | None:
    value: int | None
    (value,) = connection.execute("SELECT MIN(wake_at) FROM mails WHERE wake_at IS NOT NULL").fetchone()
    return value


def mail_page(
    connection: sqlite3.Connection, *, state: MailState | None, before: str | None, limit: int
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


def mail_counts(connection: sqlite3.Connection) -> dict[MailState, int]:
    counts = dict.fromkeys(MailState, 0)
    for state, count in connection.execute("SELECT state, COUNT(*) FROM mails GROUP BY state"):
        counts[MailState(state)] = count
    return counts
