"""A client's TCP socket in the event loop: bytes in as they come, bytes out as the kernel takes them.

What asyncio's transports are for, without their weight: a fan-out is one `send` per client, and next to it the checks,
buffers and callbacks of a transport are most of what is left; so is making one, next to everything else a connect needs.
"""

import asyncio
import contextlib
import logging
import socket as sockets
import struct

READ_BYTES = 16_384
"""Taken from a socket in one go; what is left is taken in the loop's next turn, after the others' have been."""

_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: switched on, zero seconds

logger = logging.getLogger(__name__)


class ClientSocket:
    """One connected socket, owned from `open` until `gone` is called, which happens once and last.

    Subclasses say what becomes of the bytes. Nothing here raises for what the network does.
    """

    __slots__ = ("_fd", "_loop", "_reads", "_shutting", "_socket", "unsent")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._fd = -1
        self._socket: sockets.socket | None = None
        self._reads = False
        self._shutting = False
        """Whether it closes as soon as everything is sent."""
        self.unsent = b""
        """What was written and the kernel has not taken yet. Whoever writes a lot waits until it is empty."""

    def open(self, socket: sockets.socket) -> None:
        """Own a connected, non-blocking socket, and read from it."""
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._fd = socket.fileno()
        self._loop.add_reader(self._fd, self._readable)
        self._reads = True

    # For subclasses to say

    def received(self, data: bytes) -> None:
        """Some bytes have come."""
        raise NotImplementedError

    def emptied(self) -> None:
        """Nothing is unsent any more."""
        raise NotImplementedError

    def gone(self) -> None:
        """The socket is closed."""
        raise NotImplementedError

    # Going out

    def write(self, data: bytes) -> int:
        """Send `data` after all that was written before. Answers how many bytes are unsent, for lack of a reader."""
        socket = self._socket
        if socket is None or self._shutting:
            return 0
        if self.unsent:
            self.unsent += data
            return len(self.unsent)
        try:
            sent = socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.abort()
            return 0
        if sent == len(data):
            return 0
        self.unsent = data[sent:]
        self._loop.add_writer(self._fd, self._writable)
        return len(self.unsent)

    def _writable(self) -> None:
        socket = self._socket
        if socket is None:
            return
        try:
            sent = socket.send(self.unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.abort()
            return
        self.unsent = self.unsent[sent:]
        if self.unsent:
            return
        self._loop.remove_writer(self._fd)
        if self._shutting:
            self.abort()
        else:
            self.emptied()

    # Coming in

    def hold(self) -> None:
        """Read no more until `go_on`."""
        if self._socket is not None and self._reads:
            self._reads = False
            self._loop.remove_reader(self._fd)

    def go_on(self) -> None:
        if self._socket is not None and not self._reads and not self._shutting:
            self._reads = True
            self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        socket = self._socket
        if socket is None:
            return
        try:
            data = socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.abort()
            return
        if not data:
            self.shut()
            return
        try:
            self.received(data)
        except Exception:
            # One client's bytes must not be read again and again by a loop that cannot take them.
            logger.exception("a connection failed")
            self.abort()

    # Ending

    def shut(self) -> None:
        """Close when everything is sent; idempotent."""
        if self.unsent:
            self.hold()
            self._shutting = True
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once; what was not sent is gone. Idempotent."""
        socket = self._socket
        if socket is None:
            return
        self.hold()
        if self.unsent:
            self._loop.remove_writer(self._fd)
            self.unsent = b""
        self._socket = None
        socket.close()
        # Not from in here: whoever wrote is in the middle of something.
        self._loop.call_soon(self.gone)

    def reset(self) -> None:
        """Abort, and have the kernel forget as well what it still holds for the client.

        After a mere close it would keep the socket and up to 128 KB until a peer that does not read has timed out.
        """
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the client may be gone already
                self._socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _AT_ONCE)
        self.abort()
