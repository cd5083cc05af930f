"""Inserting many rows by few statements.

`executemany` steps a statement for each row, and around each step the interpreter's lock is let go and taken again: beside
a loop that is busy, every row may wait for it. One statement of many rows is stepped once.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

_SIZES = (64, 16, 4, 1)
"""So many rows a statement has: few lengths, so that each stays prepared."""


def insert(
    connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], *, otherwise: str = ""
) -> int:
    """Insert rows in their order, all of one width; answers how many were inserted, or changed by what stands in `otherwise`.

    `into` is the statement up to `VALUES`, such as `INSERT OR IGNORE INTO topics (user, topic)`, and `otherwise` what
    follows the rows, such as `ON CONFLICT …`. Raises what SQLite does.
    """
    inserted = 0
    for some in _parts(rows):
        statement = _statement(into, len(some[0]), len(some), otherwise)
        inserted += connection.execute(statement, [value for row in some for value in row]).rowcount
    return inserted


def _parts(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows in parts of the known sizes, the largest first."""
    first = 0
    for size in _SIZES:
        while len(rows) - first >= size:
            yield rows[first : first + size]
            first += size


@cache
def _statement(into: str, width: int, rows: int, otherwise: str) -> str:
    """The statement for so many rows; its parts are the program's own, so there are few."""
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * rows)} {otherwise}"
