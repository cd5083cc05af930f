"""The shelf of people, in the table `contacts`; to tell all of a user, it looks into the others' tables as well."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from storage.encoding import WIPED, micros, micros_or_none, moment_or_none, receipt_of, writable
from storage.people import Contact, Erasure, People, UserData
from storage.sqlite import obligations
from storage.sqlite.rows import NOTIFICATION, notification_of
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.threads import Threads

MIGRATIONS = (
    Migration(
        name="people-1",
        schema=1,
        run=statements("""
CREATE TABLE contacts (
    user TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    name TEXT,
    last_seen INTEGER
) WITHOUT ROWID;
"""),
    ),
    Migration(
        name="people-2",
        schema=4,
        run=statements("""
-- NULL: before this was kept
ALTER TABLE contacts ADD COLUMN first_seen INTEGER;
"""),
    ),
)


def _contacts(connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, Contact]:
    rows = connection.execute(
        "SELECT user, email, name, last_seen FROM contacts WHERE user IN (SELECT value FROM json_each(?))",
        (json.dumps(writable(users)),),
    )
    return {
        user: Contact(user=user, email=email, name=name, last_seen=moment_or_none(last_seen))
        for user, email, name, last_seen in rows
    }


class SQLitePeople(SQLiteShelf, People):
    """A row for each user who is known."""

    MIGRATIONS = MIGRATIONS

    def __init__(self, threads: Threads, shelves: Sequence[SQLiteShelf]) -> None:
        """`shelves` are all of the store: whoever is erased is erased from each."""
        super().__init__(threads)
        self._shelves = shelves

    @writing
    def remember(self, connection: sqlite3.Connection, contacts: Sequence[Contact]) -> None:
        """Known fields give way to newer ones only: `last_seen` tells which of two is newer."""
        connection.executemany(
            "INSERT INTO contacts (user, email, name, last_seen, first_seen)"
            " VALUES (?, ?, ?, ?, COALESCE(?, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)))"
            " ON CONFLICT (user) DO UPDATE SET"
            " email = CASE WHEN excluded.last_seen < last_seen THEN COALESCE(email, excluded.email)"
            "  ELSE COALESCE(excluded.email, email) END,"
            " name = CASE WHEN excluded.last_seen < last_seen THEN COALESCE(name, excluded.name)"
            "  ELSE COALESCE(excluded.name, name) END,"
            " last_seen = MAX(COALESCE(excluded.last_seen, last_seen), COALESCE(last_seen, excluded.last_seen))",
            [(c.user, c.email, c.name, (seen := micros_or_none(c.last_seen)), seen) for c in contacts],
        )

    @reading
    def contact(self, connection: sqlite3.Connection, user: str) -> Contact | None:
        return _contacts(connection, [user]).get(user)

    @reading
    def contacts(self, connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, Contact]:
        return _contacts(connection, users)

    @writing
    def forget(self, connection: sqlite3.Connection, users: Sequence[str]) -> None:
        _forget(connection, users)

    @reading
    def user_data(self, connection: sqlite3.Connection, user: str, room: str, *, limit: int) -> UserData:
        notifications = connection.execute(
            f"SELECT {NOTIFICATION} FROM notifications n {obligations.JOIN}"  # noqa: S608 - constants only
            " WHERE n.room = ? AND n.shown_until <> ? ORDER BY n.created_at DESC, n.id DESC LIMIT ?",
            (room, WIPED, limit),
        )
        receipts = connection.execute(
            "SELECT c.id, c.seen_at, c.read_at, c.dismissed_at, c.clicked_at,"
            " CASE WHEN i.begins >= c.seq THEN i.begun_at WHEN i.read_upto >= c.seq THEN i.read_at END"
            " FROM receipts c LEFT JOIN inboxes i ON i.user = c.user AND i.room = c.room"
            " WHERE c.user = ? ORDER BY c.id DESC LIMIT ?",
            (user, limit),
        )
        return UserData(
            contact=_contacts(connection, [user]).get(user),
            notifications=tuple(notification_of(row) for row in notifications),
            receipts={
                row[0]: receipt_of(
                    seen_at=row[1], read_at=row[2], dismissed_at=row[3], clicked_at=row[4], covered_at=row[5]
                )
                for row in receipts
            },
            read_upto=dict(connection.execute("SELECT room, read_upto FROM inboxes WHERE user = ?", (user,))),
        )

    @reading
    def addresses(self, connection: sqlite3.Connection, user: str, room: str) -> list[str]:
        contact = _contacts(connection, [user]).get(user)
        known = [] if contact is None or contact.email is None else [contact.email]
        return list(dict.fromkeys([*known, *obligations.recipients(connection, room)]))

    @writing
    def erase_user(
        self,
        connection: sqlite3.Connection,
        user: str,
        room: str,
        *,
        now: datetime,
        addresses: Sequence[str] = (),
    ) -> int:
        erasure = Erasure(user=user, room=room, at=micros(now), addresses=tuple(writable(addresses)))
        return sum(shelf.erase(connection, erasure) for shelf in self._shelves)

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        _forget(connection, [erasure.user])
        return 0


def _forget(connection: sqlite3.Connection, users: Sequence[str]) -> None:
    connection.executemany("DELETE FROM contacts WHERE user = ?", [(user,) for user in users])
