"""The send buffer of a connection: what is still to be sent to its client, and how much that may be.

Everything that goes out passes here, on whatever transport: this is what keeps it in order, and who does not read within bounds.
"""

import asyncio
from typing import Protocol

from gateway.engine.limits import UNLIMITED
from gateway.engine.packets import Packet
from gateway.engine.stats import EngineStats
from gateway.engine.tick import Tick, broken
from gateway.engine.websocket import WebSocket


class SendingEngine(Protocol):
    """What a send buffer knows of the engine that it belongs to."""

    tick: Tick
    """Flushes who owes something."""
    stats: EngineStats
    """Counts what is given to the kernel."""

    def slow(self, sid: str) -> None:
        """The connection of this sid is about to be dropped because its client does not read."""
        ...


class SendBuffer:
    """What a connection is owed. Whoever has one says how it is released to a poll, and how it ends."""

    __slots__ = (
        "_sending",
        "backlog",
        "closed",
        "drained",
        "granted",
        "limit",
        "mark",
        "queued",
        "sid",
        "socket",
        "taken",
        "waits",
    )

    def __init__(self, sending: SendingEngine, sid: str, *, limit: int) -> None:
        self._sending = sending
        self.sid = sid
        self.closed = False
        self.socket: WebSocket | None = None
        self.queued: list[Packet] = []
        self.backlog = 0
        """Bytes of what is queued."""
        self.limit = limit or UNLIMITED
        self.mark = self.limit
        """The backlog beyond which the client is too slow: the limit less what its socket has unsent already."""
        self.waits = False
        """Whether it is in the tick's list."""
        self.drained: asyncio.Future[None] | None = None
        self.granted = 0
        """Bytes that may wait beyond the limit: of an answer that the client has asked for."""
        self.taken: asyncio.Future[None] | None = None
        """Done when that has been taken, or the connection has closed."""

    # For subclasses to say

    def release(self) -> None:
        """End the poll that waits, if one does, with whatever there is."""
        raise NotImplementedError

    def close(self, reason: str, *, code: int | None = None) -> None:
        """End the connection; idempotent."""
        raise NotImplementedError

    # Going out

    def write(self, packet: Packet) -> None:
        """Send `packet` after all that was written before. Never blocks, never raises; a closed one takes nothing."""
        if self.closed:
            return
        self._sending.tick.owe(self)
        self.queued.append(packet)
        self.backlog += len(packet.frame)
        if self.backlog > self.mark:
            self.relieve()

    async def write_whole(self, packet: Packet) -> bool:
        """Send what its client has asked for, which may be larger than the limit; returns when it has been taken.

        False when the connection has closed instead. One at a time.
        """
        if self.closed:
            return False
        size = len(packet.frame)
        self.taken = asyncio.get_running_loop().create_future()
        self.granted = size
        self.mark += size
        self.write(packet)
        await asyncio.shield(self.taken)
        return not self.closed

    def take_back(self) -> None:
        """What was granted has been taken, or will never be."""
        if self.taken is not None:
            self.granted = 0
            self.taken.set_result(None)
            self.taken = None

    def write_now(self, packet: Packet) -> None:
        """The same for an event that there is nothing to join with: the first in a while goes out at once.

        What follows before the tick's next round is joined, as ever.
        """
        socket = self.socket
        if socket is None or socket.unsent or not self._sending.tick.lets_by(self):
            self.write(packet)
        elif not self.closed:
            self._write_through(socket, packet.frame)

    def write_apart(self, packet: Packet) -> None:
        """The same for a packet whose place among the others does not matter: at once, unless it can be joined with them."""
        socket = self.socket
        if socket is None or socket.unsent or self.waits:
            self.write(packet)
        elif not self.closed:
            self._write_through(socket, packet.frame)

    def _write_through(self, socket: WebSocket, frame: bytes) -> None:
        stats = self._sending.stats
        stats.writes += 1
        stats.bytes += len(frame)
        try:
            left = socket.write(frame)
        except Exception as error:  # noqa: BLE001 - whatever it is, who emits and who else listens must not suffer for it
            broken(self, error)
            return
        if left:
            self._fill(left)

    def flush(self) -> None:
        """Give what is queued to the transport, if there is one that takes it. Here and in `write_now` order is made."""
        self.waits = False
        if not self.queued:
            return
        socket = self.socket
        if socket is not None:
            # Kept back while the kernel takes no more: frames that are queued are shared, unsent bytes are not.
            if socket.unsent:
                return
            packets = self.queued
            data = packets[0].frame if len(packets) == 1 else b"".join([packet.frame for packet in packets])
            packets.clear()
            self.backlog = 0
            if self.drained is not None:
                self._tell_drained()
            stats = self._sending.stats
            stats.writes += 1
            stats.bytes += len(data)
            left = socket.write(data)
            if left:
                self._fill(left)
            elif self.granted:
                self.take_back()
                self.mark = self.limit
        else:
            self.release()

    def relieve(self) -> None:
        """The backlog is over the mark: write now, and drop the client if that does not help."""
        if self.closed:
            return
        self.flush()
        if self.backlog > self.mark:
            self.evict()

    def evict(self) -> None:
        """Drop a client that does not read. Nothing more is said to it: it would not be read either."""
        if self.closed:
            return
        self._sending.slow(self.sid)
        self.close("slow consumer")
        if self.socket is not None:
            self.socket.reset()

    def _fill(self, size: int) -> None:
        """The kernel has not taken `size` bytes, and takes no more for now."""
        most = self.limit + self.granted
        self.mark = most - size
        if size > most or self.backlog > self.mark:
            self.evict()

    def emptied(self) -> None:
        """The kernel takes more again."""
        if not self.queued:
            # What was granted had gone to the kernel: behind what is queued it would still be to come.
            self.take_back()
        self.mark = self.limit + self.granted
        if not self.closed:
            self.flush()

    async def drain(self) -> bool:
        """Wait until nothing is queued; False when the connection has closed instead."""
        if self.backlog and not self.closed:
            if self.drained is None:
                self.drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self.drained)
        return not self.closed

    def _tell_drained(self) -> None:
        if self.drained is not None:
            self.drained.set_result(None)
            self.drained = None
