"""A page of a user's history, in one statement and one row.

Each row that Python fetches costs a hand-over of its global lock, and what it makes of one on a reader's thread it makes in
the loop's place: a page of twenty took longer on the threads than on the loop. Here SQLite writes the page as JSON, with
what else a page wants to know, and the loop makes the items of it.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from msgspec import Struct

from storage.beginnings import BeginningRequest
from storage.encoding import FOREVER, cursor_of, position_of, writable
from storage.histories import RETURNED_MAX, HistoryPage, HistoryQuery, InboxItem
from storage.receipts import Place
from storage.sqlite import beginnings, mail_rows
from storage.sqlite.bulk import Row
from storage.sqlite.rows import (
    NOTIFICATION,
    NOTIFICATION_WIDTH,
    OF_RECEIPT,
    RECEIPT,
    RECEIPT_WIDTH,
    covered_at,
    notification_of,
    receipt_from,
)
from storage.sqlite.streams import TYPED_FROM

_ITEM = f"{NOTIFICATION}, {RECEIPT}"
_RECEIPTS = "receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
_INBOXES = "inboxes i ON i.user = :user AND i.room = n.room"
_INBOX = (
    f"notifications n{{index}} LEFT JOIN {_RECEIPTS}",
    " AND c.dismissed_at IS NULL AND c.archived_at IS NULL AND c.snoozed_until IS NULL",
)
_AWAY = {
    Place.ARCHIVE: (
        f"receipts c INDEXED BY receipts_archived CROSS JOIN {OF_RECEIPT}",
        " AND c.user = :user AND c.room = asked.value AND c.archived_at IS NOT NULL AND c.dismissed_at IS NULL",
    ),
    Place.SNOOZED: (
        f"receipts c INDEXED BY receipts_snoozed CROSS JOIN {OF_RECEIPT}",
        " AND c.user = :user AND c.room = asked.value AND c.snoozed_until IS NOT NULL AND c.dismissed_at IS NULL",
    ),
}
"""Of each place what is read, and which of it is there. What few have is found by their receipts."""
_ABOVE = f"""MIN(
    COALESCE((SELECT read_upto FROM inboxes WHERE user = :user AND room = asked.value), 0),
    COALESCE((
        SELECT MIN(seq) - 1 FROM receipts INDEXED BY receipts_unread
        WHERE user = :user AND room = asked.value AND unread_at IS NOT NULL
    ), {FOREVER})
)"""  # noqa: S608 - made of constants
"""The sequence of the room up to which nothing is unread: where all is read, all of it would be looked at else."""
_BACK = FOREVER // 2
_PLACE = (
    "CASE WHEN n.seq > COALESCE((SELECT floor FROM rooms WHERE room = asked.value), 0) THEN n.rowid"  # noqa: S608 - constants only
    f" ELSE n.created_at - {_BACK} END"
)
"""Where a notification is on the pages: by its row, which grows with every append. What came back from the archive was
appended anew, and is behind all else by its time: it alone has a sequence that was pruned.
"""
_OF_TYPES = " AND n.type IN (SELECT value FROM json_each(:types))"


class Form(Struct, frozen=True, gc=False):
    """What the statement of a page depends on; of each form there is one text, which SQLite compiles once."""

    place: Place
    is_first: bool
    unread_only: bool
    of_types: bool
    of_categories: bool
    is_muted: bool


def asking(query: HistoryQuery, *, now: int) -> tuple[str, dict[str, Any]]:
    """The statement of a page and its parameters; its row is for `told`. Raises `InvalidCursor`."""
    asked = beginning(query)
    values: dict[str, Any] = {
        "user": query.user,
        "rooms": json.dumps(list(dict.fromkeys(writable(query.rooms)))),
        "members": beginnings.members(asked),
        "now": now,
        "limit": query.limit + 1,
    }
    if query.before is not None:
        values["before"], values["last"] = position_of(query.before)
    if query.types:
        types = writable(query.types)
        values["types"], values["parts"] = json.dumps(types), json.dumps([None, *dict.fromkeys(types)])
    if query.categories:
        values["categories"] = json.dumps(writable(query.categories))
    if query.muted is not None:
        values |= {"own": query.muted.own, "muted": json.dumps(writable(query.muted.types))}
    form = Form(
        place=query.place, is_first=query.before is None, unread_only=query.unread_only, of_types=bool(query.types),
        of_categories=bool(query.categories), is_muted=query.muted is not None,
    )  # fmt: skip
    return _statement(form), values


def beginning(query: HistoryQuery) -> list[BeginningRequest]:
    """Whose rooms are to begin with this page: nobody's where it is not by the user that it is asked."""
    return [] if query.membership is None else [(query.user, query.rooms, query.membership)]


def unbegun(query: HistoryQuery, row: Sequence[Any]) -> list[BeginningRequest]:
    """What has not begun; while there is any, the page does not hold."""
    return beginnings.told(beginning(query), row[0])


