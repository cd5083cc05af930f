"""What is written to a session arrives, once, and in the order of the calls: on every transport and across upgrades."""

import asyncio
import json
import random

import engineio
import socketio

from gateway.engine import Packet
from tests.support.rawsocket import RawPoller, RawSocket

EVENTS = 2000


def numbered(number: int) -> Packet:
    return Packet.event("/", json.dumps(["notification", number]).encode())


async def test_thirty_mixed_clients_get_two_thousand_events_in_order(hosts, monkeypatch):
    """Ten poll, ten use a websocket, ten upgrade while the events come; three ways to send take turns."""
    # The Python client refuses a poll of more than 16 packets, whoever sends it; the reference client does not.
    monkeypatch.setattr(engineio.payload.Payload, "max_decode_packets", 10_000)
    host = await hosts(client_events_per_second=0, send_buffer_bytes=0)
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

    await host.until(lambda: all(got and got[-1] == EVENTS for got in received), 30)
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
    raw = await RawSocket.join(host.port)
    before = host.server.stats.writes

    for number in range(50):
        host.server.fan_out("/", "all", numbered(number))
    for number in range(50):
        assert await raw.event() == ["notification", number]

    assert host.server.stats.writes == before + 1
    assert host.server.stats.deliveries >= 50


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
