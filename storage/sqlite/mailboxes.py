"""The shelf of mailboxes, in the table `refused_mailboxes`."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from storage.encoding import micros, moment, writable
from storage.mailboxes import Mailboxes, RefusingMailbox
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="mailboxes-1",
        run=statements("""
CREATE TABLE refused_mailboxes (
    user TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    at INTEGER NOT NULL,
    told TEXT                           -- the notification that says so; NULL: the user is still to be told
) WITHOUT ROWID;
CREATE INDEX refused_mailboxes_untold ON refused_mailboxes (user) WHERE told IS NULL;
"""),
    ),
)

_COLUMNS = "user, address, at, told"
_SAME = "user = ? AND address = ? AND at = ? AND told IS ?"


class SQLiteMailboxes(SQLiteShelf, Mailboxes):
    """A row for each user whose mailbox refuses us."""

    MIGRATIONS = MIGRATIONS

    @writing
    def refuse(self, connection: sqlite3.Connection, user: str, address: str, *, at: datetime) -> bool:
        """An upsert that writes over another address alone."""
        changed = connection.execute(
            "INSERT INTO refused_mailboxes (user, address, at) VALUES (?, ?, ?)"
            " ON CONFLICT (user) DO UPDATE SET address = excluded.address, at = excluded.at, told = NULL"
            " WHERE address != excluded.address",
            (user, address, micros(at)),
        )
        return changed.rowcount == 1

    @writing
    def told(self, connection: sqlite3.Connection, refusal: RefusingMailbox, notification: str) -> bool:
        changed = connection.execute(
            f"UPDATE refused_mailboxes SET told = ? WHERE {_SAME}",  # noqa: S608 - constants only
            (notification, *_values(refusal)),
        )
        return changed.rowcount == 1

    @writing
    def forget(self, connection: sqlite3.Connection, refusal: RefusingMailbox) -> bool:
        changed = connection.execute(f"DELETE FROM refused_mailboxes WHERE {_SAME}", _values(refusal))  # noqa: S608 - as above
        return changed.rowcount == 1

    @reading
    def of_many(self, connection: sqlite3.Connection, users: Collection[str]) -> Sequence[RefusingMailbox]:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM refused_mailboxes WHERE user IN (SELECT value FROM json_each(?)) ORDER BY user",  # noqa: S608 - as above
            (json.dumps(writable(list(users))),),
        )
        return [_refusal(row) for row in rows]

    @reading
    def page(
        self, connection: sqlite3.Connection, *, after: str | None, limit: int, untold: bool = False
    ) -> Sequence[RefusingMailbox]:
        also = " AND told IS NULL" if untold else ""
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM refused_mailboxes WHERE user > ?{also} ORDER BY user LIMIT ?",  # noqa: S608 - as above
            (after or "", limit),
        )
        return [_refusal(row) for row in rows]

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.executemany(
            "DELETE FROM refused_mailboxes WHERE user = ?", [(name,) for name in erasure.names]
        )
        return 0


def _values(refusal: RefusingMailbox) -> tuple[Any, ...]:
    return refusal.user, refusal.address, micros(refusal.at), refusal.told


def _refusal(row: tuple[Any, ...]) -> RefusingMailbox:
    user, address, at, told = row
    return RefusingMailbox(user=user, address=address, at=moment(at), told=told)
