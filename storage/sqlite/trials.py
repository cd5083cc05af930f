"""The shelf of trials: a row for each person in an experiment."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime

from storage.encoding import is_writable, micros, moment, moment_or_none
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.trials import ArmCount, Converted, Note, Participant, Participation, Reached, Reported, Trials

MIGRATIONS = (
    Migration(
        name="trials-1",
        run=statements("""
CREATE TABLE trial_parts (
    id INTEGER PRIMARY KEY,
    trial TEXT NOT NULL,
    user TEXT,                          -- NULL: erased
    variant TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    reached_at INTEGER,
    converted_at INTEGER,
    UNIQUE (trial, user)
);
CREATE INDEX trial_parts_user ON trial_parts (user) WHERE user IS NOT NULL;
CREATE INDEX trial_parts_converted ON trial_parts (trial, converted_at, id) WHERE converted_at IS NOT NULL;
CREATE INDEX trial_parts_enrolled ON trial_parts (trial, enrolled_at);
CREATE INDEX trial_parts_oldest ON trial_parts (enrolled_at);
"""),
    ),
)
_TRIALS = """
WITH RECURSIVE each (trial) AS (
    SELECT MIN(trial) FROM trial_parts
    UNION ALL
    SELECT (SELECT MIN(p.trial) FROM trial_parts p WHERE p.trial > each.trial) FROM each WHERE each.trial IS NOT NULL
)
SELECT trial FROM each WHERE trial IS NOT NULL
"""
"""All there are, by a look at the index for each, and not at all who take part."""
_COLUMN = {Reached: "reached_at", Converted: "converted_at", Reported: "converted_at"}
_ONLY: dict[type[Note], str] = {Reported: " AND reached_at IS NOT NULL"}


class SQLiteTrials(SQLiteShelf, Trials):
    """A row for each person in an experiment; NULL for the user of one who was erased, as often as need be."""

    MIGRATIONS = MIGRATIONS

    @writing
    def enrol(self, connection: sqlite3.Connection, participants: Sequence[Participant]) -> None:
        """An upsert for each, which writes nothing but a first reaching over what is there."""
        connection.executemany(
            "INSERT INTO trial_parts (trial, user, variant, enrolled_at, reached_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (trial, user) DO UPDATE SET reached_at = COALESCE(reached_at, excluded.reached_at)",
            [
                (
                    each.trial,
                    each.user,
                    each.variant,
                    micros(each.at),
                    micros(each.at) if each.reached else None,
                )
                for each in participants
                if is_writable(each.user)
            ],
        )

    @writing
    def note(self, connection: sqlite3.Connection, notes: Sequence[Note]) -> None:
        """A statement for each, in order, that asks for what is not noted yet."""
        for each in notes:
            if not is_writable(each.user):
                continue
            column, only = _COLUMN[type(each)], _ONLY.get(type(each), "")
            connection.execute(
                f"UPDATE trial_parts SET {column} = ? WHERE trial = ? AND user = ? AND {column} IS NULL{only}",  # noqa: S608 - constants only
                (micros(each.at), each.trial, each.user),
            )

    @reading
    def begun_at(self, connection: sqlite3.Connection, trial: str) -> datetime | None:
        (first,) = connection.execute(
            "SELECT MIN(enrolled_at) FROM trial_parts WHERE trial = ?", (trial,)
        ).fetchone()
        return moment_or_none(first)

    @reading
    def counts(self, connection: sqlite3.Connection, trial: str) -> dict[str, ArmCount]:
        rows = connection.execute(
            "SELECT variant, COUNT(*), COUNT(reached_at), SUM(reached_at IS NOT NULL AND converted_at IS NOT NULL)"
            " FROM trial_parts WHERE trial = ? GROUP BY variant",
            (trial,),
        )
        return {
            variant: ArmCount(assigned=assigned, reached=reached, converted=converted)
            for variant, assigned, reached, converted in rows
        }

    @reading
    def conversions(self, connection: sqlite3.Connection, trial: str, *, limit: int) -> list[str]:
        rows = connection.execute(
            "SELECT variant FROM trial_parts WHERE trial = ? AND converted_at IS NOT NULL AND reached_at IS NOT NULL"
            " ORDER BY converted_at, id LIMIT ?",
            (trial, limit),
        )
        return [variant for (variant,) in rows]

    @reading
    def of_user(self, connection: sqlite3.Connection, user: str, *, limit: int) -> list[Participation]:
        if not is_writable(user):
            return []
        rows = connection.execute(
            "SELECT trial, variant, enrolled_at, reached_at, converted_at FROM trial_parts WHERE user = ?"
            " ORDER BY enrolled_at DESC, id DESC LIMIT ?",
            (user, limit),
        )
        return [
            Participation(
                trial=trial,
                variant=variant,
                enrolled_at=moment(enrolled),
                reached_at=moment_or_none(reached),
                converted_at=moment_or_none(converted),
            )
            for trial, variant, enrolled, reached, converted in rows
        ]

    @writing
    def prune(
        self, connection: sqlite3.Connection, *, before: datetime, keep: Collection[str], limit: int
    ) -> int:
        over = [trial for (trial,) in connection.execute(_TRIALS) if trial not in keep]
        return connection.execute(
            "DELETE FROM trial_parts WHERE id IN (SELECT id FROM trial_parts"
            " WHERE trial IN (SELECT value FROM json_each(?)) AND enrolled_at < ? LIMIT ?)",
            (json.dumps(over), micros(before), limit),
        ).rowcount

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        # What was found stays found: only whose row it was is forgotten.
        connection.execute("UPDATE trial_parts SET user = NULL WHERE user = ?", (erasure.user,))
        return 0
