"""The Protocol of the bus: what carries frames and commands to the other nodes.

It knows rooms as names and events as bytes. Which adapter there is, `gateway.cluster.connect` says; one
contract suite holds both.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.cluster.commands import Command, Unknown
from gateway.ground.parts import Meters

Receive = Callable[[str, int, bytes], None]
"""Takes (room, sequence, event) of another node. `event` is the JSON array of the Socket.IO event, UTF-8. Called
on the loop, in the order of each publisher; it neither waits nor raises.
"""

Frame = tuple[str, int, bytes]
"""The same for a frame to be published. An emit has 64 KiB at most; a bus need not carry more than a megabyte."""

ReceiveCommand = Callable[[Command | Unknown], None]
"""Takes a command of any node, this one included. On the loop, as `Receive`; never twice for one sending, and perhaps never."""

BusReturned = Callable[[], None]
"""Called when the bus works again after an outage: whatever was published meanwhile may be lost. May be called
at any time after the start, also for the outage of another node, and more often than there were outages.
"""

TRANSIENT = 0
"""The sequence of what is delivered but not stored: never repaired, never dropped as a repetition."""


class Bus(Protocol):
    """Carries what one node emits to the nodes that have members of its room.

    It may lose, delay or repeat, but keeps the order of one publisher in one room while it works: the
    receiver's cursors make up for the rest. It never carries a publisher's own frames back to it.
    """

    @property
    def carries(self) -> bool:
        """Whether there may be other nodes. Without, a frame for a room that nobody here is in need not be made."""
        ...

    async def start(self, *, receive: Receive, carry_out: ReceiveCommand, returned: BusReturned) -> None:
        """Connect and listen. Does not fail when the server is away: it goes on trying, and `reasons` tells."""
        ...

    async def publish(self, frames: Sequence[Frame]) -> None:
        """Hand frames to the bus, in order; returns within 50 ms whatever the server does, and raises nothing.

        What could not be carried is counted and dropped: the store has it, and reconciliation will find it.
        """
        ...

    async def subscribe(self, rooms: Sequence[str]) -> None:
        """Return when frames of these rooms published from now on will be received, or after a bounded wait: then
        `returned` is called when they will be.

        During an outage it returns, and the subscription is made good before `returned` is called.
        """
        ...

    async def unsubscribe(self, rooms: Sequence[str]) -> None:
        """Stop receiving these rooms; frames under way may still arrive."""
        ...

    async def order_all(self, command: Command) -> None:
        """Have every node carry it out, this one included (this one at once, also during an outage)."""
        ...

    async def order_others(self, command: Command) -> None:
        """Have every other node carry it out."""
        ...

    def measure(self, meters: Meters) -> None:
        """Tell `meters` what the bus counts."""
        ...

    def reasons(self) -> list[str]:
        """Why the bus cannot do its job now, for the readiness probe; empty when it can."""
        ...

    async def stop(self) -> None:
        """Send what is buffered, within a second, and let go; idempotent."""
        ...
