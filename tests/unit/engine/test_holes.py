"""The holes of the stock libraries: each test holds the engine to its promise, and fails on the stock server."""

import asyncio
import json
import logging
import time

import pytest

from gateway.engine import Server
from tests.support import rawsocket
from tests.support.rawsocket import RawPoller, RawSocket, masked
from tests.unit.engine.hosts import stock

# 1. Ghosts


async def test_a_connect_handler_that_fails_closes_the_transport_and_leaves_no_member(holes, monkeypatch):
    monkeypatch.setattr("gateway.engine.entrance.LATER_SECONDS", 0.1)
    host = await holes()
    raw = await RawSocket.open(host.port)
    await raw.text()

    raw.say("40" + json.dumps({"fail": True}))

    assert await raw.gone() == 1012
    await host.until(lambda: not host.sockets())
    assert not list(host.server.manager.get_participants("/", None))


async def test_a_connect_handler_that_outlasts_the_ping_window_leaves_no_member(holes):
    host = await holes(ping_interval_seconds=0.1, ping_timeout_seconds=0.1)
    raw = await RawSocket.open(host.port)
    await raw.text()

    raw.say("40" + json.dumps({"wait": 0.6}))  # and no PONG
    await host.until(lambda: host.connects)

    await host.until(lambda: host.disconnects, 2)
    assert not list(host.server.manager.get_participants("/", None))


# 2. Before CONNECT


async def test_a_broadcast_does_not_reach_a_client_that_is_not_let_in_yet(holes):
    host = await holes()
    raw = await RawSocket.open(host.port)
    await raw.text()

    raw.say("40" + json.dumps({"wait": 0.1}))
    await host.until(lambda: host.connects)
    await host.server.emit("secret", {"to": "everyone"})

    assert (await raw.text()).startswith("40")
    await raw.hang_up()


# 3. Handlers by name


@pytest.mark.parametrize("name", ["connect", "disconnect"])
async def test_a_client_cannot_call_a_handler_by_its_reserved_name(holes, name):
    host = await holes()
    raw = await RawSocket.join(host.port)

    raw.say("42" + json.dumps([name, {"token": "made up"}, {}]))
    await raw.gone()

    await host.until(lambda: host.disconnects)
    assert len(host.connects) == 1
    assert len(host.disconnects) == 1


# 4. Attachments


async def test_attachments_are_bounded_before_they_come(holes):
    host = await holes()
    raw = await RawSocket.join(host.port)

    raw.say('459999999999-["echo",{"_placeholder":true,"num":0}]')

    assert await raw.gone() is not None


async def test_attachments_count_together_as_one_message(holes):
    host = await holes(max_message_bytes=10_000)
    raw = await RawSocket.join(host.port)

    raw.say('453-["echo",{"_placeholder":true,"num":0}]')
    for _ in range(2):
        raw.send(masked(0x82, bytes(6000)))

    assert await raw.gone() is not None


# 5. Tasks and tracebacks


async def test_a_flood_of_events_makes_no_flood_of_tasks(holes):
    host = await holes(client_events_per_second=0)
    raw = await RawSocket.join(host.port)
    seen = []
    most = 0

    async def slow(sid, number):
        nonlocal most
        if not seen:
            await asyncio.sleep(0.2)
        seen.append(number)
        most = max(most, len(asyncio.all_tasks()))

    host.server.on("slow", slow)
    for number in range(1000):
        raw.say(f'42["slow",{number}]')
    await host.until(lambda: len(seen) == 1000)

    assert seen == list(range(1000))
    assert most < 50


async def test_malformed_events_write_no_traceback(holes, caplog, request):
    host = await holes()
    for name in ("socketio.server", "engineio.server"):
        logging.getLogger(name).disabled = False
    caplog.set_level(logging.INFO)
    raw = await RawSocket.join(host.port)

    for text in ("42[", "42{}", "42[]", '42["echo"', "4x", "429999[1]", "42" + "[" * 5000):
        raw.say(text)
    await raw.gone()

    assert not [record for record in caplog.records if record.exc_info]
    assert len([record for record in caplog.records if record.levelno >= logging.INFO]) <= 1


