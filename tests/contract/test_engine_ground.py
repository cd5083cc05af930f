"""What the engine stands on in its libraries has not moved.

The engine overrides and bypasses methods of python-engineio, python-socketio and aiohttp. An upgrade that changes one
of them need not break a test, and can still break a promise. So each has the fingerprint of its source here. When one
fails: read what changed in the method, decide whether the engine has to change too, and put the new fingerprint in.
"""

import asyncio
import hashlib
import importlib
import inspect
from importlib.metadata import version

import pytest
import socketio

from gateway.engine import EngineLimits, Server
from gateway.engine.admission import Allowance
from gateway.engine.connection import Connection
from gateway.engine.manager import Manager
from gateway.ground.origins import Origins
from tests.support.rawsocket import RawSocket
from tests.unit.engine.hosts import engine, hosted

GROUND = {
    # What is replaced as a whole: new behaviour there has to be matched here.
    "engineio.async_socket:AsyncSocket": ("af72dafc541d", "Connection and EngineIO replace it: compare the protocol they speak"),
    "engineio.base_socket:BaseSocket": ("d787ee3666d0", "Connection has its attributes"),
    "engineio.async_drivers.aiohttp": ("48e53d28ea2b", "WebSocket replaces the driver: compare the handshake and what it limits"),
    "engineio.async_server:AsyncServer.handle_request": ("1a8c878e3516", "Requests._answered replaces it: compare the checks"),
    "engineio.async_server:AsyncServer._handle_connect": ("5bd7edc1d1ae", "Requests._handshake replaces it: compare OPEN"),
    "engineio.async_server:AsyncServer._service_task": ("b6358bda51d0", "the Heartbeat replaces the monitor"),
    "engineio.async_server:AsyncServer.disconnect": ("8bb6448caae4", "EngineIO.disconnect replaces it"),
    "engineio.async_server:AsyncServer.shutdown": ("3f734c62c291", "EngineIO.shutdown replaces it"),
    "engineio.async_server:AsyncServer.send": ("ff1fdb18f1c3", "EngineIO.send replaces it"),
    "engineio.async_server:AsyncServer.send_packet": ("c54317440865", "EngineIO.send_packet replaces it"),
    "engineio.payload:Payload": ("6b839223a0a7", "Connection.poll and Requests._post encode and decode payloads themselves"),
    "engineio.packet:Packet.decode": ("18e27ff7fd56", "EngineIO.take and Inbox.assemble decode Engine.IO packets themselves"),
    "socketio.base_manager:BaseManager": ("b393b4c05dbd", "Manager replaces all that touches `rooms`: is there anything new?"),
    "socketio.async_manager:AsyncManager": ("93e3af0127f9", "Manager replaces all of it: is there anything new?"),
    "socketio.async_server:AsyncServer._handle_connect": ("c97c480cf777", "Entrance.decide replaces it: compare the answers"),
    "socketio.async_server:AsyncServer._handle_disconnect": ("c0b32ada5b37", "Server._end replaces it"),
    "socketio.async_server:AsyncServer._handle_event": ("65178105ef8b", "check and Server._do replace it"),
    "socketio.async_server:AsyncServer._handle_event_internal": ("472e8b723a12", "Server._do replaces it: compare the ACK"),
    "socketio.async_server:AsyncServer._handle_ack": ("b7521c6c3097", "Inboxes._acknowledged replaces it"),
    "socketio.async_server:AsyncServer._handle_eio_message": ("bef50fc0e163", "Inboxes.message replaces it: compare the types"),
    "socketio.async_server:AsyncServer._handle_eio_disconnect": ("9344593148b6", "Inboxes.ended replaces it"),
    "socketio.async_server:AsyncServer.emit": ("84391bfd6241", "Server.emit replaces it: compare the parameters"),
    "socketio.async_server:AsyncServer.disconnect": ("7d2f76686c12", "Server.disconnect replaces it"),
    "socketio.async_server:AsyncServer.shutdown": ("70ac47acea94", "Server.shutdown replaces it"),
    "socketio.async_server:AsyncServer._send_packet": ("a00022b42c1c", "Server._send_packet replaces it"),
    # What is used as it is: it must go on doing what the engine relies on.
    "engineio.base_server:BaseServer.__init__": ("a06b17502fbd", "EngineIO relies on `sockets`, `transports` and no side effects"),
    "engineio.base_server:BaseServer._get_socket": ("ae2f99e66d63", "it may read `closed` of a Connection and nothing else"),
    "engineio.base_server:BaseServer.generate_id": ("b6a591454237", "sids must be unguessable and unique over namespaces"),
    "socketio.base_server:BaseServer.__init__": ("6b998e091b34", "it makes the EngineIO by `_engineio_server_class`"),
    "socketio.async_server:AsyncServer._trigger_event": ("01ba90cfa09b", "handlers are called by it"),
    "socketio.async_server:AsyncServer.call": ("4b7ae754cf3d", "it waits for an acknowledgement by `emit(callback=…)`"),
    "socketio.base_server:BaseServer._get_event_handler": ("e18d9a6570aa", "reserved names must go on being reserved"),
    "socketio.packet:Packet": ("e1660ba64e4e", "it decodes what clients send: which errors can it raise, what does it bound?"),
    "socketio.async_pubsub_manager:AsyncPubSubManager": ("dd9305fb0fa9", "ClusterManager puts Manager under it by inheritance"),
    # What is reached into: a connection is taken from aiohttp behind its back.
    "aiohttp.web_protocol:RequestHandler.start": ("2e565fd40c8e", "it must end quietly after `taken_from`"),
    "aiohttp.web_protocol:RequestHandler.connection_lost": ("df2fe6e95fd0", "`taken_from` calls it to have the handler let go"),
    "aiohttp.web_protocol:RequestHandler.data_received": ("1ee57ebe052e", "`_message_tail` and `_messages` are what came early"),
    "aiohttp.web_protocol:RequestHandler.finish_response": ("b7eb53db8f4b", "it must leave a TakenOver response alone"),
    "aiohttp.web_protocol:RequestHandler.force_close": ("38d0e1e798e4", "it must not close a transport that it has not"),
    "aiohttp.web_protocol:RequestHandler._handle_request": ("a88a34ee65a2", "`taken_from` runs inside it"),
    "aiohttp.web_protocol:RequestHandler._process_keepalive": ("b472e0fb8445", "it is the only limit on idle connections"),
    "aiohttp.base_protocol:BaseProtocol": ("b8cbe831e85f", "`taken_from` leaves it without a transport"),
    "aiohttp.web_server:Server.connection_lost": ("fff3ade6ffe8", "it must forget a connection that was taken over"),
    "aiohttp.web_ws:WebSocketResponse._handshake": ("95b5e704a782", "`handshake.read` and `accept_of` replace it: compare what they demand"),
}  # fmt: skip


