"""What a request to the Socket.IO path asks for, and what it is answered: Engine.IO over HTTP, without any state."""

import json
import socket
from typing import NamedTuple
from urllib.parse import parse_qs

from aiohttp import web

from gateway.engine.limits import UNLIMITED, EngineLimits

USUAL_QUERY = "EIO=4&transport=websocket"
"""What a stock client asks with that does not begin by polling."""
QUERY_CHARACTERS = 8192
PARAMETERS = 64
"""In the query of a request. Applications put some of their own there, none thousands."""


class Objection(NamedTuple):
    """Why a handshake is refused for now."""

    code: str
    status: int
    retry_after: float = 5

    def response(self) -> web.Response:
        return web.json_response(
            {"code": 4, "message": self.code.replace("_", " ")},
            status=self.status,
            headers={"Retry-After": str(int(self.retry_after))},
        )


def asked(query: str) -> dict[str, list[str]]:
    """The parameters of a query; none when there are more than any client sends."""
    if len(query) > QUERY_CHARACTERS:
        return {}
    try:
        return parse_qs(query, max_num_fields=PARAMETERS)
    except ValueError:
        return {}


def sid_asked(query: str) -> str | None:
    """The session that a query wants a websocket for: empty for a new one, None when it asks for something else."""
    if query == USUAL_QUERY:
        return ""
    parameters = asked(query)
    if parameters.get("EIO") != ["4"] or parameters.get("transport") != ["websocket"]:
        return None
    return parameters.get("sid", [""])[0]


def terms(limits: EngineLimits, transport: str) -> bytes:
    """How the first packet of a connection ends, behind its sid: what the server wants of every client."""
    fields = {
        "upgrades": ["websocket"] if transport == "polling" and "websocket" in limits.transports else [],
        "pingInterval": int(limits.ping_interval_seconds * 1000),
        "pingTimeout": int(limits.ping_timeout_seconds * 1000),
        "maxPayload": limits.max_message_bytes or UNLIMITED,
    }
    return b'",' + json.dumps(fields, separators=(",", ":"))[1:].encode()


def peer(request: web.Request) -> str | None:
    """The address of who has connected; the empty one for a unix socket, whatever name the other end gives itself."""
    tcp = None if request.transport is None else request.transport.get_extra_info("socket")
    return "" if tcp is not None and tcp.family == socket.AF_UNIX else request.remote


def body(text: bytes) -> web.Response:
    """The answer to a poll, or to a POST."""
    return web.Response(
        body=text, headers={"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"}
    )


def refusal(code: int, message: str) -> web.Response:
    """The answer of the reference server to what it cannot take, down to its codes."""
    return web.json_response({"code": code, "message": message}, status=400)


def foreign_origin() -> web.Response:
    """The answer to a page whose origin may not use the server."""
    return web.Response(status=403, text='{"code":4,"message":"Origin not allowed"}')


def broken(status: int) -> web.Response:
    """The answer to a body that is no Engine.IO payload, and ends its connection."""
    return web.Response(status=status, text='{"code":3,"message":"Bad request"}')


def allow_origin(response: web.StreamResponse, request: web.Request, origin: str) -> None:
    """Let a page of this origin read the answer (CORS), which it may."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Vary"] = "Origin"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        headers = request.headers.get("Access-Control-Request-Headers")
        if headers:
            response.headers["Access-Control-Allow-Headers"] = headers
