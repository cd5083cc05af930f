"""What a node knows of a room that it has sessions in: how far these were written to, and who is still on the way in.

Values alone: `heard_rooms` makes them, `cursors` moves them, `repair` reads and moves cursors through it. All of it belongs to one
event loop.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from gateway.engine import Packet
from gateway.ground.rooms import ADMINS


class Sockets(Protocol):
    """What delivery needs of the engine. Writes never block, are bounded, and keep their order per session."""

    def write(self, sid: str, packet: Packet) -> None:
        """Owe one session a packet; nothing for one that has gone."""
        ...

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        """Owe it to all members of the room; answers how many that were. It is encoded once for all."""
        ...

    def fan_out_each(self, namespace: str, room: str, packet_of: Callable[[str], Packet]) -> int:
        """The same with a packet for each session; few differ."""
        ...

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on; nothing for one that has gone."""
        ...

    def expel(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member no more."""
        ...

    def members(self, namespace: str, room: str) -> Collection[str]:
        """The sessions that `fan_out` writes to; equal to a set of the same."""
        ...


ToldByFrame = tuple[str, str]
"""The id and the type of the notification that a frame tells."""


def namespace_of(room: str) -> str:
    """The namespace whose sessions are the members of `room`.

    Admins have a namespace and a room of their own; all other rooms are of the users'.
    """
    return "/admin" if room == ADMINS else "/"


@dataclass(slots=True)
class DeliveryStats:
    """Counters since the start of the node, for metrics."""

    delivered: int = 0
    """Frames that were written, one for each session."""
    repeated: int = 0
    """Frames that the cursor had passed."""
    holes: int = 0
    """Holes that were still there after `HOLE_SECONDS`."""
    repaired: int = 0
    """Notifications that were written from the store."""
    repair_failures: int = 0
    """Repairs that were given up for then, the store being away or for a mistake."""
    put_right: int = 0
    """Sessions that the engine had in a room, or out of one, against what is so."""


@dataclass(slots=True)
class Guest:
    """A session of a stream that is not a member yet: its replay is under way, or has run ahead of the cursor.

    It begins with `join`. It ends as a member, or with the session.
    """

    upto: int | None = None
    """The last sequence its replay gave it; None while the replay is under way."""
    held: list[tuple[int, Packet]] = field(default_factory=list)
    """Frames that came during its replay, in the order in which they came; `HELD_LIMIT` at most."""
    overflowed: bool = False
    """More came than are held, or nobody knows of which line these are: the replay has to be done again."""


@dataclass(slots=True, eq=False)
class Stream:
    """What this node knows of one room that it has sessions in.

    It is one object as long as the room is known: whoever waits in between looks whether the room still has
    this one. No session is a member and a guest of it at once.
    """

    room: str
    cursor: int | None = None
    """The last sequence that was written to its members; None until the first replay has told where the room stands."""
    members: set[str] = field(default_factory=set)
    """Sessions that get each frame as it comes; the engine is to have the same."""
    guests: dict[str, Guest] = field(default_factory=dict)
    """By session: those on their way in."""
    waiting: dict[int, bytes] = field(default_factory=dict)
    """Frames beyond a hole, by sequence; `WAITING_LIMIT` at most."""
    namespace: str = field(init=False)
    """Whose sessions its members are."""
    hole_timer: asyncio.TimerHandle | None = None
    """Set while a hole is given time to close by itself; None else."""
    repairing: bool = False
    """Whether it is queued for a repair, or being repaired."""
    is_expected: bool = False
    """Whether a hole was seen while it was being repaired: that repair may have looked too early for it."""
    line: int = 0
    """How often its sequences have begun anew: what was asked of the store before holds no longer."""

    def __post_init__(self) -> None:
        self.namespace = namespace_of(self.room)

    def forget_hole(self) -> None:
        """Stop its timer; a repair that is owed goes on."""
        if self.hole_timer is not None:
            self.hole_timer.cancel()
            self.hole_timer = None
