"""The handshake of a websocket (RFC 6455, section 4.2): read from a request's first bytes, or from aiohttp's request.

What is read here from bytes is only what every client writes; whatever is odd about a request is left to aiohttp. Each
byte is looked at a fixed number of times, whatever it is.
"""

import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
HEAD_BYTES = 64 * 1024
"""All of a head. Browsers send the cookies of the whole shop along, which alone can be tens of kilobytes."""
LINES = 128
"""Header lines of a head; one with more is left to aiohttp."""
KEY_CHARACTERS = 24
"""Sixteen bytes in base64."""

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # RFC 9110, section 5.6.2
_TARGET = bytes(range(0x21, 0x7F)).replace(b"#", b"")
_BODY = frozenset({b"content-length", b"transfer-encoding", b"expect"})
_SINGLE = (b"host", b"origin", b"user-agent", b"sec-websocket-key", b"sec-websocket-version")
"""What is read of a head and must not come in two lines; the others that are read are lists."""


class HandshakeError(Exception):
    """The request is no websocket handshake."""


@dataclass(slots=True, kw_only=True)
class Handshake:
    """What a client says when it asks for a websocket."""

    path: str
    query: str
    host: str | None
    origin: str | None
    agent: str
    forwarded: str
    """The header `X-Forwarded-For`, all its lines."""
    key: bytes
    protocol: bytes | None
    """The first subprotocol that it asks for."""

    def answer(self) -> bytes:
        """The head of the answer that lets it in."""
        return _answer(self.key, self.protocol)


def read(data: bytes) -> tuple[Handshake, bytes] | None:
    """The handshake that `data` begins with, and what follows it; None for everything else, halves included."""
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES)
    if end < 0 or not data.startswith(b"GET /"):
        return None
    head = data[:end]
    first, *lines = head.split(b"\r\n")
    # A line end that is not whole, which others may read as one.
    if len(lines) > LINES or head.count(b"\r") + head.count(b"\n") != 2 * len(lines) or b"\0" in head:
        return None
    target, _, version = first[4:].partition(b" ")
    path, asks, query = target.partition(b"?")
    fields = _fields(lines)
    if version != b"HTTP/1.1" or not asks or target.translate(None, _TARGET) or fields is None:
        return None
    if (
        not fields.keys().isdisjoint(_BODY)
        or (len(fields) < len(lines) and any(len(fields.get(name, ())) > 1 for name in _SINGLE))
        or [each.lower() for each in fields.get(b"upgrade", ())] != [b"websocket"]
        or b"upgrade" not in _words(fields.get(b"connection", ()))
        or fields.get(b"sec-websocket-version") != [b"13"]
    ):
        return None
    try:
        key = _checked(b"".join(fields.get(b"sec-websocket-key", ())))
        protocol = _first_protocol(fields.get(b"sec-websocket-protocol", ()))
    except HandshakeError:
        return None
    host, origin = fields.get(b"host"), fields.get(b"origin")
    handshake = Handshake(
        path=path.decode("latin-1"),
        query=query.decode("latin-1"),
        host=None if host is None else host[0].decode("latin-1"),
        origin=None if origin is None else origin[0].decode("latin-1"),
        agent=b"".join(fields.get(b"user-agent", ())).decode("utf-8", "surrogateescape"),
        forwarded=b",".join(fields.get(b"x-forwarded-for", ())).decode("latin-1"),
        key=key,
        protocol=protocol,
    )
    return handshake, data[end + 4 :]


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]] | None:
    """The values of each field, by its name in lower case; None when a line is not as it should be."""
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN):
            return None
        fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
    return fields


def _words(lines: Iterable[bytes]) -> list[bytes]:
    """The members of a list header, in lower case."""
    return [word.strip(b" \t").lower() for line in lines for word in line.split(b",")]


def answer_to(request: web.BaseRequest) -> bytes:
    """The head of the answer that lets a request in. Raises `HandshakeError` when it is no handshake."""
    headers = request.headers
    # aiohttp tells by this that the client has said `Connection: Upgrade` as well.
    if headers.get("Sec-WebSocket-Version") != "13" or not request._message.upgrade:  # noqa: SLF001 - its own driver asks the same
        raise HandshakeError
    keys, protocols = (
        [value.encode("utf-8", "surrogateescape") for value in headers.getall(name, ())]
        for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Protocol")
    )
    if len(keys) != 1:
        raise HandshakeError
    return _answer(_checked(keys[0]), _first_protocol(protocols))


def is_asked_for(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def _checked(key: bytes) -> bytes:
    """The key, if it is one: sixteen bytes in base64 (section 4.1)."""
    try:
        nonce = binascii.a2b_base64(key, strict_mode=True) if len(key) == KEY_CHARACTERS else b""
    except (binascii.Error, ValueError):
        raise HandshakeError from None
    if len(nonce) != 16:
        raise HandshakeError
    return key


def _first_protocol(lines: Iterable[bytes]) -> bytes | None:
    """The subprotocol to speak: the first that is asked for, as with the reference server; a browser insists on one.

    Raises `HandshakeError` for what is no list of different tokens (section 4.1).
    """
    asked = [word.strip(b" \t") for line in lines for word in line.split(b",")]
    if not asked:
        return None
    if any(not word or word.translate(None, _TOKEN) for word in asked) or len(set(asked)) < len(asked):
        raise HandshakeError
    return asked[0]


def _answer(key: bytes, protocol: bytes | None) -> bytes:
    accept = binascii.b2a_base64(hashlib.sha1(key + GUID).digest(), newline=False)  # noqa: S324 - the RFC's choice
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + accept,
    ]
    if protocol is not None:
        lines.append(b"Sec-WebSocket-Protocol: " + protocol)
    return b"\r\n".join(lines) + b"\r\n\r\n"
