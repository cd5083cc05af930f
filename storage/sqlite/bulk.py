"""Inserting many rows by few statements.

`executemany` steps a statement for each row, and around each step the interpreter's lock is let go and taken again: beside
a loop that is busy, every row may wait for it. One statement of many rows is stepped once.

`insert` is `OR FAIL`, which undoes nothing by itself. To be able to undo one statement of many rows SQLite copies every page before
it is changed, and that costs as much again as the rows; here it would be for nothing, as a transaction that fails is
undone as a whole. (Its `OR` goes before what the table's triggers say of conflicts.)
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

T = TypeVar("T")

Row = tuple[Any, ...]
"""The values of a row, in the order of the columns that its statement names."""
_SIZES = (64, 16, 4, 1)
"""So many rows a statement has: few lengths, so that each stays prepared."""


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Row]) -> None:
    """Insert rows in their order, all of one width. `into` is the table with the columns, such as `topics (user, topic)`.

    Raises what SQLite does; then some of them are inserted, and the caller's transaction must be undone.
    """
    _insert(connection, f"INSERT OR FAIL INTO {into}", rows)


def insert_new(connection: sqlite3.Connection, into: str, rows: Sequence[Row]) -> int:
    """The same, but what is taken already is passed over. Answers how many were inserted."""
    return _insert(connection, f"INSERT OR IGNORE INTO {into}", rows)


def _insert(connection: sqlite3.Connection, into: str, rows: Sequence[Row]) -> int:
    inserted = 0
    for some in _parts(rows):
        statement = _statement(into, len(some[0]), len(some))
        inserted += connection.execute(statement, tuple(chain.from_iterable(some))).rowcount
    return inserted


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in parts of the known sizes, the largest first."""
    first = 0
    for size in _SIZES:
        while len(rows) - first >= size:
            yield rows[first : first + size]
            first += size


@cache
def _statement(into: str, width: int, rows: int) -> str:
    """The statement for so many rows; its parts are the program's own, so there are few."""
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * rows)}"
