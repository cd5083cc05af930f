"""What a session is owed as it opens. Each function runs inside one transaction of its caller."""

import sqlite3
from collections.abc import Sequence
from itertools import chain, islice

from storage.encoding import micros
from storage.inboxes import Opening, OpeningRequest
from storage.notifications import Notification
from storage.sqlite import beginnings
from storage.sqlite.epochs import in_force
from storage.sqlite.muting import shown
from storage.sqlite.standings import Standing, of_user, standings, turn
from storage.sqlite.streams import span


def openings(
    connection: sqlite3.Connection, requests: Sequence[OpeningRequest]
) -> tuple[list[Opening], list[beginnings.Request]]:
    """What each session is owed, in order, all as of the last one's time; and who has rooms that have not begun.

    Where somebody has to begin first, nothing is answered: it takes a transaction that writes, which a reader's is not.
    """
    unbegun = beginnings.unbegun(
        connection, [(r.user, r.rooms, r.membership) for r in requests if r.membership is not None]
    )
    return ([], unbegun) if unbegun else (opened(connection, requests), [])


def opened(connection: sqlite3.Connection, requests: Sequence[OpeningRequest]) -> list[Opening]:
    """The same where all of their rooms have begun."""
    now = micros(max(request.now for request in requests))
    asked = [of_user(request.user, request.rooms) for request in requests]
    standing = iter(standings(connection, list(chain.from_iterable(asked)), now=now))
    epoch = in_force(connection)
    return [
        _opening(connection, request, list(islice(standing, len(rooms))), now=now, epoch=epoch)
        for request, rooms in zip(requests, asked, strict=True)
    ]


def _opening(
    connection: sqlite3.Connection,
    request: OpeningRequest,
    standings: Sequence[Standing],
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
    for standing in standings:
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
    unread = shown(connection, request.user, standings, muted, now=now)
    return Opening(
        heads=heads,
        unread=unread,
        missed=tuple(missed),
        resync=tuple(resync),
        epoch=epoch,
        turn=turn(standings),
    )
