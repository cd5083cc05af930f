"""The edge of both sites: what every request passes, whatever it asks.

It gives the request an id, turns errors into problems, sets the headers that browsers heed, counts and logs. It refuses what
no handler could answer, and reads JSON bodies within bounds for those that want one.

Both sites have it outermost, so that no answer leaves without an id, headers and a line in the log. It knows
nothing of operations: who asks and what is asked is of `gateway.http.routing`.
"""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from aiohttp import web

from gateway.engine import bodies
from gateway.engine.bodies import BodyError
from gateway.engine.http import EXPECTS, Refuse
from gateway.ground import encoding, logs
from gateway.observe.metrics import Metrics
from gateway.protocol import problems
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What answers a request, on either site."""
BODY_BYTES_MAX = 64 * 1024
"""Of a body whose operation names no bound of its own, once it is decompressed."""
BODY_SECONDS = 30.0
"""How long a body may take to come. A slow sender would else hold a connection and its buffer for as long as it likes."""
MEDIA_TYPE_CHARACTERS = 256
"""Of a `Content-Type`; to take a longer one apart could take long."""
PARAMETERS_MAX = 64
"""In the query of a URL. Looking for repeated ones costs the square of their number."""
CLIENT_GONE = 499
"""The status, in logs and metrics only, of a request whose client did not wait for the answer. It is nginx's,
which RFC 9110 leaves free.
"""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Each unless the route gave its own. They are right for JSON, which shows nothing and loads nothing; pages
bring policies of their own.
"""

QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/socket.io/"})
"""Routes that are asked so often that their lines would bury the others: logged at DEBUG."""

REQUEST_ID = web.RequestKey("request_id", str)
"""The id of the request on its request object, for what runs when the context variable is gone."""
REFUSE: web.AppKey[Refuse] = web.AppKey("refuse")
"""How a site answers what is no request. aiohttp has no request then, so no middleware runs; the engine asks this instead."""

logger = logging.getLogger("gateway.access")


def application(site: str, metrics: Metrics) -> web.Application:
    """An application without routes. `site` is the name it has in logs and metrics.

    Its middleware is the outermost: those that are added later run inside it. Called once for each site.
    """

    @web.middleware
    async def pass_edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give the request its id, have it answered, and count and log what came of it."""
        request_id = logs.accepted_request_id(request.headers.get("X-Request-Id"))
        request[REQUEST_ID] = request_id
        token = logs.request_id.set(request_id)
        started = time.perf_counter()
        response: web.StreamResponse | None = None
        try:
            response = await _answer(request, handler)
        finally:
            # Without a response the client has gone, or the process ends; that is an outcome too.
            status = CLIENT_GONE if response is None else response.status
            seconds = time.perf_counter() - started
            route = _route(request)
            # A long poll or a websocket lasts as long as it lasts: its seconds would say nothing.
            if not isinstance(response, web.WebSocketResponse) and route != "/socket.io/":
                # By the route's pattern, of which there are few: a metric by path would grow without end.
                metrics.http_request(site, request.method, route, status, seconds)
            _log(site, request.method, route, status, seconds)
            logs.request_id.reset(token)
        return response

    async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
        """Set what every answer has, just before its head is written; streamed answers and aiohttp's own errors
        pass here too.
        """
        # The request has left the middleware when most answers are prepared: the context variable is reset by then.
        _set_headers(response, request[REQUEST_ID])

    def refuse(status: int) -> web.Response:
        """What is answered to bytes that are no request: there is no method and no route to count it by."""
        request_id = logs.accepted_request_id(None)
        token = logs.request_id.set(request_id)
        response = problems.of_status(status).response()
        _set_headers(response, request_id)
        metrics.http_request(site, "unknown", "unknown", status, 0)
        _log(site, "unknown", "unknown", status, 0)
        logs.request_id.reset(token)
        return response

    app = web.Application(middlewares=[pass_edge])
    app.on_response_prepare.append(set_headers)
    app[REFUSE] = refuse
    return app


def _log(site: str, method: str, route: str, status: int, seconds: float) -> None:
    """One line for each request, by its route: a path may hold what is nobody's business."""
    level = logging.DEBUG if route in QUIET else logging.INFO
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "request",
        extra={
            "site": site,
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        },
    )


def _set_headers(response: web.StreamResponse, request_id: str) -> None:
    """Put the headers of every answer on this one; what the route has set stays."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    # Else aiohttp names itself and its version.
    headers["Server"] = "bellhop"
    headers["X-Request-Id"] = request_id


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have the request judged and handled. Whatever is raised becomes the answer that the protocol has for it.

    Only cancelling passes through, which is not an `Exception`. Nothing that nobody foresaw is shown to the
    client: it is logged here, and answered as `internal`.
    """
    try:
        _judge(request)
        return await handler(request)
    except Exception as error:
        if isinstance(error, ConnectionError) and (
            request.transport is None or request.transport.is_closing()
        ):
            # The client has gone: this is for the log, there is nobody to tell.
            return web.Response(status=CLIENT_GONE)
        details = problems.of(error)
        if details.code == "internal":
            logger.exception("request failed", extra={"method": request.method, "route": _route(request)})
        return details.response()


def _judge(request: web.Request) -> None:
    """Refuse what no handler could answer, whatever is asked and whoever asks.

    It runs before the handler, so before anybody is asked who they are: it must cost nothing. Raises
    `Problem`.
    """
    if request.get(EXPECTS):
        raise Problem("expectation_failed", "Nothing but 100-continue can be expected.")
    try:
        bodies.coding_of(request)
    except BodyError as error:
        raise _unreadable(error, 0) from None


def _route(request: web.Request) -> str:
    """The pattern of the route: of bounded variety, and without what stands in a path."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer in JSON, encoded as everything of the public protocol is (`gateway.ground.encoding`)."""
    return web.Response(
        status=status, body=encoding.dumps(value), content_type="application/json", headers=headers
    )


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
        raise _unreadable(error, limit) from None


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
        raise _unreadable(error, limit) from None


def _unreadable(error: BodyError, limit: int) -> Problem:
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


def parameters(request: web.Request, *, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query of the URL; those in `lists` may be repeated, and have commas between.

    Raises `Invalid` for one that is given twice and is no list, since two readers would choose differently.
    """
    query = request.query
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
