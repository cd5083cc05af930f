"""Rows are inserted as they would be one by one, whatever their number."""

import sqlite3

import pytest

from storage.sqlite import bulk


@pytest.fixture
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE things (place INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, size)"
    )
    return connection


def names(table: sqlite3.Connection) -> list[str]:
    return [name for (name,) in table.execute("SELECT name FROM things ORDER BY place")]


@pytest.mark.parametrize("number", [0, 1, 3, 4, 16, 63, 64, 65, 250])
def test_all_rows_are_inserted_in_their_order(table: sqlite3.Connection, number: int) -> None:
    rows = [(f"thing {place}", place) for place in range(number)]
    bulk.insert(table, "things (name, size)", rows)
    assert names(table) == [name for name, _ in rows]


def test_what_is_passed_over_is_not_counted(table: sqlite3.Connection) -> None:
    rows = [(f"thing {place % 50}", place) for place in range(100)]
    assert bulk.insert_new(table, "things (name, size)", rows) == 50
    assert bulk.insert_new(table, "things (name, size)", rows) == 0


def test_a_row_that_is_taken_raises(table: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        bulk.insert(table, "things (name, size)", [("one", 1)] * 80)
    # Whoever goes on after it has a part of the rows: the transaction is to be undone.
    assert names(table) == ["one"]
