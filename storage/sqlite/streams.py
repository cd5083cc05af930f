"""Notifications in their rooms. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from storage.encoding import (
    EXPIRED,
    FOREVER,
    RECALLED,
    WIPED,
    data_text,
    key_text,
    micros,
    micros_or_none,
    receipt_of,
    shown_until,
    writable,
)
from storage.errors import IdempotencyMismatch
from storage.models import Appended, Emission, Mail, MailState, Notification, Receipt
from storage.sqlite.rows import MAIL_JOIN, NOTIFICATION, Row, find, notification_of

HEAD = """COALESCE(
    (SELECT seq FROM notifications WHERE room = asked.value AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1),
    (SELECT floor FROM rooms WHERE room = asked.value),
    0
)"""
"""The last sequence of the room `asked.value`: of what is left of its stream, or of what was pruned."""

_INSERT = "INSERT INTO notifications VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_INSERT_MAIL = "INSERT INTO mails VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"


class _Append:
    """One call of `append`: what is known already, what is new, and the rows to write."""

    def __init__(self, connection: sqlite3.Connection, emissions: Sequence[Emission]) -> None:
        self._connection = connection
        self._emissions = emissions
        self._heads: dict[str, int] = {}
        self._known: dict[str, tuple[bytes, tuple[Notification, ...]]] = {}
        self._rows: list[Row] = []
        self._mails: list[Row] = []

    def run(self) -> list[Appended | IdempotencyMismatch]:
        self._look_up_keys()
        rooms = {n.room for emission in self._emissions for n in emission.notifications if n.in_app}
        self._heads = heads(self._connection, rooms)
        answers = [self._answer(emission) for emission in self._emissions]
        self._connection.executemany(_INSERT, self._rows)
        if self._mails:
            self._connection.executemany(_INSERT_MAIL, self._mails)
        return answers

    def _look_up_keys(self) -> None:
        keys = [key_text(emission.key) for emission in self._emissions if emission.key is not None]
        if not keys:
            return
        rows = self._connection.execute(
            f"SELECT {NOTIFICATION}, n.key, n.fingerprint FROM notifications n {MAIL_JOIN}"  # noqa: S608 - constants
            " WHERE n.key IN (SELECT value FROM json_each(?)) ORDER BY n.key, n.ordinal",
            (json.dumps(keys),),
        )
        for row in rows:
            key, fingerprint = row[-2:]
            _, earlier = self._known.get(key, (fingerprint, ()))
            self._known[key] = (fingerprint, (*earlier, notification_of(row)))

    def _answer(self, emission: Emission) -> Appended | IdempotencyMismatch:
        if emission.key is None:
            return Appended(notifications=self._number(emission, None))
        key = key_text(emission.key)
        known = self._known.get(key)
        if known is None:
            appended = self._number(emission, key)
            self._known[key] = (emission.key.fingerprint, appended)
            return Appended(notifications=appended)
        fingerprint, notifications = known
        if fingerprint != emission.key.fingerprint:
            return IdempotencyMismatch("the idempotency key was used before with another content")
        return Appended(notifications=notifications, duplicate=True)

    def _number(self, emission: Emission, key: str | None) -> tuple[Notification, ...]:
        fingerprint = None if emission.key is None else emission.key.fingerprint
        numbered = []
        for ordinal, notification in enumerate(emission.notifications):
            given = notification
            if given.in_app:
                self._heads[given.room] = seq = self._heads[given.room] + 1
                given = replace(given, seq=seq)
            self._rows.append(_row(given, key, None if key is None else ordinal, fingerprint))
            if given.mail is not None:
                self._mails.append(_mail_row(given, given.mail))
            numbered.append(given)
        return tuple(numbered)


def append(
    connection: sqlite3.Connection, emissions: Sequence[Emission]
) -> list[Appended | IdempotencyMismatch]:
    return _Append(connection, emissions).run()


def append_anew(
    connection: sqlite3.Connection, emissions: Sequence[Emission]
) -> list[Appended | IdempotencyMismatch]:
    """`append` for a call in which some ids are stored already: whoever brings those is answered as a duplicate."""
    answers: list[Appended | IdempotencyMismatch] = []
    for emission in emissions:
        stored = [find(connection, notification.id) for notification in emission.notifications]
        if emission.key is None and stored and all(stored):
            answers.append(Appended(notifications=tuple(filter(None, stored)), duplicate=True))
        else:
            answers += append(connection, [emission])
    return answers


def _row(n: Notification, key: str | None, ordinal: int | None, fingerprint: bytes | None) -> Row:
    return (
        n.id, n.room, n.seq, n.type, n.title, n.body, n.link, data_text(n.data), micros(n.created_at),
        micros_or_none(n.expires_at), micros_or_none(n.recalled_at), shown_until(n), key, ordinal, fingerprint,
    )  # fmt: skip


def _mail_row(n: Notification, mail: Mail) -> Row:
    order = mail.order
    wake_at = micros(mail.due_at) if mail.state is MailState.PENDING else None
    return (
        n.id, micros(n.created_at), order.to, order.subject, order.unless, micros(order.due_at), mail.state,
        mail.attempts, micros(mail.due_at), mail.reason, mail.code, micros(mail.updated_at),
        micros_or_none(mail.sent_at), None, wake_at,
    )  # fmt: skip


def heads(connection: sqlite3.Connection, rooms: Iterable[str]) -> dict[str, int]:
    answer = dict.fromkeys(rooms, 0)
    answer.update(
        connection.execute(
            f"SELECT asked.value, {HEAD} FROM json_each(?) asked",  # noqa: S608 - constants only
            (json.dumps(writable(answer)),),
        )
    )
    return answer


def span(
    connection: sqlite3.Connection, room: str, *, after: int, upto: int, limit: int, shown_at: int
) -> list[Notification]:
    rows = connection.execute(
        f"SELECT {NOTIFICATION} FROM notifications n {MAIL_JOIN}"  # noqa: S608 - constants only
        " WHERE n.room = ? AND n.seq > ? AND n.seq <= ? AND n.shown_until > ? ORDER BY n.seq LIMIT ?",
        (room, after, upto, shown_at, limit),
    )
    return [notification_of(row) for row in rows]


def receipts(connection: sqlite3.Connection, notification_id: str) -> dict[str, Receipt]:
    place = connection.execute(
        "SELECT room, seq FROM notifications WHERE id = ? AND seq IS NOT NULL", (notification_id,)
    ).fetchone()
    if place is None:
        return {}
    room, seq = place
    found: dict[str, Receipt] = {}
    for user, seen_at, read_at, dismissed_at, clicked_at, covered_at in connection.execute(
        "SELECT r.user, r.seen_at, r.read_at, r.dismissed_at, r.clicked_at,"
        " CASE WHEN i.read_upto >= r.seq AND COALESCE(i.begins, 0) < r.seq THEN i.read_at END"
        " FROM receipts r LEFT JOIN inboxes i ON i.user = r.user AND i.room = r.room"
        " WHERE r.room = ? AND r.seq = ? LIMIT 1000",
        (room, seq),
    ):
        found[user] = receipt_of(
            seen_at=seen_at,
            read_at=read_at,
            dismissed_at=dismissed_at,
            clicked_at=clicked_at,
            covered_at=covered_at,
        )
    for user, read_at in connection.execute(
        "SELECT user, read_at FROM inboxes WHERE room = ? AND read_upto >= ? AND read_at IS NOT NULL"
        # Before whose time it was has not read it.
        " AND COALESCE(begins, 0) < ? LIMIT ?",
        (room, seq, seq, 1000),
    ):
        if user not in found and len(found) < 1000:
            found[user] = receipt_of(covered_at=read_at)
    return found


def recall(connection: sqlite3.Connection, notification_id: str, *, now: int) -> Notification | None:
    connection.execute(
        "UPDATE notifications SET recalled_at = ? WHERE id = ? AND recalled_at IS NULL",
        (now, notification_id),
    )
    wipe(connection, [notification_id], reason=RECALLED, now=now)
    return find(connection, notification_id)


def expire(connection: sqlite3.Connection, *, now: int, limit: int) -> int:
    ids = [
        row[0]
        for row in connection.execute(
            f"SELECT id FROM notifications WHERE shown_until < {FOREVER} AND shown_until > 0"  # noqa: S608
            " AND shown_until <= ? ORDER BY shown_until LIMIT ?",
            (now, limit),
        )
    ]
    return wipe(connection, ids, reason=EXPIRED, now=now)


def wipe(connection: sqlite3.Connection, ids: Sequence[str], *, reason: str, now: int) -> int:
    """Take the contents away, and skip the mail that waits; answers how many were not wiped before."""
    text = json.dumps(ids)
    rooms = [
        row[0]
        for row in connection.execute(
            "UPDATE notifications SET title = '', body = '', link = NULL, data = '{}', shown_until = ?"
            " WHERE id IN (SELECT value FROM json_each(?)) AND shown_until <> ? RETURNING room",
            (WIPED, text, WIPED),
        )
    ]
    connection.execute(
        "UPDATE mails SET subject = NULL,"
        " reason = CASE state WHEN 'pending' THEN ? ELSE reason END,"
        " updated_at = CASE state WHEN 'pending' THEN ? ELSE updated_at END,"
        " wake_at = CASE state WHEN 'pending' THEN NULL ELSE wake_at END,"
        " state = CASE state WHEN 'pending' THEN 'skipped' ELSE state END"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (reason, now, text),
    )
    for room in set(rooms):
        _clear(connection, room)
    return len(rooms)


def _clear(connection: sqlite3.Connection, room: str) -> None:
    """Move `cleared` up to just below the first notification still shown: unread need not count what lies below."""
    connection.execute(
        "INSERT INTO rooms (room, cleared) SELECT asked.value, COALESCE("  # noqa: S608 - constants only
        "  (SELECT seq - 1 FROM notifications WHERE room = asked.value AND shown_until > 0"
        "   AND seq > COALESCE((SELECT cleared FROM rooms WHERE room = asked.value), 0) ORDER BY seq LIMIT 1),"
        f"  {HEAD}) FROM json_each(?) asked WHERE TRUE"
        " ON CONFLICT (room) DO UPDATE SET cleared = MAX(cleared, excluded.cleared)",
        (json.dumps([room]),),
    )


def prune(connection: sqlite3.Connection, *, before: int, limit: int) -> int:
    """In the order of appending, which is that of the times but for what came late: so no index of times is needed."""
    pruned = 0
    after = 0
    visited: set[str] = set()
    # Page by page, because a page may hold only what an owed mail still keeps in place.
    while pruned < limit:
        page = connection.execute(
            "SELECT rowid, created_at, id, room, seq FROM notifications WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (after, max(limit, 100)),
        ).fetchall()
        old = [row[2:] for row in page if row[1] < before]
        if not old:
            break
        after = page[-1][0]
        unplaced = [notification_id for notification_id, _, seq in old if seq is None]
        pruned += _prune_unplaced(connection, unplaced[: limit - pruned])
        for room in dict.fromkeys(room for _, room, seq in old if seq is not None and room not in visited):
            visited.add(room)
            if pruned < limit:
                pruned += _prune_stream(connection, room, before=before, limit=limit - pruned)
    return pruned


def _prune_unplaced(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    settled = [
        row[0]
        for row in connection.execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"
            " (SELECT 1 FROM mails WHERE id = value AND wake_at IS NOT NULL)",
            (json.dumps(ids),),
        )
    ]
    _delete(connection, settled)
    return len(settled)


def _prune_stream(connection: sqlite3.Connection, room: str, *, before: int, limit: int) -> int:
    ids: list[str] = []
    floor = 0
    for notification_id, seq, created_at, wake_at in connection.execute(
        "SELECT n.id, n.seq, n.created_at, m.wake_at FROM notifications n LEFT JOIN mails m ON m.id = n.id"
        " WHERE n.room = ? AND n.seq IS NOT NULL ORDER BY n.seq LIMIT ?",
        (room, limit),
    ):
        if created_at >= before or wake_at is not None:
            break
        ids.append(notification_id)
        floor = seq
    if not ids:
        return 0
    _delete(connection, ids)
    connection.execute("DELETE FROM receipts WHERE room = ? AND seq <= ?", (room, floor))
    connection.execute(
        "INSERT INTO rooms (room, floor, cleared) VALUES (?, ?, ?) ON CONFLICT (room) DO UPDATE"
        " SET floor = MAX(floor, excluded.floor), cleared = MAX(cleared, excluded.cleared)",
        (room, floor, floor),
    )
    return len(ids)


def _delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    text = json.dumps(ids)
    connection.execute("DELETE FROM mails WHERE id IN (SELECT value FROM json_each(?))", (text,))
    connection.execute("DELETE FROM notifications WHERE id IN (SELECT value FROM json_each(?))", (text,))
