"""How users stand in rooms.

Unread is arithmetic on a room's head: less what lies below `read_upto` or is pruned, less the user's own receipts and
what was wiped above that, and with those below it that the user has made unread again. What a query visits are those
receipts and gaps, never the history.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from storage.encoding import FOREVER, WIPED
from storage.inboxes import FAR
from storage.mongo import collapsing
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, both, together
from storage.mongo.heads import Position, positions

INBOXES = "inboxes"
"""The collection of what each user has read of each room."""
RECEIPTS = "receipts"
"""The collection of what users did with single notifications."""
RANGES_PER_QUERY = 50
"""Each range of an `$or` is planned by itself."""


@dataclass(frozen=True, slots=True)
class Standings:
    """How some users stand in some rooms.

    Of one moment or later than the heads: marks and turns are read after them.
    """

    heads: dict[str, int]
    floors: dict[str, int]
    cleared: dict[str, int]
    gone: dict[str, list[int]]
    """Sequences above `cleared`, ascending, that are wiped or expired; of rooms with chains those above each user's base."""
    read_upto: dict[tuple[str, str], int]
    unread: dict[tuple[str, str], int]
    inboxes: dict[tuple[str, str], Document]

    def turn(self, user: str, rooms: Iterable[str]) -> int:
        """How often something of these rooms became unread again for the user."""
        return sum(self.inboxes.get((user, room), {}).get("turn", 0) for room in dict.fromkeys(rooms))

    def total(self, user: str, rooms: Iterable[str]) -> int:
        """How much is unread for the user in these rooms together."""
        return sum(self.unread.get((user, room), 0) for room in dict.fromkeys(rooms))


async def inboxes_of(c: Collections, users: Sequence[str]) -> dict[tuple[str, str], Document]:
    """All inboxes of these users, by user and room: one question."""
    cursor = c[INBOXES].find({"user": {"$in": list(users)}})
    return {(inbox["user"], inbox["room"]): inbox for inbox in await cursor.to_list()}


async def _gone(
    c: Collections, patchy: Collection[str], chained: Mapping[str, int], *, now: int
) -> dict[str, list[int]]:
    """What is wiped or expired of the rooms; of `chained` ones what is so above a sequence of each."""
    gone: dict[str, list[int]] = {}
    if chained:
        gone = await _gone_of_chained(c, chained, now=now)
    rooms = [room for room in patchy if room not in chained] if chained else list(patchy)
    if rooms:
        cursor = c[NOTIFICATIONS].find(
            {
                "room": {"$in": rooms},
                "until": {"$gte": 0, "$lte": min(now, FOREVER - 1)},
                "seq": {"$gt": 0},
            },
            {"_id": 0, "room": 1, "seq": 1},
        )
        for document in await cursor.to_list():
            gone.setdefault(document["room"], []).append(document["seq"])
        for room in rooms:
            gone.get(room, []).sort()
    return gone


async def _gone_of_chained(c: Collections, above: Mapping[str, int], *, now: int) -> dict[str, list[int]]:
    """The same of rooms where something was superseded, as it may be without end: what lies above the given sequences.

    What is superseded and not hidden yet is gone all the same; should a process have died over it, it is hidden here.
    """
    places = list(above.items())
    gone: dict[str, set[int]] = {}
    unfinished: set[str] = set()

    async def fetch(part: Sequence[tuple[str, int]]) -> None:
        rooms = {"room": {"$in": [room for room, _ in part]}}
        hidden = [
            *({"room": room, "until": WIPED, "seq": {"$gt": base}} for room, base in part),
            {**rooms, "until": {"$gt": WIPED, "$lte": min(now, FOREVER - 1)}, "seq": {"$gt": 0}},
        ]
        # Two questions: the first is answered from the index alone, however much there is.
        of_hidden, of_unfinished = await both(
            c[NOTIFICATIONS].find({"$or": hidden}, {"_id": 0, "room": 1, "seq": 1}).to_list(),
            c[NOTIFICATIONS].find({**rooms, "over": {"$exists": True}}, {"room": 1, "over": 1}).to_list(),
        )
        for document in of_hidden:
            gone.setdefault(document["room"], set()).add(document["seq"])
        for document in of_unfinished:
            unfinished.add(document["room"])
            if document["over"] > above[document["room"]]:
                gone.setdefault(document["room"], set()).add(document["over"])

    await together(
        *(
            fetch(places[start : start + RANGES_PER_QUERY])
            for start in range(0, len(places), RANGES_PER_QUERY)
        )
    )
    if unfinished:
        await collapsing.settle(c, list(unfinished))
    return {room: sorted(sequences) for room, sequences in gone.items()}


async def _read_one_by_one(
    c: Collections, bases: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], list[int]]:
    """The sequences above each base that the user has a receipt of reading for."""
    found: dict[tuple[str, str], list[int]] = {}
    places = list(bases.items())

    async def fetch(part: Sequence[tuple[tuple[str, str], int]]) -> None:
        ranges = [{"user": user, "room": room, "seq": {"$gt": base}} for (user, room), base in part]
        cursor = c[RECEIPTS].find(
            {"$or": ranges, "read_at": {"$exists": True}}, {"_id": 0, "user": 1, "room": 1, "seq": 1}
        )
        for row in await cursor.to_list():
            found.setdefault((row["user"], row["room"]), []).append(row["seq"])

    await together(
        *(
            fetch(places[start : start + RANGES_PER_QUERY])
            for start in range(0, len(places), RANGES_PER_QUERY)
        )
    )
    return found


