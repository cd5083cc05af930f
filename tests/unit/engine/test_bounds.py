"""What a client, an address and a node can have of the engine ends at its limits."""

import asyncio
import gc
import json
import time
from ipaddress import ip_network

import psutil
import pytest

from gateway.engine import ClosingReason, Packet
from gateway.engine.admission import AddressRate, Turnstile, client_address
from gateway.ground.origins import Origins
from tests.support.rawsocket import RawPoller, RawSocket, masked
from tests.unit.engine.hosts import engine, hosted

BIG = Packet.event("/", json.dumps(["notification", "x" * 4000]).encode())


# Slow consumers


async def flood(host, until, *, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not until():
            host.server.fan_out("/", "all", BIG)
            await asyncio.sleep(0)


def _kept_by_the_kernel(port: int) -> list[str]:
    """The states of the server's sockets, those that no process holds any more included."""
    return sorted(
        (each.status for each in psutil.net_connections("tcp4") if each.laddr.port == port), reverse=True
    )


@pytest.mark.parametrize("talks", [False, True], ids=["stalled", "stalled but sending PONGs"])
async def test_a_client_that_does_not_read_is_dropped_and_its_memory_comes_back(hosts, talks):
    host = await hosts(client_events_per_second=0)
    stalled = [await RawSocket.join(host.port, receive_bytes=4096) for _ in range(20)]
    for raw in stalled:
        raw.reader._transport.pause_reading()
    reading = await RawSocket.join(host.port)

    async def read() -> None:
        while True:
            await reading.event()

    async def talk() -> None:
        while talks:
            for raw in stalled:
                raw.say("3")
            await asyncio.sleep(0.01)

    others = [asyncio.create_task(read()), asyncio.create_task(talk())]
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    started = time.monotonic()

    await flood(host, lambda: host.server.stats.slow_consumers == 20)

    assert time.monotonic() - started < 5
    await host.until(lambda: len(host.disconnects) == 20)
    assert host.sockets() == 1
    assert host.server.connection_count() == 1
    assert not others[0].done()
    await host.until(lambda: _kept_by_the_kernel(host.port) == [psutil.CONN_LISTEN, psutil.CONN_ESTABLISHED])
    gc.collect()
    assert process.memory_info().rss - before < 8_000_000
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_a_poller_that_does_not_poll_is_dropped(hosts, http):
    host = await hosts()
    await RawPoller.join(http, host.port)

    await flood(host, lambda: host.server.stats.slow_consumers == 1)

    await host.until(lambda: host.disconnects)
    assert host.sockets() == 0


async def test_the_bound_counts_what_the_kernel_has_not_taken(hosts):
    host = await hosts(send_buffer_bytes=50_000)
    raw = await RawSocket.join(host.port, receive_bytes=4096)
    raw.reader._transport.pause_reading()
    connection = next(iter(host.server.eio.sockets.values()))
    most = 0

    def held() -> bool:
        nonlocal most
        most = max(most, connection.backlog + len(connection.socket.unsent))
        return connection.closed

    await flood(host, held)

    assert most < 50_000 + 2 * len(BIG.frame)


async def test_a_client_that_answers_no_ping_is_gone(hosts, http):
    host = await hosts(ping_interval_seconds=0.1, ping_timeout_seconds=0.2)
    silent = await RawSocket.join(host.port)
    answering = await RawSocket.join(host.port)
    await RawPoller.join(http, host.port)
    reading = asyncio.create_task(answering.gone())

    await host.until(lambda: len(host.disconnects) == 2, 3)

    assert set(host.disconnects) == {"ping timeout"}
    await asyncio.sleep(0)
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await silent.hang_up()


# What comes in


async def test_answers_to_pings_are_no_events_but_what_nobody_asked_for_is(hosts):
    host = await hosts(
        client_events_per_second=0.001,
        client_events_burst=2,
        ping_interval_seconds=0.05,
        ping_timeout_seconds=20,
    )
    raw = await RawSocket.join(host.port)

    for _ in range(5):
        assert await raw.frame() == (1, b"2")
        raw.say("3")
    for _ in range(3):
        raw.say("3")

    while (frame := await raw.frame()) == (1, b"2"):
        pass
    assert b"rate_limited" in frame[1]


async def test_too_many_events_a_second_end_the_connection(hosts):
    host = await hosts(client_events_per_second=5, client_events_burst=10)
    raw = await RawSocket.join(host.port)

    for _ in range(100):
        raw.say('42["echo",1]')
    assert await raw.event() == ["closing", {"reason": "rate_limited", "reconnect": True, "retry_after": 5}]

    assert await raw.gone() == 1012
    assert len(host.events) <= 10
    assert host.server.stats.rate_limited == 1


@pytest.mark.parametrize("head", [0x89, 0x8A], ids=["PING", "PONG"])
async def test_control_frames_count_as_events(hosts, head):
    host = await hosts(client_events_per_second=5, client_events_burst=10)
    raw = await RawSocket.join(host.port)

    raw.send(masked(head, b"x") * 100)

    assert await raw.gone() == 1012


async def test_a_message_over_the_limit_ends_the_connection_before_it_is_kept(hosts):
    host = await hosts(max_message_bytes=1000)
    raw = await RawSocket.join(host.port)

    raw.send(bytes((0x81, 0x80 | 127)) + (2**40).to_bytes(8, "big"))

    assert await raw.gone() == 1009


async def test_fragments_count_together(hosts):
    host = await hosts(max_message_bytes=1000)
    raw = await RawSocket.join(host.port)

    raw.send(masked(0x01, b"4" * 600) + masked(0x00, b"4" * 600))

    assert await raw.gone() == 1009


async def test_a_post_over_the_limit_ends_the_connection(hosts, http):
    host = await hosts(max_message_bytes=1000)
    poller = await RawPoller.join(http, host.port)

    assert await poller.say("42" + json.dumps(["echo", "x" * 2000])) == 413

    await host.until(lambda: host.disconnects)


async def test_a_slow_handler_holds_back_its_client_and_nobody_else(hosts):
    host = await hosts(client_events_per_second=0, max_message_bytes=2000)
    gate = asyncio.Event()

    async def slow(sid, value):
        await gate.wait()

    host.server.on("slow", slow)
    busy, other = await RawSocket.join(host.port), await RawSocket.join(host.port)
    connection = next(iter(host.server.eio.sockets.values()))

    for _ in range(500):
        busy.say('42["slow","' + "x" * 1000 + '"]')
    await host.until(lambda: host.waiting(connection) > 2000)
    other.say('421["echo",7]')

    assert await other.text() == "431[7]"
    # One read of the transport may have brought more than the limit; no second one follows.
    assert host.waiting(connection) < 300_000
    gate.set()
    await host.until(lambda: host.waiting(connection) == 0)


async def test_an_acknowledgement_is_heard_while_its_asker_waits(hosts):
    host = await hosts()

    async def ask(sid):
        return await host.server.call("question", to=sid, timeout=5)

    host.server.on("ask", ask)
    raw = await RawSocket.join(host.port)

    raw.say('421["ask"]')
    question = await raw.text()
    raw.say(f"43{question[2 : question.index('[')]}[42]")

    assert await raw.text() == "431[42]"


# Who comes in


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_one_connection_more_is_answered_503_until_there_is_room(hosts, http, transport):
    """At the handshake, where a stock client waits longer from one try to the next; a refusal later it takes for final."""
    host = await hosts(max_connections=2)
    first, _ = await RawSocket.join(host.port), await RawPoller.join(http, host.port)
    ask = f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport={transport}"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"} if transport == "websocket" else {}

    async with http.get(ask, headers=upgrade) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0

    assert host.server.stats.refusals.counts["too_many_connections"] == 1
    await first.hang_up()
    await host.until(lambda: host.server.connection_count() == 1)
    await RawSocket.join(host.port)


