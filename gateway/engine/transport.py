"""Engine.IO: connections over polling and websocket, their heartbeat and their bounds.

Keeps the outside of python-engineio's server, on which python-socketio stands, and replaces its inside: AsyncSocket
becomes `Connection`, the aiohttp driver `WebSocket`, the writer tasks the `Tick`, the monitor the `Deadlines`.
Leaves what messages mean to the Socket.IO server.
"""

import asyncio
import binascii
import json
import logging
import secrets
import socket
from base64 import b64decode, urlsafe_b64encode
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

import engineio
from aiohttp import web

from gateway.engine import bodies
from gateway.engine.admission import AddressRate, Gate, client_address
from gateway.engine.bodies import BodyError
from gateway.engine.connection import UNLIMITED, Connection
from gateway.engine.deadlines import Deadlines
from gateway.engine.frames import PROTOCOL_ERROR, SERVICE_RESTART
from gateway.engine.handshake import Handshake, HandshakeError, is_asked_for
from gateway.engine.limits import EngineLimits
from gateway.engine.packets import GOODBYE, PING, Packet
from gateway.engine.stats import Stats
from gateway.engine.tick import Tick
from gateway.engine.websocket import TakenOver, WebSocket, taken_from
from gateway.ground.origins import Origins

UPGRADE_SECONDS = 10.0
"""An upgrade that takes longer is given up, and polling goes on."""
LINGER_SECONDS = 2.0
"""How long a closed websocket may take to go, and a closed poller to fetch its last packets."""
BODY_SECONDS = 10.0
"""How long a client may take to send the body of a POST."""
ID_RANDOM_BYTES = 12
USUAL_QUERY = "EIO=4&transport=websocket"
"""What a stock client asks with that does not begin by polling."""
QUERY_CHARACTERS = 8192
PARAMETERS = 64
"""In the query of a request. Applications put some of their own there, none thousands."""
CLIENT_GOODBYE = "client disconnect"

logger = logging.getLogger(__name__)


class Objection(NamedTuple):
    """Why a handshake is refused for now."""

    code: str
    status: int
    retry_after: float = 5

    def response(self) -> web.Response:
        return web.json_response(
            {"code": 4, "message": self.code.replace("_", " ")},
            status=self.status,
            headers={"Retry-After": str(int(self.retry_after))},
        )


class Sessions(Protocol):
    """What the transport needs of the Socket.IO server above it."""

    def message(self, connection: Connection, data: str | bytes) -> None:
        """A Socket.IO packet, or an attachment, has come. Raises `ValueError` when it is none."""
        ...

    def excess(self, connection: Connection) -> None:
        """The client sends more than it may: end it."""
        ...

    def obey(self, connection: Connection) -> None:
        """Work on the connection's inbox."""
        ...

    def ended(self, connection: Connection, reason: str) -> None:
        """The connection has closed: end its sessions, after what is in its inbox."""
        ...


