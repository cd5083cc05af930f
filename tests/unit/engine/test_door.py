"""What comes to the public port: websockets are taken at the door, everything else is aiohttp's to answer."""

import asyncio
import base64
import os
import socket

import pytest

from gateway.engine import handshake as handshakes
from gateway.engine import listening as listening_module
from gateway.ground import places
from gateway.ground.origins import Origins, permitted
from tests.support.rawsocket import RawSocket
from tests.unit.engine.hosts import engine, hosted

KEY = base64.b64encode(bytes(16)).decode()
USUAL = {
    "Host": "shop.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def request(target="/socket.io/?EIO=4&transport=websocket", version="HTTP/1.1", method="GET", **headers):
    fields = USUAL | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# Reading the head


def test_the_answer_to_a_key_is_the_one_of_the_standard():
    """RFC 6455, section 1.3, has this pair."""
    handshake, _ = handshakes.read(request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="))

    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in handshake.answer()


def test_what_a_handshake_says_is_read():
    handshake, early = handshakes.read(
        request(
            connection="keep-alive, Upgrade",
            upgrade="WebSocket",
            Origin="https://shop.example",
            User_Agent="A browser",
            X_Forwarded_For="192.0.2.7, 10.0.0.1",
        )
        .replace(b"Connection: Upgrade\r\n", b"")
        .replace(b"Upgrade: websocket\r\n", b"")
        + b"\x81\x80"
    )

    assert handshake.path == "/socket.io/"
    assert handshake.query == "EIO=4&transport=websocket"
    assert handshake.host == "shop.example"
    assert handshake.origin == "https://shop.example"
    assert handshake.agent == "A browser"
    assert handshake.forwarded == "192.0.2.7, 10.0.0.1"
    assert early == b"\x81\x80"


def test_the_lines_of_a_list_header_are_read_as_one():
    """As HAProxy writes it: what the client claims in one line, what the proxy has seen in the next (RFC 9110, section 5.2)."""
    lines = b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: keep-alive\r\n\r\n"

    handshake, _ = handshakes.read(request()[:-2] + lines)

    assert [each.strip() for each in handshake.forwarded.split(",")] == ["9.9.9.9", "192.0.2.7"]


@pytest.mark.parametrize(
    "data",
    [
        request()[:-2],
        request()[:50],
        request(method="POST"),
        request(version="HTTP/1.0"),
        request(target="/socket.io/"),
        request(Connection="close"),
        request(Upgrade="h2c"),
        request(Sec_WebSocket_Version="8"),
        request(Sec_WebSocket_Key="c2hvcnQ="),
        request(Sec_WebSocket_Key="no base64 at all!"),
        request(Content_Length="5"),
        request(Transfer_Encoding="chunked"),
        request(Expect="100-continue"),
        request(Cookie="c" * handshakes.HEAD_BYTES),
        request().replace(b"Host: shop", b"Host : shop"),
        request().replace(b"\r\nHost", b"\r\n Host"),
        request().replace(b"\r\nUpgrade", b"\nUpgrade"),
        request().replace(b"shop.example", b"shop\0example"),
        request().replace(b"shop.example", b"shop\rexample"),
        request().replace(b"shop.example", b"shop\nexample"),
        request().replace(b"Host: shop.example", b"shop.example"),
        request().replace(b"Host: shop.example", b": shop.example"),
        request(target="/socket.io/\tx?EIO=4&transport=websocket"),
        request(target="/socket.io/?EIO=4&transport=websocket#x"),
        request(Sec_WebSocket_Protocol="a b"),
        request(Sec_WebSocket_Protocol="a,,b"),
        request(Sec_WebSocket_Protocol="a,a"),
        request(Sec_WebSocket_Protocol=""),
        request()[:-2] + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        request()[:-2] + b"X: y\r\n" * handshakes.LINES + b"\r\n",
        request()[:-2] + b"HOST: other.example\r\n\r\n",
        b"",
        b"\x16\x03\x01",
    ],
)
def test_what_is_no_plain_handshake_is_left_to_aiohttp(data):
    assert handshakes.read(data) is None


# Over the network


async def answer_to(port, data):
    raw = await RawSocket.dial(port)
    raw.send(data)
    line = await asyncio.wait_for(raw.reader.readline(), 10)
    await raw.hang_up()
    return int(line.split()[1])


async def test_a_usual_handshake_never_reaches_aiohttp(hosts):
    host = await hosts()

    raw = await RawSocket.join(host.port)

    assert not host.runner.server.requests_count
    raw.say('420["echo",1]')
    assert await raw.text() == "430[1]"
    await raw.hang_up()
    await host.until(lambda: host.disconnects)


async def test_a_handshake_that_comes_in_pieces_is_answered(hosts):
    host = await hosts()
    raw = await RawSocket.dial(host.port)

    for byte in request():
        raw.send(bytes((byte,)))
        await raw.writer.drain()
        await asyncio.sleep(0)
    await raw.answered()

    assert (await raw.text())[0] == "0"
    await raw.hang_up()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(target="/nowhere?EIO=4"), 404),
        (request(target="/socket.io/?EIO=3&transport=websocket"), 400),
        (request(target="/socket.io/?EIO=4&transport=websocket&sid=unknown"), 400),
        (request(target="/socket.io/?EIO=4&transport=polling"), 200),
        (b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_everything_else_is_answered_by_aiohttp(hosts, data, status):
    host = await hosts()

    assert await answer_to(host.port, data) == status


async def test_a_query_in_another_order_is_as_good(hosts):
    host = await hosts()

    assert await answer_to(host.port, request(target="/socket.io/?transport=websocket&EIO=4&t=x")) == 101


async def test_a_page_of_another_origin_is_refused_at_the_door_too():
    server = engine()
    server.eio.origins = Origins()
    async with hosted(server) as host:
        assert await answer_to(host.port, request(Origin="https://other.example")) == 403
        assert await answer_to(host.port, request(Origin="http://[")) == 403
        assert await answer_to(host.port, request(Origin="x" * 9_000)) in (400, 403)
        assert await answer_to(host.port, request(Origin="https://shop.example")) == 101


@pytest.mark.parametrize("door", [True, False], ids=["at the door", "by aiohttp"])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    ("origin", "given_host", "welcome"),
    [
        ("https://shop.example", "127.0.0.1:8080", True),  # nginx without the Host
        ("https://shop.example", "shop.example:443", True),
        ("https://other.example", "other.example:443", True),  # our own by the Host alone
        ("https://xn--bcher-kva.example", "x", True),
        ("https://a.b.wild.example", "x", True),
        ("capacitor://localhost", "x", True),
        ("https://wild.example", "x", False),
        ("https://evil.example", "shop.example", False),
        ("null", "null", False),
    ],
)
async def test_an_origin_is_judged_alike_whoever_reads_it(door, transport, origin, given_host, welcome):
    server = engine()
    permits = [
        permitted(each)
        for each in ("https://bücher.example", "https://*.wild.example", "capacitor://localhost")
    ]
    origins = server.eio.origins = Origins(permits, base_url="https://shop.example/notify")
    async with hosted(server, door=door) as host:
        asked = request(target=f"/socket.io/?EIO=4&transport={transport}", Origin=origin, Host=given_host)
        status = await answer_to(host.port, asked)

    assert status == ({"websocket": 101, "polling": 200}[transport] if welcome else 403)
    assert origins.refused == (not welcome)


async def test_beyond_the_rate_of_an_address_the_answer_is_429(hosts):
    host = await hosts(connect_rate=0.001, connect_burst=2)

    assert [await answer_to(host.port, request()) for _ in range(4)] == [101, 101, 429, 429]
    assert host.server.stats.refusals.counts["rate_limited"] == 2


async def test_without_the_transport_websocket_there_is_none(hosts):
    host = await hosts(transports=("polling",))

    assert await answer_to(host.port, request()) == 400


async def answered(port, data):
    """The whole head of the answer."""
    raw = await RawSocket.dial(port)
    raw.send(data)
    head = await asyncio.wait_for(raw.reader.readuntil(b"\r\n\r\n"), 10)
    await raw.hang_up()
    return head.decode()


@pytest.mark.parametrize("door", [True, False], ids=["door", "aiohttp"])
@pytest.mark.parametrize(
    ("lines", "spoken"),
    [
        (["chat"], "chat"),
        (["v2.chat, chat"], "v2.chat"),
        (["chat ,other"], "chat"),
        (["chat", "other"], "chat"),
    ],
    ids=["one", "several", "with blanks", "in several lines"],
)
async def test_the_first_subprotocol_that_is_asked_for_is_spoken(door, lines, spoken):
    """A browser closes a websocket that does not speak one of those it asked for."""
    asked = "".join(f"Sec-WebSocket-Protocol: {line}\r\n" for line in lines).encode()
    async with hosted(engine(), door=door) as host:
        head = await answered(host.port, request()[:-2] + asked + b"\r\n")

    assert head.startswith("HTTP/1.1 101 ")
    assert [line for line in head.split("\r\n") if "Protocol" in line][1:] == [
        f"Sec-WebSocket-Protocol: {spoken}"
    ]


@pytest.mark.parametrize("door", [True, False], ids=["door", "aiohttp"])
@pytest.mark.parametrize("asked", ["a b", "a,,b", "a, a", "a;b", '"a"', "ä", ","])
async def test_what_is_no_list_of_subprotocols_is_refused(door, asked):
    line = f"Sec-WebSocket-Protocol: {asked}\r\n\r\n".encode()
    async with hosted(engine(), door=door) as host:
        assert await answer_to(host.port, request()[:-2] + line) == 400
        assert host.sockets() == 0


async def test_without_a_subprotocol_none_is_spoken(hosts):
    host = await hosts()

    assert "Sec-WebSocket-Protocol" not in await answered(host.port, request())


async def test_a_head_as_long_as_a_shop_s_cookies_is_read_at_the_door(hosts):
    host = await hosts()

    assert await answer_to(host.port, request(Cookie="c" * 30_000)) == 101
    assert not host.runner.server.requests_count


async def test_who_comes_too_often_is_refused_before_anything_else_is_looked_at(hosts, monkeypatch):
    host = await hosts(connect_rate=0.001, connect_burst=1)
    assert await answer_to(host.port, request()) == 101

    def look(*given):
        raise AssertionError(given)

    transport = host.server.eio
    monkeypatch.setattr(transport.origins, "allow", look)
    monkeypatch.setattr(handshakes.Handshake, "answer", look)
    handshake, early = handshakes.read(request(Origin="https://shop.example"))
    with socket.socket() as tcp:
        assert not transport.enter(tcp, "127.0.0.1", handshake, early)


# Those who say nothing


@pytest.fixture
def accepted_at_once(monkeypatch):
    """As where the kernel cannot wait for a connection's first word."""
    monkeypatch.delattr(socket, "TCP_DEFER_ACCEPT", raising=False)


async def test_who_speaks_late_is_heard(hosts, accepted_at_once):
    host = await hosts()
    raw = await RawSocket.dial(host.port)
    await host.until(host.silent)

    raw.handshake()
    await raw.answered()

    assert not host.silent()
    await raw.hang_up()


async def test_who_goes_without_a_word_is_forgotten(hosts, accepted_at_once):
    host = await hosts()
    raw = await RawSocket.dial(host.port)
    await host.until(host.silent)

    await raw.hang_up()

    await host.until(lambda: not host.silent())


async def test_who_never_speaks_is_sent_away(hosts, accepted_at_once, monkeypatch):
    monkeypatch.setattr(listening_module, "SILENCE_SECONDS", 0.05)
    host = await hosts()
    raw = await RawSocket.dial(host.port)

    assert await asyncio.wait_for(raw.reader.read(), 40) == b""

    assert not host.silent()
    await raw.hang_up()


async def test_only_so_many_may_be_silent(hosts, accepted_at_once, monkeypatch):
    monkeypatch.setattr(listening_module, "SILENT", 2)
    host = await hosts()
    raws = [await RawSocket.dial(host.port) for _ in range(2)]
    await host.until(lambda: host.silent() == 2)

    third = await RawSocket.dial(host.port)

    assert await asyncio.wait_for(third.reader.read(), 40) == b""
    for raw in [*raws, third]:
        await raw.hang_up()


async def test_a_stop_sends_away_who_is_silent(accepted_at_once):
    async with hosted(engine()) as host:
        raw = await RawSocket.dial(host.port)
        await host.until(host.silent)

    assert await asyncio.wait_for(raw.reader.read(), 40) == b""
    await raw.hang_up()


async def test_the_kernel_keeps_little_for_a_client_and_gives_up_on_who_reads_nothing(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    tcp = next(iter(host.server.eio.sockets.values())).socket._socket

    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * places.SEND_BUFFER_BYTES
    assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000
    await raw.hang_up()


# The stream under a websocket


async def test_a_connection_whose_bytes_cannot_be_taken_is_ended(hosts, caplog, monkeypatch):
    host = await hosts()
    raw = await RawSocket.join(host.port)
    connection = next(iter(host.server.eio.sockets.values()))

    def fail(data):
        raise RuntimeError("a bug")

    monkeypatch.setattr(connection.socket._reader.__class__, "feed", lambda self, data: fail(data))
    raw.say("6probe")

    await raw.gone()
    await host.until(lambda: host.disconnects == ["transport close"])
    assert [record.message for record in caplog.records] == ["a connection failed"]


async def test_what_the_kernel_does_not_take_goes_out_when_it_does(hosts):
    from gateway.engine import Packet

    host = await hosts(send_buffer_bytes=0)
    raw = await RawSocket.join(host.port, receive_bytes=4096)
    raw.reader._transport.pause_reading()
    connection = next(iter(host.server.eio.sockets.values()))
    texts = [os.urandom(2000).hex() for _ in range(500)]

    for text in texts:
        host.server.fan_out("/", "all", Packet.event("/", f'["a","{text}"]'.encode()))
        await asyncio.sleep(0)
    await host.until(lambda: connection.socket.unsent)
    raw.reader._transport.resume_reading()

    assert [(await raw.event())[1] for _ in texts] == texts
    await host.until(lambda: not connection.socket.unsent and not connection.backlog)
    await raw.hang_up()