async def test_a_client_that_has_not_said_who_it_is_counts_as_a_connection(hosts, http):
    """The metric tells how near a node is to its limit, which is one of transports."""
    host = await hosts(max_connections=1)
    await RawSocket.open(host.port)

    async with http.get(f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling") as response:
        assert response.status == 503

    assert host.server.connection_count() == 1


async def test_an_address_that_comes_too_often_is_answered_429(hosts, http):
    host = await hosts(connect_rate=1, connect_burst=2, trusted_proxies=(ip_network("127.0.0.1"),))
    url = f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling"
    statuses = []

    for address in ("1.1.1.1", "1.1.1.1", "1.1.1.1", "2.2.2.2"):
        async with http.get(url, headers={"X-Forwarded-For": address}) as response:
            statuses.append(response.status)

    assert statuses == [200, 200, 429, 200]


def test_an_address_has_its_burst_and_then_its_rate():
    rate = AddressRate(rate=2, burst=3)

    assert [rate.admit("1.1.1.1", now=0) for _ in range(4)] == [0, 0, 0, 1]
    assert rate.admit("1.1.1.1", now=0.5) == 0
    assert rate.admit("1.1.1.2", now=0.5) == 0


def test_the_addresses_of_one_ipv6_customer_are_one():
    rate = AddressRate(rate=1, burst=1)

    assert rate.admit("2001:db8::1", now=0) == 0
    assert rate.admit("2001:db8::2", now=0) > 0
    assert rate.admit("2001:db8:0:1::1", now=0) == 0


def test_the_addresses_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr("gateway.engine.admission.ADDRESSES", 10)
    rate = AddressRate(rate=1, burst=1)

    for number in range(100):
        rate.admit(f"10.0.0.{number}", now=number / 1000)

    assert len(rate._allowances) <= 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),  # nobody's proxy
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2", "1.1.1.1"),  # what the client made up is left of its own
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        # As balancers write it: with a port, brackets, a zone, or empty where a line was.
        ("10.0.0.1", "1.1.1.1:5678", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::7]:5678", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", '"[2001:db8::7]:5678"', "2001:db8::7"),
        ("10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "[fe80::1%eth0]:5678", "fe80::1"),
        ("10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "[::ffff:1.1.1.1]:80", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, ", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1,,10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2:443", "1.1.1.1"),
        # What is no address is nobody's: the proxy before it stands for its client.
        ("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unix:", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.1.1.1:http", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1:", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::7]x", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::7", "10.0.0.1"),
        ("10.0.0.1", "1" * 9000, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1" + ", 10.0.0.2" * 1000, "10.0.0.2"),
    ],
)
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(peer, forwarded, address):
    trusted = (ip_network("10.0.0.0/8"),)

    assert client_address(peer, forwarded, trusted) == address