# 6. Frames that are no packets


@pytest.mark.parametrize("text", ["", "x"])
async def test_a_frame_that_is_no_packet_ends_the_connection_at_once(holes, text):
    host = await holes()
    raw = await RawSocket.join(host.port)

    raw.say(text)
    await raw.gone()

    await host.until(lambda: host.disconnects, 1)


# 7. Connections without a session


async def test_a_connection_without_a_session_does_not_live_on(holes):
    host = await holes(connect_deadline_seconds=0.2)
    raw = await RawSocket.open(host.port)

    await raw.gone()

    assert host.sockets() == 0


async def test_who_was_refused_does_not_keep_the_connection(holes):
    host = await holes()
    raw = await RawSocket.open(host.port)
    await raw.text()
    rawsocket.DEADLINE, before = 3, rawsocket.DEADLINE

    raw.say("40" + json.dumps({"refuse": "expired_token"}))
    answer = json.loads((await raw.text())[2:])
    await raw.gone()
    rawsocket.DEADLINE = before

    assert answer["data"] == {"code": "expired_token", "retry": False}
    assert host.sockets() == 0


# 8. Unfinished upgrades


async def test_an_upgrade_that_is_not_finished_gives_no_flood_of_polls(holes, http):
    host = await holes()
    poller = await RawPoller.join(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    raw.say("2probe")
    assert await raw.text() == "3probe"

    polls = 0
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        assert await poller.poll() == ["6"]
        polls += 1

    assert polls < 20
    await raw.hang_up()


# 9. ACK 0


async def test_an_acknowledgement_of_nothing_breaks_no_later_one(holes):
    host = await holes()
    raw = await RawSocket.join(host.port)
    answers = []

    await host.server.emit("ask", 1, to=raw.sid, callback=answers.append)
    raw.say("430[1]")
    raw.say('42["echo"]')
    await host.until(lambda: host.events)
    await host.server.emit("ask", 2, to=raw.sid, callback=answers.append)
    first, second = await raw.text(), await raw.text()

    number = second[2 : second.index("[")]
    raw.say(f"43{number}[7]")
    await host.until(lambda: answers == [7])
    assert first.startswith("42")
    await raw.hang_up()


# 10. Binary to mixed rooms


async def test_a_binary_event_reaches_pollers_and_websockets_of_one_room(holes, http):
    host = await holes()
    raw = await RawSocket.join(host.port)
    poller = await RawPoller.join(http, host.port)

    await host.server.emit("file", b"abc", room="all")

    assert (await raw.frame())[1].startswith(b"451-")
    assert await raw.frame() == (2, b"abc")
    assert (await poller.poll())[1] == "bYWJj"
    await raw.hang_up()


# 11. Nobody is not everybody


@pytest.mark.parametrize("nobody", [[], "", ["gone"], "gone"])
@pytest.mark.parametrize("by", ["to", "room"])
async def test_an_empty_address_reaches_nobody(request, hosts, nobody, by):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    await host.server.emit("secret", 1, **{by: nobody})
    await host.server.emit("public", 1)

    assert await raw.event() == ["public", 1]
    await raw.hang_up()


@pytest.mark.parametrize("nobody", [[], ""])
async def test_an_empty_address_of_the_stock_server_reaches_everybody(holes, nobody):
    host = await holes()
    raw = await RawSocket.join(host.port)

    await host.server.emit("secret", 1, to=nobody)
    await host.server.emit("public", 1)

    assert await raw.event() == ["public", 1]
    await raw.hang_up()


async def test_leaving_the_room_none_changes_nothing(holes):
    host = await holes()
    raw = await RawSocket.join(host.port)

    await host.server.leave_room(raw.sid, None)
    await host.server.emit("public", 1)

    assert await raw.event() == ["public", 1]
    await raw.hang_up()


async def test_a_room_named_like_a_session_is_no_way_to_its_messages(holes):
    host = await holes()
    victim = await RawSocket.join(host.port)
    thief = await RawSocket.join(host.port)

    await host.server.enter_room(thief.sid, victim.sid)
    await host.server.emit("secret", 1, to=victim.sid)
    await host.server.emit("public", 1)

    assert await victim.event() == ["secret", 1]
    assert await thief.event() == ["public", 1]
    await victim.hang_up()
    await thief.hang_up()


# 12. Addresses


async def test_the_environment_tells_the_address_that_trusted_proxies_tell_of(holes):
    from ipaddress import ip_network

    host = await holes(trusted_proxies=(ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")))
    raw = await RawSocket.open(host.port, X_Forwarded_For="1.1.1.1, 203.0.113.7, 10.1.2.3")
    await raw.text()
    await raw.connect()

    assert host.environs[0]["REMOTE_ADDR"] == "203.0.113.7"
    await raw.hang_up()


# 13. The cost of a disconnect


async def disconnect_seconds(server, sessions: int) -> float:
    """CPU seconds of one disconnect among many sessions, each in a room of its own; the best of several."""
    sids = []
    for number in range(sessions):
        eio_sid = f"c{number}"
        if isinstance(server, Server):
            from gateway.engine.admission import Allowance
            from gateway.engine.connection import Connection

            server.eio.sockets[eio_sid] = Connection(server.eio, eio_sid, {}, limit=0, allowance=Allowance(0))
        sid = await server.manager.pre_connect(eio_sid, "/")
        await server.manager.connect(sid, "/")
        await server.manager.enter_room(sid, "/", f"user:{number}")
        sids.append(sid)
    costs = []
    for sid in sids[:20]:
        before = time.process_time()
        await server.manager.disconnect(sid, "/", ignore_queue=True)
        costs.append(time.process_time() - before)
    return min(costs)


@pytest.mark.alone
@pytest.mark.parametrize("make", [Server, pytest.param(stock, marks=pytest.mark.xfail(strict=True))])
async def test_a_disconnect_costs_its_own_rooms_only(make):
    few = await disconnect_seconds(make(), 100)
    many = await disconnect_seconds(make(), 4000)

    assert many < 5 * few + 0.000_02


# 14. Stopping


@pytest.mark.parametrize("clients", [0, 3])
async def test_a_stop_leaves_nothing_behind(hosts, http, clients):
    """The stock `shutdown` stops its monitor only: sockets and their tasks stay; `eio.disconnect()` without clients
    raises ValueError, and with clients that do not read it waits for them."""
    before = asyncio.all_tasks()
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(clients)]

    async with asyncio.timeout(2):
        await host.server.stop()
        await host.server.stop()

    for raw in raws:
        await raw.gone()
    assert len(host.disconnects) == clients
    assert host.server.connection_count() == 0
    left = {task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)}
    assert not [task for task in left if "connection" in task.get_name()]


async def test_the_stock_stop_leaves_sockets_behind():
    from tests.unit.engine.hosts import hosted

    async with hosted(stock()) as host:
        raw = await RawSocket.join(host.port)
        await host.server.shutdown()
        assert host.sockets() == 1
        await raw.hang_up()
        await host.until(lambda: host.disconnects)
        with pytest.raises(ValueError, match="empty"):
            await host.server.eio.disconnect()


# 15. Idle HTTP connections


async def test_an_idle_http_connection_is_closed_with_the_timeout_the_engine_names(hosts):
    """aiohttp's default is an hour."""
    from aiohttp import web

    from gateway.engine.http import KEEP_ALIVE_SECONDS

    assert KEEP_ALIVE_SECONDS <= 60
    host = await hosts()
    app = web.Application()
    host.server.attach(app)
    runner = web.AppRunner(app, keepalive_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    idle = await RawSocket.dial(runner.addresses[0][1])

    assert await asyncio.wait_for(idle.reader.read(), 40) == b""

    await idle.hang_up()
    await runner.cleanup()
