"""The tables of statistics, and what their rows say.

What events and roll-ups share is written once, in `stats_series`; outcomes are columns, and their places in events.
"""

import re
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from itertools import chain, repeat

import orjson

from storage.encoding import micros
from storage.errors import InvalidCursor
from storage.events import DIMENSIONS, OUTCOMES, Outcome, Series
from storage.sqlite import bulk
from storage.sqlite.bulk import Row
from storage.sqlite.schema import Migration, statements
from storage.stats import Bucket, Step

NAMES = ", ".join(f"s.{name}" for name in DIMENSIONS)
STEPS = {step: place for place, step in enumerate(Step)}
PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_CURSOR = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?")

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
    # Events that are alike as one row, under one position; by its key each is known once. One tree has a row for each
    # event, where three had.
    Migration(
        name="stats-alike",
        run=statements("""
DROP INDEX stats_events_at;
ALTER TABLE stats_events RENAME TO stats_events_before;
CREATE TABLE stats_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they came
    at INTEGER NOT NULL,
    series INTEGER NOT NULL,
    outcome INTEGER NOT NULL,           -- its place among all
    count INTEGER NOT NULL,             -- what each of them tells
    number INTEGER NOT NULL,            -- how many events it is
    keys BLOB NOT NULL                  -- theirs, in their order: all are of one length
);
CREATE INDEX stats_events_at ON stats_events (at, series, outcome, count, number);
CREATE TABLE stats_keys (
    key BLOB NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO stats_events SELECT position, at, series, outcome, count, 1, key FROM stats_events_before ORDER BY position;
INSERT INTO stats_keys SELECT key, position FROM stats_events_before ORDER BY key;
DELETE FROM sqlite_sequence WHERE name = 'stats_events';
INSERT INTO sqlite_sequence SELECT 'stats_events', seq FROM sqlite_sequence WHERE name = 'stats_events_before';
DROP TABLE stats_events_before;
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


def place_behind(connection: sqlite3.Connection, after: str | None, earliest: int | None) -> tuple[int, int]:
    """Behind which to begin: up to this position all was told, and of the next one so many events.

    The cursor of an event is the position of its row, and where others stand behind it in that, how many of the row were
    told with it: `17.3`.
    """
    if after is not None:
        match = _CURSOR.fullmatch(after)
        if match is None:
            raise InvalidCursor("the cursor is not one of this store", parameter="after")
        position, told = match.groups()
        return (int(position), 0) if told is None else (int(position) - 1, int(told))
    if earliest is None:
        return 0, 0
    (first,) = connection.execute(
        "SELECT MIN(position) FROM stats_events WHERE at >= ?", (earliest,)
    ).fetchone()
    return (0 if first is None else int(first) - 1), 0


def cursor_of(position: int, told: int, number: int) -> str:
    """The cursor of the event with which so many of its row are told, as `place_behind` takes it."""
    return str(position) if told == number else f"{position}.{told}"


def keys_in(keys: bytes, number: int) -> list[bytes]:
    """Those that stand together in a row."""
    length = len(keys) // number
    return [keys[start : start + length] for start in range(0, len(keys), length)]


def insert_new(
    connection: sqlite3.Connection, common: Sequence[Row], keys: Sequence[Sequence[bytes]]
) -> None:
    """A row for those that are alike, as far as their keys are not known; none where all are.

    For each `common`, what a row has besides, its `keys`: all are of one length. Few statements, however many rows.
    """
    (last,) = connection.execute(_LAST).fetchone()
    positions = range(last + 1, last + 1 + len(common))
    rows = [
        (position, *values, len(some), b"".join(some))
        for position, values, some in zip(positions, common, keys, strict=True)
    ]
    bulk.insert(connection, "stats_events (position, at, series, outcome, count, number, keys)", rows)
    each = list(chain.from_iterable(keys))
    # The position of each key, and all keys as one value: to bind them one by one takes as long as to insert them.
    at = list(chain.from_iterable(map(repeat, positions, map(len, keys))))
    asked = {"positions": orjson.dumps(at).decode(), "keys": b"".join(each), "length": len(each[0])}
    if connection.execute(_INSERT_KEYS, asked).rowcount < len(each):
        (found,) = connection.execute(_NEW, asked).fetchone()
        _correct(connection, rows, new={(at[place], each[place]): None for place in orjson.loads(found)})


def _correct(
    connection: sqlite3.Connection, rows: Sequence[Row], *, new: Mapping[tuple[int, bytes], None]
) -> None:
    """Have rows that were inserted hold what was new, by position and key in the order of the rows, and nothing else."""
    keys_at: dict[int, list[bytes]] = {}
    for position, key in new:
        keys_at.setdefault(position, []).append(key)
    connection.executemany(
        "UPDATE stats_events SET number = ?, keys = ? WHERE position = ?",
        [
            (len(keys), b"".join(keys), row[0])
            for row in rows
            if 0 < len(keys := keys_at.get(row[0], [])) < row[-2]
        ],
    )
    emptied = [row[0] for row in rows if row[0] not in keys_at]
    connection.execute(
        "DELETE FROM stats_events WHERE position IN (SELECT value FROM json_each(?))",
        (orjson.dumps(emptied).decode(),),
    )


_LAST = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'stats_events'), 0)"
_KEY = "substr(:keys, p.key * :length + 1, :length)"
_INSERT_KEYS = f"""
INSERT OR IGNORE INTO stats_keys (position, key) SELECT p.value, {_KEY} FROM json_each(:positions) p
"""  # noqa: S608 - made of constants
_NEW = f"""
SELECT json_group_array(p.key) FROM json_each(:positions) p
CROSS JOIN stats_keys k ON k.key = {_KEY} AND k.position = p.value
"""  # noqa: S608 - made of constants


def delete_before(connection: sqlite3.Connection, before: int, limit: int) -> int:
    """Delete up to so many events of an earlier time; answers how many. Their keys are not known any more.

    Of a row that has more than that the first stay, so that whoever was told some of them goes on where they ended.
    """
    rows = connection.execute(
        "SELECT position, number, keys FROM stats_events WHERE at < ? ORDER BY at LIMIT ?", (before, limit)
    )
    gone: list[bytes] = []
    emptied: list[tuple[int]] = []
    with closing(rows):
        for position, number, keys in rows:
            stay = max(0, number - (limit - len(gone)))
            gone += keys_in(keys, number)[stay:]
            if stay:
                shortened = (stay, len(keys) // number * stay, position)
                break
            emptied.append((position,))
        else:
            shortened = None
    if shortened is not None:
        connection.execute(
            "UPDATE stats_events SET number = ?, keys = substr(keys, 1, ?) WHERE position = ?", shortened
        )
    connection.executemany("DELETE FROM stats_events WHERE position = ?", emptied)
    connection.executemany("DELETE FROM stats_keys WHERE key = ?", [(key,) for key in gone])
    return len(gone)
