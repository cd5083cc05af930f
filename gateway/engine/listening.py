"""Listening: a site of aiohttp whose connections are accepted few at a time, and looked at before aiohttp gets them.

asyncio accepts as many as its backlog in one go, libuv as many as there are. With a backlog that survives a reconnect
storm that is thousands, and everybody already connected waits for half a second; with a small one the kernel drops
what does not fit, and clients wait for seconds. So the kernel's queue is long here, and each turn takes a few from it.

A websocket's handshake is answered right where it was accepted. Everything else goes on to aiohttp.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from aiohttp import web

from gateway.engine import handshake as handshakes
from gateway.engine.deadlines import Deadlines
from gateway.engine.handshake import Handshake
from gateway.engine.http import HttpConnection, Refuse, connections, plain_refusal

BACKLOG = 4096
ACCEPTS_A_TURN = 4
PAUSE_SECONDS = 1.0
"""How long no more is accepted after the process has run out of file descriptors or memory."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
SILENCE_SECONDS = 10.0
"""How long a connection may stay without a first word."""
SILENT = 10_000
"""Connections that have not said a word; more are closed at once."""
SEND_BUFFER_BYTES = 65_536
"""Asked of the kernel per socket (it takes twice that); its own growth to megabytes would hide a slow client."""
UNREAD_SECONDS = 45.0
"""How long a peer may take nothing: one with a closed window would hold its connection for ever by answering probes."""

logger = logging.getLogger(__name__)


class Websockets(Protocol):
    """Who takes websockets in: `gateway.engine.transport.Transport`."""

    def enter(self, tcp: socket.socket, peer: str, handshake: Handshake, early: bytes) -> bool:
        """Take the connection; False when the HTTP side should answer its request."""
        ...


class _Resumed(asyncio.Protocol):
    """Gives an HTTP handler its connection, and first of all what was already read of it."""

    def __init__(self, handler: asyncio.Protocol, data: bytes) -> None:
        self._handler = handler
        self._data = data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by class.
        cast("asyncio.Transport", transport).set_protocol(self._handler)
        self._handler.connection_made(transport)
        self._handler.data_received(self._data)


class PacedListener(asyncio.AbstractServer):
    """Listening sockets, and the connections that are being made of what they accept."""

    def __init__(
        self,
        factory: Callable[[], HttpConnection],
        sockets: list[socket.socket],
        websockets: Websockets | None,
    ) -> None:
        self.sockets = sockets
        self._factory = factory
        self._websockets = websockets
        self._loop = asyncio.get_running_loop()
        self._making: set[asyncio.Task[None]] = set()
        self._silent: dict[int, socket.socket] = {}
        """Accepted, and waited for to say what they want; by descriptor."""
        self._silences = Deadlines(SILENCE_SECONDS, self._hang_up)
        self._resume: dict[socket.socket, asyncio.TimerHandle] = {}
        for listening in sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return bool(self.sockets)

    async def start_serving(self) -> None:
        """It has been serving since it was made."""

    async def serve_forever(self) -> None:
        await asyncio.get_running_loop().create_future()

    def close(self) -> None:
        for listening in self.sockets:
            if listening in self._resume:
                self._resume.pop(listening).cancel()
            self._loop.remove_reader(listening)
            listening.close()
        self.sockets = []
        self._silences.clear()
        for accepted in list(self._silent.values()):
            self._hang_up(accepted)

    async def wait_closed(self) -> None:
        if self._making:
            await asyncio.wait(self._making)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause(listening, error)
                return
            accepted.setblocking(False)  # noqa: FBT003 - the socket's own signature
            self._hear(accepted, address[0])

    def _hear(self, accepted: socket.socket, peer: str) -> None:
        """See what a connection wants, now or when it says so."""
        try:
            data = accepted.recv(handshakes.HEAD_BYTES)
        except (BlockingIOError, InterruptedError):
            self._await_word(accepted, peer)
            return
        except OSError:
            data = b""
        self._silent.pop(accepted.fileno(), None)
        if not data:
            accepted.close()
            return
        if self._websockets is not None:
            found = handshakes.read(data)
            if found is not None and self._websockets.enter(accepted, peer, *found):
                return
        task = self._loop.create_task(self._pass_on(accepted, data), name="accept")
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    def _await_word(self, accepted: socket.socket, peer: str) -> None:
        if len(self._silent) >= SILENT:
            accepted.close()
            return
        self._silent[accepted.fileno()] = accepted
        self._silences.put(accepted)
        self._loop.add_reader(accepted.fileno(), self._speaks, accepted, peer)

    def _speaks(self, accepted: socket.socket, peer: str) -> None:
        self._loop.remove_reader(accepted.fileno())
        self._hear(accepted, peer)

    def _hang_up(self, accepted: socket.socket) -> None:
        """Close a connection that has said nothing yet."""
        if self._silent.get(accepted.fileno()) is accepted:
            del self._silent[accepted.fileno()]
            self._loop.remove_reader(accepted.fileno())
            accepted.close()

    async def _pass_on(self, accepted: socket.socket, data: bytes) -> None:
        with suppress(OSError):  # it may have gone already
            await self._loop.connect_accepted_socket(lambda: _Resumed(self._factory(), data), accepted)

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
    """Use it like `web.TCPSite`; with `websockets`, these are handed to it. `refuse` answers what is no request."""

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str | None,
        port: int,
        *,
        websockets: Websockets | None = None,
        refuse: Refuse = plain_refusal,
        backlog: int = BACKLOG,
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._refuse = refuse
        self._host = host
        self._port = port
        self._websockets = websockets

    @property
    def name(self) -> str:
        host = self._host or "0.0.0.0"  # noqa: S104 - what no host means
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(
            self._host or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        opened: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(infos):
                listening = socket.socket(family, kind, protocol)
                opened.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # IPv4 has a socket of its own.
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                _bound(listening)
                listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
                listening.bind(address)
                listening.listen(self._backlog)
        except OSError:
            for listening in opened:
                listening.close()
            raise
        self._server = PacedListener(connections(server, self._refuse), opened, self._websockets)


def _bound(listening: socket.socket) -> None:
    """What connections inherit: no waiting for more to send, little kept by the kernel, an end to peers that read nothing.

    Nor are they accepted before they have said something, where the kernel can wait for that.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(SILENCE_SECONDS))
