"""A page of a user's history. Each function runs inside one transaction of its caller."""

import heapq
import json
import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

from storage.encoding import FOREVER, cursor_of, position_of, writable
from storage.histories import RETURNED_MAX, HistoryPage, HistoryQuery, InboxItem
from storage.receipts import Place
from storage.sqlite import mail_rows
from storage.sqlite.bulk import Row
from storage.sqlite.rows import (
    NOTIFICATION,
    NOTIFICATION_WIDTH,
    OF_RECEIPT,
    RECEIPT,
    RECEIPT_WIDTH,
    notification_of,
    receipt_from,
)

_ITEM = f"{NOTIFICATION}, {RECEIPT},"
_RECEIPTS = "receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
_INBOXES = "inboxes i ON i.user = :user AND i.room = n.room"
_IN = {
    Place.INBOX: (
        f"notifications n LEFT JOIN {_RECEIPTS}",
        " AND c.dismissed_at IS NULL AND c.archived_at IS NULL AND c.snoozed_until IS NULL",
    ),
    Place.ARCHIVE: (
        f"receipts c INDEXED BY receipts_archived CROSS JOIN {OF_RECEIPT}",
        " AND c.user = :user AND c.room = :room AND c.archived_at IS NOT NULL AND c.dismissed_at IS NULL",
    ),
    Place.SNOOZED: (
        f"receipts c INDEXED BY receipts_snoozed CROSS JOIN {OF_RECEIPT}",
        " AND c.user = :user AND c.room = :room AND c.snoozed_until IS NOT NULL AND c.dismissed_at IS NULL",
    ),
}
"""Of each place what is read, and which of it is there. What few have is found by their receipts."""
_ABOVE = f"""MIN(
    COALESCE((SELECT read_upto FROM inboxes WHERE user = :user AND room = :room), 0),
    COALESCE((
        SELECT MIN(seq) - 1 FROM receipts INDEXED BY receipts_unread
        WHERE user = :user AND room = :room AND unread_at IS NOT NULL
    ), {FOREVER})
)"""  # noqa: S608 - made of constants
"""The sequence of the room up to which nothing is unread: where all is read, all of it would be looked at else."""
_BACK = FOREVER // 2
_PLACE = (
    "CASE WHEN n.seq > COALESCE((SELECT floor FROM rooms WHERE room = :room), 0) THEN n.rowid"  # noqa: S608 - constants only
    f" ELSE n.created_at - {_BACK} END"
)
"""Where a notification is on the pages: by its row, which grows with every append. What came back from the archive was
appended anew, and is behind all else by its time: it alone has a sequence that was pruned.
"""
COVERED_AT = "CASE WHEN i.begins >= n.seq THEN i.begun_at WHEN i.read_upto >= n.seq THEN i.read_at END"
"""When the notification `n` counted as read for the user of the inbox `i` without a receipt that says so."""


def history(connection: sqlite3.Connection, query: HistoryQuery, *, now: int) -> HistoryPage:
    """Newest first is last appended first, and what came back from the archive last of all, by its time.

    Rooms are merged as far as the page goes: each is read by the index of its stream, from its end. A room of which
    nothing fits is read to its beginning.
    """
    before = (FOREVER, "") if query.before is None else position_of(query.before)
    rooms = dict.fromkeys(writable(query.rooms))
    newest_first = heapq.merge(
        *(_room_history(connection, query, room, before=before, now=now) for room in rooms),
        key=_order,
        reverse=True,
    )
    found = list(islice(newest_first, query.limit + 1))
    page = found[: query.limit]
    place, last = page[-1] if page else (0, None)
    return HistoryPage(
        items=tuple(item for _, item in page),
        next=None if last is None or len(found) <= query.limit else cursor_of(last.notification, place),
        returned=_returned(connection, query, list(rooms), now=now) if query.wants_returned else (),
    )


def _order(found: tuple[int, InboxItem]) -> tuple[int, str]:
    """By the place, and then by the id: what came back may have been made at the same moment."""
    place, item = found
    return place, item.notification.id


