"""What is read of a request, within bounds: a body as JSON, as bytes or as it comes, and the query of its URL.

Nothing here knows what is asked. What cannot be had is a `Problem`, or `Invalid`.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from aiohttp import web
from multidict import MultiMapping

from gateway.engine import bodies
from gateway.engine.bodies import BodyError
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem

BODY_BYTES_MAX = 64 * 1024
"""Of a body whose operation names no bound of its own, once it is decompressed."""
BODY_SECONDS = 30.0
"""How long a body may take to come. A slow sender would else hold a connection and its buffer for as long as it likes."""
MEDIA_TYPE_CHARACTERS = 256
"""Of a `Content-Type`; to take a longer one apart could take long."""
PARAMETERS_MAX = 64
"""In the query of a URL. Looking for repeated ones costs the square of their number."""


async def read_json(request: web.Request, *, limit: int = BODY_BYTES_MAX, required: bool = True) -> Any:
    """The JSON of the body, of `limit` bytes at most, decompressed. {} for an empty body that is not required.

    Raises `Problem` as the two that it is made of do.
    """
    # A body that is there must be JSON, also where none is required.
    if not request.body_exists and not required:
        return {}
    return json_of(await read_json_text(request, limit=limit))


async def read_json_text(request: web.Request, *, limit: int) -> bytes:
    """The body of a request that says it is JSON, of `limit` bytes at most, decompressed. Raises Problem.

    It is separate from parsing for a batch, whose items are parsed in slices that let others have their turn.
    """
    # Before `content_type` is read: aiohttp takes the header apart by a regular expression.
    if len(request.headers.get("Content-Type", "")) > MEDIA_TYPE_CHARACTERS:
        raise Problem("unsupported_media_type", "It must be application/json.")
    media_type = request.content_type
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise Problem("unsupported_media_type", "It must be application/json.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem("unsupported_media_type", "JSON is UTF-8 (RFC 8259).")
    return await read_body(request, limit=limit)


async def read_bytes(request: web.Request, *, media_type: str, limit: int) -> bytes:
    """The body of a request that says it is of that type, of `limit` bytes at most, decompressed. Raises Problem.

    For raw messages (`message/rfc822`), which are kept as they came.
    """
    given = request.headers.get("Content-Type", "")
    if len(given) > MEDIA_TYPE_CHARACTERS or request.content_type != media_type:
        raise Problem("unsupported_media_type", f"It must be {media_type}.")
    return await read_body(request, limit=limit)


def json_of(text: bytes) -> Any:
    """What the JSON says. Raises Problem `invalid_json`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Problem("invalid_json", f"{error}.") from None


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """The body of `limit` bytes at most, decompressed, whatever it is; nothing where there is none. Raises Problem.

    A body that is too long is refused when its length is named, or else as soon as it has come that far; the
    rest is not read. Compressed bodies are bound by what they grow to.
    """
    try:
        return await bodies.read(request, limit=limit, seconds=BODY_SECONDS)
    except BodyError as error:
        raise unreadable(error, limit) from None


async def read_chunks(request: web.Request, *, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes, of `limit` bytes at most, decompressed. Raises Problem.

    For an import, whose bytes are worked on while more come. `BODY_SECONDS` holds for each wait as the engine
    counts it. Whoever stops early closes the iterator, and with it the reading.
    """
    try:
        async with aclosing(bodies.chunks(request, limit=limit, seconds=BODY_SECONDS)) as chunks:
            async for chunk in chunks:
                yield chunk
    except BodyError as error:
        raise unreadable(error, limit) from None


def unreadable(error: BodyError, limit: int) -> Problem:
    """Why a body cannot be had.

    Its `status` is the engine's word for what went wrong; here it becomes a code of the protocol.
    """
    match error.status:
        case 408:
            return Problem("request_timeout", f"It may take {BODY_SECONDS:g} seconds.")
        case 413:
            return Problem("too_large", f"{limit} bytes at most.")
        case 415:
            codings = ", ".join(bodies.CODINGS)
            return Problem(
                "unsupported_encoding", f"One of: {codings}.", headers={"Accept-Encoding": codings}
            )
        case _:
            return Problem("bad_request", "The body cannot be decoded.")


def parameters(query: MultiMapping[str], *, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query of a URL as a request; those in `lists` may be repeated, and have commas between.

    Raises `Invalid` for one that is given twice and is no list, since two readers would choose differently.
    """
    if len(query) > PARAMETERS_MAX:
        raise Invalid({"": [f"{PARAMETERS_MAX} parameters at most."]})
    repeated = sorted(name for name in set(query) - lists if len(query.getall(name)) > 1)
    if repeated:
        # Names come from the caller, and are quoted in the answer.
        raise Invalid({name[:64]: ["Must be given once."] for name in repeated})
    return {
        name: [item for text in query.getall(name) for item in text.split(",")]
        if name in lists
        else query[name]
        for name in query
    }
