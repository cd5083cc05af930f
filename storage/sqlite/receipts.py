"""Many receipts at once: of one notification, and of one user. Each function runs inside one transaction of its caller."""

import sqlite3

from storage.encoding import WIPED, receipt_of
from storage.receipts import Receipt
from storage.sqlite.rows import RECEIPT, covered_at, receipt_from


def of_notification(connection: sqlite3.Connection, notification_id: str) -> dict[str, Receipt]:
    """By user: by the index of receipts by room, and by that of inboxes by room and mark; 1,000 rows of each at most."""
    # What is gone may lie below the mark and have been read by nobody: no reading all from before it was made covers it.
    place = connection.execute(
        "SELECT room, seq, CASE shown_until WHEN ? THEN created_at ELSE 0 END FROM notifications"
        " WHERE id = ? AND seq IS NOT NULL",
        (WIPED, notification_id),
    ).fetchone()
    if place is None:
        return {}
    room, seq, since = place
    found: dict[str, Receipt] = {}
    for user, *row in connection.execute(
        f"SELECT c.user, {RECEIPT},"  # noqa: S608 - constants only
        " CASE WHEN i.read_upto >= c.seq AND COALESCE(i.begins, 0) < c.seq AND i.read_at >= ? THEN i.read_at END"
        " FROM receipts c LEFT JOIN inboxes i ON i.user = c.user AND i.room = c.room"
        " WHERE c.room = ? AND c.seq = ? LIMIT 1000",
        (since, room, seq),
    ):
        found[user] = receipt_from(tuple(row))
    for user, read_at in connection.execute(
        "SELECT user, read_at FROM inboxes WHERE room = ? AND read_upto >= ? AND read_at >= ?"
        # Before whose time it was has not read it.
        " AND COALESCE(begins, 0) < ? LIMIT ?",
        (room, seq, since, seq, 1000),
    ):
        if user not in found and len(found) < 1000:
            found[user] = receipt_of(covered_at=read_at)
    return found


def of_user(connection: sqlite3.Connection, user: str, *, limit: int) -> dict[str, Receipt]:
    """By id: by the index of a user's newest."""
    found = connection.execute(
        f"SELECT c.id, {RECEIPT}, {covered_at('c.seq')}"  # noqa: S608 - constants only
        " FROM receipts c LEFT JOIN inboxes i ON i.user = c.user AND i.room = c.room"
        " WHERE c.user = ? ORDER BY c.id DESC LIMIT ?",
        (user, limit),
    )
    return {row[0]: receipt_from(row[1:]) for row in found}
