"""The shelf of lanes: a row for each count of a minute, and one for each lane that was ever paused."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from storage.encoding import micros, micros_or_none, moment, moment_or_none
from storage.lanes import OUTCOMES, LaneCount, LaneOutcome, Lanes, LaneState, Pause
from storage.mail import LaneName
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.switches import ERASED

MIGRATIONS = (
    Migration(
        name="lanes-1",
        run=statements("""
CREATE TABLE lane_counts (
    lane TEXT NOT NULL,
    minute INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (lane, minute, outcome)
) WITHOUT ROWID;
CREATE TABLE lane_states (
    lane TEXT NOT NULL PRIMARY KEY,
    since INTEGER,
    paused_at INTEGER,                  -- NULL when it is not paused, as are the next two
    paused_by TEXT,
    reason TEXT
) WITHOUT ROWID;
"""),
    ),
)


class SQLiteLanes(SQLiteShelf, Lanes):
    """There are few rows: lanes, and campaigns that send, times outcomes times the minutes in which there was mail."""

    MIGRATIONS = MIGRATIONS

    @writing
    def add(self, connection: sqlite3.Connection, counts: Mapping[LaneCount, int]) -> None:
        """An upsert for each outcome, in one transaction."""
        connection.executemany(
            "INSERT INTO lane_counts (lane, minute, outcome, count) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (lane, minute, outcome) DO UPDATE SET count = count + excluded.count",
            [(*counted, count) for counted, count in counts.items()],
        )

    @reading
    def sums(self, connection: sqlite3.Connection, lane: str, *, since: int) -> Mapping[LaneOutcome, int]:
        rows = connection.execute(
            "SELECT outcome, SUM(count) FROM lane_counts WHERE lane = ? AND minute >= ? GROUP BY outcome",
            (lane, since),
        )
        return {LaneOutcome(outcome): count for outcome, count in rows if outcome in OUTCOMES}

    @reading
    def states(self, connection: sqlite3.Connection) -> Mapping[LaneName, LaneState]:
        rows = connection.execute("SELECT lane, since, paused_at, paused_by, reason FROM lane_states")
        return {
            LaneName(lane): LaneState(
                since=moment_or_none(since),
                paused=None if at is None else Pause(at=moment(at), by=by, reason=reason),
            )
            for lane, since, at, by, reason in rows
        }

    @writing
    def pause(
        self, connection: sqlite3.Connection, lane: LaneName, pause: Pause, *, judged: datetime | None
    ) -> bool:
        """The row is made first, where there is none: then one update judges and writes."""
        connection.execute("INSERT OR IGNORE INTO lane_states (lane) VALUES (?)", (lane,))
        changed = connection.execute(
            "UPDATE lane_states SET paused_at = ?, paused_by = ?, reason = ?"
            " WHERE lane = ? AND paused_at IS NULL AND since IS ?",
            (micros(pause.at), pause.by, pause.reason, lane, micros_or_none(judged)),
        )
        return changed.rowcount == 1

    @writing
    def resume(self, connection: sqlite3.Connection, lane: LaneName, *, at: datetime) -> bool:
        """One statement that judges: of two that resume at once one is told so."""
        changed = connection.execute(
            "UPDATE lane_states SET paused_at = NULL, paused_by = NULL, reason = NULL, since = ?"
            " WHERE lane = ? AND paused_at IS NOT NULL",
            (micros(at), lane),
        )
        return changed.rowcount == 1

    @writing
    def clear(self, connection: sqlite3.Connection, *, before: int, limit: int) -> int:
        return connection.execute(
            "DELETE FROM lane_counts WHERE (lane, minute, outcome) IN"
            " (SELECT lane, minute, outcome FROM lane_counts WHERE minute < ? LIMIT ?)",
            (before, limit),
        ).rowcount

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        """Of a pause only whose it was is forgotten; the lane stays paused."""
        connection.execute(
            "UPDATE lane_states SET paused_by = ? WHERE paused_by = ?", (ERASED, f"user:{erasure.user}")
        )
        return 0
