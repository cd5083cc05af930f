"""Engine.IO: connections over whatever transport, who may have one, and what comes in by them.

Keeps the outside of python-engineio's server, on which python-socketio stands, and replaces its inside: AsyncSocket
becomes `Connection`, the aiohttp driver `WebSocket`, the writer tasks the `Tick`, the monitor the `Heartbeat`.
Leaves what requests ask to `Requests`, and what messages mean to the Socket.IO server.
"""

import asyncio
import logging
import socket
from typing import Any, Protocol

import engineio

from gateway.engine import answers
from gateway.engine.admission import AddressRate, Rate, Turnstile, client_address
from gateway.engine.answers import Objection
from gateway.engine.connection import Connection
from gateway.engine.deadlines import Deadlines
from gateway.engine.frames import PROTOCOL_ERROR, SERVICE_RESTART
from gateway.engine.handshake import Handshake
from gateway.engine.heartbeat import Heartbeat
from gateway.engine.identifiers import Identifiers
from gateway.engine.limits import UNLIMITED, EngineLimits
from gateway.engine.packets import Packet
from gateway.engine.stats import EngineStats
from gateway.engine.tick import Tick
from gateway.engine.websocket import WebSocket
from gateway.ground.origins import Origins

UPGRADE_SECONDS = 10.0
"""An upgrade that takes longer is given up, and polling goes on."""
LINGER_SECONDS = 2.0
"""How long a closed websocket may take to go, and a closed poller to fetch its last packets."""
CLIENT_GOODBYE = "client disconnect"

logger = logging.getLogger(__name__)


class SocketIO(Protocol):
    """The Socket.IO server, as Engine.IO knows it."""

    def message(self, connection: Connection, data: str | bytes) -> None:
        """A Socket.IO packet, or an attachment, has come. Raises `ValueError` when it is none."""
        ...

    def excess(self, connection: Connection) -> None:
        """The client sends more than it may: end it."""
        ...

    def ended(self, connection: Connection, reason: str) -> None:
        """The connection has closed: end its sessions, after what is in its inbox."""
        ...

    def has_session(self, connection: Connection) -> bool:
        """Whether the connection is in a namespace, or about to be."""
        ...

    def is_settled(self, connection: Connection) -> bool:
        """Whether the connection has a session, and nothing of its inbox is being worked on."""
        ...

    async def catch_up(self, connection: Connection, *, size: int) -> None:
        """Return when no more than `size` bytes of the connection's inbox are left to work on."""
        ...