@pytest.mark.parametrize("door", [True, False], ids=["door", "aiohttp"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_an_address_that_its_client_made_up_in_a_line_before_the_proxy_s_counts_for_nothing(
    door, transport
):
    limits = {"connect_rate": 0.001, "connect_burst": 1, "trusted_proxies": (ip_network("127.0.0.1"),)}
    async with hosted(engine(**limits), door=door) as host:
        statuses = []
        for made_up in ("7.7.7.7", "8.8.8.8"):
            raw = await RawSocket.dial(host.port)
            upgrade = (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            )
            raw.send(
                f"GET /socket.io/?EIO=4&transport={transport} HTTP/1.1\r\nHost: x\r\n"
                f"{upgrade if transport == 'websocket' else ''}"
                f"X-Forwarded-For: {made_up}\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n".encode()
            )
            statuses.append(int((await asyncio.wait_for(raw.reader.readline(), 10)).split()[1]))
            await raw.hang_up()

    assert statuses == [101 if transport == "websocket" else 200, 429]


async def test_a_connect_handler_that_takes_too_long_closes_the_transport(hosts, caplog, monkeypatch):
    monkeypatch.setattr("gateway.engine.entrance.LATER_SECONDS", 0.1)
    host = await hosts(connect_deadline_seconds=0.1)
    raw = await RawSocket.open(host.port)
    await raw.text()

    raw.say("40" + json.dumps({"wait": 60}))

    assert await raw.gone() == 1012
    assert host.server.connection_count() == 0
    assert host.server.stats.refusals.counts["unavailable"] == 1
    assert [record.message for record in caplog.records] == ["connect handler took too long"]


async def test_one_that_was_refused_in_time_is_not_interrupted_later(hosts, caplog):
    """Its deadline comes while the connection's next handler is at work."""
    host = await hosts(connect_deadline_seconds=0.2)
    raw = await RawSocket.open(host.port)
    await raw.text()
    raw.say("40" + json.dumps({"refuse": "no"}))
    assert (await raw.text()).startswith("44")
    await asyncio.sleep(0.1)

    raw.say("40/admin," + json.dumps({"wait": 0.15}))

    assert (await raw.text()).startswith("40/admin,")
    assert not caplog.records
    await raw.hang_up()


async def test_the_gate_lets_few_through_in_a_turn_and_all_in_order():
    gate = Turnstile(a_turn=3)
    passed = []
    turns = 0

    async def come(number):
        await gate.passage()
        passed.append((turns, number))

    comers = [asyncio.create_task(come(number)) for number in range(30)]
    while len(passed) < 30:
        turns += 1
        await asyncio.sleep(0)

    assert [number for _, number in passed] == list(range(30))
    assert max(sum(turn == each for each, _ in passed) for turn in range(turns + 1)) <= 6
    await asyncio.gather(*comers)


@pytest.mark.alone
async def test_a_reconnect_storm_keeps_the_latency_of_those_already_in(hosts):
    host = await hosts(connect_rate=0)
    raw = await RawSocket.join(host.port)
    worst = 0.0

    storm = [asyncio.create_task(RawSocket.join(host.port, {"rooms": []})) for _ in range(300)]
    while not all(task.done() for task in storm):
        before = time.monotonic()
        host.server.fan_out("/", "all", BIG)
        await raw.event()
        worst = max(worst, time.monotonic() - before)
    await asyncio.gather(*storm)

    assert worst < 1
    assert host.server.connection_count() == 301


# Leaving


async def test_a_stop_gives_up_what_a_store_that_hangs_keeps_waiting(hosts, monkeypatch):
    """Each event that a client has sent would have its own time to fail, one after the other, and nobody reads the answers."""
    monkeypatch.setattr("gateway.engine.intake.STOP_SECONDS", 0.1)
    host = await hosts()
    begun = []

    async def hang(sid: str, *_: object) -> None:
        begun.append(sid)
        host.changed.set()
        await asyncio.Event().wait()

    host.server.on("hang", hang, namespace="/")
    raw = await RawSocket.join(host.port)
    for _ in range(3):
        raw.say('42["hang"]')
    await host.until(lambda: begun)
    [connection] = host.server.eio.sockets.values()
    await host.until(lambda: host.waiting(connection) > 2 * len('42["hang"]'))

    async with asyncio.timeout(5):
        await host.server.stop()

    assert len(begun) == 1
    assert host.disconnects == ["server disconnect"]


async def test_a_reason_to_come_back_closes_the_websocket_under_the_client(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    await host.server.close(raw.sid, "/", ClosingReason.DRAINING, retry_after=3)

    assert await raw.event() == ["closing", {"reason": "draining", "reconnect": True, "retry_after": 3}]
    assert await raw.gone() == 1012
    await host.until(lambda: host.disconnects)


async def test_a_reason_to_stay_away_disconnects_the_namespace(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    await host.server.close(raw.sid, "/", ClosingReason.REVOKED)

    assert (await raw.event())[1]["reason"] == "revoked"
    assert await raw.text() == "41"
    await raw.gone()
    assert host.disconnects == ["server disconnect"]


async def test_a_poll_that_comes_after_the_client_s_goodbye_is_answered_and_the_next_is_not(hosts, http):
    """Both go out at once on two TCP connections, and a browser writes a refused one in the page's console."""
    host = await hosts()
    poller = await RawPoller.join(http, host.port)

    assert await poller.say("1") == 200
    assert await poller.poll() == ["6"]
    assert await poller.say("1") == 400


async def test_a_poller_is_sent_away_with_its_last_packets(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    sid = next(iter(host.server.manager.sessions))

    await host.server.close(sid, "/", ClosingReason.DRAINING, retry_after=3)

    (closing,) = await poller.poll()
    assert "draining" in closing
    # Not Engine.IO's CLOSE: python-engineio takes it for an end that it does not come back from.
    assert await poller.status() == 400
    assert await poller.say('42["too late"]') == 400
    assert not host.server.eio.sockets


async def test_a_drain_sends_all_away_each_at_a_moment_of_its_own(hosts):
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(20)]
    closings = []

    async def leave(raw):
        closings.append((await raw.event())[1])
        assert await raw.gone() == 1012

    leaving = [asyncio.create_task(leave(raw)) for raw in raws]
    await host.server.drain(seconds=1)
    await asyncio.gather(*leaving)

    assert {closing["reason"] for closing in closings} == {"draining"}
    assert len({closing["retry_after"] for closing in closings}) > 5
    await host.until(lambda: len(host.disconnects) == 20)


async def test_who_comes_while_a_node_drains_is_sent_away_not_refused(hosts, http):
    """Those that have opened their transport and not yet said CONNECT, and those that open one."""
    host = await hosts()
    raw, poller = await RawSocket.open(host.port), await RawPoller.open(http, host.port)
    await raw.text()
    host.server.eio.stopping = True

    raw.say("40{}")
    await poller.say("40{}")

    assert await raw.gone() == 1012
    assert await poller.status() == 400
    ask = f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling"
    async with http.get(ask) as response:
        assert response.status == 503
    assert host.server.stats.refusals.counts["draining"] == 3


async def test_one_whose_second_namespace_cannot_be_opened_for_now_is_told_why_and_comes_back(
    hosts, monkeypatch
):
    monkeypatch.setattr("gateway.engine.entrance.LATER_SECONDS", 0.1)
    host = await hosts()
    raw = await RawSocket.join(host.port)

    raw.say("40/admin," + json.dumps({"fail": True}))

    assert await raw.event() == [
        "closing",
        {"reason": "unavailable", "reconnect": True, "retry_after": 1},
    ]
    assert await raw.gone() == 1012


async def test_a_disconnect_handler_runs_after_the_events_that_came_before(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    raw.say('42["echo","last words"]')
    await raw.hang_up()

    await host.until(lambda: host.disconnects)
    assert host.events[-1][1] == ("last words",)


async def test_an_origin_that_is_not_allowed_gets_nothing(http):
    from gateway.engine import Server
    from tests.unit.engine.hosts import hosted

    async with hosted(Server(origins=Origins(["https://shop.example"]))) as host:
        url = f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling"
        for origin, status in (("https://evil.example", 403), ("https://shop.example", 200)):
            async with http.get(url, headers={"Origin": origin}) as response:
                assert response.status == status
                if status == 200:
                    assert response.headers["Access-Control-Allow-Origin"] == origin
    async with hosted(Server()) as host:
        url = f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling"
        for origin, status in (("https://evil.example", 403), (f"https://127.0.0.1:{host.port}", 200)):
            async with http.get(url, headers={"Origin": origin}) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (("unix",), "1.1.1.1", "1.1.1.1"),
        (("unix",), "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        (("unix", ip_network("10.0.0.0/8")), "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (("unix",), "", "unix"),
        (("unix",), "nonsense", "unix"),
        ((), "1.1.1.1", "unix"),
        ((ip_network("0.0.0.0/0"),), "1.1.1.1", "unix"),
    ],
)
def test_who_comes_by_a_unix_socket_is_whom_its_proxy_names_if_that_is_trusted(trusted, forwarded, address):
    assert client_address("", forwarded, trusted) == address


def test_nobody_is_a_unix_socket_by_saying_so():
    assert client_address("203.0.113.9", "1.1.1.1", ("unix",)) == "203.0.113.9"
    assert client_address("10.0.0.1", "unix", (ip_network("10.0.0.1"), "unix")) == "10.0.0.1"
    assert client_address(None, "1.1.1.1", ("unix",)) == ""
