"""The edge of both sites: what every request passes, whatever it asks.

It gives the request an id, turns errors into problems, sets the headers that browsers heed, counts and logs. It refuses what
no handler could answer.

Both sites have it outermost, so that no answer leaves without an id, headers and a line in the log. It knows
nothing of operations: who asks and what is asked is of `gateway.http.routing`.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.engine import bodies
from gateway.engine.bodies import BodyError
from gateway.engine.http import EXPECTS, Refuse
from gateway.ground import encoding, logs
from gateway.http.reading import unreadable
from gateway.http.times import RequestTimes
from gateway.protocol import problems
from gateway.protocol.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What answers a request, on either site."""
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


def application(site: str, times: RequestTimes) -> web.Application:
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
                times.answered(site, request.method, route, status, seconds)
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
        times.answered(site, "unknown", "unknown", status, 0)
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
        raise unreadable(error, 0) from None


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
