"""The shelf of tallies: a row for each count of an hour."""

import sqlite3
from collections.abc import Mapping

from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.tallies import Tallies, TallyKey

MIGRATIONS = (
    Migration(
        name="tallies-1",
        run=statements("""
CREATE TABLE tallies (
    hour INTEGER NOT NULL,
    type TEXT NOT NULL,
    channel TEXT NOT NULL,
    outcome TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, type, channel, outcome)
) WITHOUT ROWID;
"""),
    ),
)


class SQLiteTallies(SQLiteShelf, Tallies):
    """There are few rows: types times outcomes times hours."""

    MIGRATIONS = MIGRATIONS

    @writing
    def add(self, connection: sqlite3.Connection, hour: int, counts: Mapping[TallyKey, int]) -> None:
        """An upsert for each, in one transaction."""
        connection.executemany(
            "INSERT INTO tallies (hour, type, channel, outcome, count) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (hour, type, channel, outcome) DO UPDATE SET count = count + excluded.count",
            [(hour, *tally, count) for tally, count in counts.items()],
        )

    @reading
    def since(
        self, connection: sqlite3.Connection, hour: int, *, type_: str | None = None
    ) -> Mapping[TallyKey, int]:
        rows = connection.execute(
            "SELECT type, channel, outcome, SUM(count) FROM tallies"
            " WHERE hour >= ? AND type = COALESCE(?, type) GROUP BY type, channel, outcome",
            (hour, type_),
        )
        return {TallyKey(type_, channel, outcome): count for type_, channel, outcome, count in rows}

    @writing
    def clear(self, connection: sqlite3.Connection, *, before: int, limit: int) -> int:
        """In the order of the primary key: the earliest hours first."""
        return connection.execute(
            "DELETE FROM tallies WHERE (hour, type, channel, outcome) IN"
            " (SELECT hour, type, channel, outcome FROM tallies WHERE hour < ? LIMIT ?)",
            (before, limit),
        ).rowcount
