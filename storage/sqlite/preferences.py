"""The shelf of preferences, in the tables `preferences` and `preference_changes`."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.encoding import data_of, data_text, is_writable, micros, moment, writable
from storage.people import Erasure
from storage.preferences import CHANGES_KEPT, PreferenceChange, Preferences, StoredPreferences
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="preferences-1",
        run=statements("""
CREATE TABLE preferences (
    user TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX preferences_changed ON preferences (changed_at);

CREATE TABLE preference_changes (
    user TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    mail TEXT,
    asked TEXT NOT NULL,
    PRIMARY KEY (user, version)
) WITHOUT ROWID;
"""),
    ),
)


class SQLitePreferences(SQLiteShelf, Preferences):
    """A row for each user who has chosen anything, and one for each change.

    The document and its change are written together; of changes those go that are `CHANGES_KEPT` versions behind.
    """

    MIGRATIONS = MIGRATIONS

    @reading
    def of_users(self, connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, StoredPreferences]:
        rows = connection.execute(
            "SELECT user, document, version FROM preferences WHERE user IN (SELECT value FROM json_each(?))",
            (json.dumps(writable(users)),),
        )
        return {
            user: StoredPreferences(document=data_of(document), version=version)
            for user, document, version in rows
        }

    @writing
    def put(
        self, connection: sqlite3.Connection, user: str, document: Mapping[str, Any], change: PreferenceChange
    ) -> bool:
        """The version is looked at under the write lock, so nobody is faster in between."""
        found = connection.execute("SELECT version FROM preferences WHERE user = ?", (user,)).fetchone()
        if (0 if found is None else found[0]) != change.version - 1:
            return False
        at = micros(change.at)
        connection.execute(
            "INSERT OR REPLACE INTO preferences (user, document, version, changed_at) VALUES (?, ?, ?, ?)",
            (user, data_text(document), change.version, at),
        )
        connection.execute(
            "INSERT INTO preference_changes (user, version, at, by, mail, asked) VALUES (?, ?, ?, ?, ?, ?)",
            (user, change.version, at, change.by, change.mail, data_text(change.asked)),
        )
        connection.execute(
            "DELETE FROM preference_changes WHERE user = ? AND version <= ?",
            (user, change.version - CHANGES_KEPT),
        )
        return True

    @reading
    def changes(
        self, connection: sqlite3.Connection, user: str, *, limit: int
    ) -> tuple[PreferenceChange, ...]:
        if not is_writable(user):
            return ()
        rows = connection.execute(
            "SELECT version, at, by, mail, asked FROM preference_changes WHERE user = ?"
            " ORDER BY version DESC LIMIT ?",
            (user, limit),
        )
        return tuple(
            PreferenceChange(version=version, at=moment(at), by=by, mail=mail, asked=data_of(asked))
            for version, at, by, mail, asked in rows
        )

    @reading
    def users(self, connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
        rows = connection.execute(
            "SELECT user FROM preferences WHERE user > ? ORDER BY user LIMIT ?", (after, limit)
        )
        return [user for (user,) in rows]

    @reading
    def changed_since(self, connection: sqlite3.Connection, at: datetime, *, limit: int) -> dict[str, int]:
        """By the index of changes, from its end."""
        rows = connection.execute(
            "SELECT user, version FROM preferences WHERE changed_at >= ? ORDER BY changed_at DESC LIMIT ?",
            (micros(at), limit),
        )
        return dict(rows.fetchall())

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        names = [(name,) for name in erasure.names]
        connection.executemany("DELETE FROM preferences WHERE user = ?", names)
        connection.executemany("DELETE FROM preference_changes WHERE user = ?", names)
        return 0
