"""Listening: a site of aiohttp whose connections are accepted few at a time, and looked at before aiohttp gets them.

asyncio accepts as many as its backlog in one go, libuv as many as there are. With a backlog that survives a reconnect
storm that is thousands, and everybody already connected waits for half a second; with a small one the kernel drops
what does not fit, and clients wait for seconds. So the kernel's queue is long here, and each turn takes a few from it.

A websocket's handshake is answered right where it was accepted. Everything else goes on to aiohttp.
"""

import asyncio
import errno
import logging
import math
import os
import resource
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from aiohttp import web

from gateway.engine import handshake as handshakes
from gateway.engine.deadlines import Deadlines
from gateway.engine.engine_io import EngineIO
from gateway.engine.http import HttpConnection, Refuse, connections, plain_refusal
from gateway.ground import places
from gateway.ground.places import SILENCE_SECONDS, Listening, opened

ACCEPTS_A_TURN = 4
PAUSE_SECONDS = 1.0
"""How long no more is accepted after the process has run out of file descriptors or memory."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
SILENT = 10_000
"""Connections that have not said a word; more are closed at once."""
OWNER_AND_GROUP = 0o660
"""Who may use a unix socket, unless a site says otherwise."""

logger = logging.getLogger(__name__)


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
    """Listening sockets, and the connections that are being made of what they accept.

    With a `reserve`, that many file descriptors are never used for connections: what else the process does (its store,
    its mail, the answers to probes) must go on when clients have taken all the others.
    """

    def __init__(
        self,
        factory: Callable[[], HttpConnection],
        listening: list[Listening],
        websockets: EngineIO | None,
        *,
        reserve: int = 0,
    ) -> None:
        self.sockets = [each.socket for each in listening]
        self.exhausted: str | None = None
        """Why no connection is accepted at the moment, if none is."""
        self._listening = listening
        self._first_reserved = _descriptors() - reserve if reserve else math.inf
        """The kernel gives the lowest number that is free, so a higher one says that so many are in use."""
        self._factory = factory
        self._websockets = websockets
        self._loop = asyncio.get_running_loop()
        self._making: set[asyncio.Task[None]] = set()
        self._silent: dict[int, socket.socket] = {}
        """Accepted, and waited for to say what they want; by descriptor."""
        self._silences = Deadlines(SILENCE_SECONDS, self._hang_up)
        self._resume: dict[socket.socket, asyncio.TimerHandle] = {}
        for each in self.sockets:
            self._loop.add_reader(each, self._accept, each)

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
        for each in self._listening:
            each.close()
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
            if accepted.fileno() >= self._first_reserved:
                accepted.close()
                self._pause(listening, OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
                return
            self._recover()
            accepted.setblocking(False)  # noqa: FBT003 - the socket's own signature
            # Of a unix socket the peer has no address: the empty one stands for that.
            self._hear(accepted, "" if accepted.family == socket.AF_UNIX else address[0])

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
        if self.exhausted is None:
            self.exhausted = error.strerror or str(error)
            logger.error("cannot accept connections", extra={"errno": error.errno, "reason": self.exhausted})
        self._loop.remove_reader(listening)
        self._resume[listening] = self._loop.call_later(PAUSE_SECONDS, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        # Nobody may come for a while, above all where a load balancer has seen that none is let in: it is tried.
        try:
            spare = os.dup(listening.fileno())
        except OSError:
            spare = None
        if spare is not None:
            os.close(spare)
        if spare is None or spare >= self._first_reserved:
            self._resume[listening] = self._loop.call_later(PAUSE_SECONDS, self._go_on, listening)
            return
        del self._resume[listening]
        self._recover()
        self._loop.add_reader(listening, self._accept, listening)

    def _recover(self) -> None:
        if self.exhausted is not None:
            self.exhausted = None
            logger.warning("accepting connections again")


class PacedSite(web.BaseSite):
    """Use it like `web.TCPSite`, with one place or several. With `websockets`, these are handed to it; `refuse` answers what
    is no request.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        hosts: str | Sequence[str],
        port: int,
        *,
        websockets: EngineIO | None = None,
        refuse: Refuse = plain_refusal,
        mode: int = OWNER_AND_GROUP,
        reserve: int = 0,
    ) -> None:
        super().__init__(runner)
        self._refuse = refuse
        self._hosts = (hosts,) if isinstance(hosts, str) else tuple(hosts)
        self._port = port
        self._websockets = websockets
        self._mode = mode
        self._reserve = reserve
        self.urls: tuple[str, ...] = ()
        """Where it listens, once it does."""

    @property
    def name(self) -> str:
        return ", ".join(places.url(host, self._port) for host in self._hosts)

    @property
    def exhausted(self) -> str | None:
        """Why no connection is accepted at the moment, if none is."""
        return self._server.exhausted if isinstance(self._server, PacedListener) else None

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        listening = await opened(self._hosts, self._port, mode=self._mode)
        self.urls = tuple(each.url for each in listening)
        self._server = PacedListener(
            connections(server, self._refuse), listening, self._websockets, reserve=self._reserve
        )


def _descriptors() -> float:
    """How many file descriptors the process may have."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if most == resource.RLIM_INFINITY else most