def source(name: str) -> str:
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split(".") if path else ():
        found = getattr(found, part)
    return inspect.getsource(found)


def fingerprint(name: str) -> str:
    return hashlib.sha256(source(name).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", GROUND)
def test_the_source_is_the_one_that_was_read(name):
    known, sentence = GROUND[name]
    package = {"engineio": "python-engineio", "socketio": "python-socketio"}.get(
        name.split(".")[0], "aiohttp"
    )

    assert fingerprint(name) == known, (
        f"{package} {version(package)} has changed {name}. Re-read it: {sentence}. Then put "
        f"{fingerprint(name)!r} here."
    )


def test_every_override_has_a_counterpart_in_the_library():
    """A method that the library has renamed would be overridden no more."""
    for ours, theirs in ((Server, socketio.AsyncServer), (Manager, socketio.AsyncManager)):
        for name in (
            "emit", "disconnect", "shutdown", "attach", "handle_request", "_send_packet", "_engineio_server_class", "get_environ",
        ) if ours is Server else (
            "pre_connect", "connect", "pre_disconnect", "disconnect", "is_connected", "is_pre_connected", "enter_room",
            "leave_room", "close_room", "get_rooms", "get_participants", "get_namespaces", "sid_from_eio_sid",
            "eio_sid_from_sid", "emit", "trigger_callback", "_generate_ack_id",
        ):  # fmt: skip
            assert name in vars(ours), name
            assert callable(getattr(theirs, name)), (
                f"{theirs.__name__}.{name} is gone: who is called instead?"
            )


def test_the_library_touches_no_rooms_behind_the_manager():
    """`rooms` and the pending lists of the stock managers stay empty: nobody may look there."""
    server_code = source("socketio.async_server") + source("socketio.base_server")
    for attribute in ("manager.rooms[", "manager.pending", "manager.eio_to_sid"):
        assert attribute not in server_code


def test_a_connection_has_what_the_library_reads_of_its_sockets():
    connection = Connection(engine().eio, "c", {}, limit=0, allowance=Allowance(0))

    assert connection.closed is False
    assert connection.upgraded is False
    assert connection.session == {}


@pytest.fixture(params=[True, False], ids=["read at the door", "read by aiohttp"])
def door(request):
    return request.param


async def test_the_answer_to_a_handshake_has_no_extensions(door):
    async with hosted(engine(), door=door) as host:
        raw = await RawSocket.dial(host.port)
        raw.handshake(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        await raw.answered()
        assert "extensions" not in raw.response.lower()
        await raw.hang_up()


async def test_aiohttp_has_forgotten_a_connection_that_was_taken_over(door):
    async with hosted(engine(), door=door) as host:
        before = len(asyncio.all_tasks())
        raw = await RawSocket.join(host.port)

        await host.until(lambda: not host.runner.server.connections)
        await host.until(lambda: len(asyncio.all_tasks()) == before)

        raw.say('421["echo",1]')
        assert await raw.text() == "431[1]"
        await raw.hang_up()


async def test_frames_that_come_with_the_handshake_are_heard(door):
    async with hosted(engine(), door=door) as host:
        raw = await RawSocket.dial(host.port)
        raw.handshake()
        raw.say("40{}")
        await raw.answered()
        assert (await raw.text())[0] == "0"
        assert (await raw.text()).startswith("40")
        await raw.hang_up()


@pytest.mark.parametrize(
    "header",
    ["Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: short", "Connection: close", "Upgrade: h2c"],
)
async def test_a_handshake_that_is_none_is_answered_400_and_leaves_nothing(header, door):
    name, _, value = header.partition(": ")
    lines = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        name: value,
    }
    async with hosted(engine(), door=door) as host:
        raw = await RawSocket.dial(host.port)
        head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        raw.send(f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{head}\r\n".encode())

        assert (await raw.reader.readline()).startswith(b"HTTP/1.1 400")
        assert host.sockets() == 0
        await raw.hang_up()


async def test_plain_http_goes_on_over_the_same_port():
    async with hosted(engine()) as host:
        raw = await RawSocket.join(host.port)
        other = await RawSocket.dial(host.port)
        other.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await other.reader.readline()).startswith(b"HTTP/1.1 404")
        await raw.hang_up()
        await other.hang_up()


async def test_python_clients_of_every_transport_get_answers():
    async with hosted(Server(limits=EngineLimits())) as host:
        for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
            client = socketio.AsyncClient(handle_sigint=False)
            await client.connect(f"http://127.0.0.1:{host.port}", transports=transports)
            assert await client.call("echo", {"a": [1, "ü"]}) == {"a": [1, "ü"]}
            assert await client.call("echo", b"binary") == b"binary"
            async with host.server.session(client.get_sid()) as session:
                session["kept"] = 1
            assert (await host.server.get_session(client.get_sid()))["kept"] == 1
            await client.disconnect()
        await host.until(lambda: len(host.disconnects) == 3)


async def test_the_manager_works_under_a_message_queue(redis_url):
    """`AsyncRedisManager` over Manager: emits and control from other processes reach the fast path."""
    channel = "engine-ground"

    class ClusterManager(socketio.AsyncRedisManager, Manager):
        pass

    def cluster() -> Server:
        return Server(origins=Origins(("*",)), client_manager=ClusterManager(redis_url, channel=channel))

    outside = socketio.AsyncRedisManager(redis_url, channel=channel, write_only=True)
    async with hosted(cluster()) as here, hosted(cluster()) as there:
        for host in (here, there):
            host.server.manager.initialize()
            host.server.manager_initialized = True
        raw = await RawSocket.join(there.port)
        async with asyncio.timeout(40):
            # SUBSCRIBE has no end that can be awaited: repeat until the first one is through.
            while not await there.server.manager.redis.pubsub_numsub(channel) or (
                dict(await there.server.manager.redis.pubsub_numsub(channel)).get(channel.encode(), 0) < 2
            ):
                await asyncio.sleep(0.01)

        await outside.emit("notification", {"from": "outside"}, room="all")
        assert await raw.event() == ["notification", {"from": "outside"}]

        await here.server.emit("notification", {"from": "here"}, room="all")
        assert await raw.event() == ["notification", {"from": "here"}]

        await here.server.emit("notification", {"from": "nobody"}, to=[])
        await here.server.enter_room(raw.sid, "late")
        await here.server.emit("notification", {"from": "late"}, room="late")
        assert await raw.event() == ["notification", {"from": "late"}]

        await here.server.disconnect(raw.sid)
        assert await raw.text() == "41"
        await raw.gone()
        for host in (here, there):
            host.server.manager.thread.cancel()
            await asyncio.gather(host.server.manager.thread, return_exceptions=True)
            await host.server.manager.pubsub.aclose()
            await host.server.manager.redis.aclose()
        await outside.redis.aclose()
