"""Pages of mail, and what an obligation tells: the notification that it is of, or the news that it keeps itself."""

import sqlite3
from dataclasses import dataclass

from msgspec import structs

from storage.encoding import FOREVER, micros, news_of, position_of, writable
from storage.mail import HASTENED
from storage.notifications import Notification
from storage.obligations import Kind
from storage.outbox import MailPage, MailSearch
from storage.sqlite import mail_rows
from storage.sqlite.bulk import Row
from storage.sqlite.rows import MAIL, NOTIFICATION, NOTIFICATION_WIDTH, notification_of

OWED = f"{NOTIFICATION}, m.id, m.of_kind, m.of_id, m.news, m.created_at"
FROM = "FROM obligations m LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"
"""What is read of an obligation, and where."""


def page(connection: sqlite3.Connection, search: MailSearch, *, before: str | None, limit: int) -> MailPage:
    """The newest first.

    By the time and then by the id. What tells nothing any more takes a place on the page and is left out.
    """
    place = (FOREVER, "") if before is None else position_of(before)
    found = _found(search)
    rows = connection.execute(
        f"SELECT {OWED} FROM obligations m {found.by} LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"  # noqa: S608 - constants, and marks for values
        f" WHERE {' AND '.join(['(m.created_at, m.id) < (?, ?)', *found.conditions])}"
        " ORDER BY m.created_at DESC, m.id DESC LIMIT ?",
        (*place, *found.values, limit + 1),
    ).fetchall()
    shown = rows[:limit]
    following = f"{shown[-1][-1]}~{shown[-1][-5]}" if shown and len(rows) > limit else None
    return MailPage(items=tuple(notification for row in shown if (notification := told(row))), next=following)


def held(connection: sqlite3.Connection, *, after: str | None, limit: int) -> MailPage:
    """What a rule holds, the next first.

    By an index of what a rule holds, which what is `HASTENED` stands in as well.
    """
    due_at, obligation_id = (-FOREVER, "") if after is None else position_of(after, parameter="after")
    rows = connection.execute(
        f"SELECT {OWED}, m.due_at {FROM} WHERE m.state = 'pending' AND m.decided_by IS NOT NULL"
        " AND m.decided_by <> ? AND (m.due_at, m.id) > (?, ?) ORDER BY m.due_at, m.id LIMIT ?",
        (HASTENED, due_at, obligation_id, limit + 1),
    ).fetchall()
    shown = rows[:limit]
    following = f"{shown[-1][-1]}~{shown[-1][NOTIFICATION_WIDTH]}" if len(rows) > limit else None
    return MailPage(
        items=tuple(notification for row in shown if (notification := told(row[:-1]))), next=following
    )


def of_room(connection: sqlite3.Connection, room: str, *, limit: int) -> tuple[Notification, ...]:
    """What stands by itself and was owed to the room, or for something in it; the newest first.

    `limit` rows at most; of the notifications of the room their ids are gone through.
    """
    rows = connection.execute(
        f"SELECT {OWED} {FROM} WHERE m.of_id IS NOT NULL"  # noqa: S608 - constants only
        " AND (m.room = ?1 OR m.of_id IN (SELECT id FROM notifications WHERE room = ?1))"
        " ORDER BY m.created_at DESC, m.id DESC LIMIT ?2",
        (room, limit),
    )
    return tuple(notification for row in rows if (notification := told(row)))


def told(row: Row) -> Notification | None:
    """What an obligation tells, with its mail and under its id; None when that is not there, or not any more."""
    obligation_id, kind, _, news, _ = row[NOTIFICATION_WIDTH:]
    if kind in (None, Kind.NOTIFICATION):
        return (
            None
            if row[0] is None
            else structs.replace(notification_of(row[:NOTIFICATION_WIDTH]), id=obligation_id)
        )
    if news is None:
        return None
    mail = mail_rows.mail_of(row[MAIL:NOTIFICATION_WIDTH])
    return structs.replace(news_of(obligation_id, news), mail=mail)


@dataclass(frozen=True, slots=True)
class _Found:
    """How a search finds mail."""

    by: str
    """The index that it must take; empty where there is no choice."""
    conditions: tuple[str, ...]
    values: Row


def _found(search: MailSearch) -> _Found:
    """By the narrowest index that the search allows: of a reader or an address there are few, of a state there may be
    millions.

    By what it is of, there is a choice of two indexes, which SQLite makes.
    """
    asked: list[tuple[str, Row]] = []
    by = ""
    if search.of is not None:
        asked.append(("(m.id = ? OR m.of_id = ?)", (search.of, search.of)))
    if search.room is not None:
        by = "INDEXED BY obligations_reader"
        asked.append(("m.reader = ?", (search.room,)))
    if search.addresses:
        by = "INDEXED BY obligations_recipient"
        forms = writable(search.addresses)
        marks = ", ".join("?" * len(forms))
        asked.append((f"m.recipient COLLATE NOCASE IN ({marks})", tuple(forms)))
    if search.state is not None:
        # With a plus it is no reason to go by its index.
        asked.append(("+m.state = ?" if asked else "m.state = ?", (search.state,)))
    if search.since is not None:
        asked.append(("m.created_at >= ?", (micros(search.since),)))
    if search.until is not None:
        asked.append(("m.created_at < ?", (micros(search.until),)))
    return _Found(
        by,
        tuple(condition for condition, _ in asked),
        tuple(value for _, values in asked for value in values),
    )
