"""The shelf of what is owed: what workers do, in the table of `obligations.py`."""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs

from storage import collapsing
from storage.courses import Course, Step, StepKind, heard, step_of
from storage.encoding import (
    ERASED,
    EXPIRED,
    FOREVER,
    ORPHANED,
    RECALLED,
    is_writable,
    micros,
    moment,
    moment_or_none,
    news_of,
    position_of,
    writable,
)
from storage.endings import Buried, Ending, Gathered, Postponed, Released, Sent, Settled, Skipped
from storage.mail import AFTER_SENT, HASTENED, LaneName, MailState
from storage.outbox import (
    ORPHAN_AGE,
    ORPHAN_LOOK,
    Kind,
    Lease,
    MailPage,
    MailSearch,
    Obligation,
    Outbox,
    Subject,
)
from storage.people import Erasure
from storage.sqlite import digests, obligations
from storage.sqlite.rows import MAIL, NOTIFICATION, NOTIFICATION_WIDTH, notification_of
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.streams import Notification

_ORPHAN_AGE, _ORPHAN_LOOK = (round(each.total_seconds() * 1_000_000) for each in (ORPHAN_AGE, ORPHAN_LOOK))


class SQLiteOutbox(SQLiteShelf, Outbox):
    MIGRATIONS = obligations.MIGRATIONS

    @writing
    def owe(self, connection: sqlite3.Connection, owed: Sequence[Obligation]) -> int:
        return obligations.owe(connection, owed)

    @writing
    def lease(
        self,
        connection: sqlite3.Connection,
        *,
        lane: LaneName,
        limit: int,
        lease_seconds: float,
        now: datetime,
    ) -> list[Lease]:
        at = micros(now)
        until = micros(now + timedelta(seconds=lease_seconds))
        leases: list[Lease] = []
        while (wanted := limit - len(leases)) > 0:
            due = connection.execute(
                "SELECT m.id, m.of_kind, m.created_at, m.news IS NULL, n.shown_until, n.recalled_at, n.superseded_by"
                " FROM obligations m LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"
                " WHERE m.lane = ? AND m.wake_at IS NOT NULL AND m.wake_at <= ? ORDER BY m.wake_at, m.id LIMIT ?",
                (lane, at, wanted),
            ).fetchall()
            for obligation_id, kind, owed_at, is_mute, shown_until, recalled_at, superseded_by in due:
                if kind in (None, Kind.NOTIFICATION) and shown_until is None:
                    _pass_over(connection, obligation_id, owed_at=owed_at, now=at)
                elif superseded_by is not None:
                    rule = collapsing.RULE
                    _skip_gone(connection, obligation_id, reason=collapsing.REASON, rule=rule, now=at)
                elif kind in (None, Kind.NOTIFICATION) and shown_until <= at:
                    reason = EXPIRED if recalled_at is None else RECALLED
                    _skip_gone(connection, obligation_id, reason=reason, now=at)
                elif kind not in (None, Kind.NOTIFICATION) and is_mute:
                    _skip_gone(connection, obligation_id, reason=ERASED, now=at)
                else:
                    leases.append(_take(connection, obligation_id, until=until, now=at))
            # That was all; or it would be found again at once, for its lease has ended already.
            if len(due) < wanted or until <= at:
                break
        return leases

    @writing
    def prolong(
        self, connection: sqlite3.Connection, lease: Lease, *, lease_seconds: float, now: datetime
    ) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return _changed(
            connection,
            "UPDATE obligations SET wake_at = ? WHERE id = ? AND token = ?",
            (until, lease.id, lease.token),
        )

    @writing
    def end(self, connection: sqlite3.Connection, lease: Lease, ending: Ending, *, now: datetime) -> bool:
        if isinstance(ending, Gathered):
            return digests.gather(connection, lease, ending, now=micros(now))
        return _end(connection, lease, ending, now)

    @writing
    def end_together(
        self, connection: sqlite3.Connection, endings: Sequence[tuple[Lease, Settled]], *, now: datetime
    ) -> list[bool]:
        return [_end(connection, lease, ending, now) for lease, ending in endings]

    @writing
    def claim(
        self,
        connection: sqlite3.Connection,
        lease: Lease,
        key: str,
        *,
        limit: int,
        since: datetime,
        now: datetime,
    ) -> bool:
        (others,) = connection.execute(f"{_COUNT} AND id <> ?", (key, micros(since), lease.id)).fetchone()
        return others < limit and _changed(
            connection,
            "UPDATE obligations SET counted_as = ?, counted_at = ? WHERE id = ? AND token = ?",
            (key, micros(now), lease.id, lease.token),
        )

    @reading
    def counted(self, connection: sqlite3.Connection, key: str, *, since: datetime) -> int:
        (count,) = connection.execute(_COUNT, (key, micros(since))).fetchone()
        return int(count)

    @reading
    def find(self, connection: sqlite3.Connection, obligation_id: str) -> Notification | None:
        if not is_writable(obligation_id):
            return None
        row = connection.execute(f"SELECT {_OWED} {_FROM} WHERE m.id = ?", (obligation_id,)).fetchone()
        return None if row is None else _told(row)

    @reading
    def courses(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Course]:
        return obligations.courses(connection, writable(ids))

    @reading
    def subject(self, connection: sqlite3.Connection, obligation_id: str) -> Subject | None:
        if not is_writable(obligation_id):
            return None
        row = connection.execute(
            "SELECT of_kind, of_id FROM obligations WHERE id = ?", (obligation_id,)
        ).fetchone()
        if row is None:
            return None
        kind, of = row
        return Subject(kind=Kind(kind or Kind.NOTIFICATION), id=of or obligation_id)

    @reading
    def taken_as(self, connection: sqlite3.Connection, relay_key: str) -> str | None:
        if not is_writable(relay_key):
            return None
        rows = connection.execute(
            "SELECT id FROM obligations WHERE relay_key = ? LIMIT 2", (relay_key,)
        ).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    @writing
    def came_back(
        self,
        connection: sqlite3.Connection,
        obligation_id: str,
        state: MailState,
        *,
        reason: str | None,
        now: datetime,
    ) -> bool:
        if state is MailState.SENT:
            return False  # it outweighs nothing
        outweighed = json.dumps(AFTER_SENT[: AFTER_SENT.index(state)])
        step = obligations.step_text(heard(state, reason, now))
        return _changed(
            connection,
            f"UPDATE obligations SET state = ?, reason = ?, updated_at = ?, {obligations.STEPPED}"  # noqa: S608 - constants only
            " WHERE id = ? AND state IN (SELECT value FROM json_each(?))",
            (state, reason, micros(now), step, obligation_id, outweighed),
        )

    @writing
    def revive(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        at, step = micros(now), obligations.step_text(Step(at=now, kind=StepKind.REVIVED))
        revived = {
            row[0]
            for row in connection.execute(
                "UPDATE obligations SET state = 'pending', attempts = 0, due_at = ?, wake_at = ?,"  # noqa: S608 - constants only
                f" updated_at = ?, reason = NULL, code = NULL, {obligations.STEPPED}"
                " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'dead' RETURNING id",
                (at, at, at, step, json.dumps(writable(ids))),
            )
        }
        return [obligation_id for obligation_id in dict.fromkeys(ids) if obligation_id in revived]

    @writing
    def hasten(self, connection: sqlite3.Connection, ids: Sequence[str], *, now: datetime) -> list[str]:
        return _of_pending(
            connection, ids, "decided_by = :rule, due_at = :now, wake_at = :now", now=now, rule=HASTENED
        )

    @writing
    def drop(
        self, connection: sqlite3.Connection, ids: Sequence[str], *, rule: str, reason: str, now: datetime
    ) -> list[str]:
        change = "state = 'skipped', reason = :reason, code = NULL, decided_by = :rule, wake_at = NULL"
        return _of_pending(connection, ids, change, now=now, rule=rule, reason=reason)

    @reading
    def held(self, connection: sqlite3.Connection, *, after: str | None, limit: int) -> MailPage:
        due_at, obligation_id = (-FOREVER, "") if after is None else position_of(after)
        rows = connection.execute(
            f"SELECT {_OWED}, m.due_at {_FROM} WHERE m.state = 'pending' AND m.decided_by IS NOT NULL"
            " AND m.decided_by <> ? AND (m.due_at, m.id) > (?, ?) ORDER BY m.due_at, m.id LIMIT ?",
            (HASTENED, due_at, obligation_id, limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = f"{page[-1][-1]}~{page[-1][NOTIFICATION_WIDTH]}" if len(rows) > limit else None
        return MailPage(items=tuple(told for row in page if (told := _told(row[:-1]))), next=following)

    @reading
    def of_room(self, connection: sqlite3.Connection, room: str, *, limit: int) -> tuple[Notification, ...]:
        rows = connection.execute(
            f"SELECT {_OWED} {_FROM} WHERE m.of_id IS NOT NULL"  # noqa: S608 - constants only
            " AND (m.room = ?1 OR m.of_id IN (SELECT id FROM notifications WHERE room = ?1))"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT ?2",
            (room, limit),
        )
        return tuple(told for row in rows if (told := _told(row)))

    @reading
    def next_due(self, connection: sqlite3.Connection, *, lane: LaneName) -> datetime | None:
        (wake_at,) = connection.execute(
            "SELECT MIN(wake_at) FROM obligations WHERE lane = ? AND wake_at IS NOT NULL", (lane,)
        ).fetchone()
        return moment_or_none(wake_at)

    @reading
    def mail_page(
        self, connection: sqlite3.Connection, search: MailSearch, *, before: str | None, limit: int
    ) -> MailPage:
        place = (FOREVER, "") if before is None else position_of(before)
        found = _found(search)
        rows = connection.execute(
            f"SELECT {_OWED} FROM obligations m {found.by} LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"  # noqa: S608 - constants, and marks for values
            f" WHERE {' AND '.join(['(m.created_at, m.id) < (?, ?)', *found.conditions])}"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT ?",
            (*place, *found.values, limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = f"{page[-1][-1]}~{page[-1][-5]}" if page and len(rows) > limit else None
        return MailPage(items=tuple(told for row in page if (told := _told(row))), next=following)

    @reading
    def mail_counts(self, connection: sqlite3.Connection) -> dict[MailState, int]:
        counts = dict.fromkeys(MailState, 0)
        for state, count in connection.execute("SELECT state, COUNT(*) FROM obligations GROUP BY state"):
            counts[MailState(state)] = count
        return counts

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        obligations.forget_recipients(connection, erasure.room, now=erasure.at)
        return 0


@dataclass(frozen=True, slots=True)
class _Found:
    """How a search finds mail."""

    by: str
    """The index that it must take; empty where there is no choice."""
    conditions: tuple[str, ...]
    values: obligations.Row


def _found(search: MailSearch) -> _Found:
    asked: list[tuple[str, obligations.Row]] = []
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


_COUNT = (
    "SELECT COUNT(*) FROM obligations WHERE counted_as = ? AND counted_at > ?"
    " AND state IN ('leased', 'sent', 'delivered', 'bounced', 'complained')"
)
_OWED = f"{NOTIFICATION}, m.id, m.of_kind, m.of_id, m.news, m.created_at"
_FROM = "FROM obligations m LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"


def _told(row: obligations.Row) -> Notification | None:
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
    mail = obligations.mail_of(row[MAIL:NOTIFICATION_WIDTH])
    return structs.replace(news_of(obligation_id, news), mail=mail)


def _of_pending(
    connection: sqlite3.Connection, ids: Sequence[str], change: str, *, now: datetime, **values: str
) -> list[str]:
    """Change those of these mails that are pending; answers which they were, in order."""
    changed = {
        row[0]
        for row in connection.execute(
            f"UPDATE obligations SET {change}, updated_at = :now"  # noqa: S608 - constants only
            " WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'pending' RETURNING id",
            {"now": micros(now), "ids": json.dumps(writable(ids)), **values},
        )
    }
    return [obligation_id for obligation_id in dict.fromkeys(ids) if obligation_id in changed]


def _pass_over(connection: sqlite3.Connection, obligation_id: str, *, owed_at: int, now: int) -> None:
    """Its notification is not stored, or not yet."""
    if owed_at + _ORPHAN_AGE <= now:
        _skip_gone(connection, obligation_id, reason=ORPHANED, now=now)
    else:
        connection.execute(
            "UPDATE obligations SET wake_at = ? WHERE id = ?", (now + _ORPHAN_LOOK, obligation_id)
        )


def _skip_gone(
    connection: sqlite3.Connection, obligation_id: str, *, reason: str, now: int, rule: str | None = None
) -> None:
    connection.execute(
        "UPDATE obligations SET state = 'skipped', reason = ?, decided_by = COALESCE(?, decided_by), updated_at = ?,"
        " wake_at = NULL, token = NULL WHERE id = ?",
        (reason, rule, now, obligation_id),
    )


def _take(connection: sqlite3.Connection, obligation_id: str, *, until: int, now: int) -> Lease:
    token = uuid.uuid4().hex
    connection.execute(
        "UPDATE obligations SET state = 'leased', attempts = attempts + 1, updated_at = ?, token = ?, wake_at = ?"
        " WHERE id = ?",
        (now, token, until, obligation_id),
    )
    row = connection.execute(
        f"SELECT {_OWED} {_FROM} WHERE m.id = ?",
        (obligation_id,),
    ).fetchone()
    told = _told(row)
    assert told is not None
    mail = told.mail
    assert mail is not None
    _, kind, of_id, _, _ = row[NOTIFICATION_WIDTH:]
    of = Subject(kind=Kind(kind or Kind.NOTIFICATION), id=of_id or obligation_id)
    # The notification under its own id: by that its receipts are found.
    told = structs.replace(told, id=of.id) if of.kind is Kind.NOTIFICATION else told
    return Lease(id=obligation_id, of=of, notification=told, mail=mail, token=token, until=moment(until))


def _end(connection: sqlite3.Connection, lease: Lease, ending: Settled, now: datetime) -> bool:
    at = micros(now)
    match ending:
        case Sent(relay_id=relay_id, relay_key=relay_key):
            change = (
                "state = 'sent', reason = NULL, code = NULL, decided_by = NULL, relay_id = ?, relay_key = ?,"
                " sent_at = ?, wake_at = NULL"
            )
            values: obligations.Row = (relay_id, relay_key, at)
        case Skipped(rule=rule, reason=reason):
            change = "state = 'skipped', reason = ?, code = NULL, decided_by = ?, wake_at = NULL"
            values = (reason, rule)
        case Buried(reason=reason, code=code):
            change = "state = 'dead', reason = ?, code = ?, decided_by = NULL, wake_at = NULL"
            values = (reason, code)
        case Postponed(until=until, reason=reason, code=code, counted=counted, rule=rule):
            change = (
                "state = 'pending', reason = ?, code = ?, decided_by = ?, attempts = attempts - ?, due_at = ?,"
                " wake_at = ?"
            )
            due_at = micros(until)
            values = (reason, code, rule, 0 if counted else 1, due_at, due_at)
        case Released():
            change, values = "state = 'pending', attempts = attempts - 1, wake_at = due_at", ()
    if (step := step_of(ending, lease, now)) is not None:
        change, values = f"{change}, {obligations.STEPPED}", (*values, obligations.step_text(step))
    return _changed(
        connection,
        f"UPDATE obligations SET {change}, updated_at = ?, token = NULL WHERE id = ? AND token = ?",  # noqa: S608 - constants only
        (*values, at, lease.id, lease.token),
    )


def _changed(connection: sqlite3.Connection, statement: str, values: obligations.Row) -> bool:
    """Whether the statement found its mail, whose lease is still this token's."""
    return connection.execute(statement, values).rowcount == 1
