"""The edge of both sites: what every request passes, whatever it asks.

It gives the request an id, turns errors into problems, sets the headers that browsers heed, counts and logs. And it reads
JSON bodies within bounds.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from gateway import logs, problems, wire
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.schemas import Invalid

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY_BYTES_MAX = 64 * 1024
CLIENT_GONE = 499
"""The status, in logs and metrics only, of a request whose client did not wait for the answer."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Each unless the route gave its own."""

QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/socket.io/"})
"""Routes that are asked so often that their lines would bury the others: logged at DEBUG."""

REQUEST_ID = web.RequestKey("request_id", str)

logger = logging.getLogger("gateway.access")


def application(site: str, metrics: Metrics) -> web.Application:
    """An application without routes. `site` is the name it has in logs and metrics."""

    @web.middleware
    async def pass_edge(request: web.Request, handler: Handler) -> web.StreamResponse:
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
                metrics.http_request(site, request.method, route, status, seconds)
            logger.log(
                logging.DEBUG if route in QUIET else logging.INFO,
                "request",
                extra={
                    "site": site,
                    "method": request.method,
                    "route": route,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 1),
                },
            )
            logs.request_id.reset(token)
        return response

    async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers["Server"] = "bellhop"
        # The request has left the middleware when most answers are prepared: the context variable is reset by then.
        headers["X-Request-Id"] = request[REQUEST_ID]

    app = web.Application(middlewares=[pass_edge])
    app.on_response_prepare.append(set_headers)
    return app


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
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


def _route(request: web.Request) -> str:
    """The pattern of the route: of bounded variety, and without what stands in a path."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status, body=wire.dumps(value), content_type="application/json", headers=headers
    )


async def read_json(request: web.Request, *, limit: int = BODY_BYTES_MAX, required: bool = True) -> Any:
    """The JSON of the body, of `limit` bytes at most, decompressed. {} for an empty body that is not required."""
    if not request.body_exists and not required:
        return {}
    return json_of(await read_json_text(request, limit=limit))


async def read_json_text(request: web.Request, *, limit: int) -> bytes:
    """The body of a request that says it is JSON, of `limit` bytes at most, decompressed. Raises Problem."""
    media_type = request.content_type
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise Problem("unsupported_media_type")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem("unsupported_media_type", "JSON is UTF-8 (RFC 8259).")
    return await _read(request, limit)


def json_of(text: bytes) -> Any:
    """What the JSON says. Raises Problem `invalid_json`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Problem("invalid_json", f"{error}.") from None


async def _read(request: web.Request, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except web.RequestPayloadError:
        raise Problem("bad_request", "The body cannot be decoded.") from None
    return bytes(body)


def _too_large(limit: int) -> Problem:
    return Problem("too_large", f"{limit} bytes at most.")


def parameters(request: web.Request, *, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query of the URL; those in `lists` may be repeated, and have commas between."""
    query = request.query
    repeated = sorted(name for name in set(query) - lists if len(query.getall(name)) > 1)
    if repeated:
        raise Invalid({name[:64]: ["Must be given once."] for name in repeated})
    return {
        name: [item for text in query.getall(name) for item in text.split(",")]
        if name in lists
        else query[name]
        for name in query
    }
