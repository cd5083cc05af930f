"""Collapsing in this store. Each function runs inside one transaction of its caller, which appends what is newer."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from storage.collapsing import Latest, Pair
from storage.encoding import WIPED, is_writable
from storage.sqlite import mail_rows, obligations
from storage.sqlite.clearing import BARE_ENTRY, clear

Succession = tuple[str, str, int]
"""The id of what is not shown any more, the id of what stands for it, and when that was made."""


def latest(connection: sqlite3.Connection, pairs: Iterable[Pair]) -> dict[Pair, Latest]:
    """What is shown under each key, where something is.

    By the index of chains, which holds the newest of each alone. `waits_since` is None unless its own mail still waits.
    """
    asked = [pair for pair in pairs if all(map(is_writable, pair))]
    rows = connection.execute(
        "SELECT n.room, n.collapse_key, n.id, n.seq, n.collapsed, n.shown_until,"  # noqa: S608 - constants only
        " CASE m.state WHEN 'pending' THEN n.waits_since END"
        " FROM json_each(?) asked CROSS JOIN notifications n"
        " ON n.room = asked.value ->> 0 AND n.collapse_key = asked.value ->> 1 AND n.collapse_key IS NOT NULL"
        f" {mail_rows.JOIN}",
        (json.dumps(asked),),
    )
    return {
        (room, key): Latest(id=id_, seq=seq, count=count, shown_until=until, waits_since=since)
        for room, key, id_, seq, count, until, since in rows
    }


def supersede(connection: sqlite3.Connection, successions: Sequence[Succession]) -> None:
    """Show those no more that others stand for, and skip their mail that waits. They keep their words, unless these
    would expire.

    In the transaction that has inserted what is newer: so nobody sees both, or neither.
    """
    rooms: set[str] = set()
    for old, new, at in successions:
        rooms.update(
            row[0]
            for row in connection.execute(
                "UPDATE notifications SET shown_until = ?, collapse_key = NULL, superseded_by = ? WHERE id = ?"
                " RETURNING room",
                (WIPED, new, old),
            )
        )
        connection.execute(
            "UPDATE notifications SET title = '', body = '', link = NULL, data = '{}',"  # noqa: S608 - constants only
            f" entry = {BARE_ENTRY} WHERE id = ? AND expires_at IS NOT NULL",
            (old,),
        )
        obligations.supersede(connection, old, now=at)
    for room in rooms:
        clear(connection, room)
