"""The epoch, and what is put right when it turns. Each function runs inside one transaction of its caller."""

import sqlite3

from storage.sqlite.streams import HEAD

_HEADS = (
    f"(SELECT asked.value AS room, {HEAD} AS head FROM (SELECT DISTINCT room AS value FROM {{table}}) asked)"  # noqa: S608 - constants only
)


def epoch(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("SELECT value FROM facts WHERE name = 'epoch'").fetchone()
    return str(found)


def turn(connection: sqlite3.Connection, *, seen: str | None) -> str:
    before = epoch(connection)
    if seen not in (None, before):
        return before
    connection.execute("UPDATE facts SET value = lower(hex(randomblob(4))) WHERE name = 'epoch'")
    for table, column in (("inboxes", "read_upto"), ("inboxes", "begins"), ("rooms", "cleared")):
        connection.execute(
            f"UPDATE {table} SET {column} = h.head FROM {_HEADS.format(table=table)} h"  # noqa: S608 - constants only
            f" WHERE {table}.room = h.room AND {column} > h.head"
        )
    connection.execute(
        f"DELETE FROM receipts WHERE EXISTS (SELECT 1 FROM {_HEADS.format(table='receipts')} h"  # noqa: S608 - constants only
        " WHERE h.room = receipts.room AND receipts.seq > h.head)"
    )
    return epoch(connection)
