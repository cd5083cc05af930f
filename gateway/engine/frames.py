"""Frames: what a client's websocket sends, taken apart (RFC 6455, section 5).

Only what a server without extensions needs: masked frames, fragments, control frames. Sizes are judged by the header,
before a byte of the payload is kept.
"""

from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
TOO_BIG = 1009
SERVICE_RESTART = 1012

_FINAL = 0x80
_RESERVED = 0x70
_MASKED = 0x80

LETTER_BYTES = 7
"""Of a whole frame with one byte of text: its head, its mask and the byte."""


class FrameError(Exception):
    """The client broke the protocol. `code` is the close code that says how."""

    def __init__(self, code: int) -> None:
        super().__init__(f"websocket close code {code}")
        self.code = code


class FrameReader:
    """Turns bytes as they arrive into messages and control frames, keeping at most one message."""

    __slots__ = ("_fragments", "_limit", "_opcode", "_tail", "_wanted")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        """Payload bytes of one message, all its fragments together; 0 for no limit."""
        self._tail: bytearray | None = None
        """What has come of a frame that is not whole yet."""
        self._wanted = 0
        """Until the tail has so many bytes nothing can be made of it. It is not looked at before: a client may send byte by byte."""
        self._fragments: bytearray | None = None
        self._opcode = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (opcode, payload) of each whole message or control frame. Raises `FrameError`; feed no more then."""
        if self._tail is not None:
            self._tail += data
            if len(self._tail) < self._wanted:
                return
            data = bytes(self._tail)
            self._tail = None
        position = wanted = 0
        end = len(data)
        while end - position >= 2:
            first, second = data[position], data[position + 1]
            size = second & 0x7F
            start = position + 2
            if size == 126:
                size = int.from_bytes(data[start : start + 2], "big")
                start += 2
            elif size == 127:
                size = int.from_bytes(data[start : start + 8], "big")
                start += 8
            if start > end:
                break
            self._judge(first, second, size)
            body = start + 4
            stop = body + size
            if stop > end:
                wanted = stop - position
                break
            message = self._take(first, _unmasked(data[body:stop], data[start:body]))
            position = stop
            if message is not None:
                yield message
        if position < end:
            self._tail = bytearray(data[position:])
            self._wanted = wanted

    def letter(self, data: bytes) -> str | None:
        """The letter that `data` is a whole message of; None when it is anything else, and `feed` is to take it.

        `data` are `LETTER_BYTES`. By far the most of what clients send are such: Engine.IO's PONG.
        """
        if (
            data[0] == _FINAL | TEXT and data[1] == _MASKED | 1
            and self._tail is None and self._fragments is None
        ):  # fmt: skip
            letter = data[6] ^ data[2]
            # Beyond are no letters, but parts of some.
            if letter < 0x80:
                return chr(letter)
        return None

    def _judge(self, first: int, second: int, size: int) -> None:
        if first & _RESERVED or not second & _MASKED:
            raise FrameError(PROTOCOL_ERROR)
        opcode = first & 0x0F
        if opcode >= CLOSE:
            if opcode > PONG or size > 125 or not first & _FINAL:
                raise FrameError(PROTOCOL_ERROR)
        elif opcode > BINARY or (opcode == CONTINUATION) != (self._fragments is not None):
            raise FrameError(PROTOCOL_ERROR)
        elif self._limit and len(self._fragments or b"") + size > self._limit:
            raise FrameError(TOO_BIG)

    def _take(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return opcode, payload
        if first & _FINAL and self._fragments is None:
            return opcode, payload
        if self._fragments is None:
            self._fragments = bytearray()
            self._opcode = opcode
        self._fragments += payload
        if not first & _FINAL:
            return None
        message = self._opcode, bytes(self._fragments)
        self._fragments = None
        return message


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """Undo the client's masking, as one XOR of two long integers: the fastest way there is without C."""
    size = len(payload)
    if not size:
        return payload
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
