"""From the settings to what links a node with the others: its bus, its presence, and the witness of their store.

Whether there are others is judged here, once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.cluster.bus.base import Bus
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.presence.base import Presence
from gateway.cluster.presence.local import LocalPresence
from gateway.cluster.presence.redis import RedisPresence
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.witness import FileWitness, NoWitness, RedisWitness, Witness
from gateway.ground.clock import system_clock


class Links(Protocol):
    """Makes what links a node with the others. Nothing is dialled before a start."""

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        """`secret` tells what all nodes on one store share; it is asked when the bus starts."""
        ...

    def presence(self) -> Presence: ...

    def witness(self, file: Path | None) -> Witness:
        """The witness of a store that is kept in `file`, or on a server when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """For the only node of its store."""

    settings: ClusterSettings

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        del secret
        return LocalBus()

    def presence(self) -> Presence:
        return LocalPresence(grace_seconds=self.settings.presence_grace_seconds, clock=system_clock)

    def witness(self, file: Path | None) -> Witness:
        return NoWitness() if file is None else FileWitness.beside(file)


@dataclass(frozen=True, slots=True)
class OnRedis:
    """For nodes that find one another on a Redis."""

    settings: ClusterSettings

    def bus(self, secret: Callable[[], Awaitable[bytes]]) -> Bus:
        settings = self.settings
        return RedisBus(settings.bus_url, prefix=settings.bus_prefix, node_id=settings.node_id, secret=secret)

    def presence(self) -> Presence:
        settings = self.settings
        return RedisPresence(
            settings.bus_url,
            prefix=settings.bus_prefix,
            node_id=settings.node_id,
            grace_seconds=settings.presence_grace_seconds,
            ttl_seconds=settings.presence_ttl_seconds,
        )

    def witness(self, file: Path | None) -> Witness:
        if file is not None:
            return FileWitness.beside(file)
        return RedisWitness(self.settings.bus_url, prefix=self.settings.bus_prefix)


def connect(settings: ClusterSettings) -> Links:
    """The links that BELLHOP_BUS_URL names."""
    return Alone(settings) if settings.is_alone else OnRedis(settings)
