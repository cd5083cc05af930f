"""The shelf of deeds, in the table `deeds`."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.audit import Audit, Deed, DeedPage, DeedSearch
from storage.encoding import (
    FOREVER,
    cursor_text,
    data_of,
    data_text,
    is_writable,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    position_of,
)
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="audit-1",
        run=statements("""
CREATE TABLE deeds (
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    role TEXT NOT NULL,
    operation TEXT NOT NULL,
    target TEXT,
    detail TEXT NOT NULL,
    request_id TEXT,
    outcome TEXT,
    ended_at INTEGER
) WITHOUT ROWID;
CREATE INDEX deeds_newest ON deeds (at, id);
CREATE INDEX deeds_by_author ON deeds (author, at, id);
CREATE INDEX deeds_of_operation ON deeds (operation, at, id);
CREATE INDEX deeds_to_target ON deeds (target, at, id) WHERE target IS NOT NULL;
"""),
    ),
)
_COLUMNS = "id, at, author, role, operation, target, detail, request_id, outcome, ended_at"
_INDEXES = (("target", "deeds_to_target"), ("author", "deeds_by_author"), ("operation", "deeds_of_operation"))
"""By what it may be looked for, and the index of that; the first that is asked for is gone by."""


class SQLiteAudit(SQLiteShelf, Audit):
    """Nothing of it is erased with a person: the id is all that it holds of one."""

    MIGRATIONS = MIGRATIONS

    @writing
    def begin(self, connection: sqlite3.Connection, deed: Deed) -> None:
        """Raises `sqlite3.IntegrityError` for an id that is taken: ids are made anew."""
        connection.execute(
            f"INSERT INTO deeds ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants only
            (
                deed.id, micros(deed.at), deed.by, deed.role, deed.operation, deed.target, data_text(deed.detail),
                deed.request_id, deed.outcome, micros_or_none(deed.ended_at),
            ),
        )  # fmt: skip

    @writing
    def end(self, connection: sqlite3.Connection, deed_id: str, outcome: str, *, now: datetime) -> None:
        connection.execute(
            "UPDATE deeds SET outcome = ?, ended_at = ? WHERE id = ? AND outcome IS NULL",
            (outcome, micros(now), deed_id),
        )

    @reading
    def page(
        self, connection: sqlite3.Connection, asked: DeedSearch, *, before: str | None, limit: int
    ) -> DeedPage:
        """By one index, named, so that SQLite chooses no other."""
        place = (FOREVER, "") if before is None else position_of(before)
        wanted = {"target": asked.target, "author": asked.by, "operation": asked.operation}
        held = [(f"{name} = ?", value) for name, value in wanted.items() if value is not None]
        if not all(is_writable(value) for _, value in held):
            return DeedPage(items=(), next=None)
        by = next((index for name, index in _INDEXES if wanted[name] is not None), "deeds_newest")
        times = [
            (f"at {sign} ?", micros(time))
            for sign, time in ((">=", asked.since), ("<", asked.until))
            if time is not None
        ]
        conditions = ["(at, id) < (?, ?)", *(condition for condition, _ in (*held, *times))]
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM deeds INDEXED BY {by} WHERE {' AND '.join(conditions)}"  # noqa: S608 - constants, and marks for values
            " ORDER BY at DESC, id DESC LIMIT ?",
            (*place, *(value for _, value in (*held, *times)), limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = cursor_text(page[-1][1], page[-1][0]) if len(rows) > limit else None
        return DeedPage(items=[_deed(row) for row in page], next=following)

    @reading
    def of_person(self, connection: sqlite3.Connection, user: str, *, limit: int) -> Sequence[Deed]:
        """By two indexes, of the author and of the target; a deed that is in both is told once."""
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM deeds WHERE author = ?1 OR target = ?1 ORDER BY at DESC, id DESC LIMIT ?2",  # noqa: S608 - constants only
            (f"user:{user}", limit),
        )
        return [_deed(row) for row in rows]

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        return connection.execute(
            "DELETE FROM deeds WHERE id IN (SELECT id FROM deeds WHERE at < ? ORDER BY at, id LIMIT ?)",
            (micros(before), limit),
        ).rowcount


def _deed(row: tuple[Any, ...]) -> Deed:
    id_, at, author, role, operation, target, detail, request_id, outcome, ended_at = row
    return Deed(
        id=id_,
        at=moment(at),
        by=author,
        role=role,
        operation=operation,
        target=target,
        detail=data_of(detail),
        request_id=request_id,
        outcome=outcome,
        ended_at=moment_or_none(ended_at),
    )
