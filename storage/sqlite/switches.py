"""The shelf of switches: a row for each type, and one for each change, which share the numbers of the changes."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from storage.encoding import data_of, data_text, micros, moment
from storage.errors import TooManySwitched
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.switches import (
    CHANGES_KEPT,
    ERASED,
    TYPES_MAX,
    SwitchChange,
    Switched,
    Switches,
    SwitchSettings,
    SwitchTable,
    merged,
)

MIGRATIONS = (
    Migration(
        name="switches-1",
        run=statements("""
CREATE TABLE switches (
    type TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL UNIQUE,
    settings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE switch_changes (
    version INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    asked TEXT NOT NULL
);
CREATE INDEX switch_changes_of_type ON switch_changes (type, version);
CREATE INDEX switch_changes_by_author ON switch_changes (author);
"""),
    ),
)

_CHANGE = "c.at, c.author, c.asked"


def _change(at: int, by: str, asked: str) -> SwitchChange:
    return SwitchChange(at=moment(at), by=by, asked=data_of(asked))


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("SELECT COALESCE(MAX(version), 0) FROM switches").fetchone()
    return int(version)


def _settings(connection: sqlite3.Connection, type_: str) -> SwitchSettings:
    """What is set for the type; raises `TooManySwitched` for one too many that never was."""
    found = connection.execute("SELECT settings FROM switches WHERE type = ?", (type_,)).fetchone()
    if found is not None:
        return data_of(found[0])
    (count,) = connection.execute("SELECT COUNT(*) FROM switches").fetchone()
    if count >= TYPES_MAX:
        raise TooManySwitched
    return {}


class SQLiteSwitches(SQLiteShelf, Switches):
    """The last change of all is the version: it is never one that is cleared away.

    A type's row has the number of its last change, so one look at the highest tells whether anything is new.
    """

    MIGRATIONS = MIGRATIONS

    @reading
    def version(self, connection: sqlite3.Connection) -> int:
        return _version(connection)

    @reading
    def all(self, connection: sqlite3.Connection) -> SwitchTable:
        rows = connection.execute(
            f"SELECT s.type, s.settings, {_CHANGE} FROM switches s JOIN switch_changes c ON c.version = s.version"  # noqa: S608 - constants only
        )
        types = {
            type_: Switched(settings=data_of(settings), last=_change(*change))
            for type_, settings, *change in rows
        }
        return SwitchTable(version=_version(connection), types=types)

    @writing
    def change(
        self, connection: sqlite3.Connection, type_: str, asked: SwitchSettings, *, by: str, now: datetime
    ) -> Switched:
        """The version, the change and what is set, in one transaction. Old changes of the type go with it."""
        settings = merged(_settings(connection, type_), asked)
        version = _version(connection) + 1
        connection.execute(
            "INSERT INTO switch_changes (version, type, at, author, asked) VALUES (?, ?, ?, ?, ?)",
            (version, type_, micros(now), by, data_text(asked)),
        )
        connection.execute(
            "INSERT INTO switches (type, version, settings) VALUES (?, ?, ?)"
            " ON CONFLICT (type) DO UPDATE SET version = excluded.version, settings = excluded.settings",
            (type_, version, data_text(settings)),
        )
        connection.execute(
            "DELETE FROM switch_changes WHERE type = ? AND version <="
            " (SELECT version FROM switch_changes WHERE type = ? ORDER BY version DESC LIMIT 1 OFFSET ?)",
            (type_, type_, CHANGES_KEPT),
        )
        return Switched(settings=settings, last=SwitchChange(at=now, by=by, asked=asked))

    @reading
    def history(self, connection: sqlite3.Connection, type_: str, *, limit: int) -> Sequence[SwitchChange]:
        rows = connection.execute(
            f"SELECT {_CHANGE} FROM switch_changes c WHERE type = ? ORDER BY version DESC LIMIT ?",  # noqa: S608 - constants only
            (type_, limit),
        )
        return [_change(*row) for row in rows]

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute(
            "UPDATE switch_changes SET author = ? WHERE author = ?", (ERASED, f"user:{erasure.user}")
        )
        return 0
