"""The Socket.IO server of the gateway: python-socketio's, on the engine's own transport.

Handlers, namespaces, acknowledgements and refusals are python-socketio's. What is different: everything that goes out
takes one bounded path per connection, everything that comes in is worked on one by one in its order, by a task that
lives as long as there is work, and no client can have more of anything than `EngineLimits` gives it.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import socketio
from aiohttp import web
from socketio import packet as sio

from gateway.engine.closing import ClosingReason
from gateway.engine.connection import Connection
from gateway.engine.draining import send_all_away
from gateway.engine.engine_io import EngineIO
from gateway.engine.entrance import Entrance
from gateway.engine.frames import SERVICE_RESTART
from gateway.engine.inbox import End
from gateway.engine.intake import Intake
from gateway.engine.limits import UNLIMITED, EngineLimits
from gateway.engine.manager import Manager
from gateway.engine.messages import closing, message
from gateway.engine.namespace_session import NamespaceSession, NamespaceStage
from gateway.engine.packets import Packet, lots
from gateway.engine.requests import Requests
from gateway.engine.stats import EngineStats
from gateway.engine.tick import Tick
from gateway.ground.origins import Origins

OnOpen = Callable[[str, str], Awaitable[None]]
"""Takes (sid, namespace) of a session that was just let in: its CONNECT packet is queued, nothing else yet."""

FEW = 4
"""A room of no more sessions is a user's own, with a few tabs: its events are seldom joined, so none waits for others."""

ANSWER_SECONDS = 60.0
"""How long a client may take to read a large answer."""


