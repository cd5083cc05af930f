"""From rows to values: which columns make a notification, and how."""

import sqlite3
from typing import Any

from storage.encoding import data_of, moment, moment_or_none
from storage.models import Mail, MailOrder, MailState, Notification, Unless

NOTIFICATION = (
    "n.id, n.room, n.seq, n.type, n.title, n.body, n.link, n.data, n.created_at, n.expires_at, n.recalled_at,"
    " m.recipient, m.subject, m.unless, m.ordered_at, m.state, m.attempts, m.due_at, m.reason, m.code,"
    " m.updated_at, m.sent_at"
)
"""The columns that `notification_of` takes, of notifications `n` and mails `m`."""
NOTIFICATION_WIDTH = 22
MAIL_JOIN = "LEFT JOIN mails m ON m.id = n.id"

Row = tuple[Any, ...]


def notification_of(row: Row) -> Notification:
    return Notification(
        id=row[0],
        room=row[1],
        seq=row[2],
        type=row[3],
        title=row[4],
        body=row[5],
        link=row[6],
        data=data_of(row[7]),
        created_at=moment(row[8]),
        expires_at=moment_or_none(row[9]),
        recalled_at=moment_or_none(row[10]),
        in_app=row[2] is not None,
        mail=None if row[11] is None else _mail_of(row[11:NOTIFICATION_WIDTH]),
    )


def _mail_of(row: Row) -> Mail:
    recipient, subject, unless, ordered_at, state, attempts, due_at, reason, code, updated_at, sent_at = row
    return Mail(
        order=MailOrder(
            to=recipient,
            due_at=moment(ordered_at),
            subject=subject,
            unless=None if unless is None else Unless(unless),
        ),
        state=MailState(state),
        attempts=attempts,
        due_at=moment(due_at),
        reason=reason,
        code=code,
        updated_at=moment(updated_at),
        sent_at=moment_or_none(sent_at),
    )


def find(connection: sqlite3.Connection, notification_id: str) -> Notification | None:
    row = connection.execute(
        f"SELECT {NOTIFICATION} FROM notifications n {MAIL_JOIN} WHERE n.id = ?",  # noqa: S608 - constants only
        (notification_id,),
    ).fetchone()
    return None if row is None else notification_of(row)
