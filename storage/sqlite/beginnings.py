"""Beginnings in this store. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Iterator, Sequence

import orjson

from storage.beginnings import After, BeginningRequest, Known, beginning
from storage.encoding import writable
from storage.sqlite.heads import HEAD

UNBEGUN = """(SELECT json_group_array(json(value)) FROM json_each(:members) WHERE NOT EXISTS (
    SELECT 1 FROM inboxes WHERE user = value ->> 1 AND room = value ->> 2 AND begins IS NOT NULL))
"""
"""What has not begun, in a statement, of the parameter `members`. `told` reads it: nearly always there is nothing."""


LOOK = f"SELECT {UNBEGUN}"
"""A row of that alone."""


def members(requests: Sequence[BeginningRequest]) -> str:
    """What `UNBEGUN` is asked: the place of a request, its user and a shared room, of each, as JSON."""
    return json.dumps(
        [
            (index, user, room)
            for index, (user, rooms, membership) in enumerate(requests)
            for room in writable(rooms)
            if room != membership.own
        ]
    )


def told(requests: Sequence[BeginningRequest], found: str) -> list[BeginningRequest]:
    """What `UNBEGUN` has found of the requests."""
    rooms_of: dict[int, list[str]] = {}
    for index, _, room in orjson.loads(found):
        rooms_of.setdefault(index, []).append(room)
    return [(requests[index][0], rooms, requests[index][2]) for index, rooms in rooms_of.items()]


def begin(connection: sqlite3.Connection, requests: Sequence[BeginningRequest], *, now: int) -> None:
    """Begin these rooms; one that another has begun meanwhile stays as it is."""
    for some in _each_user_once(requests):
        known = _known(connection, some)
        begun = [
            (user, room, _before(connection, room, begins.time) if isinstance(begins, After) else None)
            for user, rooms, membership in some
            for room in rooms
            for begins in [beginning(room, membership, known[user])]
        ]
        connection.execute(_BEGIN, (now, json.dumps(begun)))


def _each_user_once(requests: Sequence[BeginningRequest]) -> Iterator[Sequence[BeginningRequest]]:
    """The requests, so apart that what is begun for a user is known when that user is asked for again.

    What makes a user known, the first beginning, has to be seen by the second.
    """
    left = list(requests)
    while left:
        first = {request[0]: request for request in reversed(left)}
        yield list(first.values())
        left = [request for request in left if first[request[0]] is not request]


# All in one statement, for the same reason as below. What has no sequence begins at the head.
_BEGIN = f"""
INSERT INTO inboxes (user, room, read_upto, begins, begun_at)
SELECT user, value, COALESCE(begins, {HEAD}), COALESCE(begins, {HEAD}), ?1
FROM (SELECT value ->> 0 AS user, value ->> 1 AS value, value ->> 2 AS begins FROM json_each(?2) ORDER BY key) asked
WHERE true
ON CONFLICT (user, room) DO UPDATE SET read_upto = MAX(read_upto, excluded.read_upto),
    begins = excluded.begins, begun_at = excluded.begun_at WHERE begins IS NULL
"""  # noqa: S608 - made of constants

_LIVED = "created_at > COALESCE((SELECT erased_at FROM rooms WHERE room = value ->> 1), -1)"
"""Of the user's own room: made since the user was erased, if that was so."""
# One row for all users: each that Python fetches costs a hand-over of its global lock. The first of a room is the first of its
# stream, whose index is from there on; only what has no sequence is looked through.
_KNOWN = f"""
SELECT (SELECT value FROM facts WHERE name = 'beginnings'), json_group_array(json_array(
    value ->> 0,
    json((SELECT json_group_object(room, begins) FROM inboxes WHERE user = value ->> 0)),
    json((SELECT json_array(first_seen) FROM contacts WHERE user = value ->> 0)),
    EXISTS (SELECT 1 FROM receipts WHERE user = value ->> 0),
    (SELECT floor FROM rooms WHERE room = value ->> 1),
    (SELECT erased_at FROM rooms WHERE room = value ->> 1),
    (SELECT MIN(created_at) FROM (
        SELECT * FROM (SELECT created_at FROM notifications WHERE room = value ->> 1 AND seq > 0 AND {_LIVED} ORDER BY seq LIMIT 1)
        UNION ALL
        SELECT created_at FROM notifications WHERE room = value ->> 1 AND seq IS NULL AND {_LIVED}
    ))
)) FROM json_each(?)
"""  # noqa: S608 - made of constants


def _known(connection: sqlite3.Connection, requests: Sequence[BeginningRequest]) -> dict[str, Known]:
    """By user, each of whom is asked for once.

    All that the rule asks of each, in one row: whether there is an older contact, an inbox without a beginning, or
    receipts.
    """
    membership_of = {user: membership for user, _, membership in requests}
    asked = [(user, membership.own) for user, membership in membership_of.items()]
    since, found = connection.execute(_KNOWN, (json.dumps(asked),)).fetchone()
    answer = {}
    for user, rows, contact, has_receipts, floor, erased_at, told in orjson.loads(found):
        membership = membership_of[user]
        settled = rows.get(membership.everybodys[0]) is not None
        if settled:
            # The own room never has a beginning: of who has begun elsewhere its inbox says nothing.
            rows.pop(membership.own, None)
        answer[user] = Known(
            predates=contact == [None] or None in rows.values() or (not rows and bool(has_receipts)),
            settled=settled,
            heard_at=0 if floor and erased_at is None else _heard_at(contact, told, since),
        )
    return answer


def _heard_at(contact: Sequence[int] | None, told: int | None, since: int) -> int | None:
    """The first that is known of the user; 0 when that is older than beginnings are."""
    heard = min((time for time in (*(contact or ()), told) if time is not None), default=None)
    return 0 if heard is not None and heard < since else heard


def _before(connection: sqlite3.Connection, room: str, time: int) -> int:
    """The last sequence of the room that was made before this time, or was pruned: what comes back of that counts as read.

    By the stream from its end: as far as what was made since goes.
    """
    floor = connection.execute("SELECT floor FROM rooms WHERE room = ?", (room,)).fetchone()
    last = None
    if time:
        last = connection.execute(
            "SELECT seq FROM notifications WHERE room = ? AND seq IS NOT NULL AND created_at < ? ORDER BY seq DESC LIMIT 1",
            (room, time),
        ).fetchone()
    return max([int(found[0]) for found in (floor, last) if found is not None], default=0)
