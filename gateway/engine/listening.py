"""Listening: a site of aiohttp that accepts few connections in a turn of the event loop.

asyncio accepts as many as its backlog in one go, libuv as many as there are. With a backlog that survives a reconnect
storm that is thousands, and everybody already connected waits for half a second; with a small one the kernel drops
what does not fit, and clients wait for seconds. So the kernel's queue is long here, and each turn takes a few from it.
"""

import asyncio
import errno
import logging
import socket
from contextlib import suppress

from aiohttp import web

BACKLOG = 4096
ACCEPTS_A_TURN = 4
PAUSE_SECONDS = 1.0
"""How long no more is accepted after the process has run out of file descriptors or memory."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

logger = logging.getLogger(__name__)


class PacedListener(asyncio.AbstractServer):
    """Listening sockets, and the connections that are being made of what they accept."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return bool(self.sockets)

    async def start_serving(self) -> None:
        """It has been serving since it was made."""

    async def serve_forever(self) -> None:
        await asyncio.get_running_loop().create_future()

    def __init__(self, factory: web.Server, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self._factory = factory
        self._loop = asyncio.get_running_loop()
        self._making: set[asyncio.Task[None]] = set()
        self._resume: dict[socket.socket, asyncio.TimerHandle] = {}
        for listening in sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        for listening in self.sockets:
            if listening in self._resume:
                self._resume.pop(listening).cancel()
            self._loop.remove_reader(listening)
            listening.close()
        self.sockets = []

    async def wait_closed(self) -> None:
        if self._making:
            await asyncio.wait(self._making)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause(listening, error)
                return
            accepted.setblocking(False)  # noqa: FBT003 - the socket's own signature
            task = self._loop.create_task(self._make(accepted), name="accept")
            self._making.add(task)
            task.add_done_callback(self._making.discard)

    async def _make(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # it may have gone already
            await self._loop.connect_accepted_socket(self._factory, accepted)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        logger.error(
            "cannot accept connections", extra={"errno": error.errno, "pause_seconds": PAUSE_SECONDS}
        )
        self._loop.remove_reader(listening)
        self._resume[listening] = self._loop.call_later(PAUSE_SECONDS, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        del self._resume[listening]
        self._loop.add_reader(listening, self._accept, listening)


class PacedSite(web.BaseSite):
    """Use it like `web.TCPSite`."""

    def __init__(
        self, runner: web.BaseRunner, host: str | None, port: int, *, backlog: int = BACKLOG
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._host = host
        self._port = port

    @property
    def name(self) -> str:
        host = self._host or "0.0.0.0"  # noqa: S104 - what no host means
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def start(self) -> None:
        await super().start()
        factory = self._runner.server
        assert factory is not None
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(
            self._host or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(infos):
                listening = socket.socket(family, kind, protocol)
                sockets.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # IPv4 has a socket of its own.
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
                listening.bind(address)
                listening.listen(self._backlog)
        except OSError:
            for listening in sockets:
                listening.close()
            raise
        self._server = PacedListener(factory, sockets)
