"""What a node has in common with others, as parts: the bus with those who hear it, and who is online.

The two are made by `gateway.cluster.connect`; here they get a start, a stop and a place in the probes.
"""

from collections.abc import Mapping

from gateway.cluster.bus.base import Bus, BusReturned, Receive, ReceiveCommand
from gateway.cluster.presence.base import Announce, Presence
from gateway.cluster.presence.errors import PresenceError
from gateway.ground.parts import Meters, Part

_USERS, _CONNECTIONS = "bellhop_presence_users", "bellhop_presence_connections"


class BusPart(Part):
    """The bus, and who is told what comes by it.

    `receive` gets the frames of other nodes, `carry_out` the commands, and `returned` is told after an
    outage. It does not fail to start without Redis: a node works alone then, and says so.
    """

    def __init__(
        self, bus: Bus, *, receive: Receive, carry_out: ReceiveCommand, returned: BusReturned
    ) -> None:
        self._bus = bus
        self._receive = receive
        self._carry_out = carry_out
        self._returned = returned

    def measure(self, meters: Meters) -> None:
        self._bus.measure(meters)

    def unready(self) -> list[str]:
        """Why other nodes are not reached. The node serves all the same; a balancer may prefer another."""
        return [f"bus: {reason}" for reason in self._bus.reasons()]

    async def start(self) -> None:
        await self._bus.start(receive=self._receive, carry_out=self._carry_out, returned=self._returned)

    async def stop(self) -> None:
        await self._bus.stop()


class PresencePart(Part):
    """Presence, and who is told that somebody came or went.

    It starts before the doors open, so that no session comes in untold, and stops behind the sites: the
    sessions have gone by then, and what is left of them is taken out.
    """

    def __init__(self, presence: Presence, announce: Announce, *, counted: bool = True) -> None:
        """`counted` is whether this process shows how many are online anywhere: for one with sessions, since it asks at each scrape."""
        self._presence = presence
        self._announce = announce
        self._counted = counted

    def measure(self, meters: Meters) -> None:
        self._presence.measure(meters)
        if self._counted:
            meters.ask_gauges(
                {
                    _USERS: "Users online in the whole cluster",
                    _CONNECTIONS: "Connections of the whole cluster",
                },
                self._counts,
            )

    def unready(self) -> list[str]:
        return [f"presence: {reason}" for reason in self._presence.reasons()]

    async def start(self) -> None:
        await self._presence.start(self._announce)

    async def stop(self) -> None:
        await self._presence.stop()

    async def _counts(self) -> Mapping[str, float]:
        """Who is online anywhere; nothing where that cannot be told."""
        try:
            users, connections = await self._presence.counts()
        except PresenceError:
            return {}
        return {_USERS: users, _CONNECTIONS: connections}
