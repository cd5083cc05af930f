"""Gossip about heads: the nodes tell one another how far they have appended, so that the next need not look first.

Behind a load balancer every node emits to everybody, and a store that all of them number for has to ask where a room
stands before each batch. What is heard here is true, as it is stored, but may come late or never: then the store is
asked, as it is without.

It is an economy, and promises nothing: to lose all of it costs a question to the store for each batch.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from gateway.cluster.bus.base import TRANSIENT, Bus, Frame
from gateway.cluster.commands import Command
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks

TICK_SECONDS = 0.02
"""Single emits of this long are told together: gossip costs every node something, and this bounds how often."""
ROOMS_WORTH_TELLING = 16
"""So many are told at once: they reach the others along with the frames, in one waking."""
ROOMS_AT_ONCE = 120
"""Told in one command; names of rooms being what they are, it stays below the largest that the bus takes."""
ROOMS_HELD = 4096
"""Kept until they are told; of more, nothing is."""


class HeadsAppended(Command, frozen=True, tag="appended"):
    """Know that the rooms have come this far in the store."""

    heads: dict[str, int]


class Learns(Protocol):
    """Who is told: a `Streams`."""

    def learn(self, heads: Mapping[str, int]) -> None: ...


class HeadGossip(Part):
    """Tells the other nodes how far this one has appended; hears the same of them, for the store to learn.

    One for a node. It keeps at most `ROOMS_HELD` heads until they are told, and tells each room's last alone.
    """

    def __init__(self, *, learns: Learns, bus: Bus) -> None:
        self._learns = learns
        self._bus = bus
        self._heads: dict[str, int] = {}
        """What is to be told, by room."""
        self._due = asyncio.Event()
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {HeadsAppended: self.learn}

    def start(self) -> None:
        self._tasks.start(self._tell_forever, name="head gossip")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def tell(self, frames: Sequence[Frame]) -> None:
        """These have just been published, each of what is stored: the others need to know the last of each room.

        Called by the emitter after it has published. With many rooms it waits for the bus, 50 ms at most for
        each command.
        """
        if not self._bus.carries:
            return
        heads = self._heads
        for room, seq, _ in frames:
            # Once it is full, further rooms are left out, and those that are there are still brought up to
            # date.
            if seq != TRANSIENT and (len(heads) < ROOMS_HELD or room in heads):
                heads[room] = seq
        if len(heads) >= ROOMS_WORTH_TELLING:
            await self._tell_now()
        elif heads:
            self._due.set()

    def learn(self, command: HeadsAppended) -> None:
        """Take what another node tells. Thousands a second of these come to every node.

        It must stay cheap: it runs while the socket of the bus is read.
        """
        self._learns.learn(command.heads)

    async def _tell_now(self) -> None:
        """Tell all that is held, in as many commands as it takes."""
        # Taken first: what comes while the bus takes these is told next time.
        heads, self._heads = self._heads, {}
        told = iter(heads.items())
        while some := dict(islice(told, ROOMS_AT_ONCE)):
            await self._bus.order_others(HeadsAppended(some))

    async def _tell_forever(self) -> None:
        """Tell what single emits have left, a tick after the first of them."""
        while True:
            await self._due.wait()
            await asyncio.sleep(TICK_SECONDS)
            self._due.clear()
            await self._tell_now()
