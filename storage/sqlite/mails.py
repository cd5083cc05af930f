"""The table of mails: its columns, and what the other shelves do to a mail as they do something to its notification.

`wake_at` says when a worker must look at a mail: when it is due, or when its lease ends; a mail without one is not owed.
Each function runs inside one transaction of its caller.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from storage.encoding import micros, micros_or_none, moment, moment_or_none
from storage.mail import Mail, MailOrder, MailState, Unless
from storage.sqlite.schema import Migration, statements
from storage.streams import Notification

MIGRATIONS = (
    Migration(
        name="outbox-1",
        schema=1,
        run=statements("""
CREATE TABLE mails (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,        -- of the notification
    recipient TEXT NOT NULL,
    subject TEXT,
    unless TEXT,
    ordered_at INTEGER NOT NULL,        -- when it was first due
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    reason TEXT,
    code INTEGER,
    updated_at INTEGER NOT NULL,
    sent_at INTEGER,
    token TEXT,
    wake_at INTEGER                     -- when a worker must look: due, or its lease ends; NULL when not owed
) WITHOUT ROWID;
CREATE INDEX mails_owed ON mails (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX mails_state ON mails (state, created_at, id);
CREATE INDEX mails_newest ON mails (created_at, id);
"""),
    ),
)

COLUMNS = (
    "m.recipient, m.subject, m.unless, m.ordered_at, m.state, m.attempts, m.due_at, m.reason, m.code,"
    " m.updated_at, m.sent_at"
)
"""The columns that `mail_of` takes, of mails `m`."""
JOIN = "LEFT JOIN mails m ON m.id = n.id"

_INSERT = (
    "INSERT INTO mails (id, created_at, recipient, subject, unless, ordered_at, state, attempts, due_at, reason, code,"
    " updated_at, sent_at, wake_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)

Row = tuple[Any, ...]


def mail_of(row: Row) -> Mail:
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


def row_of(notification: Notification, mail: Mail) -> Row:
    order = mail.order
    wake_at = micros(mail.due_at) if mail.state is MailState.PENDING else None
    return (
        notification.id, micros(notification.created_at), order.to, order.subject, order.unless,
        micros(order.due_at), mail.state, mail.attempts, micros(mail.due_at), mail.reason, mail.code,
        micros(mail.updated_at), micros_or_none(mail.sent_at), wake_at,
    )  # fmt: skip


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.executemany(_INSERT, rows)


def withdraw(connection: sqlite3.Connection, ids: Sequence[str], *, reason: str, now: int) -> None:
    """Their notifications are wiped: the subjects go, and what waits is skipped."""
    connection.execute(
        "UPDATE mails SET subject = NULL,"
        " reason = CASE state WHEN 'pending' THEN ? ELSE reason END,"
        " updated_at = CASE state WHEN 'pending' THEN ? ELSE updated_at END,"
        " wake_at = CASE state WHEN 'pending' THEN NULL ELSE wake_at END,"
        " state = CASE state WHEN 'pending' THEN 'skipped' ELSE state END"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (reason, now, json.dumps(ids)),
    )


def settled(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Those of these notifications that owe no mail."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"
            " (SELECT 1 FROM mails WHERE id = value AND wake_at IS NOT NULL)",
            (json.dumps(ids),),
        )
    ]


def delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    connection.execute("DELETE FROM mails WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
