"""A connection: one client's Engine.IO session, over whatever transport it has.

Stands where python-engineio has its AsyncSocket, whose attributes `closed`, `upgraded` and `session` it keeps for the
library's own methods. An idle connection has no task and no timer of its own. What comes in is passed on to the engine.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.engine.admission import Allowance
from gateway.engine.packets import GOODBYE, NOOP, RECORD_SEPARATOR, Packet
from gateway.engine.send_buffer import SendBuffer, SendingEngine
from gateway.engine.websocket import WebSocket

PACKETS_A_POLL = 16
"""In the body of a poll: python-engineio takes no more, and gives up the connection when more come."""
PROBED_POLL_SECONDS = 0.1
"""A poll that waits after the probe is let go after this long at least: the client may be waiting for its end."""


class Engine(SendingEngine, Protocol):
    """What a connection knows of the engine that it belongs to."""

    def take(self, connection: "Connection", data: str | bytes) -> None:
        """An Engine.IO packet has come."""
        ...

    def is_settled(self, connection: "Connection") -> bool:
        """Whether its client is in a namespace, and nothing that it has sent is still being worked on."""
        ...

    def ended(self, connection: "Connection", reason: str) -> None:
        """`connection` has just been closed."""
        ...

    def malformed(self, connection: "Connection", error: Exception, *, code: int) -> None:
        """The client broke a protocol: close its connection with this close code."""
        ...

    def linger(self, socket: WebSocket) -> None:
        """Abort `socket` if it has not gone soon."""
        ...


class Connection(SendBuffer):
    """A client, from its handshake until it is gone. Made by the engine; all methods belong to its event loop."""

    __slots__ = (
        "_session",
        "allowance",
        "broken",
        "engine",
        "environ",
        "lets_go",
        "pinged_at",
        "poller",
        "probed_at",
        "prober",
    )

    def __init__(
        self, engine: Engine, sid: str, environ: Mapping[str, str], *, limit: int, allowance: Allowance
    ) -> None:
        super().__init__(engine, sid, limit=limit)
        self.engine = engine
        self.environ = environ
        self.allowance = allowance
        """What the client may still send."""
        self.pinged_at = 0.0
        """When the unanswered PING went out; 0 when none is."""
        self.broken = False
        """Whether it was closed for what its client sent."""
        self._session: dict[str, Any] | None = None

        # Transports
        self.prober: WebSocket | None = None
        """A websocket that may become the transport. It changes nothing until its client has sent the probe."""
        self.probed_at = 0.0
        """When the probe came on it; 0 while none has."""
        self.lets_go = False
        """Whether the next poll is answered with nothing, or the one that waits: the client ends its polling by it."""
        self.poller: asyncio.Future[None] | None = None
        """The poll that waits for something to be sent."""

    @property
    def session(self) -> dict[str, Any]:
        """Where python-socketio keeps `save_session`'s values; made when first asked for."""
        if self._session is None:
            self._session = {}
        return self._session

    @property
    def upgraded(self) -> bool:
        return self.socket is not None

    @property
    def is_upgrading(self) -> bool:
        return self.prober is not None

    # Polling

    async def poll(self, is_open: Callable[[], bool]) -> bytes:
        """Wait for something to send, and answer it as the body of a poll. One at a time.

        `is_open` tells whether the request can still be answered. If not, nothing is taken from what is queued, and the
        connection ends: its client cannot know what it missed.
        """
        if not (self.queued or self.closed or self.lets_go):
            await self._released()
        if self.upgraded:
            return NOOP
        if self.lets_go:
            self.lets_go = False
            return NOOP
        if not is_open():
            self.close("transport close")
            return NOOP
        return self._body() or NOOP

    async def _released(self) -> None:
        """Wait until there is something to send, or the poll is to end for another reason."""
        loop = asyncio.get_running_loop()
        self.poller = loop.create_future()
        end = None
        if self.probed_at:
            # Twice as late each time, so that an upgrade that never ends costs a few polls only.
            wait = max(PROBED_POLL_SECONDS, loop.time() - self.probed_at)
            end = loop.call_later(wait, self.release)
        try:
            await self.poller
        finally:
            self.poller = None
            if end is not None:
                end.cancel()

    def _body(self) -> bytes:
        """Take of what is queued what one poll may carry."""
        taken: list[Packet] = []
        used = 0
        while used < len(self.queued) and len(taken) < PACKETS_A_POLL:
            taken += self.queued[used].singles()
            used += 1
        self.queued[:used] = taken[PACKETS_A_POLL:]
        del taken[PACKETS_A_POLL:]
        self.backlog -= sum([len(packet.frame) for packet in taken])
        if not self.queued:
            self._tell_drained()
            self.take_back()
            self.mark = self.limit
        return RECORD_SEPARATOR.join([packet.text for packet in taken])

    def release(self) -> None:
        """End the waiting poll, with whatever there is."""
        if self.poller is not None and not self.poller.done():
            self.poller.set_result(None)

    def overlap(self) -> None:
        """The client polls while it polls: each would get a part, in no order. End it, and have the first poll say so."""
        self.close("transport error")
        self.queued.append(GOODBYE)

    # Upgrading

    def probe(self) -> None:
        """The client has sent the probe: it upgrades as soon as its poll has ended."""
        loop = asyncio.get_running_loop()
        self.probed_at = loop.time()
        if self.engine.is_settled(self):
            self.lets_go = True
            self.release()
        else:
            # The answer to CONNECT is about to come, or to what else the client asks: the poll takes it along, if it
            # does not take long. Let go with nothing, it would leave the answer to wait for the end of the upgrade.
            loop.call_later(PROBED_POLL_SECONDS, self.release)

    def adopt(self, socket: WebSocket) -> None:
        """The websocket is the transport from now on. What the polls did not fetch goes out on it first."""
        self._abandon_upgrade()
        self.socket = socket
        self.release()
        if not self.closed:
            self.engine.tick.owe(self)

    def _abandon_upgrade(self) -> None:
        self.prober = None
        self.probed_at = 0.0
        self.lets_go = False

    # Coming in

    def receive(self, data: str | bytes) -> None:
        """An Engine.IO packet has come on the connection's transport."""
        if data == "3" and self.pinged_at:
            # It was asked for: it does not count as something that the client sends.
            self.pinged_at = 0.0
        elif not self.closed:
            self.engine.take(self, data)

    def malformed(self, error: Exception, *, code: int) -> None:
        """The client broke a protocol under the packets."""
        self.engine.malformed(self, error, code=code)

    # Ending

    def close(self, reason: str, *, code: int | None = None) -> None:
        """End the connection; idempotent. With `code`, what is queued is sent before, and a close frame.

        Polls are ended by one that finds nothing any more and is answered 400: every stock client reconnects after
        it, as after 1012. Engine.IO's CLOSE is final to python-engineio.
        """
        if self.closed:
            return
        if code is not None:
            self.engine.tick.owe(self)
        self.closed = True
        if code is not None and self.socket is not None:
            self.flush()
        self._tell_drained()
        self.take_back()
        if self.socket is not None or code is None:
            self.queued.clear()
            self.backlog = 0
        if self.socket is not None:
            self.socket.close(code)
        if self.prober is not None:
            self.prober.close(code)
            self._abandon_upgrade()
        self.engine.ended(self, reason)
        self.release()

    def linger(self, socket: WebSocket) -> None:
        """A websocket of the connection closes: see that it goes."""
        self.engine.linger(socket)

    def lost(self, socket: WebSocket) -> None:
        """A websocket has gone."""
        if socket is self.socket:
            self.close("transport close")
        elif socket is self.prober:
            # The upgrade failed; the polls go on.
            self._abandon_upgrade()
            if self.queued:
                self.release()
