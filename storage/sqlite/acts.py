"""What a user does with notifications beyond reading them. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage.encoding import micros, writable
from storage.inboxes import Marked, Selection
from storage.sqlite.muting import shown
from storage.sqlite.standings import Standing, heads, of_user, standings, turn

_CHOSEN = """
SELECT n.room AS room, n.seq AS seq, n.id AS id,
    CASE WHEN n.seq > COALESCE(i.read_upto, 0) OR c.unread_at IS NOT NULL THEN :now END AS read
FROM json_each(:ids) asked CROSS JOIN notifications n ON n.id = asked.value
LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room
LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq
WHERE n.room IN (SELECT value FROM json_each(:rooms)) AND n.seq IS NOT NULL AND n.shown_until > :now
    AND c.dismissed_at IS {dismissed} AND {missing}
"""
# What `read_upto` covers has no time of its own.
_READ = "read_at = COALESCE(read_at, :read), unread_at = NULL, returned_at = NULL"
_AWAKE = "snoozed_until = NULL, wake_at = NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that can be done: to what it makes a difference, and what becomes of a receipt.

    `missing` is a condition of `_CHOSEN`'s, `becomes` what an UPDATE of receipts sets. Both are constants of this module.
    """

    missing: str
    becomes: str
    reads: bool = False
    unreads: bool = False
    of_dismissed: bool = False
    """Whether it is done with what was dismissed, and with nothing else."""


UNREAD = Act(
    missing="(c.unread_at IS NULL AND (c.read_at IS NOT NULL OR n.seq <= COALESCE(i.read_upto, 0))"
    " OR c.archived_at IS NOT NULL OR c.snoozed_until IS NOT NULL)",
    becomes="seen_at = COALESCE(seen_at, read_at, :now), read_at = NULL, unread_at = COALESCE(unread_at, :now),"
    f" archived_at = NULL, {_AWAKE}",
    unreads=True,
)
ARCHIVE = Act(missing="c.archived_at IS NULL", becomes=f"archived_at = :now, {_READ}, {_AWAKE}", reads=True)
UNARCHIVE = Act(missing="c.archived_at IS NOT NULL", becomes="archived_at = NULL")
UNDISMISS = Act(missing="TRUE", becomes="dismissed_at = NULL", of_dismissed=True)
SNOOZE = Act(
    missing="c.snoozed_until IS NOT :until",
    becomes=f"snoozed_until = :until, wake_at = :until, token = NULL, archived_at = NULL, {_READ}",
    reads=True,
)
ACT = Act(missing="c.acted IS NULL", becomes=f"acted = :action, acted_at = :now, {_READ}", reads=True)


def do(
    connection: sqlite3.Connection, act: Act, chosen: Selection, *, given: Mapping[str, Any] | None = None
) -> Marked:
    """Do it with what is chosen and shown, and not dismissed but where that is taken back; `given` is what else `act` names.

    Places are found first, then receipts made where there are none, then changed: under one write lock, so that nobody
    changes them in between. `changed` is how many it made a difference to.
    """
    user, now = chosen.user, micros(chosen.now)
    asked = {
        "user": user,
        "now": now,
        "rooms": json.dumps(writable(chosen.rooms)),
        "ids": json.dumps(list(dict.fromkeys(writable(chosen.ids)))),
        **(given or {}),
    }
    dismissed = "NOT NULL" if act.of_dismissed else "NULL"
    found = connection.execute(_CHOSEN.format(dismissed=dismissed, missing=act.missing), asked).fetchall()
    connection.executemany(
        "INSERT OR IGNORE INTO receipts (user, room, seq, id) VALUES (?, ?, ?, ?)",
        [(user, room, seq, id_) for room, seq, id_, _ in found],
    )
    connection.executemany(
        f"UPDATE receipts SET {act.becomes} WHERE user = :user AND room = :room AND seq = :seq",  # noqa: S608 - constants
        [
            {"user": user, "now": now, "room": room, "seq": seq, "read": read, **(given or {})}
            for room, seq, _, read in found
        ],
    )
    if act.unreads:
        take_turn(connection, [(user, row[0]) for row in found])
    marked = outcome(connection, chosen, changed=len(found), reads=act.reads)
    return replace(marked, ids=tuple(row[2] for row in found))