def _returned(
    connection: sqlite3.Connection, query: HistoryQuery, rooms: list[str], *, now: int
) -> tuple[InboxItem, ...]:
    """What came back from a snooze; who has none looks into an index that has nothing of them.

    At most `RETURNED_MAX`, by the index of what has returned. It heeds the types and categories that are asked for.
    """
    conditions, values = _conditions(query)
    if query.muted is not None:
        conditions += " AND (n.room = :own OR n.type NOT IN (SELECT value FROM json_each(:muted)))"
        values |= {"own": query.muted.own, "muted": json.dumps(writable(query.muted.types))}
    rows = connection.execute(
        f"SELECT {_ITEM} NULL FROM receipts c INDEXED BY receipts_returned"  # noqa: S608 - constants and conditions
        f" CROSS JOIN {OF_RECEIPT} {mail_rows.JOIN} LEFT JOIN {_INBOXES}"
        " WHERE c.user = :user AND c.returned_at IS NOT NULL AND n.room IN (SELECT value FROM json_each(:rooms))"
        f" AND n.shown_until > :now{conditions} ORDER BY c.returned_at DESC, n.id DESC LIMIT {RETURNED_MAX}",
        {**values, "user": query.user, "rooms": json.dumps(rooms), "now": now},
    )
    return tuple([_item(row) for row in rows])


def _conditions(query: HistoryQuery) -> tuple[str, dict[str, Any]]:
    """What is asked of the notification and its receipt, whatever the room."""
    conditions = ""
    values: dict[str, Any] = {}
    if query.types:
        conditions += " AND n.type IN (SELECT value FROM json_each(:types))"
        values["types"] = json.dumps(writable(query.types))
    if query.categories:
        conditions += " AND json_extract(n.entry, '$.category') IN (SELECT value FROM json_each(:categories))"
        values["categories"] = json.dumps(writable(query.categories))
    if query.unread_only:
        conditions += (
            " AND (c.unread_at IS NOT NULL OR (c.read_at IS NULL AND n.seq > COALESCE(i.read_upto, 0)))"
        )
    return conditions, values


def _item(row: Row) -> InboxItem:
    """An item of a row that has the columns of a notification, and then those of its receipt."""
    receipt = receipt_from(row[NOTIFICATION_WIDTH : NOTIFICATION_WIDTH + RECEIPT_WIDTH])
    return InboxItem(notification=notification_of(row), receipt=receipt)


def _room_history(
    connection: sqlite3.Connection, query: HistoryQuery, room: str, *, before: tuple[int, str], now: int
) -> Iterator[tuple[int, InboxItem]]:
    """One room's part with the places, newest first; rows are read as far as the merge asks for them.

    It holds a cursor of the snapshot open: whoever stops early leaves it to be closed with the transaction.
    """
    conditions, values = _conditions(query)
    if query.muted is not None and room != query.muted.own:
        conditions += " AND n.type NOT IN (SELECT value FROM json_each(:muted))"
        values["muted"] = json.dumps(writable(query.muted.types))
    read, there = _IN[query.place]
    rows = connection.execute(
        f"SELECT {_ITEM}"  # noqa: S608 - constants and conditions
        f" {COVERED_AT}, {_PLACE} AS place"
        f" FROM {read} {mail_rows.JOIN} LEFT JOIN {_INBOXES}"
        # No index knows the places: SQLite keeps to that of the room, where it finds the row ids too.
        f" WHERE n.room = :room AND (place, n.id) < (:before, :last) AND n.seq > {_ABOVE if query.unread_only else 0}"
        f" AND n.shown_until > :now{there}{conditions}"
        " ORDER BY n.seq DESC LIMIT :limit",
        {
            "user": query.user,
            "room": room,
            "before": before[0],
            "last": before[1],
            "now": now,
            "limit": query.limit + 1,
            **values,
        },
    )
    for row in rows:
        yield row[-1], _item(row)
