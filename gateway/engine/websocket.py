"""The websocket under a connection, taken over from aiohttp with its TCP connection.

aiohttp parses the handshake. From then on its request handler, its two tasks and its stream objects would be idle
weight on every connection, so the transport gets this protocol instead and aiohttp forgets it: no task, no timer, no
queue per socket, and no permessage-deflate, which costs a hundred kilobytes and half of the throughput.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import logging
import socket as sockets
import struct
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from gateway.engine import frames, packets
from gateway.engine.frames import FrameError, FrameReader

if TYPE_CHECKING:
    from gateway.engine.connection import Connection

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
SEND_BUFFER_BYTES = 65_536
"""Asked of the kernel per socket (it takes twice that); its own growth to megabytes would hide a slow client."""
TRANSPORT_BYTES = 32_768
"""What a transport may hold before the rest waits in the outbox, where frames are shared."""

_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: switched on, zero seconds

logger = logging.getLogger(__name__)


class HandshakeError(Exception):
    """The request is no websocket handshake."""


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


class WebSocket(asyncio.Protocol):
    """One websocket. Its connection gets text as str, binary messages as bytes, and is told when it has gone."""

    __slots__ = ("_closing", "_connection", "_reader", "_transport", "full", "probes")

    def __init__(self, connection: "Connection", *, message_bytes: int, probes: bool) -> None:
        self._connection = connection
        self._reader = FrameReader(message_bytes)
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self.full = False
        """Whether the transport holds enough for now."""
        self.probes = probes
        """Whether this is an upgrade under way, and not yet the connection's transport."""

    # Taking over

    def take_over(self, request: web.BaseRequest, *, greeting: bytes = b"") -> TakenOver:
        """Answer the handshake and make the request's TCP connection this websocket's. Raises `HandshakeError`.

        `greeting` is the first frame, sent along with the answer: a third of a connect is the kernel's `send`.
        """
        accept = _accept(request)
        handler = request.protocol
        transport = handler.transport
        if transport is None or transport.is_closing():
            raise HandshakeError
        # One that was pipelined behind other requests has them unanswered: no client does this.
        if handler._messages:  # noqa: SLF001 - aiohttp has no public way to hand over a connection
            raise HandshakeError
        early = handler._message_tail  # noqa: SLF001 - frames that came with the handshake
        handler._message_tail = b""  # noqa: SLF001
        # aiohttp closes what it holds when the handler returns, so it must hold nothing; then it is told that the
        # connection has gone, which ends its tasks, its timer and its bookkeeping.
        handler.transport = None
        transport.set_protocol(self)
        handler.connection_lost(None)
        bound_by_kernel(transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=TRANSPORT_BYTES)
        transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + greeting
        )
        # It may have been paused while the bytes after the handshake had no reader.
        if not transport.is_reading():
            transport.resume_reading()
        if early:
            asyncio.get_running_loop().call_soon(self.data_received, early)
        return TakenOver()

    # Going out

    def write(self, data: bytes) -> None:
        """Write whole frames. Call only while not `full`: the caller keeps the order and the bounds."""
        if self._transport is not None and not self._closing:
            self._transport.write(data)

    def pause_writing(self) -> None:
        self.full = True
        # Not at once: this is called from within the transport's own write.
        asyncio.get_running_loop().call_soon(self._tell_full)

    def resume_writing(self) -> None:
        self.full = False
        if not self._closing:
            self._connection.emptied()

    def _tell_full(self) -> None:
        if self.full and self._transport is not None and not self.probes:
            self._connection.filled(self._transport.get_write_buffer_size())

    def hold(self) -> None:
        """Read no more until `go_on`: the client is ahead of its handlers."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # Coming in

    def data_received(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                self._take(opcode, payload)
                if self._transport is None:
                    return
        except FrameError as error:
            self._fail(error.code)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._closed_by_client(payload)
        elif self._closing:
            # Only the answer to our close frame matters now.
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
        elif data == "2probe" and self._connection.prober is self:
            self.write(packets.PROBED.frame)
            # The client upgrades when its poll has ended.
            self._connection.release()
        elif data == "5" and self._connection.prober is self:
            self.probes = False
            self._connection.adopt(self)
        else:
            self._fail(frames.PROTOCOL_ERROR)

    def _control(self, opcode: int, payload: bytes) -> None:
        # Unlike a browser's, these are rare; they count like events, so that nobody gets a PONG for each of thousands.
        self._connection.receive("6")
        if opcode == frames.PING and not self.full:
            self.write(packets.frame(packets.PONG, payload))

    def _fail(self, code: int) -> None:
        """The client broke the protocol: say so, and go."""
        connection = self._connection
        if self.probes:
            self.close(code)
            connection.lost(self)
        else:
            connection.engine.malformed(connection, FrameError(code), code=code)
            self.close(code)

    # Ending

    def close(self, code: int | None) -> None:
        """Send a close frame and wait a moment for the client's; without a code, just close. Idempotent."""
        transport = self._transport
        if transport is None or self._closing:
            return
        self._closing = True
        self._connection.engine.linger(self)
        if code is None:
            transport.close()
        else:
            transport.write(packets.frame(packets.CLOSE, code.to_bytes(2, "big")))
            # Reading goes on for the client's answer: closing with unread input would reset the connection, and what
            # was written last might never arrive.
            self.go_on()

    def gave_up(self) -> None:
        """The upgrade is over without success; the connection goes on polling."""
        self._connection.lost(self)

    def abort(self) -> None:
        """End at once; what was not sent is gone."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Abort, and have the kernel forget as well what it still holds for the client.

        After a mere close it would keep the socket and up to 128 KB until a peer that does not read has timed out.
        """
        if self._transport is not None:
            socket = self._transport.get_extra_info("socket")
            if socket is not None:
                with contextlib.suppress(OSError):  # it may be closed already
                    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _AT_ONCE)
        self.abort()

    def _closed_by_client(self, payload: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if not self._closing:
            self._closing = True
            self._connection.engine.linger(self)
            transport.write(packets.frame(packets.CLOSE, payload[:2]))
        transport.close()
        self._connection.lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._closing = True
        self._connection.lost(self)


def bound_by_kernel(transport: asyncio.BaseTransport, *, seconds: float = 45.0) -> None:
    """Have the kernel drop a peer that takes nothing for `seconds`, and keep little for it.

    Without the first, a peer with a closed window holds its connection for ever, as long as it answers probes.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or socket.family not in (sockets.AF_INET, sockets.AF_INET6):
        return
    with contextlib.suppress(OSError):  # it may be closed already
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(sockets, "TCP_USER_TIMEOUT"):
            socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, int(seconds * 1000))


def is_handshake(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def _accept(request: web.BaseRequest) -> bytes:
    """The value of Sec-WebSocket-Accept (RFC 6455, section 4.2.2)."""
    headers = request.headers
    key = headers.get("Sec-WebSocket-Key", "")
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise HandshakeError from None
    upgrade = cast("Any", request)._message.upgrade  # noqa: SLF001 - aiohttp's own driver asks the same
    if len(nonce) != 16 or headers.get("Sec-WebSocket-Version") != "13" or not upgrade:
        raise HandshakeError
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())  # noqa: S324 - the RFC's choice
