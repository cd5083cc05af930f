"""What a session is owed as it opens: heads and a count, and what it has missed.

One statement tells it all of most sessions: who has begun in all rooms and has missed nothing. Another tells what one session
has missed. The thread does nothing but ask: what Python does beside the loop, it does in the loop's place, and every
hand-over of its lock costs as much as the question.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import orjson

from storage.beginnings import BeginningRequest
from storage.encoding import micros
from storage.inboxes import Opening, OpeningRequest
from storage.notifications import Notification
from storage.sqlite import beginnings, spans, standings
from storage.sqlite.epochs import IN_FORCE
from storage.sqlite.heads import HEAD
from storage.sqlite.muting import shown
from storage.sqlite.standings import STANDINGS, Standing, of_user, total, turn

LOOK = f"SELECT {IN_FORCE}, {beginnings.UNBEGUN}, {STANDINGS}"
"""One row, asked with the parameters of `asking`; `told` reads it."""

# What is given up is not read: who comes back after long has missed too much in many rooms.
_TOO_MUCH = f"""{HEAD} - since >= :limit AND (SELECT COUNT(*) FROM (
    SELECT 1 FROM notifications WHERE room = asked.value AND seq > since AND shown_until > :now LIMIT :limit
)) >= :limit"""  # noqa: S608 - made of constants
MISSED = f"""SELECT {IN_FORCE}, {STANDINGS}, (
    SELECT json_group_array(CASE
        WHEN since IS NULL OR :epoch <> {IN_FORCE} THEN NULL
        WHEN since < COALESCE((SELECT floor FROM rooms WHERE room = asked.value), 0) THEN NULL
        WHEN {_TOO_MUCH} THEN NULL
        ELSE {spans.span(room="asked.value", after="since")} || ''
    END)
    FROM (SELECT value ->> 0 AS value, value ->> 1 AS since FROM json_each(:behind) ORDER BY key) asked
)"""  # noqa: S608 - made of constants
"""The same of one session with what it has missed of each room, or NULL where that cannot be replayed, asked with the
parameters of `asking_missed`; `opened` reads it.
"""


class Looked(NamedTuple):
    """What was found at a look."""

    unbegun: list[BeginningRequest]
    """Who has rooms that have not begun; while there is anybody, no answer holds."""
    answers: list[Opening | None]
    """What each session is owed, in order; None where a look is not enough."""


def asking(requests: Sequence[OpeningRequest]) -> Mapping[str, Any]:
    """What is to be looked at for these sessions, as of the last one's time."""
    return {
        "members": beginnings.members(_beginning(requests)),
        "asked": json.dumps(list(chain.from_iterable(of_user(each.user, each.rooms) for each in requests))),
        "now": max(micros(each.now) for each in requests),
    }


def look(connection: sqlite3.Connection, asked: Mapping[str, Any]) -> Sequence[Any]:
    """The row of `LOOK` for what `asking` has made; part of a transaction of the caller."""
    row: Sequence[Any] = connection.execute(LOOK, asked).fetchone()
    return row


def told(requests: Sequence[OpeningRequest], row: Sequence[Any]) -> Looked:
    """What a row of `LOOK` tells of the requests that it was asked for."""
    epoch, unbegun, found = row
    asked = [of_user(each.user, each.rooms) for each in requests]
    stand = iter(standings.told(list(chain.from_iterable(asked)), found))
    return Looked(
        unbegun=beginnings.told(_beginning(requests), unbegun),
        answers=[
            _at_rest(request, list(islice(stand, len(rooms))), epoch)
            for request, rooms in zip(requests, asked, strict=True)
        ],
    )


def asking_missed(request: OpeningRequest) -> Mapping[str, Any]:
    """What is to be looked at for a session that has missed something."""
    behind = [(room, request.since.get(room)) for _, room in of_user(request.user, request.rooms)]
    return {
        "asked": json.dumps(of_user(request.user, request.rooms)),
        "behind": json.dumps(behind),
        "limit": request.limit + 1,
        "now": micros(request.now),
        "epoch": request.epoch,
    }


def hidden(connection: sqlite3.Connection, request: OpeningRequest, row: Sequence[Any]) -> int:
    """How much of what is unread the session is not shown; part of the transaction in which `row` was looked at."""
    stands = standings.told(of_user(request.user, request.rooms), row[1])
    now = micros(request.now)
    return total(stands) - shown(connection, request.user, stands, request.muted, now=now)


def opened(request: OpeningRequest, row: Sequence[Any], *, hidden: int = 0) -> Opening:
    """What a row of `MISSED` tells: heads and the count, and for each room behind its head the span, or a resync.

    A `since` beyond the head is a resync as well.
    """
    epoch, found, missing = row
    stands = standings.told(of_user(request.user, request.rooms), found)
    since = request.since_in(epoch)
    heads = dict.fromkeys(request.rooms, 0)
    missed: list[Notification] = []
    resync: list[str] = []
    for standing, text in zip(stands, orjson.loads(missing), strict=True):
        heads[standing.room] = standing.head
        had = since.get(standing.room, standing.head)
        if had == standing.head:
            continue
        if text is None or had > standing.head:
            resync.append(standing.room)
        else:
            missed += spans.told(text)
    muted = request.muted
    return Opening(
        heads=heads,
        unread=total(stands) - hidden,
        missed=tuple(missed if muted is None else [n for n in missed if not muted.hides(n)]),
        resync=tuple(resync),
        epoch=epoch,
        turn=turn(stands),
    )


def _beginning(requests: Sequence[OpeningRequest]) -> list[BeginningRequest]:
    """Who of them has shared rooms that are to begin."""
    return [(each.user, each.rooms, each.membership) for each in requests if each.membership is not None]


def _at_rest(request: OpeningRequest, stands: Sequence[Standing], epoch: str) -> Opening | None:
    """What a session is owed that has missed nothing, and whose count is that of the standings; None for another."""
    heads = dict.fromkeys(request.rooms, 0)
    since = request.since_in(epoch)
    for standing in stands:
        heads[standing.room] = standing.head
        if since.get(standing.room, standing.head) != standing.head:
            return None
    unread = total(stands)
    if unread and request.muted is not None:
        return None
    return Opening(heads=heads, unread=unread, missed=(), resync=(), epoch=epoch, turn=turn(stands))
