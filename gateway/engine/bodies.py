"""Bodies: what comes behind the head of a request, read when its handler wants it, within a size and a time.

The size is that of the body as it comes, and of what it is when inflated. Inflating goes in small steps, with the loop's
other work between.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterator

from aiohttp import web
from aiohttp.streams import StreamReader

from gateway.engine.http import CONTINUE, HttpConnection

CODINGS = ("gzip", "deflate")
"""Codings that can be undone (RFC 9110, section 8.4.1), one at a time."""
STEP_BYTES = 64 * 1024
"""What is inflated at once, a fraction of a millisecond."""
PIECE_BYTES = 16 * 1024
MEMBERS = 16
"""Parts that a compressed body may consist of; each costs more than its bytes."""


class BodyError(Exception):
    """The body cannot be had. `status` is the one that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def coding_of(request: web.BaseRequest) -> str | None:
    """How the body is coded; None when it is not. Raises `BodyError` 415 for what cannot be undone."""
    if "Content-Encoding" not in request.headers:
        return None
    lines = request.headers.getall("Content-Encoding", ())
    named = [word.strip().lower().removeprefix("x-") for line in lines for word in line.split(",")]
    codings = [word for word in named if word not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise BodyError(415)
    return codings[0]


async def chunks(request: web.BaseRequest, *, limit: int, seconds: float) -> AsyncGenerator[bytes, None]:
    """The body as it comes, inflated: of `limit` bytes at most, none of which keeps us waiting for `seconds`.

    Raises `BodyError`. Nothing is read ahead of who takes the chunks.
    """
    coding = coding_of(request)
    if (request.content_length or 0) > limit:
        raise BodyError(413)
    total = 0
    inflater = None if coding is None else _Inflater(coding)
    _ask_for(request)
    try:
        while True:
            async with asyncio.timeout(seconds):
                chunk = await request.content.readany()
            if not chunk:
                break
            for step in (chunk,) if inflater is None else inflater.steps(chunk):
                total += len(step)
                if total > limit:
                    raise BodyError(413)
                yield step
    except TimeoutError:
        raise BodyError(408) from None
    except (web.RequestPayloadError, zlib.error):
        raise BodyError(400) from None
    if inflater is not None and not inflater.is_whole:
        raise BodyError(400)


async def read(request: web.BaseRequest, *, limit: int, seconds: float) -> bytes:
    """The body, inflated, of `limit` bytes at most, coming within `seconds`. Raises `BodyError`."""
    coding = coding_of(request)
    if (request.content_length or 0) > limit:
        raise BodyError(413)
    if coding is None and (whole := _whole(request.content)) is not None:
        if len(whole) > limit:
            raise BodyError(413)
        return whole
    body = bytearray()
    raw_bytes = 0
    inflater = None if coding is None else _Inflater(coding)
    try:
        async with asyncio.timeout(seconds):
            _ask_for(request)
            while chunk := await request.content.readany():
                raw_bytes += len(chunk)
                if raw_bytes > limit:
                    raise BodyError(413)
                if inflater is None:
                    body += chunk
                    continue
                for step in inflater.steps(chunk):
                    body += step
                    if len(body) > limit:
                        raise BodyError(413)
                    await asyncio.sleep(0)
    except TimeoutError:
        raise BodyError(408) from None
    except (web.RequestPayloadError, zlib.error):
        raise BodyError(400) from None
    if inflater is not None and not inflater.is_whole:
        raise BodyError(400)
    return bytes(body)


def _whole(content: StreamReader) -> bytes | None:
    """The body that has come with its head, as most short ones do; None when there is something to wait for, or amiss."""
    return content.read_nowait() if content.is_eof() and content.exception() is None else None


def _ask_for(request: web.BaseRequest) -> None:
    """Have the body sent and read, where it was held back."""
    if request.pop(CONTINUE, False) and request.transport is not None and not request.content.is_eof():
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if isinstance(request.protocol, HttpConnection):
        request.protocol.admit()


class _Inflater:
    """Undoes a coding, a step at a time."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._member: zlib._Decompress | None = None
        self._members = 0

    @property
    def is_whole(self) -> bool:
        return self._member is None

    def steps(self, data: bytes) -> Iterator[bytes]:
        """What `data` inflates to. Raises `zlib.error`."""
        # In pieces: at each step what is left of one is copied.
        for start in range(0, len(data), PIECE_BYTES):
            yield from self._inflated(data[start : start + PIECE_BYTES])

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            member = self._member = self._member or self._begun(piece)
            step = member.decompress(piece, STEP_BYTES)
            yield step
            # A full step may have left something inside, when there is no input any more.
            while not member.eof and (member.unconsumed_tail or len(step) == STEP_BYTES):
                step = member.decompress(member.unconsumed_tail, STEP_BYTES)
                yield step
            piece = member.unused_data
            if member.eof:
                self._member = None

    def _begun(self, piece: bytes) -> "zlib._Decompress":
        self._members += 1
        if self._members > (MEMBERS if self._coding == "gzip" else 1):
            raise zlib.error("too many members")
        if self._coding == "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        # Some clients leave the wrapper of zlib out, which the standard wants (RFC 9110, section 8.4.1.2).
        return zlib.decompressobj(zlib.MAX_WBITS if piece[0] & 0x0F == 8 else -zlib.MAX_WBITS)
