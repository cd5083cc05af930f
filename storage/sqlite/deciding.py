"""How what is decided of a recipient is written down, within the transaction in which the mail is owed."""

import sqlite3

from storage.encoding import micros
from storage.recipients import Decided, second


def write_down(connection: sqlite3.Connection, each: Decided, now: int) -> None:
    """Write down what was decided of one who is pending still."""
    connection.execute(
        "UPDATE recipients SET state = ?, wake_at = ?, rule = ?, reason = ?, variant = ?, updated_at = ?"
        " WHERE id = ? AND state = 'pending'",
        (
            each.state, None if each.wake_at is None else micros(each.wake_at), each.rule, each.reason, each.variant, now,
            each.id,
        ),
    )  # fmt: skip


def owe(connection: sqlite3.Connection, each: Decided, obligation_id: str, now: int) -> bool:
    """Whether it is this recipient whose mail it is: not one that was decided before, nor the second of an address."""
    changed = connection.execute(
        "UPDATE OR IGNORE recipients SET state = 'owed', wake_at = NULL, mail = ?, rule = NULL, reason = NULL,"
        " variant = ?, updated_at = ? WHERE id = ? AND state = 'pending'",
        (obligation_id, each.variant, now, each.id),
    ).rowcount
    if not changed:
        write_down(connection, second(each), now)
    return bool(changed)
