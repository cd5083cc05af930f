"""Leasing what is due: each mail is one worker's for as long as its lease lasts, and what is not to be sent any more is skipped."""

import sqlite3
import uuid
from datetime import datetime, timedelta

from msgspec import structs

from storage import collapsing
from storage.encoding import ERASED, EXPIRED, ORPHANED, RECALLED, micros, moment
from storage.mail import LaneName
from storage.obligations import Kind, Lease, Subject
from storage.outbox import ORPHAN_AGE, ORPHAN_LOOK
from storage.sqlite.mail_pages import FROM, OWED, told
from storage.sqlite.rows import NOTIFICATION_WIDTH

_ORPHAN_AGE, _ORPHAN_LOOK = (round(each.total_seconds() * 1_000_000) for each in (ORPHAN_AGE, ORPHAN_LOOK))


def lease(
    connection: sqlite3.Connection, *, lane: LaneName, limit: int, lease_seconds: float, now: datetime
) -> list[Lease]:
    """Take up to `limit` due mails of the lane, oldest due first.

    What cannot be sent is settled as it is met, and looked past, until `limit` are found or nothing is due: so one call
    may skip more than it leases. All of it is one transaction.
    """
    at = micros(now)
    until = micros(now + timedelta(seconds=lease_seconds))
    leases: list[Lease] = []
    while (wanted := limit - len(leases)) > 0:
        due = connection.execute(
            "SELECT m.id, m.of_kind, m.created_at, m.news IS NULL, n.shown_until, n.recalled_at, n.superseded_by"
            " FROM obligations m LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"
            " WHERE m.lane = ? AND m.wake_at IS NOT NULL AND m.wake_at <= ? ORDER BY m.wake_at, m.id LIMIT ?",
            (lane, at, wanted),
        ).fetchall()
        for obligation_id, kind, owed_at, is_mute, shown_until, recalled_at, superseded_by in due:
            if kind in (None, Kind.NOTIFICATION) and shown_until is None:
                _pass_over(connection, obligation_id, owed_at=owed_at, now=at)
            elif superseded_by is not None:
                rule = collapsing.RULE
                _skip_gone(connection, obligation_id, reason=collapsing.REASON, rule=rule, now=at)
            elif kind in (None, Kind.NOTIFICATION) and shown_until <= at:
                reason = EXPIRED if recalled_at is None else RECALLED
                _skip_gone(connection, obligation_id, reason=reason, now=at)
            elif kind not in (None, Kind.NOTIFICATION) and is_mute:
                _skip_gone(connection, obligation_id, reason=ERASED, now=at)
            else:
                leases.append(_take(connection, obligation_id, until=until, now=at))
        # That was all; or it would be found again at once, for its lease has ended already.
        if len(due) < wanted or until <= at:
            break
    return leases


def _pass_over(connection: sqlite3.Connection, obligation_id: str, *, owed_at: int, now: int) -> None:
    """Its notification is not stored, or not yet.

    It is looked at again after `ORPHAN_LOOK`, and given up after `ORPHAN_AGE`: whoever stores it stores it within
    moments, or has died.
    """
    if owed_at + _ORPHAN_AGE <= now:
        _skip_gone(connection, obligation_id, reason=ORPHANED, now=now)
    else:
        connection.execute(
            "UPDATE obligations SET wake_at = ? WHERE id = ?", (now + _ORPHAN_LOOK, obligation_id)
        )


def _skip_gone(
    connection: sqlite3.Connection, obligation_id: str, *, reason: str, now: int, rule: str | None = None
) -> None:
    """Skip a mail whose notification is not to be told any more. A rule that is there stays, where none is given."""
    connection.execute(
        "UPDATE obligations SET state = 'skipped', reason = ?, decided_by = COALESCE(?, decided_by), updated_at = ?,"
        " wake_at = NULL, token = NULL WHERE id = ?",
        (reason, rule, now, obligation_id),
    )


def _take(connection: sqlite3.Connection, obligation_id: str, *, until: int, now: int) -> Lease:
    """Have the mail be this caller's: a token of its own, one attempt more, and what it tells."""
    token = uuid.uuid4().hex
    connection.execute(
        "UPDATE obligations SET state = 'leased', attempts = attempts + 1, updated_at = ?, token = ?, wake_at = ?"
        " WHERE id = ?",
        (now, token, until, obligation_id),
    )
    row = connection.execute(
        f"SELECT {OWED} {FROM} WHERE m.id = ?",
        (obligation_id,),
    ).fetchone()
    notification = told(row)
    assert notification is not None
    mail = notification.mail
    assert mail is not None
    _, kind, of_id, _, _ = row[NOTIFICATION_WIDTH:]
    of = Subject(kind=Kind(kind or Kind.NOTIFICATION), id=of_id or obligation_id)
    # The notification under its own id: by that its receipts are found.
    if of.kind is Kind.NOTIFICATION:
        notification = structs.replace(notification, id=of.id)
    return Lease(
        id=obligation_id, of=of, notification=notification, mail=mail, token=token, until=moment(until)
    )
