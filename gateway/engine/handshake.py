"""The handshake of a websocket (RFC 6455, section 4.2): read from a request's first bytes, or from aiohttp's request.

What is read here from bytes is only what every client writes; whatever is odd about a request is left to aiohttp.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from aiohttp import web

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
HEAD_BYTES = 8192
"""A longer head is left to aiohttp."""

_HEAD = re.compile(
    rb"GET (/[^\s?#]*)\?([^\s#]*) HTTP/1\.1\r\n((?:[!#-'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n){1,64})\r\n"
)
_FIELD = re.compile(rb"([^:]+):[ \t]*([^\r]*?)[ \t]*\r\n")
_BODY = frozenset({b"content-length", b"transfer-encoding", b"expect"})


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
    """The header `X-Forwarded-For`."""
    accept: bytes
    """The answer that its key asks for."""


def read(data: bytes) -> tuple[Handshake, bytes] | None:
    """The handshake that `data` begins with, and what follows it; None for everything else, halves included."""
    head = _HEAD.match(data, 0, HEAD_BYTES)
    if head is None:
        return None
    fields = {name.lower(): value for name, value in _FIELD.findall(head[3])}
    if (
        # Fewer than there are lines: one is given twice.
        len(fields) != head[3].count(b"\r\n")
        or not fields.keys().isdisjoint(_BODY)
        or fields.get(b"upgrade", b"").lower() != b"websocket"
        or b"upgrade" not in [word.strip() for word in fields.get(b"connection", b"").lower().split(b",")]
        or fields.get(b"sec-websocket-version") != b"13"
    ):
        return None
    try:
        accept = _accept(fields.get(b"sec-websocket-key", b""))
    except HandshakeError:
        return None
    host, origin = fields.get(b"host"), fields.get(b"origin")
    handshake = Handshake(
        path=head[1].decode("latin-1"),
        query=head[2].decode("latin-1"),
        host=None if host is None else host.decode("latin-1"),
        origin=None if origin is None else origin.decode("latin-1"),
        agent=fields.get(b"user-agent", b"").decode("utf-8", "surrogateescape"),
        forwarded=fields.get(b"x-forwarded-for", b"").decode("latin-1"),
        accept=accept,
    )
    return handshake, data[head.end() :]


def accept_of(request: web.BaseRequest) -> bytes:
    """The answer that the request's key asks for. Raises `HandshakeError` when the request is no handshake."""
    headers = request.headers
    # aiohttp tells by this that the client has said `Connection: Upgrade` as well.
    if headers.get("Sec-WebSocket-Version") != "13" or not request._message.upgrade:  # noqa: SLF001 - its own driver asks the same
        raise HandshakeError
    return _accept(headers.get("Sec-WebSocket-Key", "").encode())


def is_asked_for(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def _accept(key: bytes) -> bytes:
    """The value of Sec-WebSocket-Accept (section 4.2.2)."""
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise HandshakeError from None
    if len(nonce) != 16:
        raise HandshakeError
    return base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 - the RFC's choice
