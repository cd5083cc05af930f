"""An export into a table of PostgreSQL, or of TimescaleDB.

Rows come by `COPY`, and the cursor behind which the next export begins is written in the same transaction. So whatever cuts an
export off, each event is there once; and where a cursor is lost, its id keeps an event from coming twice.

It needs the extra `postgres`. `schema` has the tables.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from gateway.process.exports.rows import COLUMNS, SinkError, row
from gateway.process.exports.schema import SCHEMA
from storage.stats import NumberedEvent

CONNECT_SECONDS = 10
"""Where the URL does not say `connect_timeout`."""
_NAMES = ", ".join(COLUMNS)
_ARRIVING = "CREATE TEMPORARY TABLE bellhop_arriving (LIKE bellhop_events) ON COMMIT DELETE ROWS"
"""Rows come here first: COPY cannot pass over what is there."""
_COPY = f"COPY bellhop_arriving ({_NAMES}) FROM STDIN"
# Named on both sides: the table may have columns of its owner's.
_KEEP = f"INSERT INTO bellhop_events ({_NAMES}) SELECT {_NAMES} FROM bellhop_arriving ON CONFLICT DO NOTHING"  # noqa: S608 - names of columns only
_COME_SO_FAR = "SELECT cursor FROM bellhop_exports WHERE source = %s"
_COME_FARTHER = (
    "INSERT INTO bellhop_exports (source, cursor) VALUES (%(source)s, %(cursor)s)"
    " ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor, at = now()"
    " WHERE bellhop_exports.cursor = %(before)s"
)
"""It changes nothing where another export has moved the cursor, which is how that is noticed."""


class PostgresTable:
    """The table `bellhop_events`; what comes from one source is gone on with.

    It has the connection to itself. Rows that an owner deletes come back only if the cursor is deleted too.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], source: str, after: str | None) -> None:
        self.after = after
        self._connection = connection
        self._source = source

    async def write(self, page: Sequence[NumberedEvent]) -> None:
        """All of it or nothing. Raises `SinkError`, also when another export of this source has been faster."""
        with _translated():
            async with self._connection.transaction(), self._connection.cursor() as cursor:
                async with cursor.copy(_COPY) as copy:
                    for told in page:
                        await copy.write_row(row(told.event))
                await cursor.execute(_KEEP)
                places = {"source": self._source, "cursor": page[-1].cursor, "before": self.after}
                await cursor.execute(_COME_FARTHER, places)
                if not cursor.rowcount:
                    raise SinkError("another export is writing there")
        self.after = page[-1].cursor


@asynccontextmanager
async def table(url: str, source: str) -> AsyncIterator[PostgresTable]:
    """The table in the database at this URL, made if it is not there. Raises `SinkError`.

    `source` names the store, and the line of its events since it was last put back from a backup: cursors are of that.
    """
    with _translated():
        connection = await psycopg.AsyncConnection.connect(**_parameters(url), autocommit=True)
    async with connection:
        with _translated():
            await _prepare(connection)
            known = await (await connection.execute(_COME_SO_FAR, (source,))).fetchone()
        yield PostgresTable(connection, source, known[0] if known else None)


async def _prepare(connection: psycopg.AsyncConnection[Any]) -> None:
    """Have the tables be there, and a temporary one for what arrives. Raises `psycopg.Error`."""
    there = await (
        await connection.execute("SELECT to_regclass('bellhop_events'), to_regclass('bellhop_exports')")
    ).fetchone()
    assert there is not None  # one row, whatever there is
    if None in there:
        # Only then: who may write into tables need not be one who may make them.
        await connection.execute(SCHEMA)
    await connection.execute(_ARRIVING)


def _parameters(url: str) -> dict[str, Any]:
    """What to connect with. Raises `SinkError`."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # What it has to say quotes the URL, with the password.
        raise SinkError("that is no URL of PostgreSQL, such as postgresql://user@host/database") from None
    return {"connect_timeout": CONNECT_SECONDS, "application_name": "bellhop export", **given}


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of psycopg as sentences."""
    try:
        yield
    except psycopg.Error as error:
        raise SinkError(f"PostgreSQL: {' '.join(str(error).split())}") from error
