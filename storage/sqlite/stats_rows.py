"""The tables of statistics, and what their rows say.

What events and roll-ups share is written once, in `stats_series`; outcomes are columns, and their places in events.
"""

import secrets
import sqlite3
from collections.abc import Collection, Sequence

from storage.encoding import micros
from storage.errors import InvalidCursor
from storage.events import DIMENSIONS, OUTCOMES, Outcome, Series
from storage.sqlite.schema import Migration, statements
from storage.stats import Bucket, Step

NAMES = ", ".join(f"s.{name}" for name in DIMENSIONS)
STEPS = {step: place for place, step in enumerate(Step)}
PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}

MIGRATIONS = (
    Migration(
        name="stats-1",
        run=statements("""
CREATE TABLE stats_series (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    channel TEXT NOT NULL,
    lane TEXT NOT NULL,
    campaign TEXT NOT NULL,
    rule TEXT NOT NULL,
    UNIQUE (type, channel, lane, campaign, rule)
);
CREATE TABLE stats_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they came
    key BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    series INTEGER NOT NULL,
    outcome INTEGER NOT NULL,           -- its place among all
    count INTEGER NOT NULL
);
CREATE INDEX stats_events_at ON stats_events (at);
CREATE TABLE stats_rollups (
    step INTEGER NOT NULL,              -- 0 minute, 1 hour, 2 day
    start INTEGER NOT NULL,
    series INTEGER NOT NULL,
    emitted INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    read INTEGER NOT NULL,
    clicked INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    bounced INTEGER NOT NULL,
    complained INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    PRIMARY KEY (step, start, series)
) WITHOUT ROWID;
CREATE TABLE stats_stale (
    step INTEGER NOT NULL,
    start INTEGER NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (step, start)
) WITHOUT ROWID;
CREATE TABLE stats_lead (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    holder TEXT NOT NULL,
    turn INTEGER NOT NULL,
    until INTEGER NOT NULL
);
"""),
    ),
    # Anew, for what makes a series unique. Each has the number that it had: events and roll-ups have that.
    Migration(
        name="stats-variants",
        run=statements("""
ALTER TABLE stats_series RENAME TO stats_series_before;
CREATE TABLE stats_series (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    channel TEXT NOT NULL,
    lane TEXT NOT NULL,
    campaign TEXT NOT NULL,
    rule TEXT NOT NULL,
    variant TEXT NOT NULL,
    UNIQUE (type, channel, lane, campaign, rule, variant)
);
INSERT INTO stats_series SELECT id, type, channel, lane, campaign, rule, '' FROM stats_series_before;
DROP TABLE stats_series_before;
"""),
    ),
    # With all that a minute is counted by, in the order of groups: no event is looked up, and nothing is sorted.
    Migration(
        name="stats-counted",
        run=statements("""
DROP INDEX stats_events_at;
CREATE INDEX stats_events_at ON stats_events (at, series, outcome, count);
"""),
    ),
)


def counts_of(row: Sequence[int]) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in zip(OUTCOMES, row, strict=True) if count}


def mark_stale(connection: sqlite3.Connection, bucket: Bucket) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO stats_stale VALUES (?, ?, ?)",
        (STEPS[bucket.step], micros(bucket.start), secrets.token_hex(8)),
    )


def series_ids(connection: sqlite3.Connection, series: Collection[Series]) -> dict[Series, int]:
    """By which the series are known here; of new ones from now on."""
    connection.executemany(
        "INSERT OR IGNORE INTO stats_series (type, channel, lane, campaign, rule, variant) VALUES (?, ?, ?, ?, ?, ?)",
        list(series),
    )
    return {
        each: connection.execute(
            "SELECT id FROM stats_series"
            " WHERE type = ? AND channel = ? AND lane = ? AND campaign = ? AND rule = ? AND variant = ?",
            each,
        ).fetchone()[0]
        for each in series
    }


def series_named(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Series]:
    return {
        each: Series(
            *connection.execute(
                f"SELECT {NAMES} FROM stats_series s WHERE id = ?",  # noqa: S608 - names of columns only
                (each,),
            ).fetchone()
        )
        for each in ids
    }


def position_behind(connection: sqlite3.Connection, after: str | None, earliest: int | None) -> int:
    """Behind which to begin."""
    if after is not None:
        if not after.isdecimal() or len(after) > 18:
            raise InvalidCursor("the cursor is not one of this store")
        return int(after)
    if earliest is None:
        return 0
    (first,) = connection.execute(
        "SELECT MIN(position) FROM stats_events WHERE at >= ?", (earliest,)
    ).fetchone()
    return 0 if first is None else int(first) - 1
