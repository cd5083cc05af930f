"""Requests to the Socket.IO path that aiohttp has read: handshakes, polls, POSTs, and upgrades that came in an unusual form."""

import binascii
from base64 import b64decode

from aiohttp import web

from gateway.engine import answers, bodies
from gateway.engine.admission import client_address
from gateway.engine.bodies import BodyError
from gateway.engine.connection import Connection
from gateway.engine.engine_io import EngineIO
from gateway.engine.handshake import HandshakeError, is_asked_for
from gateway.engine.limits import UNLIMITED
from gateway.engine.packets import GOODBYE
from gateway.engine.websocket import TakenOver, taken_from

BODY_SECONDS = 10.0
"""How long a client may take to send the body of a POST."""


class Requests:
    """Answers them, one after the other on each connection of aiohttp's."""

    def __init__(self, eio: EngineIO) -> None:
        self._eio = eio

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to the Socket.IO path."""
        headers = request.headers
        origin = headers.get("Origin")
        if origin is not None and not self._eio.origins.allow(origin, headers.get("Host")):
            self._eio.origins.refuse(origin, headers.get("Host"))
            return answers.foreign_origin()
        response = await self._answered(request)
        if origin is not None and response.status != 101:
            answers.allow_origin(response, request, origin)
        return response

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        query = answers.asked(request.rel_url.raw_query_string)
        transport = query.get("transport", [""])[0]
        if transport not in self._eio.transports or (transport == "websocket" and not is_asked_for(request)):
            return answers.refusal(0, "Transport unknown")
        sid = query.get("sid", [""])[0]
        if not sid:
            if request.method != "GET":
                return answers.refusal(2, "Bad handshake method")
            if query.get("EIO") != ["4"]:
                return answers.refusal(5, "Unsupported protocol version")
            return await self._handshake(request, transport)
        connection = self._eio.sockets.get(sid)
        if connection is None:
            return answers.refusal(1, "Session ID unknown")
        if transport == "websocket" and request.method == "GET":
            return self._upgrade(request, connection)
        if connection.upgraded or request.method not in ("GET", "POST"):
            return answers.refusal(3, "Bad request")
        if request.method == "POST":
            return await self._post(request, connection)
        return await self._poll(request, connection)

    async def _handshake(self, request: web.Request, transport: str) -> web.StreamResponse:
        headers = request.headers
        forwarded = ",".join(headers.getall("X-Forwarded-For", ()))
        address = client_address(answers.peer(request), forwarded, self._eio.limits.trusted_proxies)
        objection = self._eio.objection(address)
        if objection is None:
            await self._eio.gate.passage()
            objection = self._eio.no_room()
        if objection is not None:
            # A stock client that is not let in here waits longer from one try to the next.
            self._eio.stats.refusals.note(objection.code, address)
            return objection.response()
        if transport == "websocket":
            try:
                tcp, answer, early = taken_from(request)
            except HandshakeError:
                return answers.refusal(3, "Bad request")
            connection = self._eio.connect(address, request.query_string, headers.get("User-Agent", ""))
            self._eio.begin(connection, tcp, answer, early)
            return TakenOver()
        connection = self._eio.connect(address, request.query_string, headers.get("User-Agent", ""))
        return answers.body(self._eio.opening(connection.sid, transport).text)

    def _upgrade(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.closed:
            return answers.refusal(1, "Session ID unknown")
        try:
            tcp, answer, early = taken_from(request)
        except HandshakeError:
            return answers.refusal(3, "Bad request")
        self._eio.probe_by(connection, tcp, answer, early)
        return TakenOver()

    async def _poll(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        if connection.poller is not None:
            connection.overlap()
            return answers.refusal(3, "Bad request")
        body = await connection.poll(
            lambda: request.transport is not None and not request.transport.is_closing()
        )
        if connection.closed and not connection.queued:
            self._eio.forget(connection)
        return answers.body(body)

    async def _post(self, request: web.Request, connection: Connection) -> web.StreamResponse:
        most = self._eio.limits.max_message_bytes or UNLIMITED
        try:
            body = await bodies.read(request, limit=most, seconds=BODY_SECONDS)
            # Both may say goodbye at once; anything else that comes afterwards is lost, and its sender should know.
            if connection.closed and body != GOODBYE.text:
                return answers.refusal(1, "Session ID unknown")
            for packet in body.decode().split("\x1e"):
                connection.receive(b64decode(packet[1:], validate=True) if packet[:1] == "b" else packet)
        except BodyError as error:
            return self._broken(connection, error.status)
        except (UnicodeDecodeError, binascii.Error):
            self._eio.stats.malformed += 1
            return self._broken(connection, 400)
        if connection.broken:
            return self._broken(connection, 400)
        # The client may send its next when this one has been worked on: the inbox needs no other bound.
        await self._eio.socketio.catch_up(connection, size=most)
        return answers.body(b"ok")

    def _broken(self, connection: Connection, status: int) -> web.StreamResponse:
        connection.close("transport error")
        return answers.broken(status)
