"""What sessions are owed as they open."""

from collections.abc import Sequence

from storage.encoding import micros, writable
from storage.inboxes import Opening, OpeningRequest
from storage.mongo import beginnings
from storage.mongo.collections import NOTIFICATIONS, Collections, both, together
from storage.mongo.documents import notification_of
from storage.mongo.epochs import in_force
from storage.mongo.muting import hidden
from storage.mongo.standings import RANGES_PER_QUERY, Standings, standings, within
from storage.notifications import Notification


async def openings(c: Collections, requests: Sequence[OpeningRequest]) -> list[Opening]:
    """What each session is owed, in order. Many at once: a round trip costs more than what it carries.

    Heads, inboxes and the epoch are read first, then spans and muted counts; so it takes a constant number of round
    trips, and more where somebody is new. A room that several have asked for is read once, from the oldest `since` that
    is to be filled.
    """
    wanted: dict[str, list[str]] = {}
    for asked in requests:
        wanted.setdefault(asked.user, []).extend(writable(asked.rooms))
    now = micros(max(asked.now for asked in requests))
    begin_with = [(r.user, r.rooms, r.membership) for r in requests if r.membership is not None]
    oldest: dict[str, int] = {}
    for asked in requests:
        for room in set(asked.rooms) & asked.since.keys():
            oldest[room] = min(asked.since[room], oldest.get(room, asked.since[room]))
    rooms_of = {user: list(dict.fromkeys(rooms)) for user, rooms in wanted.items()}
    epoch, standing = await both(in_force(c), standings(c, rooms_of, now=now, since=oldest))
    if begin_with and (unbegun := beginnings.unbegun(standing.inboxes, begin_with)):
        # Once for each user and room: whoever has been here before costs nothing more.
        await beginnings.begin(c, unbegun, now=now)
        standing = await standings(c, rooms_of, now=now, since=oldest)
    after: dict[str, int] = {}
    behind: list[dict[str, int]] = []
    resync: list[list[str]] = []
    for asked in requests:
        fetch, lost = _behind(asked, standing, epoch)
        behind.append(fetch)
        resync.append(lost)
        for room, had in fetch.items():
            after[room] = min(had, after.get(room, had))
    found = await _spans(c, after, heads=standing.heads, now=now)
    unread = await _unread(c, requests, standing, now=now)
    return [
        Opening(
            heads={room: standing.heads.get(room, 0) for room in asked.rooms},
            unread=count,
            missed=tuple(
                n
                for room, had in fetch.items()
                for n in found[room]
                if (n.seq or 0) > had and not (asked.muted and asked.muted.hides(n))
            ),
            resync=tuple(lost),
            epoch=epoch,
            turn=standing.turn(asked.user, asked.rooms),
        )
        for asked, fetch, lost, count in zip(requests, behind, resync, unread, strict=True)
    ]


def _behind(asked: OpeningRequest, standing: Standings, epoch: str) -> tuple[dict[str, int], list[str]]:
    """The rooms to fetch, by the last sequence had, and those too far behind.

    Judged by numbers: what is gone between is subtracted, so no span is read that turns out too long.
    """
    since = asked.since_in(epoch)
    fetch: dict[str, int] = {}
    resync: list[str] = []
    for room in dict.fromkeys(asked.rooms):
        head = standing.heads.get(room, 0)
        had = since.get(room, head)
        if had == head:
            continue
        shown_after = max(had, standing.cleared[room])
        missed = head - shown_after - within(standing.gone.get(room, ()), shown_after, head)
        if standing.floors[room] <= had < head and missed <= asked.limit:
            fetch[room] = had
        else:
            resync.append(room)
    return fetch, resync


async def _unread(
    c: Collections, requests: Sequence[OpeningRequest], standing: Standings, *, now: int
) -> list[int]:
    """How much of what each is shown is unread."""
    counts = [standing.total(asked.user, asked.rooms) for asked in requests]
    places = [place for place, asked in enumerate(requests) if asked.muted is not None and counts[place]]
    unseen = await together(
        *(
            hidden(c, asked.user, asked.rooms, standing, asked.muted, now=now)
            for place in places
            if (asked := requests[place]).muted is not None
        )
    )
    for place, count in zip(places, unseen, strict=True):
        counts[place] -= count
    return counts


async def _spans(
    c: Collections, after: dict[str, int], *, heads: dict[str, int], now: int
) -> dict[str, list[Notification]]:
    """What each room holds after its sequence in `after` and up to its head, ascending."""
    found: dict[str, list[Notification]] = {room: [] for room in after}
    rooms = list(after)

    async def fetch(part: Sequence[str]) -> None:
        ranges = [{"room": room, "seq": {"$gt": after[room], "$lte": heads[room]}} for room in part]
        cursor = c[NOTIFICATIONS].find({"$or": ranges, "until": {"$gt": now}})
        for document in await cursor.to_list():
            found[document["room"]].append(notification_of(document))

    await together(
        *(fetch(rooms[start : start + RANGES_PER_QUERY]) for start in range(0, len(rooms), RANGES_PER_QUERY))
    )
    for notifications in found.values():
        notifications.sort(key=lambda notification: notification.seq or 0)
    return found
