"""The rows of notifications: which columns make one, with its mail."""

import sqlite3
from itertools import groupby

from storage.encoding import (
    data_of,
    data_text,
    entry_of,
    entry_text,
    micros,
    micros_or_none,
    moment,
    receipt_of,
    shown_until,
)
from storage.notifications import Collapse, Notification, Origin
from storage.receipts import UNTOUCHED, Receipt
from storage.sqlite import bulk, mail_rows
from storage.sqlite.bulk import Row

_COLUMNS = (
    "n.id, n.room, n.seq, n.type, n.title, n.body, n.link, n.data, n.created_at, n.expires_at, n.recalled_at,"
    " n.entry, n.collapse_key, n.collapsed, n.superseded_by"
)
NOTIFICATION = f"{_COLUMNS}, {mail_rows.COLUMNS}"
"""The columns that `notification_of` takes, of notifications `n` and obligations `m`."""
NOTIFICATION_WIDTH = NOTIFICATION.count(",") + 1
MAIL = _COLUMNS.count(",") + 1
"""Where those of the mail begin; the first of them is NULL for a notification without one."""

_PLAIN = (
    "id", "room", "seq", "type", "title", "body", "link", "data", "created_at", "shown_until", "emitted_by", "request_id",
)  # fmt: skip
"""The columns of every row; most rows have nothing in the others."""
_WORDED = (*_PLAIN, "entry")
"""Those of what the catalog has words for, which owes nothing else to it."""
_ALL = (
    *_WORDED, "expires_at", "recalled_at", "key", "ordinal", "fingerprint", "collapse_key", "collapsed", "waits_since",
)  # fmt: skip


_INTO = {len(columns): f"notifications ({', '.join(columns)})" for columns in (_PLAIN, _WORDED, _ALL)}
"""By how long a row is: to bind what is not there costs as much as to bind what is, a fifth of an append."""

SHOWN_UNTIL = _PLAIN.index("shown_until")
"""Where a row that is inserted has it."""

_RECEIPT = ("seen_at", "read_at", "dismissed_at", "clicked_at", "archived_at", "snoozed_until", "unread_at",
            "returned_at", "acted", "acted_at")  # fmt: skip
OF_RECEIPT = "notifications n ON n.room = c.room AND n.seq = +c.seq"
"""The notification `n` of a receipt `c`, for a join. Without the `+` SQLite takes from a range of `c.seq` that `n.seq` is in one,
too, and looks through the room for each receipt.
"""
RECEIPT = ", ".join(f"c.{column}" for column in _RECEIPT)
"""The columns that `receipt_from` takes of receipts `c`; behind them it takes when the notification was covered."""
RECEIPT_WIDTH = len(_RECEIPT) + 1


def covered_at(seq: str) -> str:
    """When the notification of this sequence, an expression, counted as read for the user of the inbox `i` without a receipt
    that says so.
    """
    return f"CASE WHEN i.begins >= {seq} THEN i.begun_at WHEN i.read_upto >= {seq} THEN i.read_at END"


def receipt_from(row: Row) -> Receipt:
    """The receipt of a row that has the columns of `RECEIPT`, and behind them when it was covered."""
    if not any(row):
        # As most are; it takes a tenth of the time.
        return UNTOUCHED
    return receipt_of(**dict(zip((*_RECEIPT, "covered_at"), row, strict=True)))


def notification_of(row: Row) -> Notification:
    """The notification of a row that has the columns of `NOTIFICATION`; others may follow."""
    return Notification(
        id=row[0],
        room=row[1],
        seq=row[2],
        type=row[3],
        title=row[4],
        body=row[5],
        link=row[6],
        data=data_of(row[7]),
        created_at=moment(row[8]),
        expires_at=None if row[9] is None else moment(row[9]),
        recalled_at=None if row[10] is None else moment(row[10]),
        in_app=row[2] is not None,
        entry=None if row[11] is None else entry_of(row[11]),
        collapse=None if row[12] is None else Collapse(row[12], row[13]),
        superseded_by=row[14],
        mail=None if row[MAIL] is None else mail_rows.mail_of(row[MAIL:NOTIFICATION_WIDTH]),
    )


def row_of(
    n: Notification,
    key: str | None,
    ordinal: int | None,
    fingerprint: bytes | None,
    *,
    waits_since: int | None = None,
    origin: Origin | None = None,
) -> Row:
    """`waits_since` is since when mail of the chain waits that it is the newest of.

    A row of `_PLAIN`, of `_WORDED`, or of `_ALL`. `key`, `ordinal` and `fingerprint` are of its emission, None for
    one without a key.
    """
    by, request_id = (None, None) if origin is None else (origin.by, origin.request_id)
    plain = (
        n.id, n.room, n.seq, n.type, n.title, n.body, n.link, data_text(n.data), micros(n.created_at), shown_until(n),
        by, request_id,
    )  # fmt: skip
    entry = None if n.entry is None else entry_text(n.entry)
    if key is None and n.collapse is None and n.expires_at is None and n.recalled_at is None:
        return plain if entry is None else (*plain, entry)
    collapse_key, collapsed = (None, None) if n.collapse is None else (n.collapse.key, n.collapse.count)
    return (
        *plain, entry, micros_or_none(n.expires_at), micros_or_none(n.recalled_at), key, ordinal, fingerprint,
        collapse_key, collapsed, waits_since,
    )  # fmt: skip


def insert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    """Insert rows as `row_of` makes them, in their order.

    Raises `sqlite3.IntegrityError` when an id, a place or a key is taken.
    """
    for width, alike in groupby(rows, key=len):
        bulk.insert(connection, _INTO[width], list(alike))


def insert_new(connection: sqlite3.Connection, row: Row) -> bool:
    """Insert one row, unless its id, its place or its key is taken: then nothing changes, and it answers False."""
    return bulk.insert_new(connection, _INTO[len(row)], [row]) > 0


def find(connection: sqlite3.Connection, notification_id: str) -> Notification | None:
    """One notification by its id, with its mail; None when it is not there."""
    row = connection.execute(
        f"SELECT {NOTIFICATION} FROM notifications n {mail_rows.JOIN} WHERE n.id = ?",  # noqa: S608 - constants only
        (notification_id,),
    ).fetchone()
    return None if row is None else notification_of(row)
