"""Pages of a campaign's recipients: of all, of a state, or of those of whose mail something was heard."""

import sqlite3
from typing import Any

from storage.encoding import position_of
from storage.recipients import Heard, RecipientPage, RecipientState, place_of_click
from storage.sqlite import recipient_rows


def page(
    connection: sqlite3.Connection,
    campaign_id: str,
    *,
    state: RecipientState | Heard | None,
    after: str | None,
    limit: int,
) -> RecipientPage:
    """By the index of states, or by the key; then the mails of the page with it."""
    if isinstance(state, Heard):
        return _heard(connection, campaign_id, state, after=after, limit=limit)
    chosen = "r.campaign = ? AND r.id > ?" if state is None else "r.campaign = ? AND r.state = ? AND r.id > ?"
    values: tuple[Any, ...] = (
        (campaign_id, after or "") if state is None else (campaign_id, state, after or "")
    )
    rows = connection.execute(
        f"SELECT {recipient_rows.TOLD} FROM recipients r LEFT JOIN obligations m ON m.id = r.mail"  # noqa: S608 - constants only
        f" WHERE {chosen} ORDER BY r.id LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    items = tuple(map(recipient_rows.told_of, rows[:limit]))
    return RecipientPage(items=items, next=items[-1].id if len(rows) > limit else None)


def _heard(
    connection: sqlite3.Connection, campaign_id: str, heard: Heard, *, after: str | None, limit: int
) -> RecipientPage:
    """By the index of those who have clicked, or by that of the campaign's mails by their state."""
    if heard is not Heard.CLICKED:
        rows = connection.execute(
            f"SELECT {recipient_rows.TOLD} FROM obligations m JOIN recipients r ON r.campaign = m.of_id AND r.mail = m.id"  # noqa: S608 - constants only
            " WHERE m.of_id = ? AND m.state = ? AND m.id > ? ORDER BY m.id LIMIT ?",
            (campaign_id, heard, after or "", limit + 1),
        ).fetchall()
        items = tuple(map(recipient_rows.told_of, rows[:limit]))
        return RecipientPage(items=items, next=items[-1].mail if len(rows) > limit else None)
    at, id_ = (0, "") if after is None else position_of(after, parameter="after")
    rows = connection.execute(
        f"SELECT {recipient_rows.TOLD} FROM recipients r INDEXED BY recipients_clicked"  # noqa: S608 - constants only
        " LEFT JOIN obligations m ON m.id = r.mail WHERE r.campaign = ? AND r.clicked_at IS NOT NULL"
        " AND (r.clicked_at, r.id) > (?, ?) AND r.state = 'sent' ORDER BY r.clicked_at, r.id LIMIT ?",
        (campaign_id, at, id_, limit + 1),
    ).fetchall()
    items = tuple(map(recipient_rows.told_of, rows[:limit]))
    return RecipientPage(items=items, next=place_of_click(items[-1]) if len(rows) > limit else None)
