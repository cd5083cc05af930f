"""Spans of a stream, in a statement: what follows a sequence in a room, as JSON in one value.

SQLite writes it, and the loop makes the notifications of it: each row that Python fetches on a reader's thread costs a
hand-over of its global lock.
"""

import orjson

from storage.notifications import Notification
from storage.sqlite import mail_rows
from storage.sqlite.rows import NOTIFICATION, notification_of


def span(*, room: str, after: str) -> str:
    """The span of a room, both named by expressions, ascending; `told` reads it.

    Of the parameters `now`, at which it is shown (with `WIPED` what has expired and is not wiped yet is in it), and `limit`.
    By the index of streams.
    """
    return f"""(SELECT json_group_array(json_array({NOTIFICATION})) FROM (
    SELECT rowid AS row FROM notifications
    WHERE room = {room} AND seq > {after} AND shown_until > :now ORDER BY seq LIMIT :limit
) span CROSS JOIN notifications n ON n.rowid = span.row {mail_rows.JOIN})"""  # noqa: S608 - made of constants


def told(found: str) -> list[Notification]:
    """The notifications of a span."""
    return [notification_of(row) for row in orjson.loads(found)]
