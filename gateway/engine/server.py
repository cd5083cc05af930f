"""The Socket.IO server of the gateway."""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import socketio
from aiohttp import web
from engineio import packet as engineio_packet

from gateway.engine.closing import Reason
from gateway.engine.limits import EngineLimits
from gateway.engine.packets import Packet

OnOpen = Callable[[str, str], Awaitable[None]]


@dataclass(slots=True)
class Stats:
    """Counters since the start."""

    deliveries: int = 0
    bytes: int = 0
    writes: int = 0
    slow_consumers: int = 0
    rate_limited: int = 0
    malformed: int = 0
    refused: int = 0


class Server(socketio.AsyncServer):  # type: ignore[misc]
    def __init__(
        self,
        *,
        limits: EngineLimits | None = None,
        cors_origins: str | Iterable[str] | None = None,
        on_open: OnOpen | None = None,
        client_manager: Any = None,
        namespaces: Iterable[str] = ("/", "/admin"),
    ) -> None:
        self.limits = limits or EngineLimits()
        self.on_open = on_open
        self.stats = Stats()
        self._tasks: set[asyncio.Task[None]] = set()
        super().__init__(
            client_manager=client_manager,
            async_mode="aiohttp",
            cors_allowed_origins=cors_origins,
            ping_interval=self.limits.ping_interval_seconds,
            ping_timeout=self.limits.ping_timeout_seconds,
            max_http_buffer_size=self.limits.max_message_bytes,
            transports=list(self.limits.transports),
            namespaces=list(namespaces),
        )

    def _namespace_of(self, sid: str) -> str | None:
        for namespace in self.manager.get_namespaces():
            if self.manager.eio_sid_from_sid(sid, namespace):
                return str(namespace)
        return None

    def _put(self, eio_sid: str, packet: Packet) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            socket.queue.put_nowait(engineio_packet.Packet(engineio_packet.MESSAGE, packet.text[1:].decode()))
            self.stats.deliveries += 1

    def write(self, sid: str, packet: Packet) -> None:
        namespace = self._namespace_of(sid)
        if namespace is not None:
            self._put(self.manager.eio_sid_from_sid(sid, namespace), packet)

    def write_many(self, sids: Iterable[str], packet: Packet) -> int:
        count = 0
        for sid in sids:
            self.write(sid, packet)
            count += 1
        return count

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on."""
        self.manager.basic_enter_room(sid, namespace, room)

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        count = 0
        for sid, eio_sid in self.manager.get_participants(namespace, room):
            if self.manager.is_connected(sid, namespace):
                self._put(eio_sid, packet)
                count += 1
        return count

    async def close(
        self, sid: str, namespace: str, reason: Reason, *, retry_after: float | None = None
    ) -> None:
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        if eio_sid is None:
            return
        event = ["closing", {"reason": reason, "reconnect": reason.reconnect, "retry_after": retry_after}]
        self.write(sid, Packet.event(namespace, json.dumps(event).encode()))
        if reason.reconnect:
            socket = self.eio.sockets.get(eio_sid)
            if socket is not None:
                await socket.close(wait=False)
                socket.queue.put_nowait(None)
        else:
            await self.disconnect(sid, namespace)

    def connection_count(self) -> int:
        return len(self.eio.sockets)

    def rooms_of(self, sid: str) -> Collection[str]:
        namespace = self._namespace_of(sid)
        return [] if namespace is None else [r for r in self.manager.get_rooms(sid, namespace) if r != sid]

    def members(self, namespace: str, room: str) -> Collection[str]:
        return [sid for sid, _ in self.manager.get_participants(namespace, room)]

    def address(self, sid: str) -> str:
        namespace = self._namespace_of(sid)
        environ = self.get_environ(sid, namespace) or {}
        remote = environ["aiohttp.request"].remote if environ else None
        return str(ipaddress.ip_address(remote)) if remote else ""

    async def drain(self, *, seconds: float, reason: Reason = Reason.DRAINING) -> None:
        for namespace in list(self.manager.get_namespaces()):
            for sid in self.members(namespace, None):  # type: ignore[arg-type]
                await self.close(sid, namespace, reason, retry_after=seconds)

    async def stop(self) -> None:
        if self.eio.sockets:
            await self.eio.disconnect()
        await self.shutdown()

    def attach(self, app: web.Application, socketio_path: str = "socket.io") -> None:
        super().attach(app, socketio_path)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        namespace = namespace or "/"
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid and self.on_open is not None:
            task = asyncio.create_task(self._opened(sid, namespace), name=f"open {sid}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _opened(self, sid: str, namespace: str) -> None:
        if self.on_open is not None:
            await self.on_open(sid, namespace)
