"""The shelf of strays, in the table `strays`."""

import sqlite3
from datetime import datetime
from typing import Any

from storage.encoding import FOREVER, micros, moment, position_of
from storage.people import Erasure
from storage.sqlite import obligations
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.strays import RAW_BYTES, Stray, StrayPage, Strays

MIGRATIONS = (
    Migration(
        name="strays-1",
        run=statements("""
CREATE TABLE strays (
    id TEXT NOT NULL PRIMARY KEY,
    received_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    mail TEXT,
    raw BLOB NOT NULL
);
CREATE INDEX strays_newest ON strays (received_at, id);
"""),
    ),
)
_COLUMNS = "id, received_at, kind, subject, mail, raw"


class SQLiteStrays(SQLiteShelf, Strays):
    """A row for each, with its bytes."""

    MIGRATIONS = MIGRATIONS

    @writing
    def keep(self, connection: sqlite3.Connection, stray: Stray, *, most: int) -> None:
        """Insert, and delete what is beyond `most`, in one transaction."""
        connection.execute(
            f"INSERT INTO strays ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants only
            (
                stray.id, micros(stray.received_at), stray.kind, stray.subject, stray.mail, stray.raw[:RAW_BYTES],
            ),
        )  # fmt: skip
        connection.execute(
            "DELETE FROM strays WHERE id IN"
            " (SELECT id FROM strays ORDER BY received_at DESC, id DESC LIMIT -1 OFFSET ?)",
            (most,),
        )

    @reading
    def page(self, connection: sqlite3.Connection, *, before: str | None, limit: int) -> StrayPage:
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM strays WHERE (received_at, id) < (?, ?)"  # noqa: S608 - constants only
            " ORDER BY received_at DESC, id DESC LIMIT ?",
            (time, id_, limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = f"{page[-1][1]}~{page[-1][0]}" if page and len(rows) > limit else None
        return StrayPage(items=tuple(map(_stray, page)), next=following)

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime) -> int:
        return connection.execute("DELETE FROM strays WHERE received_at < ?", (micros(before),)).rowcount

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        """What is about the user's mail goes, and what quotes an address of the user's, whatever the case it is in."""
        texts = [address.encode() for address in erasure.addresses]
        rows = connection.execute("SELECT id, mail, raw FROM strays").fetchall()
        owed = obligations.owed_in(connection, erasure.rooms, [mail for _, mail, _ in rows if mail])
        gone = [
            (id_,) for id_, mail, raw in rows if mail in owed or any(text in raw.lower() for text in texts)
        ]
        connection.executemany("DELETE FROM strays WHERE id = ?", gone)
        return 0


def _stray(row: tuple[Any, ...]) -> Stray:
    id_, received_at, kind, subject, mail, raw = row
    return Stray(
        id=id_, received_at=moment(received_at), kind=kind, subject=subject, mail=mail, raw=bytes(raw)
    )
