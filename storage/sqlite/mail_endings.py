"""What a lease ends in; only the worker that still holds it ends it."""

import sqlite3
from datetime import datetime

from storage.courses import step_of
from storage.encoding import micros
from storage.endings import Buried, Postponed, Released, Sent, Settled, Skipped
from storage.obligations import Lease
from storage.sqlite import mail_rows
from storage.sqlite.bulk import Row


def end(connection: sqlite3.Connection, lease: Lease, ending: Settled, now: datetime) -> bool:
    """Whether the lease still held, so that this is what it has ended in.

    One statement, which judges the token as it writes. A step is kept in it where there is one.
    """
    at = micros(now)
    match ending:
        case Sent(relay_id=relay_id, relay_key=relay_key):
            change = (
                "state = 'sent', reason = NULL, code = NULL, decided_by = NULL, relay_id = ?, relay_key = ?,"
                " sent_at = ?, wake_at = NULL"
            )
            values: Row = (relay_id, relay_key, at)
        case Skipped(rule=rule, reason=reason):
            change = "state = 'skipped', reason = ?, code = NULL, decided_by = ?, wake_at = NULL"
            values = (reason, rule)
        case Buried(reason=reason, code=code):
            change = "state = 'dead', reason = ?, code = ?, decided_by = NULL, wake_at = NULL"
            values = (reason, code)
        case Postponed(until=until, reason=reason, code=code, counted=counted, rule=rule):
            change = (
                "state = 'pending', reason = ?, code = ?, decided_by = ?, attempts = attempts - ?, due_at = ?,"
                " wake_at = ?"
            )
            due_at = micros(until)
            values = (reason, code, rule, 0 if counted else 1, due_at, due_at)
        case Released():
            change, values = "state = 'pending', attempts = attempts - 1, wake_at = due_at", ()
    if (step := step_of(ending, lease, now)) is not None:
        change, values = f"{change}, {mail_rows.STEPPED}", (*values, mail_rows.step_text(step))
    return changed(
        connection,
        f"UPDATE obligations SET {change}, updated_at = ?, token = NULL WHERE id = ? AND token = ?",  # noqa: S608 - constants only
        (*values, at, lease.id, lease.token),
    )


def changed(connection: sqlite3.Connection, statement: str, values: Row) -> bool:
    """Whether the statement found its mail, whose lease is still this token's."""
    return connection.execute(statement, values).rowcount == 1
