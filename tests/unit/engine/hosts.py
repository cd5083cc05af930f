"""A server under test: Bellhop's, or the stock one, to show that a test can fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import socketio
from aiohttp import web

from gateway.engine import EngineLimits, PacedSite, Server
from gateway.ground.origins import Origins


@dataclass
class Host:
    """A Socket.IO server on a port of its own, and what its handlers have seen."""

    server: Any
    runner: web.AppRunner
    port: int = 0
    connects: list[Any] = field(default_factory=list)
    disconnects: list[str] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    environs: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], object], seconds: float = 40) -> None:
        """Wait until the condition holds; handlers wake it."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.02)

    def silent(self) -> int:
        """Connections that have not said what they want."""
        (site,) = self.runner.sites
        return len(site._server._silent)

    def sockets(self) -> int:
        return sum(1 for socket in self.server.eio.sockets.values() if not socket.closed)

    def waiting(self, connection: Any) -> int:
        """Bytes of what the connection's client has sent and nobody has worked on yet."""
        inbox = self.server.intake.get(connection.sid)
        return 0 if inbox is None else inbox.size

    async def worked_off(self, connection: Any) -> None:
        """Return when nothing of what the connection's client has sent is being worked on."""
        while (inbox := self.server.intake.get(connection.sid)) is not None and inbox.worker is not None:
            await asyncio.wait([inbox.worker])


def engine(**limits: Any) -> Server:
    return Server(limits=EngineLimits(**limits), origins=Origins(("*",)))


def stock(**limits: Any) -> Any:
    return socketio.AsyncServer(
        async_mode="aiohttp",
        cors_allowed_origins="*",
        namespaces=["/", "/admin"],
        max_http_buffer_size=limits.get("max_message_bytes", 65_536),
        ping_interval=limits.get("ping_interval_seconds", 25),
        ping_timeout=limits.get("ping_timeout_seconds", 20),
    )


@contextlib.asynccontextmanager
async def hosted(server: Any, *, door: bool = True) -> AsyncIterator[Host]:
    """Serve `server` with handlers that note what happens; `auth` of the client chooses how `connect` behaves.

    Without `door`, aiohttp reads the handshakes of websockets too, as it does those that are unusual.
    """
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    host = Host(server, runner)

    for namespace in ("/", "/admin"):

        async def connect(sid: str, environ: Any, auth: Any = None, namespace: str = namespace) -> None:
            host.connects.append(auth)
            host.environs.append(environ)
            host.changed.set()
            auth = auth or {}
            if "refuse" in auth:
                raise socketio.exceptions.ConnectionRefusedError(
                    auth["refuse"], {"code": auth["refuse"], "retry": False}
                )
            if "fail" in auth:
                raise RuntimeError("the store has gone")
            if "wait" in auth:
                await asyncio.sleep(auth["wait"])
            for room in auth.get("rooms", ["all"]):
                await server.enter_room(sid, room, namespace=namespace)

        async def disconnect(sid: str, reason: str, namespace: str = namespace) -> None:
            host.disconnects.append(reason)
            host.changed.set()

        async def echo(sid: str, *args: Any, namespace: str = namespace) -> Any:
            host.events.append((sid, args))
            host.changed.set()
            return args[0] if args else None

        server.on("connect", connect, namespace=namespace)
        server.on("disconnect", disconnect, namespace=namespace)
        server.on("echo", echo, namespace=namespace)

    await runner.setup()
    websockets = server.eio if door and isinstance(server, Server) else None
    await PacedSite(runner, "127.0.0.1", 0, websockets=websockets).start()
    host.port = runner.addresses[0][1]
    try:
        yield host
    finally:
        if isinstance(server, Server):
            await server.stop()
            await runner.cleanup()
        else:
            await abandon(server, runner)


async def abandon(server: Any, runner: web.AppRunner) -> None:
    """End a stock server, which cannot do so itself: cancel what it started."""
    for socket in list(server.eio.sockets.values()):
        socket.closed = True
        socket.queue.put_nowait(None)
    with contextlib.suppress(Exception):
        await asyncio.wait_for(server.shutdown(), 1)
    for task in asyncio.all_tasks():
        if task is not asyncio.current_task() and "engineio" in repr(task) or "socketio" in repr(task):
            task.cancel()
    with contextlib.suppress(Exception):
        await asyncio.wait_for(runner.cleanup(), 3)