class EngineIO(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """The Engine.IO server. `socketio` is set by the Socket.IO server that owns it."""

    sockets: dict[str, Connection]
    socketio: SocketIO

    def __init__(
        self, *, limits: EngineLimits, stats: EngineStats, tick: Tick, origins: Origins, **_: Any
    ) -> None:
        super().__init__(
            async_mode="aiohttp",
            ping_interval=limits.ping_interval_seconds,
            ping_timeout=limits.ping_timeout_seconds,
            max_http_buffer_size=limits.max_message_bytes or UNLIMITED,
            transports=list(limits.transports),
            monitor_clients=False,
        )
        self.limits = limits
        self.stats = stats
        self.tick = tick
        self.gate = Turnstile()
        self._handshakes = AddressRate(rate=limits.connect_rate, burst=limits.connect_burst)
        self._events = Rate(
            per_second=limits.client_events_per_second, burst=float(limits.client_events_burst)
        )
        self.origins = origins
        self._identifiers = Identifiers()
        self._heartbeat = Heartbeat(
            interval_seconds=limits.ping_interval_seconds, timeout_seconds=limits.ping_timeout_seconds
        )
        self._connects = Deadlines(limits.connect_deadline_seconds, self._expect_session)
        self._upgrades_begun = Deadlines(UPGRADE_SECONDS, self._give_up_upgrade)
        self._lingering = Deadlines[WebSocket](LINGER_SECONDS, lambda socket: socket.abort())
        self._leftovers = Deadlines(LINGER_SECONDS, self.forget)
        self._refused = Deadlines(LINGER_SECONDS / 2, self._expect_session)
        self._terms = {transport: answers.terms(limits, transport) for transport in limits.transports}
        """How the first packet ends, by transport: it is alike for all but for the sid."""
        self.stopping = False
        self.paths: frozenset[str] = frozenset()
        """Where handshakes for this server go; set when it is attached to a site."""

    # Coming in

    def enter(self, tcp: socket.socket, peer: str, handshake: Handshake, early: bytes) -> bool:
        """Take a client that came to the door with a clean handshake for a websocket, a new one or an upgrade.

        False when it is for something else, or is to be refused: `Requests` then gives the answer.
        """
        if handshake.path not in self.paths or "websocket" not in self.transports:
            return False
        sid = answers.sid_asked(handshake.query)
        if sid is None:
            return False
        if sid:
            upgrading = self.sockets.get(sid)
            if upgrading is None or upgrading.closed or not self._may_use(handshake):
                return False
            self.probe_by(upgrading, tcp, handshake.answer(), early)
            return True
        # The rate first: what comes too often is not looked at any further.
        address = client_address(peer, handshake.forwarded, self.limits.trusted_proxies)
        if self.objection(address) is not None or not self._may_use(handshake):
            return False
        connection = self.connect(address, handshake.query, handshake.agent)
        self.begin(connection, tcp, handshake.answer(), early)
        return True

    def _may_use(self, handshake: Handshake) -> bool:
        return handshake.origin is None or self.origins.allow(handshake.origin, handshake.host)

    def objection(self, address: str) -> Objection | None:
        """Why no more may come in now, or not from there; None admits and counts one."""
        retry_after = self._handshakes.admit(address, now=asyncio.get_running_loop().time())
        if retry_after:
            return Objection("rate_limited", 429, retry_after)
        if self.gate.crowded:
            return Objection("too_many_connections", 503)
        return self.no_room()

    def no_room(self) -> Objection | None:
        """Why no more may come in now, from wherever."""
        if self.stopping:
            return Objection("draining", 503)
        if 0 < self.limits.max_connections <= len(self.sockets):
            return Objection("too_many_connections", 503)
        return None

    def connect(self, address: str, query: str, agent: str) -> Connection:
        """A client that has been admitted."""
        environ = {"REMOTE_ADDR": address, "QUERY_STRING": query, "HTTP_USER_AGENT": agent}
        connection = Connection(
            self,
            self._identifiers(),
            environ,
            limit=self.limits.send_buffer_bytes,
            allowance=self._events.full(),
        )
        self.sockets[connection.sid] = connection
        self._heartbeat.begin(connection)
        self._connects.put(connection)
        return connection

    def begin(self, connection: Connection, tcp: socket.socket, answer: bytes, early: bytes) -> None:
        """Give a new connection the websocket that it has asked for."""
        connection.socket = self._socket(connection, probes=False)
        greeting = self.opening(connection.sid, "websocket").frame
        connection.socket.begin(tcp, answer, greeting=greeting, early=early)

    def opening(self, sid: str, transport: str) -> Packet:
        """The first packet that a connection is sent."""
        return Packet.of(b'0{"sid":"' + sid.encode() + self._terms[transport])

    def generate_id(self) -> str:
        """A new identifier; the library's name for it."""
        return self._identifiers()

    def _socket(self, connection: Connection, *, probes: bool) -> WebSocket:
        return WebSocket(connection, message_bytes=self.limits.max_message_bytes, probes=probes)

    def probe_by(self, connection: Connection, tcp: socket.socket, answer: bytes, early: bytes) -> None:
        """Give a connection the websocket that it may upgrade to."""
        prober = self._socket(connection, probes=True)
        if connection.upgraded or connection.is_upgrading:
            # As the reference server does: a second one is opened and closed, and the first is not touched.
            prober.begin(tcp, answer)
            prober.close(PROTOCOL_ERROR)
            return
        connection.prober = prober
        prober.begin(tcp, answer, early=early)
        self._upgrades_begun.put(prober)

    def _give_up_upgrade(self, socket: WebSocket) -> None:
        if socket.probes:
            socket.close(SERVICE_RESTART)
            socket.gave_up()

    # What connections need

    def slow(self, sid: str) -> None:
        self.stats.slow_consumers += 1
        logger.info("slow consumer dropped", extra={"connection": sid})

    def linger(self, socket: WebSocket) -> None:
        self._lingering.put(socket)

    def is_settled(self, connection: Connection) -> bool:
        return self.socketio.is_settled(connection)

    def take(self, connection: Connection, data: str | bytes) -> None:
        """Judge an inbound Engine.IO packet: the rate first, so that nothing else can be had in excess."""
        if self._events.spend(connection.allowance, now=asyncio.get_running_loop().time()):
            self.stats.rate_limited += 1
            logger.info("client sends too much", extra={"connection": connection.sid})
            self.socketio.excess(connection)
            return
        try:
            if isinstance(data, bytes) or data[:1] == "4":
                self.socketio.message(connection, data)
            elif data == "1":
                connection.close(CLIENT_GOODBYE)
            elif data not in ("3", "6"):
                raise ValueError(data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            self.malformed(connection, error)

    def malformed(self, connection: Connection, error: Exception, *, code: int = PROTOCOL_ERROR) -> None:
        """What came is no packet: its client is not one of ours, or broken. One line, and the connection closes."""
        if connection.closed:
            return
        self.stats.malformed += 1
        logger.info("malformed packet", extra={"connection": connection.sid, "kind": type(error).__name__})
        connection.broken = True
        connection.close("transport error", code=code if connection.upgraded else None)

    def ended(self, connection: Connection, reason: str) -> None:
        if not connection.upgraded and (connection.queued or reason == CLIENT_GOODBYE):
            # Its last packets are still to be fetched, or a poll is under way that its goodbye has overtaken.
            self._leftovers.put(connection)
        else:
            self.forget(connection)
        self.socketio.ended(connection, reason)

    def forget(self, connection: Connection) -> None:
        """The connection is closed, and its client has all it will get."""
        connection.queued.clear()
        self.sockets.pop(connection.sid, None)

    # Time

    def _expect_session(self, connection: Connection) -> None:
        """Close a connection that is in no namespace: it has not asked in time, or was refused."""
        if not connection.closed and not self.socketio.has_session(connection):
            connection.close("transport close", code=SERVICE_RESTART)

    def refused(self, connection: Connection) -> None:
        """The client has been refused. A stock client leaves; give it the time, then see that it has."""
        self._refused.put(connection)

    # What python-socketio calls

    async def send(self, sid: str, data: str | bytes) -> None:
        if (connection := self.sockets.get(sid)) is not None:
            connection.write(Packet.encoded(data if isinstance(data, str) else [data]))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        await self.send(sid, pkt.data)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one connection, or all. Unlike the library's it never waits for a client to read."""
        for connection in [self.sockets.get(sid)] if sid is not None else list(self.sockets.values()):
            if connection is not None:
                connection.close("server disconnect", code=SERVICE_RESTART)

    async def shutdown(self) -> None:
        """Drop what is left and stop all timers."""
        self.stopping = True
        for connection in list(self.sockets.values()):
            connection.close("server disconnect", code=SERVICE_RESTART)
            if connection.socket is not None:
                connection.socket.abort()
            self.forget(connection)
        self.tick.stop()
        self._heartbeat.clear()
        for deadlines in (self._connects, self._leftovers, self._refused):
            deadlines.clear()
        self._lingering.clear()
        self._upgrades_begun.clear()
