"""The heads of rooms: the last sequence that each has handed out."""

import json
import sqlite3
from collections.abc import Collection, Iterable

from storage.encoding import writable

HEAD = """MAX(
    COALESCE((SELECT seq FROM notifications WHERE room = asked.value AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1), 0),
    COALESCE((SELECT floor FROM rooms WHERE room = asked.value), 0)
)"""
"""The last sequence of the room `asked.value`: of what is left of its stream, or of what was pruned.

Of both, as what comes back from the archive lies below what was pruned.
"""
REMEMBERED_ROOMS = 20_000


def heads(connection: sqlite3.Connection, rooms: Iterable[str]) -> dict[str, int]:
    """By room; part of a transaction of the caller.

    Two look-ups by an index for each room, in one statement. A room that no store could hold has 0.
    """
    answer = dict.fromkeys(rooms, 0)
    asked = writable(answer)
    # One row with all of them: around each that Python fetches, its lock is let go and taken again.
    (found,) = connection.execute(
        f"SELECT json_group_array({HEAD}) FROM (SELECT value FROM json_each(?) ORDER BY key) asked",  # noqa: S608 - constants only
        (json.dumps(asked),),
    ).fetchone()
    answer.update(zip(asked, json.loads(found), strict=True))
    return answer


class Heads:
    """The heads of rooms as the writing connection has left them: who appends to the same rooms again looks nothing up.

    They are exact. No head moves but by an append; what is counted here is remembered once it is committed, and all is
    forgotten as soon as another connection, of another process, has committed anything.

    It belongs to one connection and its thread.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._version: int | None = None
        """SQLite's number for what other connections have committed, as it was when these were known."""
        self._counted: dict[str, int] = {}

    def counting(self, connection: sqlite3.Connection, rooms: Collection[str]) -> dict[str, int]:
        """The heads of these rooms, for the caller to count on. Called once in a transaction, which holds the write lock."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._known) > REMEMBERED_ROOMS:
            self._known = {}
            self._version = version
        known = self._known
        self._counted = counted = {room: known[room] for room in rooms if room in known}
        if len(counted) < len(rooms):
            counted.update(heads(connection, [room for room in rooms if room not in counted]))
        return counted

    def committed(self) -> None:
        """The transaction is: what the caller has counted holds."""
        self._known.update(self._counted)

    def forget(self) -> None:
        """Look everything up again."""
        self._version = None
