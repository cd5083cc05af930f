"""A page of a user's history. Each function runs inside one transaction of its caller."""

import heapq
import json
import sqlite3
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

from storage.encoding import FOREVER, cursor_of, position_of, receipt_of, writable
from storage.inboxes import HistoryPage, HistoryQuery, InboxItem
from storage.sqlite import obligations
from storage.sqlite.rows import NOTIFICATION, NOTIFICATION_WIDTH, notification_of

COVERED_AT = "CASE WHEN i.begins >= n.seq THEN i.begun_at WHEN i.read_upto >= n.seq THEN i.read_at END"
"""When the notification `n` counted as read for the user of the inbox `i` without a receipt that says so."""


def history(connection: sqlite3.Connection, query: HistoryQuery, *, now: int) -> HistoryPage:
    """Newest first is last appended first: the places are the row ids, which grow with every append."""
    before = FOREVER if query.before is None else position_of(query.before)[0]
    rooms = dict.fromkeys(writable(query.rooms))
    newest_first = heapq.merge(
        *(_room_history(connection, query, room, before=before, now=now) for room in rooms),
        key=itemgetter(0),
        reverse=True,
    )
    found = list(islice(newest_first, query.limit + 1))
    page = found[: query.limit]
    place, last = page[-1] if page else (0, None)
    return HistoryPage(
        items=tuple(item for _, item in page),
        next=None if last is None or len(found) <= query.limit else cursor_of(last.notification, place),
    )


def _room_history(
    connection: sqlite3.Connection, query: HistoryQuery, room: str, *, before: int, now: int
) -> Iterator[tuple[int, InboxItem]]:
    """One room's part with the places, newest first; rows are read as far as the merge asks for them."""
    conditions = ""
    types = categories = None
    if query.types:
        conditions += " AND n.type IN (SELECT value FROM json_each(:types))"
        types = json.dumps(writable(query.types))
    if query.categories:
        conditions += " AND json_extract(n.entry, '$.category') IN (SELECT value FROM json_each(:categories))"
        categories = json.dumps(writable(query.categories))
    if query.unread_only:
        conditions += " AND c.read_at IS NULL AND n.seq > COALESCE(i.read_upto, 0)"
    muted = None
    if query.muted is not None and room != query.muted.own:
        conditions += " AND n.type NOT IN (SELECT value FROM json_each(:muted))"
        muted = json.dumps(writable(query.muted.types))
    rows = connection.execute(
        f"SELECT {NOTIFICATION}, c.seen_at, c.read_at, c.clicked_at,"  # noqa: S608 - constants and conditions
        f" {COVERED_AT}, n.rowid"
        f" FROM notifications n {obligations.JOIN}"
        " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
        " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
        # The plus keeps SQLite to the index of the room, where it finds the row ids too.
        " WHERE n.room = :room AND +n.rowid < :before AND n.seq IS NOT NULL"
        f" AND n.shown_until > :now AND c.dismissed_at IS NULL{conditions}"
        " ORDER BY n.seq DESC LIMIT :limit",
        {
            "user": query.user,
            "room": room,
            "before": before,
            "now": now,
            "types": types,
            "categories": categories,
            "muted": muted,
            "limit": query.limit + 1,
        },
    )
    for row in rows:
        seen_at, read_at, clicked_at, covered_at, place = row[NOTIFICATION_WIDTH:]
        receipt = receipt_of(seen_at=seen_at, read_at=read_at, clicked_at=clicked_at, covered_at=covered_at)
        yield place, InboxItem(notification=notification_of(row), receipt=receipt)
