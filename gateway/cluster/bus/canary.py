"""The canary: how a node knows that it hears itself through Redis, and that Redis still is a primary.

A connection may be open and dead. The publisher finds its own to be so by the answers that do not come; the
listener has nothing to wait for, and so needs a message that must come.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from gateway.cluster.bus.listener import Listener
from gateway.cluster.bus.publisher import Publish, Publisher
from gateway.cluster.bus.stats import BusStats
from gateway.cluster.redis.address import ROLE, refuse_replica
from gateway.cluster.redis.resp import Reply, ServerError, pack

_log = logging.getLogger(__name__)


class Canary:
    """Publishes a canary every `every_seconds`, and replaces the listener's connection when it is not heard.

    One for a bus, which tells it what it hears. `packed` makes the message of a number.
    """

    def __init__(
        self,
        publisher: Publisher,
        listener: Listener,
        stats: BusStats,
        *,
        packed: Callable[[int], bytes],
        due: asyncio.Event,
        every_seconds: float,
        patience_seconds: float,
    ) -> None:
        self._publisher = publisher
        self._listener = listener
        self._stats = stats
        self._packed = packed
        self.due = due
        """Set when one should go at once: after a connection was made, deafness should be known soon."""
        self._every_seconds = every_seconds
        self._patience = patience_seconds
        self.number = 0
        """Of the last one that was sent."""
        self._taken = 0
        """Of the last one that Redis has answered."""
        self.heard = asyncio.Event()
        """Set when the last one that was sent has come back."""
        self.deaf = False
        """The last one was not heard."""

    def came(self, number: int) -> None:
        """The one of this number has come back."""
        # A late canary, of a connection since replaced, proves nothing about this one.
        if number == self.number:
            self.heard.set()

    async def run(self) -> None:
        """Publish one after the other, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.due.clear()
            if self._listener.connected and self._publisher.connected:
                self.number += 1
                number = self.number
                self.heard.clear()
                sent_at = loop.time()
                self._publisher.put(
                    Publish(self._packed(number), repeatable=False, answered=partial(self._took, number))
                )
                # With it the primary is asked whether it still is one: a replica would take the canary and
                # carry it to ourselves.
                self._publisher.put(Publish(pack(*ROLE), repeatable=False, answered=self._learn_role))
                try:
                    async with asyncio.timeout(self._patience):
                        await self.heard.wait()
                except TimeoutError:
                    self.deaf = True
                    # Unanswered, it is the publisher's connection that is dead, or Redis itself.
                    if self._taken == number:
                        _log.warning("bus listener deaf")
                        self._listener.replace()
                else:
                    self.deaf = False
                    self._stats.canary_seconds = loop.time() - sent_at
            try:
                async with asyncio.timeout(self._every_seconds):
                    await self.due.wait()
            except TimeoutError:
                pass

    def _learn_role(self, reply: Reply) -> None:
        """Leave a primary that has become a replica: its connections work on, and lead nowhere."""
        try:
            refuse_replica(reply)
        except ServerError as refusal:
            self._publisher.leave(refusal)
            self._listener.replace()

    def _took(self, number: int, reply: Reply) -> None:
        """Redis has answered the canary of this number."""
        if self._publisher.is_taken(reply):
            self._taken = number
