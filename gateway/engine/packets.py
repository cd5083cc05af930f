"""Packets: what goes out to clients, encoded once for every kind of transport.

Engine.IO's `4` (message) with Socket.IO's `2` (event) before the namespace and the JSON array. A websocket gets it as
one ready frame (RFC 6455, section 5.2; a server never masks), a poll as text among others, apart by 0x1e.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

RECORD_SEPARATOR = b"\x1e"
LOT_BYTES = 16_384
"""What is joined of many packets for one client."""

# The first byte of a frame: the final bit and the opcode.
TEXT = 0x81
BINARY = 0x82
CLOSE = 0x88
PONG = 0x8A


def frame(head: int, payload: bytes) -> bytes:
    """A whole websocket frame."""
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65_536:
        return bytes((head, 126, size >> 8, size & 0xFF)) + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


class Packet:
    """Something to send, in both shapes that transports want. Never changed, so that sockets can share it."""

    __slots__ = ("frame", "parts", "text")

    def __init__(self, frame: bytes, text: bytes, parts: Sequence["Packet"] = ()) -> None:
        self.frame = frame
        """One or more whole websocket frames."""
        self.text = text
        """The same for a poll: one or more Engine.IO packets, apart by 0x1e."""
        self.parts = parts
        """What it was joined of, for a poll that takes only some; empty when it is one Engine.IO packet."""

    @classmethod
    def of(cls, text: bytes) -> Self:
        """One Engine.IO packet that is text, its type digit included."""
        return cls(frame(TEXT, text), text)

    @classmethod
    def event(cls, namespace: str, event: bytes) -> Self:
        """A Socket.IO event without acknowledgement; `event` is its JSON array in UTF-8."""
        text = b"42" + event if namespace == "/" else b"42" + namespace.encode() + b"," + event
        return cls(frame(TEXT, text), text)

    @classmethod
    def encoded(cls, packet: str | list[str | bytes]) -> Self:
        """What python-socketio's packets encode to: a text, or a text and its binary attachments.

        A poll carries an attachment as `b` and base64. The libraries hand every transport the same object, whose
        first encoding is cached: the poller after a websocket gets bytes where it needs text, and a 500.
        """
        if isinstance(packet, str):
            return cls.of(b"4" + packet.encode())
        return cls.joined(
            [
                cls.of(b"4" + part.encode())
                if isinstance(part, str)
                else cls(frame(BINARY, bytes(part)), b"b" + b64encode(part))
                for part in packet
            ]
        )

    @classmethod
    def joined(cls, packets: Sequence[Self]) -> Self:
        """Several packets as one, in order."""
        if len(packets) == 1:
            return packets[0]
        return cls(
            b"".join([packet.frame for packet in packets]),
            RECORD_SEPARATOR.join([packet.text for packet in packets]),
            packets,
        )

    def for_any(self, sid: str) -> Self:
        """The packet that a session is to get, where all get the same."""
        del sid
        return self

    def singles(self) -> Iterator["Packet"]:
        """The Engine.IO packets that it holds, one by one."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.singles()


def lots(packets: Iterable[Packet], *, bytes_max: int) -> Iterator[Packet]:
    """The packets in their order, joined as far as `LOT_BYTES` and `bytes_max` go: to write each by itself costs more than
    to make it.
    """
    most = min(LOT_BYTES, bytes_max)
    lot: list[Packet] = []
    size = 0
    for packet in packets:
        if lot and size + len(packet.frame) > most:
            yield Packet.joined(lot)
            lot, size = [], 0
        lot.append(packet)
        size += len(packet.frame)
    if lot:
        yield Packet.joined(lot)


PING = Packet.of(b"2")
PROBED = Packet.of(b"3probe")
GOODBYE = Packet.of(b"1")
NOOP = b"6"
