"""Packets: what goes out to clients, encoded once for every kind of transport.

Engine.IO's `4` (message) with Socket.IO's `2` (event) before the namespace and the JSON array. A websocket gets it as
one ready frame (RFC 6455, section 5.2; a server never masks), a poll as text among others, apart by 0x1e.
"""

from typing import Self

RECORD_SEPARATOR = b"\x1e"

TEXT = 0x81  # a final text frame
BINARY = 0x82
CLOSE = 0x88
PONG = 0x8A


def frame(head: int, payload: bytes) -> bytes:
    """A whole websocket frame. `head` is its first byte: the final bit and the opcode."""
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65_536:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


class Packet:
    """Something to send, in both shapes that transports want. Immutable, and shared between sockets."""

    __slots__ = ("frame", "text")

    def __init__(self, frame: bytes, text: bytes) -> None:
        self.frame = frame
        """One or more whole websocket frames."""
        self.text = text
        """The same for a poll: one or more Engine.IO packets, apart by 0x1e."""

    @classmethod
    def of(cls, text: bytes) -> Self:
        """One Engine.IO packet that is text, its type digit included."""
        return cls(frame(TEXT, text), text)

    @classmethod
    def event(cls, namespace: str, event: bytes) -> Self:
        """A Socket.IO event without acknowledgement; `event` is its JSON array in UTF-8."""
        return cls.of(b"42" + event if namespace == "/" else b"42" + namespace.encode() + b"," + event)
