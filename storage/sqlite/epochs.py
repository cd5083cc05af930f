"""The shelf of epochs: a fact of the store, and what is put right when it turns."""

import sqlite3

from storage.epochs import Epochs
from storage.sqlite.heads import HEAD
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="epochs-1",
        schema=3,
        run=statements("""
INSERT INTO facts (name, value) VALUES ('epoch', lower(hex(randomblob(4))));
"""),
    ),
)

_HEADS = (
    f"(SELECT asked.value AS room, {HEAD} AS head FROM (SELECT DISTINCT room AS value FROM {{table}}) asked)"  # noqa: S608 - constants only
)


IN_FORCE = "(SELECT value FROM facts WHERE name = 'epoch')"
"""The epoch, in a statement. Every file has one since its migration."""


def in_force(connection: sqlite3.Connection) -> str:
    """The epoch; part of a transaction of the caller."""
    (found,) = connection.execute(f"SELECT {IN_FORCE}").fetchone()
    return str(found)


class SQLiteEpochs(SQLiteShelf, Epochs):
    """The epoch is a fact of the file."""

    MIGRATIONS = MIGRATIONS

    @reading
    def current(self, connection: sqlite3.Connection) -> str:
        return in_force(connection)

    @writing
    def turn(self, connection: sqlite3.Connection, *, seen: str | None = None) -> str:
        """One transaction: the new epoch is seen together with what is put right."""
        before = in_force(connection)
        if seen not in (None, before):
            return before
        connection.execute("UPDATE facts SET value = lower(hex(randomblob(4))) WHERE name = 'epoch'")
        _bring_back(connection)
        return in_force(connection)


def _bring_back(connection: sqlite3.Connection) -> None:
    """Nobody has read, and nothing was cleared, beyond the head of a room.

    It goes through all inboxes, receipts and rooms that say anything of a room: once in a restored store.
    """
    for table, column in (("inboxes", "read_upto"), ("inboxes", "begins"), ("rooms", "cleared")):
        connection.execute(
            f"UPDATE {table} SET {column} = h.head FROM {_HEADS.format(table=table)} h"  # noqa: S608 - constants only
            f" WHERE {table}.room = h.room AND {column} > h.head"
        )
    connection.execute(
        f"DELETE FROM receipts WHERE EXISTS (SELECT 1 FROM {_HEADS.format(table='receipts')} h"  # noqa: S608 - constants only
        " WHERE h.room = receipts.room AND receipts.seq > h.head)"
    )
