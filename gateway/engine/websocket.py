"""The websocket under a connection: frames on a socket of its own, after a handshake that was read elsewhere.

No task, no timer and no queue per socket, and no permessage-deflate, which costs a hundred kilobytes and half of the
throughput.
"""

import asyncio
import os
import socket as sockets
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from gateway.engine import frames, packets
from gateway.engine.client_socket import ClientSocket
from gateway.engine.frames import FrameError, FrameReader
from gateway.engine.handshake import HandshakeError, answer_to


class Carried(Protocol):
    """The connection that a websocket carries, or may carry once its client has upgraded to it."""

    @property
    def prober(self) -> "WebSocket | None":
        """The websocket of the upgrade under way."""
        ...

    def receive(self, data: str | bytes) -> None:
        """An Engine.IO packet has come."""
        ...

    def probe(self) -> None:
        """The client has sent the probe on the prober."""
        ...

    def adopt(self, socket: "WebSocket") -> None:
        """The client has upgraded to `socket`."""
        ...

    def emptied(self) -> None:
        """The kernel takes more again."""
        ...

    def malformed(self, error: Exception, *, code: int) -> None:
        """The client broke the protocol: close the connection with this close code."""
        ...

    def linger(self, socket: "WebSocket") -> None:
        """Abort `socket` if it has not gone soon."""
        ...

    def lost(self, socket: "WebSocket") -> None:
        """`socket` has gone."""
        ...


class TakenOver(web.StreamResponse):
    """What the handler of a taken-over request returns to aiohttp: already answered, nothing to send or to end."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        del request
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        del data


class WebSocket(ClientSocket):
    """One websocket. Its connection gets text as str, binary messages as bytes, and is told when it has gone."""

    __slots__ = ("_connection", "_parting", "_probed", "_reader", "probes")

    def __init__(self, connection: Carried, *, message_bytes: int, probes: bool) -> None:
        super().__init__()
        self._connection = connection
        self._reader = FrameReader(message_bytes)
        self._parting = False
        """Whether a close frame was sent or has come: only the answer to it matters now."""
        self._probed = False
        """Whether the probe has come. No client sends a second, and each would be answered, however many there are."""
        self.probes = probes
        """Whether this is an upgrade under way, and not yet the connection's transport."""

    def begin(
        self, socket: sockets.socket, answer: bytes, *, greeting: bytes = b"", early: bytes = b""
    ) -> None:
        """Give the handshake its `answer` on its socket. `early` is what came behind it.

        `greeting` is the first frame, sent along with the answer: a good part of a connect is the kernel's `send`.
        """
        self.open(socket)
        self.write(answer + greeting)
        if early:
            self._loop.call_soon(self.received, early)

    # Coming in

    def received(self, data: bytes) -> None:
        if len(data) == frames.LETTER_BYTES and not self._parting:
            # What an idle client says, and nothing else: that it is there.
            letter = self._reader.letter(data)
            if letter is not None:
                self._receive(letter)
                return
        try:
            for opcode, payload in self._reader.feed(data):
                self._take(opcode, payload)
                if self._socket is None:
                    return
        except FrameError as error:
            self._fail(error.code)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._closed_by_client(payload)
        elif self._parting:
            return
        elif opcode == frames.TEXT:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                raise FrameError(frames.INVALID_TEXT) from None
            self._receive(text)
        elif opcode == frames.BINARY:
            self._receive(payload)
        else:
            self._control(opcode, payload)

    def _receive(self, data: str | bytes) -> None:
        if not self.probes:
            self._connection.receive(data)
        elif data == "2probe" and not self._probed and self._connection.prober is self:
            self._probed = True
            self.write(packets.PROBED.frame)
            self._connection.probe()
        elif data == "5" and self._connection.prober is self:
            self.probes = False
            self._connection.adopt(self)
        else:
            self._fail(frames.PROTOCOL_ERROR)

    def _control(self, opcode: int, payload: bytes) -> None:
        # Unlike a browser's, these are rare; they count like events, so that nobody gets a PONG for each of thousands.
        self._connection.receive("6")
        if opcode == frames.PING and not self.unsent:
            self.write(packets.frame(packets.PONG, payload))

    def _fail(self, code: int) -> None:
        """The client broke the protocol: say so, and go."""
        connection = self._connection
        if self.probes:
            self.close(code)
            connection.lost(self)
        else:
            connection.malformed(FrameError(code), code=code)
            self.close(code)

    # Ending

    def close(self, code: int | None) -> None:
        """Send a close frame and wait a moment for the client's; without a code, just close. Idempotent."""
        if self._socket is None or self._parting:
            return
        self._part()
        if code is None:
            self.shut()
        else:
            self.write(packets.frame(packets.CLOSE, code.to_bytes(2, "big")))
            # Reading goes on for the client's answer: closing with unread input would reset the connection, and what
            # was written last might never arrive.
            self.go_on()

    def emptied(self) -> None:
        if not self._parting:
            self._connection.emptied()

    def gave_up(self) -> None:
        """The upgrade is over without success; the connection goes on polling."""
        self._connection.lost(self)

    def gone(self) -> None:
        self._connection.lost(self)

    def _part(self) -> None:
        self._parting = True
        self._connection.linger(self)

    def _closed_by_client(self, payload: bytes) -> None:
        if self._socket is None:
            return
        if not self._parting:
            self._part()
            self.write(packets.frame(packets.CLOSE, payload[:2]))
        self.shut()
        self._connection.lost(self)


def taken_from(request: web.BaseRequest) -> tuple[sockets.socket, bytes, bytes]:
    """The TCP connection of a handshake, the answer to it, and the bytes behind it; aiohttp forgets it.

    What it has for every connection would be idle weight on a websocket: a request handler, two tasks, streams. Raises
    `HandshakeError` when the request is none, or the connection cannot be had. The handler of the request returns
    `TakenOver`.
    """
    answer = answer_to(request)
    handler = request.protocol
    transport = handler.transport
    if transport is None or transport.is_closing() or transport.get_write_buffer_size():
        raise HandshakeError
    # One that was pipelined behind other requests has them unanswered: no client does this.
    if handler._messages:  # noqa: SLF001 - aiohttp has no public way to hand over a connection
        raise HandshakeError
    early = handler._message_tail  # noqa: SLF001 - frames that came with the handshake
    handler._message_tail = b""  # noqa: SLF001
    # A second descriptor of the same socket: the transport takes its own along when it ends.
    own = transport.get_extra_info("socket")
    socket = sockets.socket(own.family, own.type, own.proto, fileno=os.dup(own.fileno()))
    socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
    # aiohttp closes what it holds when the handler returns, so it must hold nothing; then it is told that the
    # connection has gone, which ends its tasks, its timer and its bookkeeping.
    handler.transport = None
    transport.set_protocol(asyncio.Protocol())
    transport.abort()
    handler.connection_lost(None)
    return socket, answer, early
