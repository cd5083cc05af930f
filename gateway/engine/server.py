"""The Socket.IO server of the gateway: python-socketio's, on the engine's own transport.

Handlers, namespaces, acknowledgements and refusals are python-socketio's. What is different: everything that goes out
takes one bounded path per connection, everything that comes in is worked on one by one in its order, by a task that
lives as long as there is work, and no client can have more of anything than `EngineLimits` gives it.
"""

import asyncio
import functools
import json
import logging
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any

import socketio
from aiohttp import web
from socketio import packet as wire
from socketio.exceptions import ConnectionRefusedError as Refused

from gateway.engine.closing import Reason
from gateway.engine.connection import UNLIMITED, Connection
from gateway.engine.deadlines import Deadlines
from gateway.engine.frames import SERVICE_RESTART
from gateway.engine.limits import EngineLimits
from gateway.engine.manager import Manager, Session, Stage
from gateway.engine.packets import Packet
from gateway.engine.refusals import OTHER, Refusal
from gateway.engine.stats import Stats
from gateway.engine.transport import Transport
from gateway.ground.origins import Origins

OnOpen = Callable[[str, str], Awaitable[None]]
"""Takes (sid, namespace) of a session that was just let in: its CONNECT packet is queued, nothing else yet."""

ATTACHMENTS = 16
"""Binary attachments of one packet."""
RESERVED = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Events that the reference client refuses to send: one that comes is an attempt to call a handler by its name."""
STOP_SECONDS = 5.0
DRAIN_STEP_SECONDS = 0.1
LATER_SECONDS = 2.0
"""How long a client that cannot be let in for now is kept before its transport closes.

