"""What is written to a session arrives, once, and in the order of the calls: on every transport and across upgrades."""

import asyncio
import json
import random

import pytest
import socketio

from gateway.engine import Packet
from gateway.engine.server import FEW
from gateway.engine.tick import TURN
from tests.support.amounts import amount
from tests.support.rawsocket import RawPoller, RawSocket

EVENTS = amount(400, long=2000)


def numbered(number: int) -> Packet:
    return Packet.event("/", json.dumps(["notification", number]).encode())


@pytest.mark.long
async def test_thirty_mixed_clients_get_all_events_in_order(hosts):
    """Ten poll, ten use a websocket, ten upgrade while the events come; three ways to send take turns."""
    host = await hosts(client_events_per_second=0, send_buffer_bytes=0, ping_interval_seconds=120)
    clients, received = [], []

    async def join(transports: list[str]) -> None:
        got: list[int] = []
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        client.on("notification", got.append)
        await client.connect(f"http://127.0.0.1:{host.port}", transports=transports, auth={"rooms": ["all"]})
        clients.append(client)
        received.append(got)

    for _ in range(10):
        await join(["polling"])
        await join(["websocket"])
    upgrades = [asyncio.create_task(join(["polling", "websocket"])) for _ in range(10)]
    # An upgrading client counts from its own first event; all others from 0.
    chance = random.Random(7)
    for number in range(EVENTS):
        way = chance.randrange(3)
        if way == 0:
            host.server.fan_out("/", "all", numbered(number))
        elif way == 1:
            for sid in list(host.server.members("/", "all")):
                host.server.write(sid, numbered(number))
        else:
            await host.server.emit("notification", number, room="all")
        if number % 7 == 0:
            await asyncio.sleep(0)
        if number % 100 == 0:
            await asyncio.sleep(0.002)
    await asyncio.gather(*upgrades)
    host.server.fan_out("/", "all", numbered(EVENTS))

    await host.until(lambda: all(got and got[-1] == EVENTS for got in received), 100)
    assert len(clients) == 30
    for got in received:
        assert got == list(range(got[0], EVENTS + 1))
    assert sum(got[0] == 0 for got in received) >= 20
    for client in clients:
        await client.disconnect()


