"""What the other shelves do to obligations as they do something to their notifications.

Each function runs inside one transaction of its caller.
"""

import json
import sqlite3
from collections.abc import Sequence

from storage import collapsing
from storage.encoding import ERASED, micros, news_text
from storage.obligations import Obligation
from storage.sqlite import bulk
from storage.sqlite.bulk import Row
from storage.sqlite.mail_rows import OWES, columns_of

_INTO = (
    "obligations (id, created_at, recipient, subject, unless, ordered_at, state, attempts, due_at, reason,"
    " code, updated_at, sent_at, wake_at, lane, decided_by, relay_id, reader, token)"
)
_INTO_OWED = (
    "obligations (id, created_at, recipient, subject, unless, ordered_at, state, attempts, due_at,"
    " reason, code, updated_at, sent_at, wake_at, lane, decided_by, relay_id, reader, channel, of_kind, of_id, room, news)"
)


def owe(connection: sqlite3.Connection, obligations: Sequence[Obligation]) -> int:
    """Store what stands by itself; answers how many were new.

    All of them or none. An id that is known is passed over.
    """
    rows = [
        (
            *columns_of(o.id, micros(o.mail.updated_at), o.mail, None if o.news is None else o.news.room),
            o.channel, o.of.kind, o.of.id,
            None if o.news is None else o.news.room, None if o.news is None else news_text(o.news),
        )
        for o in obligations
    ]  # fmt: skip
    return bulk.insert_new(connection, _INTO_OWED, rows)


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert rows as `row_of` makes them. Raises `sqlite3.IntegrityError` when an id is taken."""
    bulk.insert(connection, _INTO, rows)


def withdraw(connection: sqlite3.Connection, ids: Sequence[str], *, reason: str, now: int) -> None:
    """Their notifications are wiped: the subjects go, and what waits is skipped.

    Of an obligation that is of one of these the same. What a worker holds is left to it, but for the subject.
    """
    connection.execute(
        "UPDATE obligations SET subject = NULL,"
        " reason = CASE WHEN state IN ('pending', 'gathered') THEN ?1 ELSE reason END,"
        " updated_at = CASE WHEN state IN ('pending', 'gathered') THEN ?2 ELSE updated_at END,"
        " wake_at = CASE state WHEN 'pending' THEN NULL ELSE wake_at END,"
        " state = CASE WHEN state IN ('pending', 'gathered') THEN 'skipped' ELSE state END"
        " WHERE id IN (SELECT value FROM json_each(?3)) OR of_id IN (SELECT value FROM json_each(?3))",
        (reason, now, json.dumps(ids)),
    )


def supersede(connection: sqlite3.Connection, notification_id: str, *, now: int) -> None:
    """A newer one stands for this notification: what waits is skipped.

    `decided_by` names the rule, so that it is told apart from what was recalled.
    """
    connection.execute(
        "UPDATE obligations SET state = 'skipped', reason = ?1, decided_by = ?2, updated_at = ?3, wake_at = NULL"
        " WHERE (id = ?4 OR of_id = ?4) AND state IN ('pending', 'gathered')",
        (collapsing.REASON, collapsing.RULE, now, notification_id),
    )


def forget_recipients(connection: sqlite3.Connection, room: str, *, now: int) -> None:
    """The user of this room is erased: of what was owed to them no address is kept, and nothing more is sent.

    A worker that holds a lease has its own copy of the address, and may still settle.

    It goes through the user's room, and through what stands by itself for that room.
    """
    told = [row[0] for row in connection.execute("SELECT id FROM notifications WHERE room = ?", (room,))]
    connection.executemany(
        "UPDATE obligations SET recipient = '', steps = NULL WHERE id = ?1 OR of_id = ?1",
        [(each,) for each in told],
    )
    own = [row[0] for row in connection.execute("SELECT id FROM obligations WHERE room = ?", (room,))]
    withdraw(connection, own, reason=ERASED, now=now)
    connection.execute(
        "UPDATE obligations SET recipient = '', news = NULL, room = NULL, steps = NULL WHERE room = ?",
        (room,),
    )
    connection.execute("UPDATE obligations SET reader = NULL WHERE reader = ?", (room,))


def recipients(connection: sqlite3.Connection, room: str) -> list[str]:
    """Whither mail was owed to the user of this room.

    As they were written, each once; what was erased before is none.
    """
    found = connection.execute(
        "SELECT recipient FROM obligations WHERE room = ?1 UNION"
        " SELECT m.recipient FROM notifications n JOIN obligations m ON m.id = n.id OR m.of_id = n.id"
        " WHERE n.room = ?1",
        (room,),
    )
    return [recipient for (recipient,) in found if recipient]


def owed_in(connection: sqlite3.Connection, rooms: Sequence[str], ids: Sequence[str]) -> set[str]:
    """Those of these mails that are, or were, owed to the users of these rooms; of whom was erased before none is known."""
    found = connection.execute(
        "SELECT m.id FROM json_each(?1) asked CROSS JOIN obligations m ON m.id = asked.value"
        " LEFT JOIN notifications n ON n.id = COALESCE(m.of_id, m.id)"
        " WHERE COALESCE(m.room, n.room) IN (SELECT value FROM json_each(?2))",
        (json.dumps(ids), json.dumps(rooms)),
    )
    return {id_ for (id_,) in found}


def settled(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Those of these notifications that owe no mail.

    Of ids that are unknown it says so too.
    """
    return [
        row[0]
        for row in connection.execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"  # noqa: S608 - constants only
            f" (SELECT 1 FROM obligations m WHERE (id = value OR of_id = value) AND {OWES})",
            (json.dumps(ids),),
        )
    ]


def delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Delete the mails of these notifications: their own, and what stands by itself and is of them."""
    connection.execute(
        "DELETE FROM obligations WHERE id IN (SELECT value FROM json_each(?1))"
        " OR of_id IN (SELECT value FROM json_each(?1))",
        (json.dumps(ids),),
    )