class Transport(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """The Engine.IO server. `above` is set by the Socket.IO server that owns it."""

    sockets: dict[str, Connection]
    sequence_number: int
    above: Sessions

    def __init__(self, *, limits: EngineLimits, stats: Stats, origins: Origins, **_: Any) -> None:
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
        self.tick = Tick()
        self.gate = Gate()
        self._rate = AddressRate(rate=limits.connect_rate, burst=limits.connect_burst)
        self._origins = origins
        self._pings = Deadlines(limits.ping_interval_seconds, self._ping)
        self._pongs = Deadlines(limits.ping_timeout_seconds, self._miss)
        self._connects = Deadlines(limits.connect_deadline_seconds, self._expect_session)
        self._upgrades_begun = Deadlines(UPGRADE_SECONDS, self._give_up_upgrade)
        self._lingering = Deadlines[WebSocket](LINGER_SECONDS, lambda socket: socket.abort())
        self._leftovers = Deadlines(LINGER_SECONDS, self._forget)
        self._refused = Deadlines(LINGER_SECONDS / 2, self._expect_session)
        self._terms = {transport: _terms(limits, transport) for transport in limits.transports}
        """How the first packet ends, by transport: it is alike for all but for the sid."""
        self.stopping = False
        self.paths: frozenset[str] = frozenset()
        """Where handshakes for this server go; set when it is attached to a site."""
        self._random = b""
        self._random_used = 0

    # HTTP

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to the Socket.IO path."""
        headers = request.headers
        origin = headers.get("Origin")
        if origin is not None and not self._origins.allow(origin, headers.get("Host")):
            self._origins.refuse(origin, headers.get("Host"))
            return web.Response(status=403, text='{"code":4,"message":"Origin not allowed"}')
        response = await self._answer(request)
        if origin is not None and response.status != 101:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Vary"] = "Origin"
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = "GET, POST"
                asked = headers.get("Access-Control-Request-Headers")
                if asked:
                    response.headers["Access-Control-Allow-Headers"] = asked
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        query = _asked(request.rel_url.raw_query_string)
        transport = query.get("transport", [""])[0]
        if transport not in self.transports or (transport == "websocket" and not is_asked_for(request)):
            return _bad(0, "Transport unknown")
        sid = query.get("sid", [""])[0]
        if not sid:
            if request.method != "GET":
                return _bad(2, "Bad handshake method")
            if query.get("EIO") != ["4"]:
                return _bad(5, "Unsupported protocol version")
            return await self._handshake(request, transport)
        connection = self.sockets.get(sid)
        if connection is None:
            return _bad(1, "Session ID unknown")
        if transport == "websocket" and request.method == "GET":
            return self._upgrade(request, connection)
        if connection.upgraded or request.method not in ("GET", "POST"):
            return _bad(3, "Bad request")
        if request.method == "POST":
            return await self._post(request, connection)
        return await self._poll(request, connection)

    # Coming in

    def enter(self, tcp: socket.socket, peer: str, handshake: Handshake, early: bytes) -> bool:
        """Take a client that came to the door with a clean handshake for a websocket, a new one or an upgrade.

        False when it is for something else, or is to be refused: `handle_request` then gives the answer.
        """
        if handshake.path not in self.paths or "websocket" not in self.transports:
            return False
        sid = _sid_of(handshake.query)
        if sid is None:
            return False
        if sid:
            upgrading = self.sockets.get(sid)
            if upgrading is None or upgrading.closed or not self._may_use(handshake):
                return False
            self._probe_by(upgrading, tcp, handshake.answer(), early)
            return True
        # The rate first: what comes too often is not looked at any further.
        address = client_address(peer, handshake.forwarded, self.limits.trusted_proxies)
        if self._objection(address) is not None:
            return False
        if not self._may_use(handshake):
            return False
        connection = self._connection(address, handshake.query, handshake.agent)
        self._begin(connection, tcp, handshake.answer(), early)
        return True

    def _may_use(self, handshake: Handshake) -> bool:
        return handshake.origin is None or self._origins.allow(handshake.origin, handshake.host)

    def _objection(self, address: str) -> Objection | None:
        """Why no more may come in now, or not from there; None admits and counts one."""
        retry_after = self._rate.admit(address, now=asyncio.get_running_loop().time())
        if retry_after:
            return Objection("rate_limited", 429, retry_after)
        if self.gate.crowded:
            return Objection("too_many_connections", 503)
        return self._no_room()

    def _no_room(self) -> Objection | None:
        if self.stopping:
            return Objection("draining", 503)
        if 0 < self.limits.max_connections <= len(self.sockets):
            return Objection("too_many_connections", 503)
        return None

    async def _handshake(self, request: web.Request, transport: str) -> web.StreamResponse:
        headers = request.headers
        forwarded = ",".join(headers.getall("X-Forwarded-For", ()))
        address = client_address(_peer(request), forwarded, self.limits.trusted_proxies)
        objection = self._objection(address)
        if objection is None:
            await self.gate.passage()
            objection = self._no_room()
        if objection is not None:
            # A stock client that is not let in here waits longer from one try to the next.
            self.stats.refusals.note(objection.code, address)
            return objection.response()
        if transport == "websocket":
            try:
                tcp, answer, early = taken_from(request)
            except HandshakeError:
                return _bad(3, "Bad request")
            connection = self._connection(address, request.query_string, headers.get("User-Agent", ""))
            self._begin(connection, tcp, answer, early)
            return TakenOver()
        connection = self._connection(address, request.query_string, headers.get("User-Agent", ""))
        return _body(self._opening(connection.sid, transport).text)

    def _connection(self, address: str, query: str, agent: str) -> Connection:
        """A client that has been admitted."""
        environ = {"REMOTE_ADDR": address, "QUERY_STRING": query, "HTTP_USER_AGENT": agent}
        connection = Connection(self, self.generate_id(), environ, limit=self.limits.send_buffer_bytes)
        connection.allowance = float(self.limits.client_events_burst)
        self.sockets[connection.sid] = connection
        self._pings.put(connection)
        self._connects.put(connection)
        return connection

    def _begin(self, connection: Connection, tcp: socket.socket, answer: bytes, early: bytes) -> None:
        """Give a new connection the websocket that it has asked for."""
        connection.socket = self._socket(connection, probes=False)
        greeting = self._opening(connection.sid, "websocket").frame
        connection.socket.begin(tcp, answer, greeting=greeting, early=early)

    def _opening(self, sid: str, transport: str) -> Packet:
        return Packet.of(b'0{"sid":"' + sid.encode() + self._terms[transport])

    def generate_id(self) -> str:
        """As the library's, 96 random bits and a serial number; but asking the kernel once for hundreds of them."""
        begin = self._random_used
        if begin + ID_RANDOM_BYTES > len(self._random):
            self._random = secrets.token_bytes(ID_RANDOM_BYTES * 256)
            begin = 0
        self._random_used = begin + ID_RANDOM_BYTES
        self.sequence_number = (self.sequence_number + 1) & 0xFFFFFF
        serial: bytes = self.sequence_number.to_bytes(3, "big")
        return urlsafe_b64encode(self._random[begin : begin + ID_RANDOM_BYTES] + serial).decode()

    def _socket(self, connection: Connection, *, probes: bool) -> WebSocket:
        return WebSocket(connection, message_bytes=self.limits.max_message_bytes, probes=probes)

    def _upgrade(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.closed:
            return _bad(1, "Session ID unknown")
        try:
            tcp, answer, early = taken_from(request)
        except HandshakeError:
            return _bad(3, "Bad request")
        self._probe_by(connection, tcp, answer, early)
        return TakenOver()

    def _probe_by(self, connection: Connection, tcp: socket.socket, answer: bytes, early: bytes) -> None:
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

    async def _poll(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.poller is not None:
            connection.overlap()
            return _bad(3, "Bad request")
        body = await connection.poll(
            lambda: request.transport is not None and not request.transport.is_closing()
        )
        if connection.closed and not connection.outbox:
            self._forget(connection)
        return _body(body)

    async def _post(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        most = self.limits.max_message_bytes or UNLIMITED
        try:
            body = await bodies.read(request, limit=most, seconds=BODY_SECONDS)
            # Both may say goodbye at once; anything else that comes afterwards is lost, and its sender should know.
            if connection.closed and body != GOODBYE.text:
                return _bad(1, "Session ID unknown")
            for packet in body.decode().split("\x1e"):
                connection.receive(b64decode(packet[1:], validate=True) if packet[:1] == "b" else packet)
        except BodyError as error:
            return self._broken(connection, error.status)
        except (UnicodeDecodeError, binascii.Error):
            self.stats.malformed += 1
            return self._broken(connection, 400)
        if connection.broken:
            return self._broken(connection, 400)
        # The client may send its next when this one has been worked on: the inbox needs no other bound.
        while connection.worker is not None and connection.inbox_bytes > most:
            await asyncio.wait([connection.worker])
        return _body(b"ok")

    def _broken(self, connection: Connection, status: int) -> web.StreamResponse:
        connection.close("transport error")
        return web.Response(status=status, text='{"code":3,"message":"Bad request"}')

    # What connections need

    def sent(self, size: int) -> None:
        self.stats.writes += 1
        self.stats.bytes += size

    def slow(self, connection: Connection) -> None:
        self.stats.slow_consumers += 1
        logger.info("slow consumer dropped", extra={"connection": connection.sid})

    def linger(self, socket: WebSocket) -> None:
        self._lingering.put(socket)

    def obey(self, connection: Connection) -> None:
        self.above.obey(connection)

    def take(self, connection: Connection, data: str | bytes) -> None:
        """Judge an inbound Engine.IO packet: the rate first, so that nothing else can be had in excess."""
        if not self._allows(connection):
            self.stats.rate_limited += 1
            logger.info("client sends too much", extra={"connection": connection.sid})
            self.above.excess(connection)
            return
        try:
            if isinstance(data, bytes) or data[:1] == "4":
                self.above.message(connection, data)
            elif data == "3":
                connection.pinged_at = 0.0
            elif data == "1":
                connection.close(CLIENT_GOODBYE)
            elif data != "6":
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

    def _allows(self, connection: Connection) -> bool:
        rate = self.limits.client_events_per_second
        if not rate:
            return True
        now = asyncio.get_running_loop().time()
        connection.allowance = min(
            float(self.limits.client_events_burst),
            connection.allowance + (now - connection.refilled_at) * rate,
        )
        connection.refilled_at = now
        if connection.allowance < 1:
            return False
        connection.allowance -= 1
        return True

    def ended(self, connection: Connection, reason: str) -> None:
        if not connection.upgraded and (connection.outbox or reason == CLIENT_GOODBYE):
            # Its last packets are still to be fetched, or a poll is under way that its goodbye has overtaken.
            self._leftovers.put(connection)
        else:
            self._forget(connection)
        self.above.ended(connection, reason)

    def _forget(self, connection: Connection) -> None:
        connection.outbox.clear()
        self.sockets.pop(connection.sid, None)

    # Time

    def _ping(self, connection: Connection) -> None:
        if connection.closed:
            return
        if not connection.pinged_at:
            connection.pinged_at = asyncio.get_running_loop().time()
            connection.write(PING)
            self._pongs.put(connection)
        self._pings.put(connection)

    def _miss(self, connection: Connection) -> None:
        # A later ping may be under way: only one that is as old as the deadline counts.
        now = asyncio.get_running_loop().time()
        if connection.pinged_at and now - connection.pinged_at >= self.limits.ping_timeout_seconds - 0.05:
            connection.close("ping timeout", code=SERVICE_RESTART if connection.upgraded else None)

    def _expect_session(self, connection: Connection) -> None:
        """Close a connection that is in no namespace: it has not asked in time, or was refused."""
        if not connection.sessions and not connection.closed:
            connection.close("transport close", code=SERVICE_RESTART)

    def refused(self, connection: Connection) -> None:
        """The client has been refused. A stock client leaves; give it the time, then see that it has."""
        self._refused.put(connection)

    # What python-socketio calls

    async def send(self, sid: str, data: str | bytes) -> None:
        connection = self.sockets.get(sid)
        if connection is not None:
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
            self._forget(connection)
        self.tick.stop()
        for deadlines in (
            self._pings,
            self._pongs,
            self._connects,
            self._lingering,
            self._leftovers,
            self._refused,
        ):
            deadlines.clear()
        self._upgrades_begun.clear()


def _sid_of(query: str) -> str | None:
    """The session that a query wants a websocket for: empty for a new one, None when it asks for something else."""
    if query == USUAL_QUERY:
        return ""
    asked = _asked(query)
    if asked.get("EIO") != ["4"] or asked.get("transport") != ["websocket"]:
        return None
    return asked.get("sid", [""])[0]


def _terms(limits: EngineLimits, transport: str) -> bytes:
    terms = {
        "upgrades": ["websocket"] if transport == "polling" and "websocket" in limits.transports else [],
        "pingInterval": int(limits.ping_interval_seconds * 1000),
        "pingTimeout": int(limits.ping_timeout_seconds * 1000),
        "maxPayload": limits.max_message_bytes or UNLIMITED,
    }
    return b'",' + json.dumps(terms, separators=(",", ":"))[1:].encode()


def _asked(query: str) -> dict[str, list[str]]:
    """The parameters of a query; none when there are more than any client sends."""
    if len(query) > QUERY_CHARACTERS:
        return {}
    try:
        return parse_qs(query, max_num_fields=PARAMETERS)
    except ValueError:
        return {}


def _peer(request: web.Request) -> str | None:
    """The address of who has connected; the empty one for a unix socket, whatever name the other end gives itself."""
    tcp = None if request.transport is None else request.transport.get_extra_info("socket")
    return "" if tcp is not None and tcp.family == socket.AF_UNIX else request.remote


def _body(text: bytes) -> web.Response:
    return web.Response(
        body=text, headers={"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"}
    )


def _bad(code: int, message: str) -> web.Response:
    """The answer of the reference server, down to its codes."""
    return web.json_response({"code": code, "message": message}, status=400)