async def unread_again(
    c: Collections, bases: Mapping[tuple[str, str], int], shown: Mapping[str, Any]
) -> dict[tuple[str, str], int]:
    """How much at or below each base the user has made unread again, of notifications of which `shown` holds."""
    counts = dict.fromkeys(bases, 0)
    places = list(bases.items())

    async def count(part: Sequence[tuple[tuple[str, str], int]]) -> None:
        ranges = [{"user": user, "room": room, "seq": {"$lte": base}} for (user, room), base in part]
        rows = await c[RECEIPTS].find({"$or": ranges, "unread_at": {"$gt": 0}}).to_list()
        ids = {"_id": {"$in": [row["notification"] for row in rows]}}
        found = await c[NOTIFICATIONS].find({**ids, **shown}, {"_id": 1}).to_list() if rows else []
        there = {document["_id"] for document in found}
        for row in rows:
            counts[row["user"], row["room"]] += row["notification"] in there

    await together(
        *(
            count(places[start : start + RANGES_PER_QUERY])
            for start in range(0, len(places), RANGES_PER_QUERY)
        )
    )
    return counts


async def standings(
    c: Collections,
    wanted: Mapping[str, Sequence[str]],
    *,
    now: int,
    since: Mapping[str, int] = MappingProxyType({}),
) -> Standings:
    """For each user of `wanted` and each of the user's rooms, in two round trips whatever their number.

    `gone` holds the rooms in which something is unread, and those of `since` that had something after it.

    The rooms of a user may be in it more than once. What is not in an inbox counts from the beginning of the room.
    """
    rooms = list(dict.fromkeys(room for of_user in wanted.values() for room in of_user))
    places, inboxes = await both(positions(c, rooms), inboxes_of(c, list(wanted)))
    read_upto, bases = _bases(wanted, places, inboxes)
    behind = {pair: base for pair, base in bases.items() if base < places[pair[1]].head}
    # An inbox document is made before its first receipt: without one there is none to look for.
    gone, read = await both(
        _gone(c, *_patchy(places, behind, since), now=now),
        _read_one_by_one(c, {pair: base for pair, base in behind.items() if pair in inboxes}),
    )
    unread = dict.fromkeys(bases, 0)
    # After the turns were read: what grew them is counted with them.
    again = [pair for pair in bases if inboxes.get(pair, {}).get("turn")]
    if again:
        below = await unread_again(c, {pair: bases[pair] for pair in again}, {"until": {"$gt": now}})
        unread |= below
    for pair, base in behind.items():
        unread[pair] += _ahead(base, places[pair[1]].head, gone.get(pair[1], []), read.get(pair, ()))
    return Standings(
        heads={room: place.head for room, place in places.items()},
        floors={room: place.floor for room, place in places.items()},
        cleared={room: place.cleared for room, place in places.items()},
        gone=gone,
        read_upto=read_upto,
        unread=unread,
        inboxes=inboxes,
    )


def _bases(
    wanted: Mapping[str, Sequence[str]],
    places: Mapping[str, Position],
    inboxes: Mapping[tuple[str, str], Document],
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """By user and room: up to where all is read, and up to where nothing counts, as it is read or cleared."""
    read_upto: dict[tuple[str, str], int] = {}
    bases: dict[tuple[str, str], int] = {}
    for user, of_user in wanted.items():
        for room in of_user:
            inbox = inboxes.get((user, room))
            read_upto[user, room] = 0 if inbox is None else inbox["read_upto"]
            bases[user, room] = max(read_upto[user, room], places[room].cleared)
    return read_upto, bases


def _patchy(
    places: Mapping[str, Position], behind: Mapping[tuple[str, str], int], since: Mapping[str, int]
) -> tuple[set[str], dict[str, int]]:
    """In which rooms gaps are to be looked for, and from where on chains in those that have some."""
    patchy = {room for _, room in behind} | {room for room, had in since.items() if had < places[room].head}
    chained = {room: since.get(room, FAR) for room in patchy if places[room].chained}
    for (_, room), base in behind.items():
        if room in chained:
            chained[room] = min(chained[room], base)
    return patchy, chained


def _ahead(base: int, head: int, gone: Sequence[int], read: Iterable[int]) -> int:
    """How many of a room are unread behind `base`: all up to the head, but what is gone and what was read by itself."""
    of_reader = [seq for seq in read if seq <= head]
    wiped = within(gone, base, head)
    if of_reader and wiped:
        absent = set(gone)
        of_reader = [seq for seq in of_reader if seq not in absent]
    return head - base - wiped - len(of_reader)


def within(ascending: Sequence[int], after: int, upto: int) -> int:
    """How many of these sequences lie behind `after`, up to `upto`."""
    return bisect_right(ascending, upto) - bisect_right(ascending, after)
