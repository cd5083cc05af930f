"""The tick: what several emits owe one socket goes out in one write.

The kernel's `send` is most of what a delivery costs, so it is asked once per socket and tick, however much there is to
say. The first event for a user who has heard nothing for a while is written at once (`lets_by`), and a room of many waits for
nothing but the end of the loop's turn; under load a round of writing waits after the last one for four times as long as that
one took, and what comes meanwhile is joined. What several nodes emit to one large room arrives in as many lots: they become
one write.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from gateway.engine.packets import Packet

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.0005
"""The least pause between two rounds of writing."""
PAUSE_PER_ROUND = 4
"""How many times as long as a round the pause after it is: most of the time is left to reading and emitting."""
LONGEST_TICK_SECONDS = 0.02
"""The longest, however long a round takes: a delivery waits no more for being joined."""
TURN = 50
"""Sockets written to in one turn of the loop, or at once between two rounds. A room of thousands must not keep others from being read."""
BURST_BYTES = 65_536


class Flushable(Protocol):
    """A connection, as the tick knows it.

    A burst is queued with each member from here: a call for each would be most of what a fan-out costs.
    """

    sid: str
    queued: list[Packet]
    backlog: int
    """Bytes of what is queued."""
    mark: int
    """The backlog beyond which `relieve` is called."""
    waits: bool
    """Whether it is in the tick's list; it is reset by `flush`."""

    def flush(self) -> None:
        """Write what is queued."""
        ...

    def relieve(self) -> None:
        """The backlog is over the mark: write now, or give the client up."""
        ...

    def close(self, reason: str) -> None: ...


def broken(connection: Flushable, error: Exception) -> None:
    """One broken transport must not silence all the others: it is closed, and a line says why."""
    logger.error("flush failed", extra={"connection": connection.sid}, exc_info=error)
    connection.close("transport error")


class Tick:
    """Collects what is to be written, and writes it. Order per connection is the order of the calls here."""

    __slots__ = (
        "_began",
        "_burst",
        "_burst_bytes",
        "_burst_members",
        "_due",
        "_handle",
        "_next",
        "_waiting",
    )

    def __init__(self) -> None:
        self._waiting: list[Flushable] = []
        """With something to send, for the next round; each at most once (`Connection.waits`)."""
        self._due: deque[Flushable] = deque()
        """What is left of the round under way."""
        self._began = 0.0
        """When the round under way, or the last one, began."""
        self._next = 0.0
        self._handle: asyncio.Handle | None = None
        self._burst: list[Packet] = []
        self._burst_bytes = 0
        self._burst_members: Mapping[str, Flushable] | None = None

    def owe(self, connection: Flushable) -> None:
        """`connection` has something to send: flush it soon. Called before the packet is put, to keep the order."""
        if self._burst_members is not None:
            self.seal()
        if not connection.waits:
            connection.waits = True
            self._waiting.append(connection)
            if self._handle is None:
                self._arm()

    def lets_by(self, connection: Flushable) -> bool:
        """Whether `connection` may be written to right now: it has nothing to wait for, and few were before it.

        It is in the next round all the same: until that is over, what else there is for it waits and is joined.
        """
        if self._burst_members is not None:
            self.seal()
        if connection.waits or len(self._waiting) >= TURN:
            return False
        connection.waits = True
        self._waiting.append(connection)
        if self._handle is None:
            self._arm()
        return True

    def fan_out(self, members: Mapping[str, Flushable], packet: Packet) -> None:
        """Owe `packet` to all `members`; call `seal` before the members change.

        Packets that follow one another to the same members are joined first and handed out once, so that a burst to a
        room costs each member one step a tick instead of one a packet.
        """
        if self._burst_members is not members or self._burst_bytes > BURST_BYTES:
            self.seal()
            self._burst_members = members
            if self._handle is None:
                self._arm()
        self._burst.append(packet)
        self._burst_bytes += len(packet.frame)

    def seal(self) -> None:
        """Hand out the burst: what is owed from now on comes after it."""
        members = self._burst_members
        if members is None:
            return
        packet = Packet.joined(self._burst)
        size = len(packet.frame)
        self._burst = []
        self._burst_bytes = 0
        self._burst_members = None
        waiting = self._waiting
        full = []
        for connection in members.values():
            connection.queued.append(packet)
            connection.backlog = backlog = connection.backlog + size
            if not connection.waits:
                connection.waits = True
                waiting.append(connection)
            if backlog > connection.mark:
                full.append(connection)
        # Afterwards, because it takes members away.
        for connection in full:
            connection.relieve()
        if self._handle is None:
            self._arm()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._burst_members = None
        self._burst = []
        self._waiting = []
        self._due.clear()

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        wait = self._next - loop.time()
        self._handle = loop.call_later(wait, self._turn) if wait > 0 else loop.call_soon(self._turn)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        due = self._due
        if not due:
            self._began = loop.time()
            self.seal()
            due.extend(self._waiting)
            self._waiting = []
        for _ in range(min(TURN, len(due))):
            connection = due.popleft()
            if not connection.queued:
                # It was written to at once, and nothing has followed.
                connection.waits = False
                continue
            try:
                connection.flush()
            except Exception as error:  # noqa: BLE001 - nothing else would start the tick again
                broken(connection, error)
        if due:
            self._handle = loop.call_soon(self._turn)
            return
        self._handle = None
        # From the end of the round: what comes while the loop is busy with the others' writes is joined as well.
        now = loop.time()
        pause = PAUSE_PER_ROUND * (now - self._began)
        self._next = now + min(max(TICK_SECONDS, pause), LONGEST_TICK_SECONDS)
        if self._waiting or self._burst_members is not None:
            self._arm()
