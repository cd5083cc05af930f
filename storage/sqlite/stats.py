"""The shelf of statistics: a row for each event, and one for each series of a step.

What events and roll-ups share is written once, in `stats_series`; outcomes are columns, and their places in events.
"""

import secrets
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from storage.encoding import micros, moment
from storage.errors import InvalidCursor
from storage.sqlite import bulk
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.stats import (
    DIMENSIONS,
    OUTCOMES,
    Bucket,
    Counts,
    Event,
    Outcome,
    Question,
    Series,
    Stale,
    Stats,
    Step,
    Sum,
    Told,
    key_of_one,
)

_COLUMNS = ", ".join(OUTCOMES)
_NAMES = ", ".join(f"s.{name}" for name in DIMENSIONS)
_STEPS = {step: place for place, step in enumerate(Step)}
_PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}

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
)


class SQLiteStats(SQLiteShelf, Stats):
    """Events and roll-ups share their series by number. One writes after the other, so the positions of events are the
    order of their commits: what has been read up to one misses nothing.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def note(self, connection: sqlite3.Connection, events: Sequence[Event]) -> None:
        """An insert that passes over what is known, and then the marks, also of what was known: counting it again
        changes nothing.
        """
        bulk.insert(
            connection,
            "INSERT OR IGNORE INTO stats_events (key, at, series, outcome, count)",
            _rows(connection, events),
        )
        # What happened together shares its time.
        for start in {Step.MINUTE.start(at) for at in {event.at for event in events}}:
            _mark(connection, Bucket(Step.MINUTE, start))

    @reading
    def series_of(self, connection: sqlite3.Connection, mails: Sequence[str]) -> dict[str, Series]:
        found: dict[str, Series] = {}
        for mail in mails:
            row = connection.execute(
                f"SELECT {_NAMES} FROM stats_events e"  # noqa: S608 - names of columns only
                " JOIN stats_series s ON s.id = e.series WHERE e.key = ?",
                (key_of_one(mail, Outcome.SENT),),
            ).fetchone()
            if row is not None:
                found[mail] = Series(*row)
        return found

    @writing
    def lead(
        self, connection: sqlite3.Connection, holder: str, *, lease_seconds: float, now: datetime
    ) -> int | None:
        """Judged and written under the write lock; the one row of its table."""
        until = micros(now + timedelta(seconds=lease_seconds))
        row = connection.execute("SELECT holder, turn, until FROM stats_lead").fetchone()
        led_by, turn, ends = ("", 0, 0) if row is None else row
        is_over = ends <= micros(now)
        if led_by != holder and not is_over:
            return None
        turn = int(turn) + 1 if is_over else int(turn)
        connection.execute("INSERT OR REPLACE INTO stats_lead VALUES (0, ?, ?, ?)", (holder, turn, until))
        return turn

    @reading
    def stale(self, connection: sqlite3.Connection, *, limit: int) -> list[Stale]:
        rows = connection.execute(
            "SELECT step, start, mark FROM stats_stale ORDER BY step, start LIMIT ?", (limit,)
        )
        steps = tuple(Step)
        return [Stale(bucket=Bucket(steps[step], moment(start)), mark=mark) for step, start, mark in rows]

    @reading
    def recount(self, connection: sqlite3.Connection, bucket: Bucket, *, of: Step | None) -> Counts:
        """Added up by SQLite, through the index of times or of steps; names of series are looked up once each."""
        span = (micros(bucket.start), micros(bucket.end))
        found: dict[int, dict[Outcome, int]] = {}
        if of is None:
            for series, place, count in connection.execute(
                "SELECT series, outcome, SUM(count) FROM stats_events WHERE at >= ? AND at < ? GROUP BY series, outcome",
                span,
            ):
                found.setdefault(series, {})[OUTCOMES[place]] = count
        else:
            for series, *counts in connection.execute(
                f"SELECT series, {_SUMS} FROM stats_rollups WHERE step = ? AND start >= ? AND start < ? GROUP BY series",  # noqa: S608 - constants only
                (_STEPS[of], *span),
            ):
                found[series] = _counts(counts)
        names = _series_named(connection, found)
        return {names[series]: counts for series, counts in found.items()}

    @writing
    def replace(
        self,
        connection: sqlite3.Connection,
        bucket: Bucket,
        counts: Counts,
        *,
        of: Sequence[Stale],
        turn: int,
    ) -> bool:
        """Delete and insert under one lock, with the look at the turn."""
        if connection.execute("SELECT 1 FROM stats_lead WHERE turn = ?", (turn,)).fetchone() is None:
            return False
        place = (_STEPS[bucket.step], micros(bucket.start))
        ids = _series_ids(connection, counts)
        connection.execute("DELETE FROM stats_rollups WHERE step = ? AND start = ?", place)
        connection.executemany(
            f"INSERT INTO stats_rollups VALUES (?, ?, ?{', ?' * len(OUTCOMES)})",  # noqa: S608 - marks only
            [(*place, ids[series], *(each.get(o, 0) for o in OUTCOMES)) for series, each in counts.items()],
        )
        if bucket.step.above is not None:
            _mark(connection, bucket.within(bucket.step.above))
        connection.executemany(
            "DELETE FROM stats_stale WHERE step = ? AND start = ? AND mark = ?",
            [(_STEPS[each.bucket.step], micros(each.bucket.start), each.mark) for each in of],
        )
        return True

    @reading
    def sums(self, connection: sqlite3.Connection, question: Question) -> list[Sum]:
        by = [DIMENSIONS[DIMENSIONS.index(name)] for name in question.by]
        told = [*(["r.start"] if question.each else []), *(f"s.{name}" for name in by)]
        where = {name: value for name, value in (question.where or {}).items() if name in DIMENSIONS}
        span = (_STEPS[question.step], micros(question.since), micros(question.until))
        conditions = [*([_SPAN] if question.each else []), *(f"s.{name} = ?" for name in where)]
        # As a whole it is added up by series first: of these there are few, whose names are looked up once. Of each bucket a
        # series has one row anyway.
        table = "stats_rollups" if question.each else _BY_SERIES
        rows = connection.execute(
            f"SELECT {', '.join([*told, _SUMS])} FROM {table} r JOIN stats_series s ON s.id = r.series"  # noqa: S608 - names of columns only
            f" WHERE {' AND '.join(conditions) or 'TRUE'} GROUP BY {', '.join(told) or 'NULL'}"
            f" ORDER BY {', '.join(told) or 'NULL'} LIMIT ?",
            (*span, *where.values(), question.limit),
        )
        width = len(told)
        return [
            Sum(
                moment(row[0]) if question.each else None,
                tuple(row[width - len(by) : width]),
                _counts(row[width:]),
            )
            for row in rows
            if row[width] is not None
        ]

    @reading
    def told(
        self,
        connection: sqlite3.Connection,
        *,
        after: str | None,
        since: datetime | None,
        limit: int,
        now: datetime,
    ) -> list[Told]:
        """By the positions, which AUTOINCREMENT never gives twice, also after the last events were cleared."""
        del now  # one writes after the other: what has come is settled
        earliest = None if since is None else micros(since)
        rows = connection.execute(
            f"SELECT e.position, e.key, e.at, e.outcome, e.count, {_NAMES}"  # noqa: S608 - names of columns only
            " FROM stats_events e JOIN stats_series s ON s.id = e.series"
            " WHERE e.position > ? AND e.at >= ? ORDER BY e.position LIMIT ?",
            (_position(connection, after, earliest), earliest or 0, limit),
        ).fetchall()
        return [
            Told(
                cursor=str(position),
                event=Event(
                    key=key, at=moment(at), series=Series(*series), outcome=OUTCOMES[place], count=count
                ),
            )
            for position, key, at, place, count, *series in rows
        ]

    @writing
    def clear_events(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        return connection.execute(
            "DELETE FROM stats_events WHERE position IN (SELECT position FROM stats_events WHERE at < ? LIMIT ?)",
            (micros(before), limit),
        ).rowcount

    @writing
    def clear_rollups(
        self, connection: sqlite3.Connection, step: Step, *, before: datetime, limit: int
    ) -> int:
        return connection.execute(
            "DELETE FROM stats_rollups WHERE (step, start, series) IN"
            " (SELECT step, start, series FROM stats_rollups WHERE step = ? AND start < ? LIMIT ?)",
            (_STEPS[step], micros(before), limit),
        ).rowcount


_SUMS = ", ".join(f"SUM({outcome})" for outcome in OUTCOMES)
_SPAN = "step = ? AND start >= ? AND start < ?"
_SUMS_AS = ", ".join(f"SUM({outcome}) AS {outcome}" for outcome in OUTCOMES)
_BY_SERIES = f"(SELECT series, {_SUMS_AS} FROM stats_rollups WHERE {_SPAN} GROUP BY series)"  # noqa: S608 - names of columns only


def _counts(row: Sequence[int]) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in zip(OUTCOMES, row, strict=True) if count}


def _mark(connection: sqlite3.Connection, bucket: Bucket) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO stats_stale VALUES (?, ?, ?)",
        (_STEPS[bucket.step], micros(bucket.start), secrets.token_hex(8)),
    )


def _rows(connection: sqlite3.Connection, events: Sequence[Event]) -> list[tuple[bytes, int, int, int, int]]:
    """The rows of events, in their order.

    Most of those that follow one another have time, series and outcome in common, to the object: what these are in a row
    is worked out once for them.
    """
    ids = _series_ids(connection, set({id(event.series): event.series for event in events}.values()))
    rows: list[tuple[bytes, int, int, int, int]] = []
    at = series = outcome = None
    for event in events:
        if event.at is not at or event.series is not series or event.outcome is not outcome:
            at, series, outcome = event.at, event.series, event.outcome
            common = micros(at), ids[series], _PLACES[outcome]
        rows.append((event.key, *common, event.count))
    return rows


def _series_ids(connection: sqlite3.Connection, series: Collection[Series]) -> dict[Series, int]:
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


def _series_named(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Series]:
    return {
        each: Series(
            *connection.execute(
                f"SELECT {_NAMES} FROM stats_series s WHERE id = ?",  # noqa: S608 - names of columns only
                (each,),
            ).fetchone()
        )
        for each in ids
    }


def _position(connection: sqlite3.Connection, after: str | None, earliest: int | None) -> int:
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
