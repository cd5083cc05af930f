"""How the file comes to this release's schema: each shelf's migrations, once each.

`facts` keeps the names of those that ran. Files of the first releases kept a number instead, in `PRAGMA user_version`:
a migration of that time says by its `schema` from which number on it ran. The number is `BY_NAME` from then on.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from storage.errors import StoreConfigurationError
from storage.migrations import CHANGING, newer, pending

BY_NAME = 5
"""The `user_version` of a file that keeps names."""
RAN = "migrations"
"""The fact that holds them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change of one shelf's tables, with what is in them."""

    name: str
    run: Callable[[sqlite3.Connection], object]
    """Runs inside the transaction of all that are due: a crash undoes it whole."""
    schema: int | None = None
    """The `user_version` that came with it, when files still kept a number."""


def statements(text: str) -> Callable[[sqlite3.Connection], None]:
    """What runs these statements, each of which ends with a semicolon and its line."""

    def run(connection: sqlite3.Connection) -> None:
        # Not executescript: it would commit first, and leave the lock to another process.
        for statement in filter(str.strip, text.split(";\n")):
            connection.execute(statement)

    return run


def migrate(connection: sqlite3.Connection, migrations: Iterable[Migration]) -> None:
    """Bring the file to this release's schema, in one transaction; another process may be doing the same.

    Who comes second waits for the lock, and finds nothing left to be done. Raises `StoreConfigurationError` for a file
    that a newer release has changed, or that has lost the record of its changes.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate(connection, list(migrations))
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back by itself; a second time would hide why.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Run what is due, in order, and write down that it ran; part of the transaction of `migrate`."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS facts (name TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID"
    )
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    ran = _ran(connection, version, migrations)
    due = pending(migrations, ran)
    if not due and version == BY_NAME:
        return
    for migration in due:
        if version:
            logger.info(CHANGING, extra={"change": migration.name})
        migration.run(connection)
    connection.execute(
        "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
        (RAN, json.dumps([*ran, *(migration.name for migration in due)])),
    )
    connection.execute(f"PRAGMA user_version = {BY_NAME}")


def _ran(connection: sqlite3.Connection, version: int, migrations: Sequence[Migration]) -> list[str]:
    """The names of the migrations that ran, for files of numbers by the number."""
    if version > BY_NAME:
        raise newer([f"schema {version}"])
    if version < BY_NAME:
        return [m.name for m in migrations if m.schema is not None and m.schema <= version]
    found = connection.execute("SELECT value FROM facts WHERE name = ?", (RAN,)).fetchone()
    if found is None:
        raise StoreConfigurationError(
            "the database does not say any more which changes of its schema it has had"
        )
    names: list[str] = json.loads(found[0])
    return names
