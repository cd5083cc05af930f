"""HTTP connections: aiohttp's, held to bounds, and silent about what they cannot read.

aiohttp reads on after the head of a request, and inflates, before anybody has looked at who is asking. Here a body stays in the
kernel until its handler asks for it (`gateway.engine.bodies`), and is inflated there. Who is refused before is answered at
once, and the rest of the body is not read at all.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.engine.handshake import HEAD_BYTES, LINES

LINE_BYTES = 8190
"""The first line of a head, and a line between chunks."""
SEGMENTS = 64
"""Parts of a path. aiohttp looks for a route once for each of them, and in a time of the path's length."""
READ_BYTES = 64 * 1024
"""What may wait of a body that is being read."""
KEEP_ALIVE_SECONDS = 30.0
"""How long a head may take, and a connection stay without a request."""
SKIPPED_BYTES = 8 * 1024
"""A body of this length is read although nobody wants it, so that the connection can be used again."""
PARTING_SECONDS = 1.0
"""How long a connection stays after its last answer: closing with unread input resets it, and the answer could be lost."""
PARTING = 256
"""Connections that stay so. More are closed at once."""

CONTINUE = web.RequestKey("continue", bool)
"""Whether the client waits to hear that its body is wanted (RFC 9110, section 10.1.1)."""
EXPECTS = web.RequestKey("expects", str)
"""What the client expects beside that: nothing that can be met. Empty for nearly all."""

Refuse = Callable[[int], web.Response]
"""Makes the answer of a status to what is no request."""
BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Factory = Callable[
    [RawRequestMessage, StreamReader, web.RequestHandler, AbstractStreamWriter, "asyncio.Task[None]"],
    web.BaseRequest,
]


def connections(server: web.Server, refuse: Refuse) -> Callable[[], "HttpConnection"]:
    """What makes the connections of a server. `refuse` is for what never becomes a request."""
    server.request_factory = _unexpecting(server.request_factory)
    server.request_handler = _shallow(server.request_handler, refuse)
    parting: set[HttpConnection] = set()
    return lambda: HttpConnection(server, refuse, parting)


def plain_refusal(status: int) -> web.Response:
    return web.Response(status=status, headers={"Server": "bellhop"})


def _unexpecting(make: Factory) -> Factory:
    """Take `Expect` out of requests: aiohttp would ask for the body before the handler has said that it wants it."""

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if "Expect" not in message.headers:
            request = make(message, payload, protocol, writer, task)
            # To look for what is not there costs an exception, and every request is asked.
            request[CONTINUE], request[EXPECTS] = False, ""
            return request
        headers = CIMultiDict(message.headers)
        expected = {word.strip().lower() for line in headers.popall("Expect") for word in line.split(",")}
        request = make(message._replace(headers=CIMultiDictProxy(headers)), payload, protocol, writer, task)
        request[CONTINUE] = "100-continue" in expected
        request[EXPECTS] = ", ".join(sorted(expected - {"100-continue", ""}))
        return request

    return make_request


def _shallow(handle: BaseHandler, refuse: Refuse) -> BaseHandler:
    """Look for no route for a path of thousands of parts."""

    async def handle_request(request: web.BaseRequest) -> web.StreamResponse:
        if request.rel_url.raw_path.count("/") > SEGMENTS:
            return refuse(HTTPStatus.NOT_FOUND)
        return await handle(request)

    return handle_request


class HttpConnection(web.RequestHandler):
    """One connection of a browser, a backend or a proxy."""

    __slots__ = ("_body", "_head_bytes", "_held", "_parting", "_refuse", "_refused")

    def __init__(self, server: web.Server, refuse: Refuse, parting: "set[HttpConnection]") -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log=None,  # type: ignore[arg-type]  # none is what runners give it too
            max_line_size=LINE_BYTES,
            max_field_size=HEAD_BYTES,
            max_headers=LINES,
            lingering_time=PARTING_SECONDS,
            read_bufsize=READ_BYTES,
            auto_decompress=False,
        )
        self._refuse = refuse
        self._parting = parting
        self._refused = False
        """Whether something came that is no request: nothing after it can be understood."""
        self._head_bytes = 0
        """What has come of a head."""
        self._body: StreamReader = EMPTY_PAYLOAD
        """The body of the last request."""
        self._held = False
        """Whether nothing is read, because nobody has asked for the body."""

    # Coming in

    def data_received(self, data: bytes) -> None:
        if self._close or self._force_close:
            return
        if self._body.is_eof() and not self._upgraded:
            self._head_bytes += len(data)
        requests = self._request_count
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over is the client's fault
            self._give_up(HTTPStatus.BAD_REQUEST, error)
        if self._request_count > requests:
            self._received(*self._messages[-1])
        elif self._head_bytes > HEAD_BYTES:
            self._give_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, LineTooLong(b"", HEAD_BYTES))

    def _received(self, message: RawRequestMessage | _ErrInfo, payload: StreamReader) -> None:
        """The head of a request has come, or something that is none."""
        self._head_bytes = 0
        if isinstance(message, _ErrInfo):
            self._spoil()
            return
        self._body = payload
        if not payload.is_eof() and self.transport is not None:
            self._held = True
            if self.transport.is_reading():
                self.transport.pause_reading()
            else:
                # It has only just been made, and begins to read when this returns.
                self._loop.call_soon(self._hold)

    def _give_up(self, status: HTTPStatus, error: Exception) -> None:
        """Answer `status` when the requests before have had their answers, and read no more."""
        if self._refused or self.transport is None:
            return
        self._refused = True
        self._spoil()
        self._messages.append((_ErrInfo(status, error, ""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _spoil(self) -> None:
        """What came in the middle of a body is no part of it: whoever reads it should not wait for more."""
        if not self._body.is_eof():
            self._body.set_exception(web.RequestPayloadError())

    def _hold(self) -> None:
        if self._held and self.transport is not None:
            self.transport.pause_reading()

    def admit(self) -> None:
        """The body is wanted: read it."""
        if self._held:
            self._held = False
            if self.transport is not None:
                self.transport.resume_reading()

    # Going out

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        parts = self._refused
        if not request.content.is_eof():
            parts = parts or request.get(CONTINUE, False) or not _is_short(request)
        if parts:
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        if parts:
            await self._part()
        else:
            self.admit()
        return finished

    async def _part(self) -> None:
        """End the connection so that the client has its last answer: say no more, read no more, and give it a moment."""
        self.close()
        # It would go on reading in its own way.
        self._lingering_time = 0.0
        if self.transport is None or self.transport.is_closing() or len(self._parting) >= PARTING:
            return
        try:
            self.transport.write_eof()
        except OSError:
            return
        self._parting.add(self)
        try:
            await asyncio.sleep(PARTING_SECONDS)
        finally:
            self._parting.discard(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what came
    ) -> web.StreamResponse:
        """Answer what is no request, or what failed outside of every handler, without repeating what came."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun")
        self._refused = True
        if isinstance(exc, LineTooLong):
            first = exc.args[1] == LINE_BYTES
            status = HTTPStatus.REQUEST_URI_TOO_LONG if first else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log_exception("request failed", exc_info=exc)
        response = self._refuse(status)
        response.force_close()
        return response


def _is_short(request: web.BaseRequest) -> bool:
    return (request.content_length or HEAD_BYTES) <= SKIPPED_BYTES