class Server(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """A Socket.IO server that writes to many sockets quickly and to slow ones only so much.

    `write` and `fan_out` never wait. Every session gets what is written to it in the order of the calls, on every
    transport and through an upgrade. For one session the handlers `connect`, `on_open`, its events and `disconnect`
    run one after the other; `disconnect` runs once for every session whose `connect` succeeded.
    """

    eio: EngineIO
    manager: Manager

    def __init__(
        self,
        *,
        limits: EngineLimits | None = None,
        origins: Origins | None = None,
        on_open: OnOpen | None = None,
        client_manager: Manager | None = None,
        namespaces: Iterable[str] = ("/", "/admin"),
    ) -> None:
        self.limits = limits or EngineLimits()
        self.stats = EngineStats()
        self.on_open = on_open
        tick = Tick()
        super().__init__(
            client_manager=client_manager or Manager(),
            namespaces=list(namespaces),
            limits=self.limits,
            stats=self.stats,
            tick=tick,
            origins=origins or Origins(),
        )
        self._requests = Requests(self.eio)
        self.manager.serve(self.eio.sockets, tick=tick, stats=self.stats, generate_id=self.eio.generate_id)
        self._tick = tick
        self._entrance = Entrance(
            manager=self.manager,
            eio=self.eio,
            stats=self.stats,
            deadline_seconds=self.limits.connect_deadline_seconds,
            serves=lambda namespace: namespace in self.namespaces or namespace in self.handlers,
            ask=functools.partial(self._trigger_event, "connect"),
            send_away=self._send_away,
        )
        self.intake = self.eio.socketio = Intake(
            self.manager,
            message_bytes=self.limits.max_message_bytes or UNLIMITED,
            do=self._do,
            send_away=self._send_away,
        )

    def _engineio_server_class(self) -> type[EngineIO]:
        return EngineIO

    def attach(self, app: web.Application, socketio_path: str = "socket.io", *, prefix: str = "") -> None:
        """Answer at the path on the site, and behind `prefix` there: the site's router takes that off (`gateway.ground.prefix`)."""
        path = f"/{socketio_path.strip('/')}/"
        self.eio.paths = frozenset({path, prefix + path})
        app.router.add_route("*", path, self._requests.answer)

    # Sending

    def write(self, sid: str, packet: Packet) -> None:
        """Owe `packet` to one session. One that is not open gets nothing."""
        session = self.manager.sessions.get(sid)
        if session is not None and session.stage is NamespaceStage.OPEN:
            session.connection.write(packet)
            self.stats.deliveries += len(packet.parts) or 1

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        """Owe `packet` to every open session that has entered the room; answers how many these are."""
        members = self.manager.members(namespace, room)
        count = len(members)
        if count > FEW:
            self._tick.fan_out(members, packet)
        elif count == 1:
            # Most rooms are a user's own, with one connection.
            next(iter(members.values())).write_now(packet)
        else:
            for connection in tuple(members.values()):
                connection.write_now(packet)
        self.stats.deliveries += count
        return count

    def fan_out_each(self, namespace: str, room: str, packet_of: Callable[[str], Packet]) -> int:
        """Owe every open session in the room the packet that `packet_of` has for its sid; answers how many these are.

        For few different packets: sessions that get the same one are written to together.
        """
        lots: dict[Packet, dict[str, Connection]] = {}
        members = self.manager.members(namespace, room)
        for sid, connection in members.items():
            lots.setdefault(packet_of(sid), {})[sid] = connection
        for packet, lot in lots.items():
            self._tick.fan_out(lot, packet)
        self.stats.deliveries += len(members)
        return len(members)

    async def write_all(self, sid: str, packets: Iterable[Packet]) -> bool:
        """Write many packets at the client's pace, never more than half of its bound at once; False when it has gone.

        For what is large and not the client's fault, like a replay. What others write meanwhile goes in between.
        """
        session = self.manager.sessions.get(sid)
        if session is None:
            return False
        connection = session.connection
        room = min(connection.limit, 2**20) // 2
        for lot in lots(packets, bytes_max=room):
            if connection.backlog > room and not await connection.drain():
                return False
            self.write(sid, lot)
        return not connection.closed

    async def emit(
        self,
        event: str,
        data: Any = None,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,  # noqa: FBT001, FBT002 - the library's signature
    ) -> None:
        """As in the library, but an empty `to` or `room` reaches nobody where there it reaches everybody."""
        await self.manager.emit(
            event,
            data,
            namespace or "/",
            room=room if to is None else to,
            skip_sid=skip_sid,
            callback=callback,
            ignore_queue=ignore_queue,
        )

    # Asking

    def connection_count(self) -> int:
        """Transports open on this node, whatever sessions they have: what `max_connections` bounds."""
        return len(self.eio.sockets)

    def members(self, namespace: str, room: str) -> Collection[str]:
        return self.manager.room(namespace, room).keys()

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on."""
        self.manager.enter(sid, namespace, room)

    def expel(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room no more."""
        self.manager.leave(sid, namespace, room)

    # Ending

    async def close(
        self, sid: str, namespace: str, reason: ClosingReason, *, retry_after: float | None = None
    ) -> None:
        """Say `closing`, then end the session so that a stock client does what `reason` wants of it."""
        session = self.manager.sessions.get(sid)
        if session is None or session.namespace != namespace:
            return
        if reason is ClosingReason.SLOW_CONSUMER:
            session.connection.evict()
            return
        self.write(sid, closing(namespace, reason, retry_after))
        if reason.reconnect:
            session.connection.close("server disconnect", code=SERVICE_RESTART)
        else:
            await self.disconnect(sid, namespace)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """End a session for good: a stock client does not reconnect after this."""
        namespace = namespace or "/"
        if not ignore_queue and not await self.manager.can_disconnect(sid, namespace):
            return
        session = self.manager.sessions.get(sid)
        if session is None or session.namespace != namespace or session.stage is not NamespaceStage.OPEN:
            return
        connection = session.connection
        connection.write(message(sio.DISCONNECT, namespace))
        await self._end(session, self.reason.SERVER_DISCONNECT)
        # A stock client closes its transport when its last namespace has gone; others are helped.
        self.eio.refused(connection)

    async def drain(self, *, seconds: float, reason: ClosingReason = ClosingReason.DRAINING) -> None:
        """Send every client away within `seconds`, evenly, each with a moment of its own at which to come back."""
        self.eio.stopping = True
        await send_all_away(self.eio.sockets.values(), self._send_away, reason, seconds=seconds)

    async def stop(self) -> None:
        """Close everything and wait until no handler, task or timer of the engine is left; idempotent."""
        await self.eio.shutdown()
        self._entrance.clear()
        await self.intake.stop()

    async def shutdown(self) -> None:
        """The library's name for `stop`, which in the library leaves clients and tasks behind."""
        await self.stop()

    def _send_away(self, connection: Connection, reason: ClosingReason, *, retry_after: float | None) -> None:
        """Say `closing` in every namespace of the connection, and close it so that a stock client comes back."""
        for session in self.manager.sessions_of(connection):
            if session.stage is NamespaceStage.OPEN:
                connection.write(closing(session.namespace, reason, retry_after))
        connection.close("server disconnect", code=SERVICE_RESTART)

    # What comes in

    async def _do(self, connection: Connection, item: Any) -> None:
        """Do what a packet asks for, or end the connection's sessions."""
        if isinstance(item, End):
            for left in self.manager.sessions_of(connection):
                await self._end(left, item.reason)
            return
        namespace = item.namespace or "/"
        if item.packet_type == sio.CONNECT:
            session = await self._entrance.decide(connection, namespace, item.data)
            # If the client has gone meanwhile, what is in the inbox ends the session next.
            if session is not None and self.on_open is not None and not connection.closed:
                await self.on_open(session.sid, namespace)
            return
        session = self.manager.session_of(connection, namespace)
        if session is None or session.stage is not NamespaceStage.OPEN:
            return
        if item.packet_type == sio.DISCONNECT:
            await self._end(session, self.reason.CLIENT_DISCONNECT)
            self.eio.refused(connection)
        else:
            answer = await self._trigger_event(item.data[0], namespace, session.sid, *item.data[1:])
            if item.id is not None and answer is not self.not_handled:
                values = [] if answer is None else list(answer) if isinstance(answer, tuple) else [answer]
                await self._answer(connection, message(sio.ACK, namespace, values, item.id))

    async def _answer(self, connection: Connection, packet: Packet) -> None:
        """Give an answer, as large as it was asked for: to drop the client for it would have it ask again."""
        if connection.backlog + len(packet.frame) <= connection.mark // 2:
            connection.write(packet)
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.write_whole(packet)
        except TimeoutError:
            connection.evict()

    async def _end(self, session: NamespaceSession, reason: str) -> None:
        """End a session once, and tell its disconnect handler."""
        if session.stage is NamespaceStage.LEAVING:
            return
        was_open = session.stage is NamespaceStage.OPEN
        self.manager.pre_disconnect(session.sid, session.namespace)
        try:
            if was_open:
                await self._trigger_event("disconnect", session.namespace, session.sid, reason)
        finally:
            await self.manager.disconnect(session.sid, session.namespace, ignore_queue=True)

    # What the library offers, or calls

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        return await self._requests.answer(request)

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            connection.write(Packet.encoded(pkt.encode()))

    def get_environ(self, sid: str, namespace: str | None = None) -> Any:
        del namespace
        session = self.manager.sessions.get(sid)
        return None if session is None else session.connection.environ