async def test_an_upgrade_in_the_middle_loses_and_repeats_nothing(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    host.server.fan_out("/", "all", numbered(0))
    assert await poller.poll() == ['42["notification", 0]']

    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    host.server.fan_out("/", "all", numbered(1))
    raw.say("2probe")
    assert await raw.text() == "3probe"
    host.server.fan_out("/", "all", numbered(2))
    assert await poller.poll() == ["6"]
    raw.say("5")

    assert [await raw.event() for _ in range(2)] == [["notification", 1], ["notification", 2]]
    host.server.fan_out("/", "all", numbered(3))
    assert await raw.event() == ["notification", 3]


async def test_a_websocket_that_is_merely_open_changes_nothing(hosts, http):
    """What a proxy does that opens websockets and swallows their frames: polls wait and are answered as before."""
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    connection = next(iter(host.server.eio.sockets.values()))

    for number in range(20):
        waiting = asyncio.create_task(poller.poll())
        await host.until(lambda: connection.poller is not None)
        host.server.fan_out("/", "all", numbered(number))
        assert await waiting == [f'42["notification", {number}]']

    assert connection.is_upgrading
    await raw.hang_up()


async def test_the_probe_ends_the_poll_that_waits_at_once(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    connection = next(iter(host.server.eio.sockets.values()))
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    waiting = asyncio.create_task(poller.poll())
    await host.until(lambda: connection.poller is not None)

    raw.say("2probe")

    assert await raw.text() == "3probe"
    assert await waiting == ["6"]
    raw.say("5")
    host.server.fan_out("/", "all", numbered(1))
    assert await raw.event() == ["notification", 1]


@pytest.mark.parametrize("first", ["connect", "probe"])
async def test_the_poll_that_waits_takes_the_answer_to_connect_along(hosts, http, first, monkeypatch):
    """Let go at the probe with nothing, it would leave the answer to wait for the end of the upgrade."""
    monkeypatch.setattr("gateway.engine.connection.PROBED_POLL_SECONDS", 10)
    host = await hosts()
    poller = await RawPoller.open(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    connection = next(iter(host.server.eio.sockets.values()))
    waiting = asyncio.create_task(poller.poll())
    await host.until(lambda: connection.poller is not None)
    if first == "connect":
        await poller.say("40" + json.dumps({"wait": 0.02}))
    raw.say("2probe")
    assert await raw.text() == "3probe"
    if first == "probe":
        await poller.say("40")

    assert (await waiting)[0].startswith("40")


async def test_the_poll_that_waits_is_let_go_soon_however_long_connect_takes(hosts, http):
    host = await hosts()
    poller = await RawPoller.open(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    connection = next(iter(host.server.eio.sockets.values()))
    waiting = asyncio.create_task(poller.poll())
    await host.until(lambda: connection.poller is not None)
    await poller.say("40" + json.dumps({"wait": 8}))

    raw.say("2probe")

    assert await asyncio.wait_for(waiting, 5) == ["6"]


async def test_a_probe_that_nothing_follows_holds_nothing_back(hosts, http):
    """The proxy swallows what comes after it: events go by polling, and the polls between are few."""
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    raw.say("2probe")
    assert await raw.text() == "3probe"
    loop = asyncio.get_running_loop()
    got, empty, since = [], 0, loop.time()

    for number in range(50):
        host.server.fan_out("/", "all", numbered(number))
        while len(got) <= number:
            packets = await poller.poll()
            empty += packets == ["6"]
            got += [packet for packet in packets if packet != "6"]
    while loop.time() < since + 2:
        empty += await poller.poll() == ["6"]

    assert got == [f'42["notification", {number}]' for number in range(50)]
    assert empty < 8
    await raw.hang_up()


@pytest.mark.parametrize("joined", [True, False], ids=["joined in a tick", "apart"])
async def test_a_poll_brings_sixteen_packets_at_most_and_the_next_the_rest(hosts, http, joined):
    """python-engineio gives the connection up when there are more, whoever sends them."""
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    for number in range(50):
        host.server.fan_out("/", "all", numbered(number))
        if not joined:
            host.server.eio.tick.seal()
    host.server.eio.tick.seal()

    bodies = [await poller.poll() for _ in range(4)]

    assert [len(body) for body in bodies] == [16, 16, 16, 2]
    assert sum(bodies, []) == [f'42["notification", {number}]' for number in range(50)]
    assert next(iter(host.server.eio.sockets.values())).backlog == 0


async def test_what_a_poll_has_left_goes_out_on_the_websocket(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    for number in range(50):
        host.server.fan_out("/", "all", numbered(number))
    first = await poller.poll()
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    raw.say("2probe")
    assert await raw.text() == "3probe"
    raw.say("5")

    rest = [await raw.event() for _ in range(50 - len(first))]

    assert [number for _, number in rest] == list(range(16, 50))


async def test_attachments_count_as_packets_of_a_poll(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    for number in range(10):
        await host.server.emit("file", bytes([number]), room="all")

    bodies = [await poller.poll() for _ in range(2)]

    assert [len(body) for body in bodies] == [16, 4]


async def test_a_failed_upgrade_goes_on_polling_with_all_that_is_owed(hosts, http):
    host = await hosts()
    poller = await RawPoller.join(http, host.port)
    raw = await RawSocket.open(host.port, query=f"&sid={poller.sid}")
    raw.say("2probe")
    assert await raw.text() == "3probe"
    host.server.fan_out("/", "all", numbered(1))

    await raw.hang_up()
    await host.until(lambda: not next(iter(host.server.eio.sockets.values())).is_upgrading)

    assert await poller.poll() == ['42["notification", 1]']


async def test_who_enters_or_leaves_between_two_events_of_one_tick_gets_the_right_ones(hosts):
    """A burst is handed out late, but to those who were members when it was sent."""
    host = await hosts()
    early = await RawSocket.join(host.port)
    late = await RawSocket.join(host.port, {"rooms": []})

    host.server.fan_out("/", "all", numbered(1))
    host.server.admit(late.sid, "/", "all")
    host.server.fan_out("/", "all", numbered(2))
    await host.server.leave_room(early.sid, "all")
    host.server.fan_out("/", "all", numbered(3))
    host.server.write(early.sid, numbered(4))

    assert [await early.event() for _ in range(3)] == [["notification", n] for n in (1, 2, 4)]
    assert [await late.event() for _ in range(2)] == [["notification", n] for n in (2, 3)]


async def test_events_of_one_tick_go_out_in_one_write(hosts):
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(FEW + 1)]
    before = host.server.stats.writes

    for number in range(50):
        host.server.fan_out("/", "all", numbered(number))
    for raw in raws:
        assert [await raw.event() for _ in range(50)] == [["notification", number] for number in range(50)]

    assert host.server.stats.writes == before + len(raws)
    assert host.server.stats.deliveries >= 50 * len(raws)


@pytest.mark.parametrize("tabs", [1, FEW])
async def test_the_first_event_for_a_user_goes_out_at_once_and_what_follows_in_one_write(hosts, tabs):
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(tabs)]
    await host.until(lambda: host.server.eio.tick._handle is None)
    before = host.server.stats.writes

    host.server.fan_out("/", "all", numbered(0))
    assert host.server.stats.writes == before + tabs
    for number in range(1, 50):
        host.server.fan_out("/", "all", numbered(number))
    assert host.server.stats.writes == before + tabs

    for raw in raws:
        assert [await raw.event() for _ in range(50)] == [["notification", number] for number in range(50)]
    assert host.server.stats.writes == before + 2 * tabs


async def test_an_event_at_once_comes_after_the_burst_that_was_before_it(hosts):
    """A burst to a room is handed out late: what is for one of its members alone must not overtake it."""
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(FEW + 1)]
    alone = raws[0]
    host.server.admit(alone.sid, "/", "alone")
    await host.until(lambda: host.server.eio.tick._handle is None)

    host.server.fan_out("/", "all", numbered(0))
    host.server.fan_out("/", "alone", numbered(1))
    host.server.fan_out("/", "all", numbered(2))

    assert [await alone.event() for _ in range(3)] == [["notification", number] for number in range(3)]
    assert [await raws[1].event() for _ in range(2)] == [["notification", number] for number in (0, 2)]


async def test_only_some_are_written_to_at_once(hosts):
    """A batch for thousands of users must not keep the loop from reading: the rest is written in turns."""
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(TURN + 1)]
    for raw in raws:
        host.server.admit(raw.sid, "/", raw.sid)
    await host.until(lambda: host.server.eio.tick._handle is None)
    before = host.server.stats.writes

    for raw in raws:
        host.server.fan_out("/", raw.sid, numbered(1))

    assert host.server.stats.writes == before + TURN
    for raw in raws:
        assert await raw.event() == ["notification", 1]


async def test_one_that_does_not_read_is_given_nothing_at_once(hosts):
    """Its unsent bytes come first, and count; what it has not read is not lost."""
    host = await hosts(send_buffer_bytes=0)
    raw = await RawSocket.join(host.port)
    connection = host.server.manager.sessions[raw.sid].connection
    number = 0
    while not connection.socket.unsent:
        host.server.fan_out("/", "all", Packet.event("/", json.dumps([number, "x" * 100_000]).encode()))
        number += 1
        await host.until(lambda: host.server.eio.tick._handle is None)

    host.server.fan_out("/", "all", Packet.event("/", json.dumps([number, ""]).encode()))

    assert connection.queued
    assert [(await raw.event())[0] for _ in range(number + 1)] == list(range(number + 1))


async def test_the_connect_packet_comes_before_all_else(hosts):
    host = await hosts()

    async def on_open(sid: str, namespace: str) -> None:
        host.server.write(sid, numbered(1))

    host.server.on_open = on_open
    raw = await RawSocket.open(host.port)
    await raw.text()
    raw.say("40" + json.dumps({"wait": 0.05}))
    await host.until(lambda: host.connects)
    for session in list(host.server.manager.sessions):
        host.server.write(session, numbered(0))

    assert (await raw.text()).startswith("40")
    assert await raw.event() == ["notification", 1]


async def test_a_replay_is_written_at_the_clients_pace(hosts):
    """More than the bound at once, to a client that reads: it is not slow."""
    host = await hosts(send_buffer_bytes=100_000)
    raw = await RawSocket.join(host.port)
    big = [
        Packet.event("/", json.dumps(["notification", number, "x" * 1000]).encode()) for number in range(5000)
    ]

    writing = asyncio.create_task(host.server.write_all(raw.sid, big))
    for number in range(5000):
        assert (await raw.event())[1] == number

    assert await writing
    assert host.server.stats.slow_consumers == 0
    assert host.server.stats.deliveries == len(big)
