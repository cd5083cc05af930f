"""Gossip about heads: the nodes tell one another how far they have appended, so that the next need not look first.

Behind a load balancer every node emits to everybody, and a store that all of them number for has to ask where a room
stands before each batch. What is heard here is true, as it is stored, but may come late or never: then the store is
asked, as it is without.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from gateway.bus.base import Bus
from storage.errors import IdempotencyMismatch
from storage.groupcommit import Appends
from storage.models import Appended, Emission

TICK_SECONDS = 0.02
"""Appends of this long are told together: gossip costs every node something, and this bounds how often."""
ROOMS_AT_ONCE = 64
"""Told in one command; names of rooms being what they are, it stays below the largest that the bus takes."""
ROOMS_HELD = 4096
"""Kept for the next tick; of more, nothing is told."""


class Learns(Protocol):
    """Who is told: a `Streams`."""

    def learn(self, heads: Mapping[str, int]) -> None: ...


class HeadGossip:
    """Appends to a store, and tells the other nodes how far; hears the same of them, for the store to learn."""

    COMMAND = "appended"

    def __init__(self, appends: Appends, *, learns: Learns, bus: Bus) -> None:
        self._appends = appends
        self._learns = learns
        self._bus = bus
        self._heads: dict[str, int] = {}
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._tell_forever(), name="head gossip")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        answers = await self._appends.append(emissions)
        if self._bus.carries:
            self._note(answers)
        return answers

    def obey(self, command: Mapping[str, Any]) -> None:
        """Take what another node tells; what is no head is left aside."""
        match command:
            case {"do": "appended", "heads": dict(heads)}:
                self._learns.learn({room: head for room, head in heads.items() if type(head) is int})

    def _note(self, answers: Sequence[Appended | IdempotencyMismatch]) -> None:
        heads = self._heads
        for answer in answers:
            if isinstance(answer, Appended) and not answer.duplicate:
                for notification in answer.notifications:
                    seq = notification.seq
                    if seq is not None and (len(heads) < ROOMS_HELD or notification.room in heads):
                        heads[notification.room] = seq
        if heads:
            self._due.set()

    async def _tell_forever(self) -> None:
        while True:
            await self._due.wait()
            await asyncio.sleep(TICK_SECONDS)
            self._due.clear()
            heads, self._heads = self._heads, {}
            told = iter(heads.items())
            while some := dict(islice(told, ROOMS_AT_ONCE)):
                await self._bus.command({"do": self.COMMAND, "heads": some})
