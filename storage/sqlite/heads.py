"""The heads of rooms: the last sequence that each has handed out."""

import json
import sqlite3
from collections.abc import Iterable

from storage.encoding import writable

HEAD = """COALESCE(
    (SELECT seq FROM notifications WHERE room = asked.value AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1),
    (SELECT floor FROM rooms WHERE room = asked.value),
    0
)"""
"""The last sequence of the room `asked.value`: of what is left of its stream, or of what was pruned."""


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
