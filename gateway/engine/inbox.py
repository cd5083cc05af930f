"""The inbox of a connection: what its client has sent and nobody has worked on yet, judged and put together as it comes.

There is one only while there is something in it, or at work: an idle connection has none. Knows Socket.IO's packets, and
neither sockets nor sessions: who works on them, and what they mean, is the server's.
"""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from socketio import packet as sio

ATTACHMENTS = 16
"""Binary attachments of one packet."""
RESERVED = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Events that the reference client refuses to send: one that comes is an attempt to call a handler by its name."""
EVENTS = frozenset({sio.EVENT, sio.BINARY_EVENT})
ACKNOWLEDGEMENTS = frozenset({sio.ACK, sio.BINARY_ACK})


class End(NamedTuple):
    """Stands in an inbox for the end of the connection: after all that came before it."""

    reason: str


class Inbox:
    """What came, in its order."""

    __slots__ = ("_attached", "_items", "_partial", "faulted", "size", "worker")

    def __init__(self) -> None:
        self._items: deque[tuple[Any, int]] = deque()
        self._partial: Any = None
        """A packet whose attachments are still to come."""
        self._attached = 0
        """Bytes that have come of it."""
        self.size = 0
        """Bytes of what waits, and of what is being worked on."""
        self.worker: asyncio.Task[None] | None = None
        """Who works on it; there is one as long as there is something to do."""
        self.faulted = False
        """Whether a handler's failure was already logged: a client must not write tracebacks at will."""

    @property
    def is_needless(self) -> bool:
        """Whether nothing would be lost with it."""
        return not self._items and self._partial is None and self.worker is None and not self.faulted

    def assemble(self, data: str | bytes, *, limit: int) -> tuple[Any, int] | None:
        """The packet that is whole with this message, and its bytes; None when more has to come.

        An attachment may bring its packet to `limit` bytes and no further. Raises what malformed messages raise:
        `ValueError` and the other errors that python-socketio's decoder has for what it cannot read.
        """
        packet = self._partial
        if packet is None:
            if isinstance(data, bytes):
                raise ValueError("an attachment that was not announced")
            packet = sio.Packet(encoded_packet=data[1:])
            if packet.packet_type not in (sio.BINARY_EVENT, sio.BINARY_ACK):
                if packet.attachment_count:
                    raise ValueError("attachments where none can be")
                return packet, len(data)
            if not 0 < packet.attachment_count <= ATTACHMENTS:
                raise ValueError("too many attachments")
            self._partial = packet
            self._attached = len(data)
            return None
        if isinstance(data, str):
            raise ValueError("a text where an attachment is due")  # noqa: TRY004 - it is what the client said
        self._attached += len(data)
        if self._attached > limit:
            raise ValueError("attachments are too large")
        if not packet.add_attachment(data):
            return None
        self._partial = None
        return packet, self._attached

    def put(self, item: Any, size: int) -> None:
        """Have `item`, a packet or an `End`, worked on after all that came before it."""
        self._items.append((item, size))
        self.size += size

    def next(self) -> tuple[Any, int] | None:
        """Take what is to be worked on now; its bytes count until they are taken off `size`."""
        return self._items.popleft() if self._items else None


def check(packet: Any) -> None:
    """Raises `ValueError` for a packet that no client of ours sends."""
    kind = packet.packet_type
    if kind in EVENTS:
        name = packet.data[0]
        if not isinstance(packet.data, list) or not isinstance(name, str) or name in RESERVED:
            raise ValueError("an event without a name, or with one that is reserved")
    elif kind in ACKNOWLEDGEMENTS:
        if not isinstance(packet.data, list) or packet.id is None:
            raise ValueError("an acknowledgement of nothing")
    elif kind == sio.CONNECT:
        if not isinstance(packet.data, dict | None):
            raise ValueError("a CONNECT whose auth is no object")
    elif kind != sio.DISCONNECT:
        raise ValueError("a packet that only servers send")
