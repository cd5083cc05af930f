"""What a session is owed as it opens: heads and a count, and what it has missed.

One statement tells it all of most sessions: who has begun in all rooms and has missed nothing. The thread does nothing but
ask: what Python does beside the loop, it does in the loop's place, and every hand-over of its lock costs as much as the
question. The others are answered inside a transaction of the caller.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from storage.beginnings import BeginningRequest
from storage.encoding import micros
from storage.inboxes import Opening, OpeningRequest
from storage.notifications import Notification
from storage.sqlite import beginnings, standings
from storage.sqlite.epochs import IN_FORCE, in_force
from storage.sqlite.muting import shown
from storage.sqlite.standings import STANDINGS, Standing, of_user, total, turn
from storage.sqlite.streams import span

LOOK = f"SELECT {IN_FORCE}, {beginnings.UNBEGUN}, {STANDINGS}"
"""One row, asked with the parameters of `asking`; `told` reads it."""


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


def opened(connection: sqlite3.Connection, requests: Sequence[OpeningRequest]) -> list[Opening]:
    """What each session is owed, in order, all as of the last one's time; all of their rooms have begun."""
    now = max(micros(request.now) for request in requests)
    asked = [of_user(request.user, request.rooms) for request in requests]
    found = iter(standings.standings(connection, list(chain.from_iterable(asked)), now=now))
    epoch = in_force(connection)
    return [
        _opening(connection, request, list(islice(found, len(rooms))), now=now, epoch=epoch)
        for request, rooms in zip(requests, asked, strict=True)
    ]


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


def _opening(
    connection: sqlite3.Connection,
    request: OpeningRequest,
    stands: Sequence[Standing],
    *,
    now: int,
    epoch: str,
) -> Opening:
    """What one session is owed: heads and the count, and for each room behind its head the span, or a resync.

    A span reads one more than the limit to see that there is more. A `since` beyond the head is a resync as well.
    """
    heads = dict.fromkeys(request.rooms, 0)
    since = request.since_in(epoch)
    missed: list[Notification] = []
    resync: list[str] = []
    muted = request.muted
    for standing in stands:
        room, head = standing.room, standing.head
        heads[room] = head
        had = since.get(room, head)
        if had == head:
            continue
        if not standing.floor <= had < head:
            resync.append(room)
            continue
        found = span(connection, room, after=had, upto=head, limit=request.limit + 1, shown_at=now)
        if len(found) > request.limit:
            resync.append(room)
        else:
            missed += found if muted is None else [n for n in found if not muted.hides(n)]
    unread = shown(connection, request.user, stands, muted, now=now)
    return Opening(
        heads=heads,
        unread=unread,
        missed=tuple(missed),
        resync=tuple(resync),
        epoch=epoch,
        turn=turn(stands),
    )
