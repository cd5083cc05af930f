"""The shelf of opens, in the table `opens`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.encoding import is_writable, micros, moment
from storage.opens import Open, Opens
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="opens-1",
        run=statements("""
CREATE TABLE opens (
    id TEXT NOT NULL PRIMARY KEY,
    mail TEXT NOT NULL,
    user TEXT NOT NULL,
    notification TEXT,
    at INTEGER NOT NULL,
    network BLOB NOT NULL,
    signals TEXT NOT NULL               -- JSON
) WITHOUT ROWID;
CREATE INDEX opens_mail ON opens (mail, at, id);
CREATE INDEX opens_notification ON opens (notification, at, id) WHERE notification IS NOT NULL;
CREATE INDEX opens_user ON opens (user, at, id);
CREATE INDEX opens_oldest ON opens (at);
"""),
    ),
)
_COLUMNS = "id, mail, user, notification, at, network, signals"


class SQLiteOpens(SQLiteShelf, Opens):
    """A row for each."""

    MIGRATIONS = MIGRATIONS

    @writing
    def note(self, connection: sqlite3.Connection, opened: Open, *, most: int) -> bool:
        """The count and the insert are under one lock, so no mail has more than `most`."""
        (known,) = connection.execute("SELECT COUNT(*) FROM opens WHERE mail = ?", (opened.mail,)).fetchone()
        if known >= most:
            return False
        connection.execute(
            f"INSERT INTO opens ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",  # noqa: S608 - constants only
            (
                opened.id, opened.mail, opened.user, opened.notification, micros(opened.at), opened.network,
                json.dumps(opened.signals),
            ),
        )  # fmt: skip
        return True

    @reading
    def about(self, connection: sqlite3.Connection, id_: str, *, limit: int) -> Sequence[Open]:
        if not is_writable(id_):
            return []
        return _opens(
            connection, "mail = ?1 OR notification = ?1 ORDER BY at DESC, id DESC LIMIT ?2", (id_, limit)
        )

    @reading
    def of_user(self, connection: sqlite3.Connection, user: str, *, limit: int) -> Sequence[Open]:
        if not is_writable(user):
            return []
        return _opens(connection, "user = ? ORDER BY at DESC, id DESC LIMIT ?", (user, limit))

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        return connection.execute(
            "DELETE FROM opens WHERE id IN (SELECT id FROM opens WHERE at < ? ORDER BY at LIMIT ?)",
            (micros(before), limit),
        ).rowcount

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.executemany("DELETE FROM opens WHERE user = ?", [(name,) for name in erasure.names])
        return 0


def _opens(connection: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> list[Open]:
    return [
        Open(
            id=id_, mail=mail, user=user, notification=notification, at=moment(at), network=bytes(network),
            signals=tuple(json.loads(signals)),
        )
        for id_, mail, user, notification, at, network, signals in connection.execute(
            f"SELECT {_COLUMNS} FROM opens WHERE {which}", values  # noqa: S608 - constants only
        )
    ]  # fmt: skip
