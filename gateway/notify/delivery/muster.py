"""The muster: the engine's members of a room are held to be those that delivery knows of.

The engine is not trusted to keep them. A frame that reached too few tells of it at once, and all rooms are looked at now and then.
"""

import logging
from collections.abc import Callable

from gateway.engine import Packet
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters
from gateway.notify.delivery.streams import DeliveryStats, Sockets, Stream

logger = logging.getLogger(__name__)


class Muster:
    """Puts members right, and counts them. Never waits."""

    def __init__(self, sockets: Sockets, stats: DeliveryStats) -> None:
        self._sockets = sockets
        self._stats = stats
        self._misplaced = Seldom(logger, "sessions were not in their rooms, and are again")

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_misplaced_sessions",
            "Sessions put back into their rooms, or out of others'",
            lambda: self._stats.put_right,
        )

    def put_right(self, stream: Stream, missed: Callable[[str], Packet] | None = None) -> int:
        """Have the engine's members be those that are; answers how many of them had to be written what they `missed`.

        The frame before this one reached all of them, or this would have been seen then: who is missing now has missed
        this one alone.
        """
        room, namespace = stream.room, stream.namespace
        there = frozenset(self._sockets.members(namespace, room))
        astray, strangers = stream.members - there, there - stream.members
        for sid in astray:
            if missed is not None:
                self._sockets.write(sid, missed(sid))
            self._sockets.admit(sid, namespace, room)
        for sid in strangers:
            self._sockets.expel(sid, namespace, room)
        # Who is no member even now has no session any more: else every frame would ask anew.
        gone = astray.difference(self._sockets.members(namespace, room))
        stream.members -= gone
        self._stats.put_right += len(astray) + len(strangers)
        self._misplaced.say(astray=len(astray), strangers=len(strangers))
        return 0 if missed is None else len(astray) - len(gone)

    def check(self, stream: Stream) -> None:
        """Have the engine's members be those that are, whether or not a frame has shown that they are not.

        A comparison of two sets, for every room at each reconciliation.
        """
        if stream.members != self._sockets.members(stream.namespace, stream.room):
            self.put_right(stream)
