"""The table of obligations, and the mail of a row as a value.

A notification's own mail has its id, and no `of_id`. What stands by itself has what it is of in `of_kind` and `of_id`.

`wake_at` says when a worker must look at a mail: when it is due, or when its lease ends; a mail without one is not owed.
"""

import json
import sqlite3
from collections.abc import Sequence

from storage.courses import STEPS_KEPT, Course, CourseStep, fields_of, step_from
from storage.encoding import micros, micros_or_none, moment, moment_or_none
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.notifications import Notification
from storage.obligations import Kind, Subject
from storage.sqlite.bulk import Row
from storage.sqlite.schema import Migration, statements

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
    Migration(
        name="outbox-2",
        run=statements("""
ALTER TABLE mails RENAME TO obligations;
ALTER TABLE obligations ADD COLUMN channel TEXT NOT NULL DEFAULT 'email';
ALTER TABLE obligations ADD COLUMN lane TEXT NOT NULL DEFAULT 'transactional';
-- the rule that skipped it, or holds it
ALTER TABLE obligations ADD COLUMN decided_by TEXT;
-- what the relay said as it took it
ALTER TABLE obligations ADD COLUMN relay_id TEXT;
-- of what stands by itself: notification, digest or campaign, and which; NULL for a notification's own mail
ALTER TABLE obligations ADD COLUMN of_kind TEXT;
ALTER TABLE obligations ADD COLUMN of_id TEXT;
-- of a digest or a campaign: the person's own room, and what is to be told
ALTER TABLE obligations ADD COLUMN room TEXT;
ALTER TABLE obligations ADD COLUMN news TEXT;
DROP INDEX mails_owed;
CREATE INDEX obligations_owed ON obligations (lane, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX obligations_of ON obligations (of_id) WHERE of_id IS NOT NULL;
CREATE INDEX obligations_room ON obligations (room) WHERE room IS NOT NULL;
"""),
    ),
    Migration(
        name="outbox-taken-as",
        run=statements("""
-- the id by which the relay knows the mail
ALTER TABLE obligations ADD COLUMN relay_key TEXT;
CREATE INDEX obligations_taken_as ON obligations (relay_key) WHERE relay_key IS NOT NULL;
"""),
    ),
    Migration(
        name="outbox-held",
        run=statements("""
-- what a rule holds, and what is to go whatever holds it
CREATE INDEX obligations_held ON obligations (due_at, id) WHERE state = 'pending' AND decided_by IS NOT NULL;
"""),
    ),
    Migration(
        name="outbox-found",
        run=statements("""
-- the room of the notification whose own it is, or else `room`: to find a person's mail by
ALTER TABLE obligations ADD COLUMN reader TEXT;
UPDATE obligations SET reader = COALESCE(room, (SELECT n.room FROM notifications n WHERE n.id = obligations.id));
CREATE INDEX obligations_reader ON obligations (reader, created_at, id);
CREATE INDEX obligations_recipient ON obligations (recipient COLLATE NOCASE, created_at, id);
"""),
    ),
    Migration(
        name="outbox-gathering",
        run=statements("""
-- the digest that it waits in, that told it, or that it was left out of
ALTER TABLE obligations ADD COLUMN digest TEXT;
CREATE INDEX obligations_gathered ON obligations (digest, created_at, id) WHERE state = 'gathered';
-- what it counts as for a throttle, and since when
ALTER TABLE obligations ADD COLUMN counted_as TEXT;
ALTER TABLE obligations ADD COLUMN counted_at INTEGER;
CREATE INDEX obligations_counted ON obligations (counted_as, counted_at) WHERE counted_as IS NOT NULL;
"""),
    ),
    Migration(
        name="outbox-courses",
        run=statements("""
-- what was said of it on its way, as JSON; NULL where its state says it all
ALTER TABLE obligations ADD COLUMN steps TEXT;
"""),
    ),
)
COLUMNS = (
    "m.recipient, m.subject, m.unless, m.ordered_at, m.state, m.attempts, m.due_at, m.reason, m.code,"
    " m.updated_at, m.sent_at, m.lane, m.decided_by, m.relay_id, m.digest"
)
"""The columns that `mail_of` takes, of obligations `m`."""
STEPPED = (
    f"steps = json_insert(CASE WHEN json_array_length(steps) >= {STEPS_KEPT} THEN json_remove(steps, '$[0]')"
    " ELSE COALESCE(steps, '[]') END, '$[#]', json(?))"
)
"""Keeps the step that `step_text` writes beside the newest of those before."""
OWES = "(m.wake_at IS NOT NULL OR m.state IS 'gathered')"
"""Whether a mail is owed, or waits in a digest, of obligations `m`; not so where there is none."""
JOIN = "LEFT JOIN obligations m ON m.id = n.id"


def step_text(step: CourseStep) -> str:
    """A step as `STEPPED` takes it: JSON."""
    return json.dumps(fields_of(step))


def courses(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Course]:
    """The courses of those that are there, by id. A notification's own mail is of its own id."""
    rows = connection.execute(
        "SELECT id, of_kind, of_id, steps FROM obligations WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return {
        id_: Course(
            of=Subject(kind=Kind(kind or Kind.NOTIFICATION), id=of_id or id_),
            steps=[step_from(fields) for fields in json.loads(steps or "[]")],
        )
        for id_, kind, of_id, steps in rows
    }


def mail_of(row: Row) -> Mail:
    """The mail of a row that has the columns of `COLUMNS`, in their order."""
    (
        recipient, subject, unless, ordered_at, state, attempts, due_at, reason, code, updated_at, sent_at, lane,
        decided_by, relay_id, digest,
    ) = row  # fmt: skip
    return Mail(
        order=MailOrder(
            to=recipient,
            due_at=moment(ordered_at),
            subject=subject,
            unless=None if unless is None else Unless(unless),
            lane=LaneName(lane),
        ),
        state=MailState(state),
        attempts=attempts,
        due_at=moment(due_at),
        reason=reason,
        code=code,
        decided_by=decided_by,
        relay_id=relay_id,
        digest=digest,
        updated_at=moment(updated_at),
        sent_at=moment_or_none(sent_at),
    )


def row_of(notification: Notification, mail: Mail) -> Row:
    """The row of a notification's own mail, for `insert`; under its hold if it has one."""
    row = columns_of(notification.id, micros(notification.created_at), mail, notification.room)
    return (*row, None if mail.hold is None else mail.hold.token)


def columns_of(id_: str, created_at: int, mail: Mail, reader: str | None) -> Row:
    """The columns that both kinds of obligations have. What is pending wakes when it is due, what is held when its hold
    ends.
    """
    order = mail.order
    wake_at = micros(mail.due_at) if mail.state is MailState.PENDING else None
    if mail.hold is not None:
        wake_at = micros(mail.hold.until)
    return (
        id_, created_at, order.to, order.subject, order.unless, micros(order.due_at), mail.state, mail.attempts,
        micros(mail.due_at), mail.reason, mail.code, micros(mail.updated_at), micros_or_none(mail.sent_at), wake_at,
        order.lane, mail.decided_by, mail.relay_id, reader,
    )  # fmt: skip
