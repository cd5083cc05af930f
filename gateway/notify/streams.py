"""What a node knows of a room that it has sessions in: how far these were written to, and who is still on the way in."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from gateway.engine import Packet
from gateway.ground.rooms import ADMINS


class Sockets(Protocol):
    """What delivery needs of the engine. Writes never block, are bounded, and keep their order per session."""

    def write(self, sid: str, packet: Packet) -> None: ...

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int: ...

    def fan_out_each(self, namespace: str, room: str, packet_of: Callable[[str], Packet]) -> int:
        """The same with a packet for each session; few differ."""
        ...

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on."""
        ...

    def expel(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member no more."""
        ...

    def members(self, namespace: str, room: str) -> Collection[str]:
        """The sessions that `fan_out` writes to; equal to a set of the same."""
        ...


def namespace_of(room: str) -> str:
    """The namespace whose sessions are the members of `room`."""
    return "/admin" if room == ADMINS else "/"


@dataclass(slots=True)
class DeliveryStats:
    """Counters since the start of the node, for metrics."""

    delivered: int = 0
    repeated: int = 0
    holes: int = 0
    repaired: int = 0
    repair_failures: int = 0
    put_right: int = 0
    """Sessions that the engine had in a room, or out of one, against what is so."""


@dataclass(slots=True)
class Guest:
    """A session of a stream that is not a member yet: its replay is under way, or has run ahead of the cursor."""

    upto: int | None = None
    """The last sequence its replay gave it; None while the replay is under way."""
    held: list[tuple[int, Packet]] = field(default_factory=list)
    overflowed: bool = False


@dataclass(slots=True, eq=False)
class Stream:
    """What this node knows of one room that it has sessions in."""

    room: str
    cursor: int | None = None
    """None until the first replay has told where the room stands."""
    members: set[str] = field(default_factory=set)
    guests: dict[str, Guest] = field(default_factory=dict)
    waiting: dict[int, bytes] = field(default_factory=dict)
    namespace: str = field(init=False)
    """Whose sessions its members are."""
    hole_timer: asyncio.TimerHandle | None = None
    repairing: bool = False

    def __post_init__(self) -> None:
        self.namespace = namespace_of(self.room)

    def forget_hole(self) -> None:
        """Wait for it no more."""
        if self.hole_timer is not None:
            self.hole_timer.cancel()
            self.hole_timer = None
