"""The heads of rooms: what the store says of them, and how far a process may trust what it remembers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from storage.encoding import ROOMS_PER_QUERY
from storage.mongo.collections import NOTIFICATIONS, Collections

ROOMS = "rooms"
"""The collection of those rooms of which something was pruned or wiped."""
REMEMBERED_ROOMS = 200_000
QUIET_LOOKS = 4
"""How often in a row a head has to be found where this process left it before it is taken for granted again."""


class Position(NamedTuple):
    """How far a room has come."""

    head: int = 0
    floor: int = 0
    """Everything up to here was pruned."""
    cleared: int = 0
    """Everything up to here was pruned or wiped."""
    chained: bool = False
    """Whether something in it was ever superseded, or is about to be."""


async def positions(c: Collections, rooms: Sequence[str]) -> dict[str, Position]:
    """Of each room, in one query for up to 1,000.

    Sorted so, and grouped by the first, the server answers from one index entry per room (a DISTINCT_SCAN). The heads come
    before the floors: pruning raises the floor first and deletes afterwards, so a head is always in one of the two.

    A room that never had anything is at 0. What is appended between the two halves of the query lies beyond the answer.
    """
    answer = dict.fromkeys(rooms, Position())
    for start in range(0, len(rooms), ROOMS_PER_QUERY):
        asked = list(rooms[start : start + ROOMS_PER_QUERY])
        cursor = await c[NOTIFICATIONS].aggregate(
            [
                {"$match": {"room": {"$in": asked}, "seq": {"$gt": 0}}},
                {"$sort": {"room": 1, "seq": -1}},
                {"$group": {"_id": "$room", "seq": {"$first": "$seq"}}},
                {"$unionWith": {"coll": ROOMS, "pipeline": [{"$match": {"_id": {"$in": asked}}}]}},
            ]
        )
        for found in await cursor.to_list():
            head, floor, cleared, chained = answer[found["_id"]]
            if "seq" in found:
                head = max(head, found["seq"])
            else:
                floor, cleared = found.get("floor", 0), found.get("cleared", 0)
                head, chained = max(head, floor), "chained" in found
            answer[found["_id"]] = Position(head, floor, max(floor, cleared), chained)
    return answer


class Heads:
    """The heads of rooms as this process knows them, and which of them it cannot take for granted.

    Behind a load balancer others append to all rooms as well. As long as they tell how far, and it arrives, heads are
    as good as this process's own. A number that turns out to be taken costs the batch a second insert; the room is
    looked up before each batch then, one query for all such rooms, until it is heard of again or has been quiet.

    It is only ever a guess: the unique index of streams decides. A guess that is too low costs a round, one that is too
    high would make a hole; so nothing raises a head but what is stored.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._shared: dict[str, int] = {}
        """Rooms that another process appends to, and how often in a row it had not."""

    def doubtful(self, rooms: Iterable[str]) -> list[str]:
        """Those of `rooms` to look up before they are numbered, each once."""
        known, shared = self._known, self._shared
        return list({room for room in rooms if room not in known or room in shared})

    def doubt(self, rooms: Iterable[str]) -> None:
        """Another process seems to have appended to them."""
        self._shared.update(dict.fromkeys(rooms, 0))

    def found(self, room: str, head: int) -> None:
        """The store says so."""
        if room in self._shared:
            self._shared[room] = quiet = self._shared[room] + 1 if head == self._known.get(room) else 0
            if quiet == QUIET_LOOKS:
                del self._shared[room]
        self._known[room] = head

    def learn(self, heads: Mapping[str, int]) -> None:
        """Other processes have stored these. What this one never appended to it need not remember."""
        known, shared = self._known, self._shared
        news = {room: head for room, head in heads.items() if head > known.get(room, head)}
        known.update(news)
        if shared:
            for room in news:
                shared.pop(room, None)

    def stored(self, room: str, seq: int) -> None:
        """This process has appended; another may have since."""
        self._known[room] = max(seq, self._known.get(room, seq))

    def of(self, room: str) -> int:
        """The head of a room that is known: who is not is looked up before."""
        return self._known[room]

    def trim(self) -> None:
        """Forget all when there are more rooms than `REMEMBERED_ROOMS`: they are looked up again as they come."""
        if len(self._known) > REMEMBERED_ROOMS:
            self.clear()

    def clear(self) -> None:
        """Know nothing any more."""
        self._known.clear()
        self._shared.clear()