def outcome(connection: sqlite3.Connection, chosen: Selection, *, changed: int, reads: bool) -> Marked:
    """What there is to say when so many were changed.

    It counts after the change, so the answer holds it. Rooms are advanced only by what reads.
    """
    user, now = chosen.user, micros(chosen.now)
    after = standings(connection, of_user(user, chosen.rooms), now=now)
    if reads and changed:
        # All of a room read one by one is the same as read up to its head, and cheaper ever after.
        advance(connection, user, [s for s in after if s.unread == 0 and s.read_upto < s.head], read_at=None)
    unread = shown(connection, user, after, chosen.muted, now=now)
    return Marked(changed=changed, unread=unread, heads=heads(after), turn=turn(after))


def acted(connection: sqlite3.Connection, chosen: Selection) -> tuple[str | None, int | None]:
    """What the user has pressed of the one chosen, and when; nothing of what the user is not shown."""
    asked = {
        "user": chosen.user,
        "now": micros(chosen.now),
        "rooms": json.dumps(writable(chosen.rooms)),
        "ids": json.dumps(writable(chosen.ids)),
    }
    found = connection.execute(
        "SELECT c.acted, c.acted_at FROM json_each(:ids) asked CROSS JOIN notifications n ON n.id = asked.value"
        " JOIN receipts c ON c.room = n.room AND c.seq = n.seq"
        " WHERE c.user = :user AND n.room IN (SELECT value FROM json_each(:rooms)) AND n.shown_until > :now"
        " AND c.dismissed_at IS NULL",
        asked,
    ).fetchone()
    return (None, None) if found is None else (found[0], found[1])


def take_turn(connection: sqlite3.Connection, places: Sequence[tuple[str, str]]) -> None:
    """Something of these (user, room) has become unread again.

    Once for each place, however many became unread there: a turn only has to grow.
    """
    connection.executemany(
        "INSERT INTO inboxes (user, room, read_upto, turn) VALUES (?, ?, 0, 1)"
        " ON CONFLICT (user, room) DO UPDATE SET turn = COALESCE(turn, 0) + 1",
        list(dict.fromkeys(places)),
    )


def advance(
    connection: sqlite3.Connection, user: str, places: Sequence[Standing], *, read_at: int | None
) -> None:
    """All of these rooms is read.

    Up to the heads that the standings name, and never back. `read_at` is when all was read, None where it was one by
    one: then the time that is there stays.
    """
    connection.executemany(
        "INSERT INTO inboxes (user, room, read_upto, read_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user, room) DO UPDATE SET read_upto = MAX(read_upto, excluded.read_upto),"
        " read_at = COALESCE(excluded.read_at, read_at)",
        [(user, standing.room, standing.head, read_at) for standing in places],
    )


def settle(connection: sqlite3.Connection, user: str, places: Sequence[Standing]) -> None:
    """Give up the receipts that say no more than that all of these rooms was read.

    What says more stays, and is unread no more.
    """
    keys = [(user, place.room, place.head) for place in places]
    connection.executemany(
        "DELETE FROM receipts WHERE user = ? AND room = ? AND seq <= ? AND dismissed_at IS NULL AND clicked_at IS NULL"
        " AND archived_at IS NULL AND snoozed_until IS NULL AND acted IS NULL AND wake_at IS NULL",
        keys,
    )
    connection.executemany(
        "UPDATE receipts SET unread_at = NULL, returned_at = NULL"
        " WHERE user = ? AND room = ? AND seq <= ? AND unread_at IS NOT NULL",
        keys,
    )
