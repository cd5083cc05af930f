"""From the settings to what links a node with the others: its bus, its presence, and the witness of their store.

Whether there are others is judged here, once.

All others take the Protocols, and never ask which it is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.cluster.budget import RedisBudget
from gateway.cluster.bus.base import Bus
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.presence.base import Presence
from gateway.cluster.presence.local import LocalPresence
from gateway.cluster.presence.redis import RedisPresence
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.witness import FileWitness, NoWitness, RedisWitness, Witness
from gateway.ground.clock import system_clock
from mailer.budget import Budget, LocalBudget, Unlimited


class ClusterLinks(Protocol):
    """Makes what links a node with the others. Nothing is dialled before a start.

    Each method makes a new one; the caller starts, stops or closes it.
    """

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        """`secret` tells what all nodes on one store share; it is asked when the bus starts."""
        ...

    def presence(self) -> Presence: ...

    def witness(self, file: Path | None) -> Witness:
        """The witness of a store that is kept in `file`, or on a server when there is none."""
        ...

    def budget(self, lane: str, rate: float) -> Budget:
        """The rate of a lane of mail, in mails per second, as one budget of all nodes; 0 is no limit."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """For the only node of its store."""

    settings: ClusterSettings
    """For the grace alone."""

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        del secret
        return LocalBus()

    def presence(self) -> Presence:
        return LocalPresence(grace_seconds=self.settings.presence_grace_seconds, clock=system_clock)

    def witness(self, file: Path | None) -> Witness:
        """A file beside that of the store. A store on a server has none without Redis: nothing outside of it is
        kept by a single node.
        """
        return NoWitness() if file is None else FileWitness.beside(file)

    def budget(self, lane: str, rate: float) -> Budget:
        del lane
        return LocalBudget(rate) if rate else Unlimited()


@dataclass(frozen=True, slots=True)
class OnRedis:
    """For nodes that find one another on a Redis.

    Each of the four has connections of its own, so that none waits for another.
    """

    settings: ClusterSettings

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        settings = self.settings
        return RedisBus(settings.bus_url, prefix=settings.bus_prefix, node_id=settings.node_id, secret=secret)

    def presence(self) -> Presence:
        """Presence of all nodes with the same prefix."""
        settings = self.settings
        return RedisPresence(
            settings.bus_url,
            prefix=settings.bus_prefix,
            node_id=settings.node_id,
            grace_seconds=settings.presence_grace_seconds,
            ttl_seconds=settings.presence_ttl_seconds,
        )

    def witness(self, file: Path | None) -> Witness:
        """Beside a file a file, also with Redis: the file is on the machine that the store is on."""
        if file is not None:
            return FileWitness.beside(file)
        return RedisWitness(self.settings.bus_url, prefix=self.settings.bus_prefix)

    def budget(self, lane: str, rate: float) -> Budget:
        """One budget of all nodes; without a rate nothing is asked."""
        if not rate:
            return Unlimited()
        settings = self.settings
        return RedisBudget(
            settings.bus_url, prefix=settings.bus_prefix, lane=lane, node_id=settings.node_id, rate=rate
        )


def connect(settings: ClusterSettings) -> ClusterLinks:
    """The links that BELLHOP_BUS_URL names."""
    return Alone(settings) if settings.is_alone else OnRedis(settings)
