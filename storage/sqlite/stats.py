"""The shelf of statistics: a row for events that are alike, and one for each series of a step."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import groupby

from storage.encoding import micros, moment
from storage.events import DIMENSIONS, OUTCOMES, Alike, Happened, Outcome, Series, key_of_one, together
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.stats_rows import (
    MIGRATIONS,
    NAMES,
    PLACES,
    STEPS,
    counts_of,
    cursor_of,
    delete_before,
    insert_new,
    keys_in,
    mark_stale,
    place_behind,
    series_ids,
    series_named,
)
from storage.stats import Bucket, NumberedEvent, SeriesCounts, Stale, Stats, StatsQuery, Step, Sum


class SQLiteStats(SQLiteShelf, Stats):
    """Events and roll-ups share their series by number. One writes after the other, so the positions of events are the
    order of their commits: what has been read up to one misses nothing.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def note(self, connection: sqlite3.Connection, events: Sequence[Happened]) -> None:
        """Rows of what is not known, and then the marks, also of what was known: counting it again changes nothing."""
        alike = together(events)
        ids = series_ids(connection, {each.series for each in alike})
        # In their order, which is that in which they are told.
        for _, group in groupby(alike, key=lambda each: len(each.keys[0])):
            some = list(group)
            insert_new(
                connection,
                [(micros(each.at), ids[each.series], PLACES[each.outcome], each.count) for each in some],
                [each.keys for each in some],
            )
        for start in {Step.MINUTE.start(at) for at in {each.at for each in alike}}:
            mark_stale(connection, Bucket(Step.MINUTE, start))

    @reading
    def series_of(self, connection: sqlite3.Connection, mails: Sequence[str]) -> dict[str, Series]:
        found: dict[str, Series] = {}
        for mail in mails:
            row = connection.execute(
                f"SELECT {NAMES} FROM stats_keys k JOIN stats_events e USING (position)"  # noqa: S608 - names of columns only
                " JOIN stats_series s ON s.id = e.series WHERE k.key = ?",
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
    def recount(self, connection: sqlite3.Connection, bucket: Bucket, *, of: Step | None) -> SeriesCounts:
        """Added up by SQLite, through the index of times or of steps; names of series are looked up once each."""
        span = (micros(bucket.start), micros(bucket.end))
        found: dict[int, dict[Outcome, int]] = {}
        if of is None:
            for series, place, count in connection.execute(_COUNTED, span):
                found.setdefault(series, {})[OUTCOMES[place]] = count
        else:
            for series, *counts in connection.execute(
                f"SELECT series, {_SUMS} FROM stats_rollups WHERE step = ? AND start >= ? AND start < ? GROUP BY series",  # noqa: S608 - constants only
                (STEPS[of], *span),
            ):
                found[series] = counts_of(counts)
        names = series_named(connection, found)
        return {names[series]: counts for series, counts in found.items()}

    @writing
    def replace(
        self,
        connection: sqlite3.Connection,
        bucket: Bucket,
        counts: SeriesCounts,
        *,
        of: Sequence[Stale],
        turn: int,
    ) -> bool:
        """Delete and insert under one lock, with the look at the turn."""
        if connection.execute("SELECT 1 FROM stats_lead WHERE turn = ?", (turn,)).fetchone() is None:
            return False
        place = (STEPS[bucket.step], micros(bucket.start))
        ids = series_ids(connection, counts)
        connection.execute("DELETE FROM stats_rollups WHERE step = ? AND start = ?", place)
        connection.executemany(
            f"INSERT INTO stats_rollups VALUES (?, ?, ?{', ?' * len(OUTCOMES)})",  # noqa: S608 - marks only
            [(*place, ids[series], *(each.get(o, 0) for o in OUTCOMES)) for series, each in counts.items()],
        )
        if bucket.step.above is not None:
            mark_stale(connection, bucket.within(bucket.step.above))
        connection.executemany(
            "DELETE FROM stats_stale WHERE step = ? AND start = ? AND mark = ?",
            [(STEPS[each.bucket.step], micros(each.bucket.start), each.mark) for each in of],
        )
        return True

    @reading
    def sums(self, connection: sqlite3.Connection, question: StatsQuery) -> list[Sum]:
        by = [DIMENSIONS[DIMENSIONS.index(name)] for name in question.by]
        told = [*(["r.start"] if question.each else []), *(f"s.{name}" for name in by)]
        where = {name: value for name, value in (question.where or {}).items() if name in DIMENSIONS}
        span = (STEPS[question.step], micros(question.since), micros(question.until))
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
                counts_of(row[width:]),
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
    ) -> list[NumberedEvent]:
        """By the positions, which AUTOINCREMENT never gives twice, also after the last events were cleared."""
        del now  # one writes after the other: what has come is settled
        earliest = None if since is None else micros(since)
        told, first = place_behind(connection, after, earliest)
        rows = connection.execute(
            f"SELECT e.position, e.at, e.outcome, e.count, e.number, e.keys, {NAMES}"  # noqa: S608 - names of columns only
            " FROM stats_events e JOIN stats_series s ON s.id = e.series"
            " WHERE e.position > ? AND e.at >= ? ORDER BY e.position",
            (told, earliest or 0),
        )
        found: list[NumberedEvent] = []
        with closing(rows):
            for position, at, place, count, number, keys, *series in rows:
                alike = Alike(
                    keys=keys_in(keys, number),
                    at=moment(at),
                    series=Series(*series),
                    outcome=OUTCOMES[place],
                    count=count,
                )
                begin = first if position == told + 1 else 0
                found += [
                    NumberedEvent(cursor=cursor_of(position, n, number), event=event)
                    for n, event in enumerate(alike.each()[begin : begin + limit - len(found)], begin + 1)
                ]
                if len(found) == limit:
                    break
        return found

    @writing
    def clear_events(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        return delete_before(connection, micros(before), limit)

    @writing
    def clear_rollups(
        self, connection: sqlite3.Connection, step: Step, *, before: datetime, limit: int
    ) -> int:
        return connection.execute(
            "DELETE FROM stats_rollups WHERE (step, start, series) IN"
            " (SELECT step, start, series FROM stats_rollups WHERE step = ? AND start < ? LIMIT ?)",
            (STEPS[step], micros(before), limit),
        ).rowcount


_COUNTED = """
SELECT series, outcome, SUM(count * number) FROM stats_events WHERE at >= ? AND at < ? GROUP BY series, outcome
"""
_SUMS = ", ".join(f"SUM({outcome})" for outcome in OUTCOMES)
_SPAN = "step = ? AND start >= ? AND start < ?"
_SUMS_AS = ", ".join(f"SUM({outcome}) AS {outcome}" for outcome in OUTCOMES)
_BY_SERIES = f"(SELECT series, {_SUMS_AS} FROM stats_rollups WHERE {_SPAN} GROUP BY series)"  # noqa: S608 - names of columns only
