"""What is unread of what a user does not want to be shown. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Sequence

from storage.encoding import writable
from storage.histories import Muted
from storage.sqlite.rows import OF_RECEIPT
from storage.sqlite.standings import Standing, total


def shown(
    connection: sqlite3.Connection, user: str, standings: Sequence[Standing], muted: Muted | None, *, now: int
) -> int:
    """How much is unread of what the user is shown; only who has muted something has anything looked up.

    It counts what is muted above each `read_upto`, by the streams: it costs by how much is unread there.
    """
    unread = total(standings)
    if muted is None or not unread:
        return unread
    places = [
        (place.room, max(place.read_upto, place.floor), place.head)
        for place in standings
        if place.unread and place.room != muted.own
    ]
    (hidden,) = connection.execute(
        "SELECT COUNT(*) FROM json_each(:places) asked CROSS JOIN notifications n"
        " ON n.room = asked.value ->> 0 AND n.seq > asked.value ->> 1 AND n.seq <= asked.value ->> 2"
        " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
        " WHERE n.type IN (SELECT value FROM json_each(:types)) AND n.shown_until > :now AND c.read_at IS NULL",
        {
            "places": json.dumps(places),
            "types": json.dumps(writable(muted.types)),
            "user": user,
            "now": now,
        },
    ).fetchone()
    again = [
        (place.room, max(place.read_upto, place.floor))
        for place in standings
        if place.turn and place.room != muted.own
    ]
    return unread - int(hidden) - (_unread_again(connection, user, again, muted, now=now) if again else 0)


def _unread_again(
    connection: sqlite3.Connection, user: str, places: Sequence[tuple[str, int]], muted: Muted, *, now: int
) -> int:
    """How much of what is muted the user has made unread again below what was read of these rooms."""
    (again,) = connection.execute(
        "SELECT COUNT(*) FROM json_each(:places) asked CROSS JOIN receipts c"  # noqa: S608 - constants only
        " ON c.user = :user AND c.room = asked.value ->> 0 AND c.unread_at IS NOT NULL AND c.seq <= asked.value ->> 1"
        f" CROSS JOIN {OF_RECEIPT}"
        " WHERE n.type IN (SELECT value FROM json_each(:types)) AND n.shown_until > :now",
        {
            "places": json.dumps(places),
            "types": json.dumps(writable(muted.types)),
            "user": user,
            "now": now,
        },
    ).fetchone()
    return int(again)