def told(query: HistoryQuery, row: Sequence[Any]) -> HistoryPage:
    """The page that a row of the statement tells. Newest first is last appended first, and what came back from the archive
    last of all, by its time.
    """
    found = orjson.loads(row[1])
    page = found[: query.limit]
    items = tuple([_item(each) for each in page])
    more = len(found) > query.limit
    return HistoryPage(
        items=items,
        next=cursor_of(items[-1].notification, page[-1][-1]) if more else None,
        returned=tuple([_item(each) for each in orjson.loads(row[2])]),
    )


def _item(row: Row) -> InboxItem:
    """An item of a row that has the columns of a notification, and then those of its receipt."""
    receipt = receipt_from(row[NOTIFICATION_WIDTH : NOTIFICATION_WIDTH + RECEIPT_WIDTH])
    return InboxItem(notification=notification_of(row), receipt=receipt)


@lru_cache(maxsize=128)
def _statement(form: Form) -> str:
    """What has not begun, the page, and what came back from a snooze, each as JSON.

    First the places of each room, by the index of its stream from its end; then the page's own rows. A room of which nothing
    fits is read to its beginning.
    """
    returned = _returned(form) if form.place is Place.INBOX and form.is_first else "'[]'"
    return f"""
WITH page AS MATERIALIZED (
    SELECT part.value ->> 0 AS place, part.value ->> 1 AS id, part.value ->> 2 AS row
    FROM json_each(:rooms) asked, {_parts(form)} part ORDER BY 1 DESC, 2 DESC LIMIT :limit
)
SELECT {beginnings.UNBEGUN}, (
    SELECT json_group_array(json_array({_ITEM}, {covered_at("n.seq")}, page.place))
    FROM page CROSS JOIN notifications n ON n.rowid = page.row
    {mail_rows.JOIN} LEFT JOIN {_RECEIPTS} LEFT JOIN {_INBOXES}
), {returned}
"""  # noqa: S608 - made of constants


def _parts(form: Form) -> str:
    """The places of a room's newest that fit, as a table: of all of it, or of each type by itself.

    A type has an index in what is large of a room; what is not is looked through for all of them at once.
    """
    if form.place is not Place.INBOX:
        return f"json_each({_part(form, *_AWAY[form.place], _OF_TYPES if form.of_types else '')})"
    read, there = _INBOX
    if not form.of_types:
        return f"json_each({_part(form, read.format(index=''), there, '')})"
    small = _part(form, read.format(index=""), there, f" AND n.seq <= {TYPED_FROM}{_OF_TYPES}")
    large = _part(
        form,
        read.format(index=" INDEXED BY notifications_typed"),
        there,
        # Said twice: the first bounds the index, the second says that it is the one of what is large.
        f" AND n.type = type.value AND n.seq > {TYPED_FROM}",
    )
    return f"json_each(:parts) type, json_each(CASE WHEN type.value IS NULL THEN {small} ELSE {large} END)"


def _part(form: Form, read: str, there: str, of_types: str) -> str:
    """The newest `limit` of a room that fit: where each is, its id and its row."""
    conditions = there + of_types + _beside_types(form)
    if not form.is_first:
        # No index knows the places: SQLite keeps to that of the room, where it finds the row ids too.
        conditions += " AND (place, n.id) < (:before, :last)"
    above = "0"
    if form.unread_only:
        above = _ABOVE
        read += f" LEFT JOIN {_INBOXES}"
        conditions += (
            " AND (c.unread_at IS NOT NULL OR (c.read_at IS NULL AND n.seq > COALESCE(i.read_upto, 0)))"
        )
    return f"""(SELECT json_group_array(json_array(place, id, row)) FROM (
        SELECT {_PLACE} AS place, n.id AS id, n.rowid AS row FROM {read}
        WHERE n.room = asked.value AND n.seq > {above} AND n.shown_until > :now{conditions}
        ORDER BY n.seq DESC LIMIT :limit
    ))"""  # noqa: S608 - made of constants


def _beside_types(form: Form) -> str:
    """What is asked of a notification beside its type: what the catalog said of it, and that it is not muted."""
    conditions = ""
    if form.of_categories:
        conditions += " AND json_extract(n.entry, '$.category') IN (SELECT value FROM json_each(:categories))"
    if form.is_muted:
        conditions += " AND (n.room = :own OR n.type NOT IN (SELECT value FROM json_each(:muted)))"
    return conditions


def _returned(form: Form) -> str:
    """What came back from a snooze; who has none looks into an index that has nothing of them.

    At most `RETURNED_MAX`, by the index of what has returned. It heeds the types and categories that are asked for.
    """
    conditions = (_OF_TYPES if form.of_types else "") + _beside_types(form)
    return f"""(SELECT json_group_array(json_array({_ITEM}, NULL)) FROM (
        SELECT c.user, c.room, c.seq FROM receipts c INDEXED BY receipts_returned CROSS JOIN {OF_RECEIPT}
        WHERE c.user = :user AND c.returned_at IS NOT NULL AND n.room IN (SELECT value FROM json_each(:rooms))
            AND n.shown_until > :now{conditions}
        ORDER BY c.returned_at DESC, n.id DESC LIMIT {RETURNED_MAX}
    ) back CROSS JOIN receipts c ON c.user = back.user AND c.room = back.room AND c.seq = back.seq
    CROSS JOIN {OF_RECEIPT} {mail_rows.JOIN})"""  # noqa: S608 - made of constants
