"""The shelf of link keys, in the table `link_keys`."""

import sqlite3
from collections.abc import Mapping

from storage.links import Links
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="links-1",
        run=statements("""
CREATE TABLE link_keys (
    key BLOB NOT NULL PRIMARY KEY,
    user TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX link_keys_user ON link_keys (user);
"""),
    ),
)


class SQLiteLinks(SQLiteShelf, Links):
    """A row for each key."""

    MIGRATIONS = MIGRATIONS

    @writing
    def remember(self, connection: sqlite3.Connection, keys: Mapping[bytes, str]) -> None:
        connection.executemany("INSERT OR IGNORE INTO link_keys (key, user) VALUES (?, ?)", keys.items())

    @reading
    def user_of(self, connection: sqlite3.Connection, key: bytes) -> str | None:
        found = connection.execute("SELECT user FROM link_keys WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.executemany("DELETE FROM link_keys WHERE user = ?", [(name,) for name in erasure.names])
        return 0
