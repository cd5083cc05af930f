"""The sending half of the bus on Redis: one connection, everything pipelined, a buffer with an end.

It takes what it is given at once. While Redis is away the buffer fills, and what does not fit is dropped and counted.

It knows commands as bytes, not rooms or sequences. Confirmation is by Redis's answer to each PUBLISH: it says
that Redis has it, not that anybody has heard it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway.cluster.bus.stats import BusStats
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.backoff import reconnect_pause_seconds
from gateway.cluster.redis.resp import Reply, ServerError, Wire
from gateway.cluster.redis.trouble import Trouble

_log = logging.getLogger(__name__)

WINDOW_BYTES = 1024 * 1024
"""What may be under way to Redis unanswered: enough to fill the pipe, little enough to be sent again."""
WRITE_BYTES = 64 * 1024
"""In one write to the socket."""
FULL_SECONDS = 0.04
"""How long to wait for space in the buffer; the contract allows 50 ms."""


class Publish(Struct, frozen=True):
    """A PUBLISH, packed. One is made for every frame, so it is of the kind that is made fastest."""

    command: bytes
    """As it goes over the wire."""
    repeatable: bool
    """Its receivers know a repetition, so that it may be sent again when nobody knows whether it arrived."""
    answered: Callable[[Reply], None] | None = None
    """Takes what Redis answers; given only with what the bus sends for itself, which is no frame to count."""


class Publisher:
    """Sends in the order given.

    `up` is called when it is connected, and `lost` when it can send again after it had to drop frames. `trouble` is what
    keeps it from sending: that it is not connected, or that Redis refuses.

    It lives as long as `run`, which the bus runs in a task; all its methods belong to that loop. Order holds
    over a reconnect as well: what is sent again goes first. It keeps `buffer_frames` commands and
    `buffer_bytes` at most that wait, and `WINDOW_BYTES` and a write under way.
    """

    def __init__(
        self,
        address: RedisAddress,
        stats: BusStats,
        *,
        buffer_bytes: int,
        buffer_frames: int,
        patience_seconds: float,
        up: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self.trouble = Trouble(_log, "bus publisher")
        self._address = address
        self._stats = stats
        self._buffer_bytes = buffer_bytes
        self._buffer_frames = buffer_frames
        self._patience = patience_seconds
        self._up = up
        self._lost = lost
        # Kept, because asking for it costs a call of the kernel, and each frame's answer needs the time.
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        """The connection, while it works."""
        self._left: ServerError | None = None
        """Why the connection was given up, when it works and is to the wrong server."""
        self._waiting: deque[Publish] = deque()
        """Taken, not yet written."""
        self._waiting_bytes = 0
        self._under_way: deque[Publish] = deque()
        """Written, not yet answered; Redis answers in order."""
        self._under_way_bytes = 0
        self._progress_at = 0.0
        """When Redis answered last, or was last given something while nothing was under way; by the loop's clock."""
        self._has_dropped = False
        """Frames were dropped that nobody was told of yet."""
        self._flush_due = False
        """A write is to come in this turn of the loop."""
        self._moved = asyncio.Event()
        """Set when there may be space again, or nothing left to send."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection that works, as far as is known."""
        return self._wire is not None

    def offer(self, outgoing: Publish) -> bool:
        """Take it if there is space. Never waits."""
        size = self._waiting_bytes + len(outgoing.command)
        if len(self._waiting) >= self._buffer_frames or size > self._buffer_bytes:
            return False
        self.put(outgoing)
        return True

    def put(self, outgoing: Publish) -> None:
        """Take it, whatever the space: for the few that the bus itself sends, one at a time."""
        self._waiting.append(outgoing)
        self._waiting_bytes += len(outgoing.command)
        if not self._flush_due and self._wire is not None:
            # What is published within this turn of the loop goes out in one write.
            self._flush_due = True
            self._loop.call_soon(self._flush)

    async def send(self, outgoings: Sequence[Publish]) -> None:
        """Take them in order, waiting for space a moment if Redis is there to make some; what is left over is dropped.

        Waits `FULL_SECONDS` at most for all of them together, and raises nothing.
        """
        deadline: float | None = None
        for outgoing in outgoings:
            if self.offer(outgoing):
                if len(self._waiting) % 256 == 0:
                    # A caller who never waits for anything would fill the buffer before a write has its turn.
                    await asyncio.sleep(0)
                continue
            if deadline is None:
                deadline = self._loop.time() + FULL_SECONDS
            if not await self._offer_until(deadline, outgoing):
                self._drop(1)

    async def _offer_until(self, deadline: float, outgoing: Publish) -> bool:
        """Wait for space until the deadline; False where there is none by then, or Redis went."""
        while self.connected and self._loop.time() < deadline:
            self._moved.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._moved.wait()
            except TimeoutError:
                return False
            if self.offer(outgoing):
                return True
        return False

    async def run(self) -> None:
        """Connect, watch that Redis answers, and connect again; until cancelled.

        Nothing but cancelling ends it.
        """
        failures = 0
        while True:
            wire = Wire(on_writable=self._flush)
            try:
                await self._address.open(wire, timeout_seconds=self._patience)
                failures = 0
                self.trouble.over()
                self._serve(wire)
                await self._watch(wire)
            except Exception as problem:  # noqa: BLE001 - whatever it was, a publisher that ends for good helps nobody
                self.trouble.found(self._left or problem)
                self._left = None
            finally:
                wire.abort()
                self._take_back()
            await asyncio.sleep(reconnect_pause_seconds(failures))
            failures += 1

    def leave(self, reason: ServerError) -> None:
        """Give up the connection; `run` makes another.

        For a server that answers and is the wrong one.
        """
        if self._wire is not None:
            self._left = reason
            self._wire.abort()

    async def drain(self) -> None:
        """Return when everything is sent and answered, or Redis is away.

        Only at the stop, within the caller's time.
        """
        while self.connected and (self._waiting or self._under_way):
            self._moved.clear()
            await self._moved.wait()

    def _serve(self, wire: Wire) -> None:
        """Begin to use a new connection: what was taken back goes out first."""
        self._wire = wire
        wire.attend(self._settle)
        self._up()
        self._own_up()
        self._flush()

    async def _watch(self, wire: Wire) -> None:
        """Raises when the connection is gone, or open and dead."""
        while True:
            await asyncio.wait({wire.closed}, timeout=self._patience / 4)
            if wire.closed.done():
                raise ConnectionError("Redis closed the connection")
            if self._under_way and self._loop.time() - self._progress_at > self._patience:
                raise TimeoutError("Redis does not answer")

    def _flush(self) -> None:
        """Write what waits, as far as window and socket allow."""
        self._flush_due = False
        wire = self._wire
        if wire is None:
            return
        while self._waiting and self._under_way_bytes < WINDOW_BYTES and wire.writable:
            if not self._under_way:
                self._progress_at = self._loop.time()
            wire.write(self._next_batch())

    def _next_batch(self) -> bytes:
        """The commands of one write; they are under way from now on."""
        batch: list[bytes] = []
        size = 0
        while self._waiting and size < WRITE_BYTES:
            outgoing = self._waiting.popleft()
            self._under_way.append(outgoing)
            batch.append(outgoing.command)
            size += len(outgoing.command)
        self._waiting_bytes -= size
        self._under_way_bytes += size
        return b"".join(batch)

    def _settle(self, reply: Reply) -> None:
        """Take Redis's answer to the oldest command under way."""
        outgoing = self._under_way.popleft()
        self._under_way_bytes -= len(outgoing.command)
        self._progress_at = self._loop.time()
        if outgoing.answered is not None:
            outgoing.answered(reply)
        elif self.is_taken(reply):
            self._stats.published += 1
        else:
            self._drop(1)
        if self._waiting and not self._flush_due:
            self._flush_due = True
            # Not at once: further answers lie in the same read, and one write serves what they make space
            # for.
            self._loop.call_soon(self._flush)
        elif not self._waiting:
            self._own_up()
        self._moved.set()

    def is_taken(self, reply: Reply) -> bool:
        """Whether Redis has published what it answers so; what it refuses is said.

        Also how an owner judges the answers to its own.
        """
        if isinstance(reply, ServerError):
            self.trouble.found(reply)
            return False
        self.trouble.over()
        return True

    def is_lost(self) -> None:
        """What told of a loss is lost itself: tell again."""
        self._has_dropped = True

    def _own_up(self) -> None:
        """Have the owner tell the others that frames were dropped, once Redis takes something again."""
        # While Redis refuses, it would refuse this too, and what is refused has to be owned up to.
        if self._has_dropped and self.trouble.words is None:
            self._has_dropped = False
            self._lost()

    def _take_back(self) -> None:
        """Whether Redis has taken what it did not answer, nobody knows: what may be repeated is sent again, first."""
        self._wire = None
        again = [each for each in self._under_way if each.repeatable]
        lost = sum(not each.repeatable and each.answered is None for each in self._under_way)
        self._under_way.clear()
        self._under_way_bytes = 0
        self._waiting.extendleft(reversed(again))
        self._waiting_bytes += sum(len(each.command) for each in again)
        if lost:
            self._drop(lost)
        self._moved.set()

    def _drop(self, frames: int) -> None:
        """Count frames that nobody will hear of."""
        self._stats.dropped += frames
        self._has_dropped = True
