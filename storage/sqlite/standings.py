"""How users stand in rooms. Each function runs inside one transaction of its caller.

Unread is arithmetic on a room's head: less what lies below `read_upto` or is pruned, less what the user has read above that,
less what else of it is not shown any more, and with those below it that the user has made unread again. What a query visits
are the user's receipts and those gaps, never the history.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

import orjson
from msgspec import Struct

from storage.encoding import FOREVER, writable
from storage.sqlite.heads import HEAD
from storage.sqlite.rows import OF_RECEIPT

# What is gone and was read is counted with what was read: a receipt is looked up by its key, and a notification for each
# receipt would be ten times as much.
_UNREAD = """NOT EXISTS (
    SELECT 1 FROM receipts c WHERE c.user = asked.user AND c.room = n.room AND c.seq = n.seq AND c.read_at IS NOT NULL
)"""
# Two ranges, not one: of the wiped (0) only those above the base are visited, of the merely expired there are few.
_GONE = f"""((
    SELECT COUNT(*) FROM notifications n
    WHERE room = asked.value AND shown_until < {FOREVER} AND shown_until = 0 AND seq > {{base}} AND {_UNREAD}
) + (
    SELECT COUNT(*) FROM notifications n
    WHERE room = asked.value AND shown_until < {FOREVER} AND shown_until > 0 AND shown_until <= :now AND seq > {{base}}
        AND {_UNREAD}
))"""  # noqa: S608 - made of constants
_BASE = "MAX(COALESCE(i.read_upto, 0), COALESCE(r.cleared, 0))"
# One row with all of it: each row that Python fetches costs a hand-over of its global lock, which under load costs more
# than the queries.
STANDINGS = f"""(SELECT json_group_array(json_array(
    {HEAD}, COALESCE(r.floor, 0), COALESCE(i.read_upto, 0), COALESCE(i.turn, 0),
    {_BASE} + {_GONE.format(base=_BASE)} + (
        SELECT COUNT(*) FROM receipts c
        WHERE c.user = asked.user AND c.room = asked.value AND c.seq > {_BASE} AND c.read_at IS NOT NULL
    ) - CASE WHEN i.turn IS NULL THEN 0 ELSE (
        SELECT COUNT(*) FROM receipts c CROSS JOIN {OF_RECEIPT}
        WHERE c.user = asked.user AND c.room = asked.value AND c.unread_at IS NOT NULL AND c.seq <= {_BASE}
            AND n.shown_until > :now
    ) END
))
FROM (SELECT value ->> 0 AS user, value ->> 1 AS value FROM json_each(:asked) ORDER BY key) asked
LEFT JOIN rooms r ON r.room = asked.value
LEFT JOIN inboxes i ON i.user = asked.user AND i.room = asked.value)
"""  # noqa: S608 - made of the constants above
"""How users stand in rooms, in a statement: with the parameters `asked`, pairs of user and room as JSON, and `now`. `told` reads it."""


class Standing(Struct, frozen=True, gc=False):
    """How a user stands in a room."""

    room: str
    head: int
    floor: int
    read_upto: int
    turn: int
    """How often something of the room became unread again for the user."""
    unread: int


def standings(
    connection: sqlite3.Connection, asked: Sequence[tuple[str, str]], *, now: int
) -> list[Standing]:
    """How each (user, room) stands, in the order in which they are asked for.

    One row whatever their number. A user and a room that are asked for twice are told twice.
    """
    (found,) = connection.execute(f"SELECT {STANDINGS}", {"asked": json.dumps(asked), "now": now}).fetchone()
    return told(asked, found)


def told(asked: Sequence[tuple[str, str]], found: str) -> list[Standing]:
    """What `STANDINGS` has found of what was asked, which it was given as JSON."""
    return [
        Standing(room, head, floor, read_upto, turn, max(0, head - settled))
        for (_, room), (head, floor, read_upto, turn, settled) in zip(asked, orjson.loads(found), strict=True)
    ]


def of_user(user: str, rooms: Iterable[str]) -> list[tuple[str, str]]:
    """What to ask `standings` for: each room once, without those that no store could hold."""
    return [(user, room) for room in dict.fromkeys(writable(rooms))]


def total(standings: Sequence[Standing]) -> int:
    """How much is unread in these rooms together."""
    return sum([standing.unread for standing in standings])


def turn(standings: Sequence[Standing]) -> int:
    """How often something of these rooms became unread again; it only ever grows."""
    return sum([standing.turn for standing in standings])


def heads(standings: Sequence[Standing]) -> dict[str, int]:
    """The heads of these rooms, by room."""
    return {standing.room: standing.head for standing in standings}