A stock client comes back about a second after a transport that had opened, however often that has been in vain: this
pause is what keeps it from trying every second.
"""

logger = logging.getLogger(__name__)


class _Ended:
    """Stands in an inbox for the end of the connection: after all that came before it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Server(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """A Socket.IO server that writes to many sockets quickly and to slow ones only so much.

    `write` and `fan_out` never wait. Every session gets what is written to it in the order of the calls, on every
    transport and through an upgrade. For one session the handlers `connect`, `on_open`, its events and `disconnect`
    run one after the other; `disconnect` runs once for every session whose `connect` succeeded.
    """

    eio: Transport
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
        self.stats = Stats()
        self.on_open = on_open
        self._works: set[asyncio.Task[None]] = set()
        self._asked = Deadlines(self.limits.connect_deadline_seconds, self._interrupt)
        self._put_off = Deadlines(LATER_SECONDS, self._send_for_later)
        super().__init__(
            client_manager=client_manager or Manager(),
            namespaces=list(namespaces),
            limits=self.limits,
            stats=self.stats,
            origins=origins or Origins(),
        )
        self.eio.above = self

    def _engineio_server_class(self) -> type[Transport]:
        return Transport

    def attach(self, app: web.Application, socketio_path: str = "socket.io", *, prefix: str = "") -> None:
        """Answer at the path on the site, and behind `prefix` there: the site's router takes that off (`gateway.ground.prefix`)."""
        path = f"/{socketio_path.strip('/')}/"
        self.eio.paths = frozenset({path, prefix + path})
        app.router.add_route("*", path, self.eio.handle_request)

    # Sending

    def write(self, sid: str, packet: Packet) -> None:
        """Owe `packet` to one session. One that is not open gets nothing."""
        session = self.manager.sessions.get(sid)
        if session is not None and session.stage is Stage.OPEN:
            session.connection.write(packet)
            self.stats.deliveries += 1

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        """Owe `packet` to every open session that has entered the room; answers how many these are."""
        members = self.manager.members(namespace, room)
        count = len(members)
        if count == 1:
            # Most rooms are a user's own: nothing to share, and no members to walk over.
            next(iter(members.values())).write(packet)
            self.stats.deliveries += 1
        elif count:
            self.eio.tick.fan_out(members, packet)
            self.stats.deliveries += count
        return count

    async def write_all(self, sid: str, packets: Iterable[Packet]) -> bool:
        """Write many packets at the client's pace, never more than half of its bound at once; False when it has gone.

        For what is large and not the client's fault, like a replay. What others write meanwhile goes in between.
        """
        session = self.manager.sessions.get(sid)
        if session is None:
            return False
        connection = session.connection
        room = min(connection.limit, 2**20) // 2
        for packet in packets:
            if connection.backlog > room and not await connection.drain():
                return False
            self.write(sid, packet)
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
        """Sessions of this node, those about to open included."""
        return self.manager.count

    def rooms_of(self, sid: str) -> Collection[str]:
        session = self.manager.sessions.get(sid)
        return () if session is None else frozenset(session.rooms)

    def members(self, namespace: str, room: str) -> Collection[str]:
        return self.manager.room(namespace, room).keys()

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on."""
        self.manager.enter(sid, namespace, room)

    def expel(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room no more."""
        self.manager.leave(sid, namespace, room)

    def address(self, sid: str) -> str:
        """The client's address, as trusted proxies tell it; empty when the session has gone."""
        session = self.manager.sessions.get(sid)
        return "" if session is None else session.connection.environ["REMOTE_ADDR"]

    # Ending

    async def close(
        self, sid: str, namespace: str, reason: Reason, *, retry_after: float | None = None
    ) -> None:
        """Say `closing`, then end the session so that a stock client does what `reason` wants of it."""
        session = self.manager.sessions.get(sid)
        if session is None or session.namespace != namespace:
            return
        if reason is Reason.SLOW_CONSUMER:
            session.connection.evict()
            return
        self.write(sid, _closing(namespace, reason, retry_after))
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
        if session is None or session.namespace != namespace or session.stage is not Stage.OPEN:
            return
        connection = session.connection
        connection.write(self._packet(wire.DISCONNECT, namespace))
        await self._end(session, self.reason.SERVER_DISCONNECT)
        # A stock client closes its transport when its last namespace has gone; others are helped.
        self.eio.refused(connection)

    async def drain(self, *, seconds: float, reason: Reason = Reason.DRAINING) -> None:
        """Send every client away within `seconds`, evenly, each with a moment of its own at which to come back."""
        connections = list(self.eio.sockets.values())
        random.shuffle(connections)
        steps = max(1, math.floor(seconds / DRAIN_STEP_SECONDS / 2))
        batch = max(1, math.ceil(len(connections) / steps))
        spread = max(1.0, len(connections) / 500)
        self.eio.stopping = True
        for start in range(0, len(connections), batch):
            for connection in connections[start : start + batch]:
                self._send_away(connection, reason, retry_after=round(random.uniform(0.1, spread), 2))  # noqa: S311 - jitter
            await asyncio.sleep(DRAIN_STEP_SECONDS)

    async def stop(self) -> None:
        """Close everything and wait until no handler, task or timer of the engine is left; idempotent."""
        await self.eio.shutdown()
        self._asked.clear()
        self._put_off.clear()
        if self._works:
            _, late = await asyncio.wait(self._works, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def shutdown(self) -> None:
        """The library's name for `stop`, which in the library leaves clients and tasks behind."""
        await self.stop()

    def _send_away(self, connection: Connection, reason: Reason, *, retry_after: float | None) -> None:
        for session in connection.sessions.values():
            if session.stage is Stage.OPEN:
                connection.write(_closing(session.namespace, reason, retry_after))
        connection.close("server disconnect", code=SERVICE_RESTART)

    # What comes in; called by the transport

    def excess(self, connection: Connection) -> None:
        self._send_away(connection, Reason.RATE_LIMITED, retry_after=5)

    def message(self, connection: Connection, data: str | bytes) -> None:
        """Take a message apart and put what it asks for in the inbox. Raises what malformed ones raise."""
        packet = connection.partial
        if packet is not None:
            if isinstance(data, str):
                raise ValueError("a text where an attachment is due")
            connection.attachments += len(data)
            if connection.attachments > (self.limits.max_message_bytes or UNLIMITED):
                raise ValueError("attachments are too large")
            if not packet.add_attachment(data):
                return
            connection.partial = None
        elif isinstance(data, bytes):
            raise ValueError("an attachment that was not announced")
        else:
            packet = self.packet_class(encoded_packet=data[1:])
            if packet.packet_type in (wire.BINARY_EVENT, wire.BINARY_ACK):
                if not 0 < packet.attachment_count <= ATTACHMENTS:
                    raise ValueError("too many attachments")
                connection.partial = packet
                connection.attachments = len(data)
                return
            if packet.attachment_count:
                raise ValueError("attachments where none can be")
        self._sort(connection, packet, len(data))

    def _sort(self, connection: Connection, packet: Any, size: int) -> None:
        kind = packet.packet_type
        if kind in (wire.EVENT, wire.BINARY_EVENT):
            name = packet.data[0]
            if not isinstance(packet.data, list) or not isinstance(name, str) or name in RESERVED:
                raise ValueError("an event without a name, or with one that is reserved")
        elif kind in (wire.ACK, wire.BINARY_ACK):
            if not isinstance(packet.data, list) or packet.id is None:
                raise ValueError("an acknowledgement of nothing")
        elif kind == wire.CONNECT:
            if not isinstance(packet.data, dict | None):
                raise ValueError("a CONNECT whose auth is no object")
        elif kind != wire.DISCONNECT:
            raise ValueError("a packet that only servers send")
        if kind in (wire.ACK, wire.BINARY_ACK):
            # Past the inbox: the handler at work may be the one that waits for it.
            self._acknowledged(connection, packet)
            return
        if connection.inbox is None:
            connection.inbox = deque()
        connection.inbox.append((packet, size))
        connection.inbox_bytes += size
        if connection.inbox_bytes > self.limits.max_message_bytes > 0 and connection.socket is not None:
            connection.socket.hold()
        self.obey(connection)

    def _acknowledged(self, connection: Connection, packet: Any) -> None:
        session = connection.sessions.get(packet.namespace or "/")
        callback = None if session is None else self.manager.callback(session.sid, packet.id)
        if session is None or callback is None:
            return
        self._own(self.manager.call_back(callback, packet.data), name=f"acknowledgement of {session.sid}")

    def ended(self, connection: Connection, reason: str) -> None:
        if connection.sessions or connection.worker is not None:
            if connection.inbox is None:
                connection.inbox = deque()
            connection.inbox.append((_Ended(reason), 0))
            self.obey(connection)

    def obey(self, connection: Connection) -> None:
        if connection.worker is None:
            connection.worker = self._own(self._work(connection), name=f"connection {connection.sid}")

    def _own(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that `stop` waits for."""
        task = asyncio.create_task(work, name=name)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def _work(self, connection: Connection) -> None:
        """Do what is in the inbox, one by one, and end."""
        inbox = connection.inbox
        assert inbox is not None
        try:
            while inbox:
                item, size = inbox.popleft()
                try:
                    await self._do(connection, item)
                except Exception:
                    # A bug in a handler. Once per connection: a client must not be able to fill the log.
                    if not connection.faulted:
                        connection.faulted = True
                        logger.exception("handler failed", extra={"connection": connection.sid})
                connection.inbox_bytes -= size
        finally:
            connection.worker = None
            connection.inbox = None
        if connection.socket is not None:
            connection.socket.go_on()

    async def _do(self, connection: Connection, item: Any) -> None:
        if isinstance(item, _Ended):
            for left in list(connection.sessions.values()):
                await self._end(left, item.reason)
            return
        namespace = item.namespace or "/"
        if item.packet_type == wire.CONNECT:
            await self._let_in(connection, namespace, item.data)
            return
        session = connection.sessions.get(namespace)
        if session is None or session.stage is not Stage.OPEN:
            return
        if item.packet_type == wire.DISCONNECT:
            await self._end(session, self.reason.CLIENT_DISCONNECT)
            self.eio.refused(connection)
        else:
            answer = await self._trigger_event(item.data[0], namespace, session.sid, *item.data[1:])
            if item.id is not None and answer is not self.not_handled:
                values = [] if answer is None else list(answer) if isinstance(answer, tuple) else [answer]
                connection.write(self._packet(wire.ACK, namespace, values, item.id))

    # Letting in

    async def _let_in(self, connection: Connection, namespace: str, auth: Any) -> None:
        """Decide on a CONNECT: a session, or a refusal that tells why. Whatever happens, the client hears of it."""
        await self.eio.gate.passage()
        if connection.closed:
            return
        refusal = self._objection(namespace)
        sid = None if refusal else await self.manager.pre_connect(connection.sid, namespace)
        if sid is None:
            self._refuse(connection, namespace, refusal or Refusal.final(OTHER, "Already connected"))
            return
        refusal = await self._ask(sid, namespace, connection, auth)
        if refusal:
            await self.manager.disconnect(sid, namespace, ignore_queue=True)
            self._refuse(connection, namespace, refusal)
            return
        # Queued before the session is open, so that it is the first thing the client gets.
        connection.write(_welcome(namespace, sid))
        await self.manager.connect(sid, namespace)
        self.stats.opened += 1
        # If the client has gone meanwhile, what is in the inbox ends the session next.
        if self.on_open is not None and not connection.closed:
            await self.on_open(sid, namespace)

    def _objection(self, namespace: str) -> Refusal | None:
        if namespace not in self.namespaces and namespace not in self.handlers:
            return Refusal.final("invalid_namespace", "Invalid namespace")
        return Refusal.for_now("draining") if self.eio.stopping else None

    async def _ask(self, sid: str, namespace: str, connection: Connection, auth: Any) -> Refusal | None:
        """Call the connect handler; answers the refusal, if it is one.

        A handler that fails or takes too long is a refusal as well: the library would leave the client without an
        answer, and the rooms with a member that nobody is.
        """
        session = self.manager.sessions[sid]
        self._asked.put(session)
        try:
            answer = await self._trigger_event("connect", namespace, sid, connection.environ, auth)
        except Refused as refused:
            return Refusal.of(refused.error_args)
        except asyncio.CancelledError:
            if not session.overdue:
                raise
            answer = None
        except Exception as failure:
            logger.exception("connect handler failed", extra={"kind": type(failure).__name__})
            return Refusal.for_now("unavailable")
        if session.overdue:
            # The library takes a handler that was cancelled for one that has answered nothing.
            logger.error("connect handler took too long")
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            return Refusal.for_now("unavailable")
        return Refusal.final(OTHER, "Connection rejected by server") if answer is False else None

    def _interrupt(self, session: Session) -> None:
        """End a connect handler that has had its time; one timer for all of them, where each would need its own."""
        worker = session.connection.worker
        is_asked = session.stage is Stage.PENDING and self.manager.sessions.get(session.sid) is session
        if is_asked and worker is not None:
            session.overdue = True
            worker.cancel()

    def _refuse(self, connection: Connection, namespace: str, refusal: Refusal) -> None:
        self.stats.refusals.note(refusal.code, connection.environ["REMOTE_ADDR"])
        if not refusal.temporary:
            connection.write(self._packet(wire.CONNECT_ERROR, namespace, refusal.told))
            self.eio.refused(connection)
        elif self.eio.stopping:
            # Its next handshake is refused here, or let in by another node.
            self._send_for_later(connection)
        else:
            self._put_off.put(connection)

    def _send_for_later(self, connection: Connection) -> None:
        """Close the transport of a client that could not be let in, so that it comes back."""
        self._send_away(connection, Reason.UNAVAILABLE, retry_after=1)

    async def _end(self, session: Session, reason: str) -> None:
        """End a session once, and tell its disconnect handler."""
        if session.stage is Stage.LEAVING:
            return
        was_open = session.stage is Stage.OPEN
        self.manager.pre_disconnect(session.sid, session.namespace)
        try:
            if was_open:
                await self._trigger_event("disconnect", session.namespace, session.sid, reason)
        finally:
            await self.manager.disconnect(session.sid, session.namespace, ignore_queue=True)

    def _packet(self, kind: int, namespace: str, data: Any = None, number: int | None = None) -> Packet:
        return Packet.encoded(self.packet_class(kind, namespace=namespace, data=data, id=number).encode())

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            connection.write(Packet.encoded(pkt.encode()))

    def get_environ(self, sid: str, namespace: str | None = None) -> Any:
        del namespace
        session = self.manager.sessions.get(sid)
        return None if session is None else session.connection.environ


def _welcome(namespace: str, sid: str) -> Packet:
    prefix = "" if namespace == "/" else namespace + ","
    return Packet.of(f'40{prefix}{{"sid":"{sid}"}}'.encode())


@functools.lru_cache(maxsize=256)
def _closing(namespace: str, reason: Reason, retry_after: float | None) -> Packet:
    payload = {"reason": reason, "reconnect": reason.reconnect, "retry_after": retry_after}
    return Packet.event(namespace, json.dumps(["closing", payload], separators=(",", ":")).encode())
