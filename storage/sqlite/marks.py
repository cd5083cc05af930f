"""What a user marks of notifications: read, seen, dismissed, clicked. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from dataclasses import dataclass

from storage.encoding import micros, writable
from storage.inboxes import Marked, Selection
from storage.sqlite import acts

_UPSERT = """
INSERT INTO receipts (user, room, seq, id, seen_at, read_at, dismissed_at, clicked_at)
SELECT :user, n.room, n.seq, n.id, :seen,
    CASE WHEN n.seq > COALESCE(i.read_upto, 0) OR c.unread_at IS NOT NULL THEN :read END, :dismissed, :clicked
FROM json_each(:ids) asked CROSS JOIN notifications n ON n.id = asked.value
LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room
LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq
WHERE n.room IN (SELECT value FROM json_each(:rooms)) AND n.seq IS NOT NULL AND n.shown_until > :now AND {missing}
ON CONFLICT (user, room, seq) DO UPDATE SET
    seen_at = COALESCE(seen_at, excluded.seen_at),
    read_at = COALESCE(read_at, excluded.read_at),
    dismissed_at = COALESCE(dismissed_at, excluded.dismissed_at),
    clicked_at = COALESCE(clicked_at, excluded.clicked_at),
    unread_at = CASE WHEN :read IS NULL THEN unread_at END,
    returned_at = CASE WHEN :read IS NULL THEN returned_at END,
    snoozed_until = CASE WHEN :dismissed IS NULL THEN snoozed_until END,
    wake_at = CASE WHEN :dismissed IS NULL THEN wake_at END
"""
_UNREAD = "((n.seq > COALESCE(i.read_upto, 0) AND c.read_at IS NULL) OR c.unread_at IS NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark: to what it makes a difference, and which times of a receipt it sets."""

    missing: str
    sets: frozenset[str]


READ = Mark(missing=_UNREAD, sets=frozenset({"read"}))
SEEN = Mark(missing=f"{_UNREAD} AND c.seen_at IS NULL", sets=frozenset({"seen"}))
DISMISS = Mark(missing="c.dismissed_at IS NULL", sets=frozenset({"read", "dismissed"}))
CLICK = Mark(missing=f"(c.clicked_at IS NULL OR {_UNREAD})", sets=frozenset({"read", "clicked"}))


def mark(connection: sqlite3.Connection, what: Mark, chosen: Selection) -> Marked:
    """Set it on what is chosen, where it is missing.

    One statement finds the places, judges and writes. What `read_upto` covers gets a receipt without a time of reading.
    Then the room is read up to its head, if nothing of it is unread any more.
    """
    now = micros(chosen.now)
    changed = connection.execute(
        _UPSERT.format(missing=what.missing),
        {
            "user": chosen.user,
            "rooms": json.dumps(writable(chosen.rooms)),
            "ids": json.dumps(list(dict.fromkeys(writable(chosen.ids)))),
            "now": now,
            **{name: now if name in what.sets else None for name in ("seen", "read", "dismissed", "clicked")},
        },
    ).rowcount
    return acts.outcome(connection, chosen, changed=changed, reads="read" in what.sets)
