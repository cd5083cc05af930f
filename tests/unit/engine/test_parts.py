"""The engine's small parts, each by itself."""

import asyncio
import errno
import json
import socket

import pytest
from aiohttp import web

from gateway.engine import PacedSite, Packet
from gateway.engine import listening as listening_module
from gateway.engine.deadlines import Deadlines
from gateway.engine.packets import RECORD_SEPARATOR, frame
from tests.support.rawsocket import RawSocket
from tests.unit.engine.hosts import engine

# Packets


@pytest.mark.parametrize(
    ("namespace", "text"), [("/", b'42["a",1]'), ("/admin", b'42/admin,["a",1]')], ids=["root", "admin"]
)
def test_an_event_has_its_namespace_in_front(namespace, text):
    packet = Packet.event(namespace, b'["a",1]')

    assert packet.text == text
    assert packet.frame == bytes((0x81, len(text))) + text


@pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_a_frame_tells_its_size_in_the_shortest_way(size, head):
    whole = frame(0x81, bytes(size))

    assert len(whole) == head + size
    if head == 4:
        assert int.from_bytes(whole[2:4], "big") == size
    if head == 10:
        assert int.from_bytes(whole[2:10], "big") == size


def test_joined_packets_are_the_packets_one_after_the_other():
    packets = [Packet.of(b"2"), Packet.event("/", b"[1]"), Packet.encoded(["51-{}", b"\x00"])]

    joined = Packet.joined(packets)

    assert joined.frame == b"".join(packet.frame for packet in packets)
    assert joined.text == RECORD_SEPARATOR.join([b"2", b"42[1]", b"451-{}", b"bAA=="])
    assert Packet.joined(packets[:1]) is packets[0]


# Deadlines


async def test_deadlines_are_met_in_order_and_once():
    met = []
    done = asyncio.Event()

    def expired(number):
        met.append(number)
        if len(met) == 100:
            done.set()

    deadlines = Deadlines(0.05, expired)
    loop = asyncio.get_running_loop()
    before = loop.time()
    for number in range(100):
        deadlines.put(number)
        if number % 10 == 0:
            await asyncio.sleep(0.001)
    await asyncio.wait_for(done.wait(), 5)

    assert met == list(range(100))
    assert loop.time() - before >= 0.05


async def test_deadlines_within_a_grain_are_met_together():
    loop = asyncio.get_running_loop()
    met: list[tuple[float, float]] = []
    deadlines = Deadlines(0.3, lambda due: met.append((due, loop.time())), grain_seconds=0.2)
    for _ in range(20):
        deadlines.put(loop.time() + 0.3)
        await asyncio.sleep(0.01)

    async with asyncio.timeout(20):
        while len(met) < 20:
            await asyncio.sleep(0.01)

    # A busy machine may meet them late, never earlier than half of the grain.
    assert all(at >= due - 0.1 for due, at in met)
    assert len({round(at, 2) for _, at in met}) < 10


async def test_a_deadline_that_puts_itself_in_again_is_met_again():
    rounds = asyncio.Queue()

    def expired(item):
        rounds.put_nowait(item)
        deadlines.put(item)

    deadlines = Deadlines(0.01, expired)
    deadlines.put("ping")

    for _ in range(3):
        assert await asyncio.wait_for(rounds.get(), 5) == "ping"
    deadlines.clear()


async def test_no_seconds_switch_deadlines_off():
    deadlines = Deadlines(0, pytest.fail)

    deadlines.put("item")

    assert deadlines._timer is None


async def test_a_deadline_that_fails_keeps_no_other_from_being_met(caplog):
    met = asyncio.Queue()

    def expired(item):
        if item == "bad":
            raise RuntimeError(item)
        met.put_nowait(item)

    deadlines = Deadlines(0.01, expired)
    deadlines.put("bad")
    deadlines.put("good")
    assert await asyncio.wait_for(met.get(), 40) == "good"
    deadlines.put("later")
    assert await asyncio.wait_for(met.get(), 40) == "later"

    assert [record.message for record in caplog.records] == ["deadline failed"]


# The tick


async def test_a_socket_that_fails_keeps_no_other_from_being_written_to(hosts, caplog):
    host = await hosts()
    broken, sound = await RawSocket.join(host.port), await RawSocket.join(host.port)

    class Broken:
        def send(self, data):
            raise RuntimeError("the kernel has gone mad")

        def close(self):
            pass

    connection = host.server.manager.sessions[broken.sid].connection
    tcp, connection.socket._socket = connection.socket._socket, Broken()
    for number in range(3):
        host.server.fan_out("/", "all", Packet.event("/", json.dumps(["a", number]).encode()))
        assert await sound.event() == ["a", number]

    await host.until(lambda: host.disconnects == ["transport error"])
    assert [record.message for record in caplog.records] == ["flush failed"]
    tcp.close()


async def test_a_fan_out_to_many_lets_others_work_in_between(hosts):
    """Sockets are written to in turns: the loop is never held up for all of a large room."""
    from gateway.engine.tick import TURN, Tick

    tick = Tick()
    written = []

    class Member:
        def __init__(self, number):
            self.sid = str(number)
            self.queued, self.backlog, self.mark, self.waits = [], 0, 10**9, False

        def flush(self):
            self.waits = False
            written.append((turn, len(self.queued)))
            self.queued.clear()

    members = {str(number): Member(number) for number in range(TURN * 5)}
    turn = 0
    tick.fan_out(members, Packet.of(b"2"))
    tick.fan_out(members, Packet.of(b"3"))
    while len(written) < len(members):
        await asyncio.sleep(0)
        turn += 1

    assert len({when for when, _ in written}) == 5
    assert {packets for _, packets in written} == {1}  # the two as one
    tick.stop()


# Listening


@pytest.fixture
async def site():
    server = engine()
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = PacedSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site, runner.addresses[0][1]
    await server.stop()
    await runner.cleanup()
    assert not site._server.is_serving()


async def test_a_paced_site_takes_all_who_come_at_once(site):
    _, port = site

    raws = await asyncio.gather(*(RawSocket.join(port) for _ in range(100)))

    assert len({raw.sid for raw in raws}) == 100
    for raw in raws:
        await raw.hang_up()


async def test_out_of_file_descriptors_it_pauses_and_goes_on(site, monkeypatch, caplog):
    monkeypatch.setattr(listening_module, "PAUSE_SECONDS", 0.05)
    listener = site[0]._server
    real = listener.sockets[0]
    failures = [OSError(errno.EMFILE, "too many open files")]

    class Exhausted:
        def fileno(self):
            return real.fileno()

        def accept(self):
            if failures:
                raise failures.pop()
            return real.accept()

        def close(self):
            real.close()

    exhausted = Exhausted()
    listener._loop.remove_reader(real)
    listener.sockets[0] = exhausted
    listener._loop.add_reader(exhausted, listener._accept, exhausted)

    raw = await RawSocket.join(site[1])

    assert not failures
    assert [record.message for record in caplog.records].count("cannot accept connections") == 1
    await raw.hang_up()


async def test_an_address_in_use_is_an_error_and_leaves_no_socket(site):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        other = PacedSite(site[0]._runner, "127.0.0.1", busy.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await other.start()
        await other.stop()


# Namespaces and counters


async def test_two_namespaces_of_one_connection_are_two_sessions(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)
    root = raw.sid
    await raw.connect(namespace="/admin")

    assert host.server.connection_count() == 2
    host.server.fan_out("/admin", "all", Packet.event("/admin", b'["a",1]'))
    assert await raw.text() == '42/admin,["a",1]'
    raw.say("41/admin,")
    await host.until(lambda: host.disconnects == ["client disconnect"])
    raw.say('421["echo",1]')
    assert await raw.text() == "431[1]"
    assert host.server.manager.sessions[root].rooms == {"all"}
    await raw.hang_up()


async def test_an_unknown_namespace_is_refused(hosts):
    host = await hosts()
    raw = await RawSocket.open(host.port)
    await raw.text()

    raw.say("40/nowhere,")

    assert await raw.text() == '44/nowhere,{"message":"Invalid namespace"}'


async def test_what_is_sent_is_counted(hosts):
    host = await hosts()
    raws = [await RawSocket.join(host.port) for _ in range(3)]
    packet = Packet.event("/", b'["a",1]')

    assert host.server.fan_out("/", "all", packet) == 3
    assert host.server.fan_out("/", "empty", packet) == 0
    host.server.write(raws[0].sid, packet)
    host.server.write("gone", packet)
    for raw in raws:
        await raw.event()

    assert host.server.stats.deliveries == 4
    assert host.server.stats.opened == 3
    assert set(host.server.members("/", "all")) == {raw.sid for raw in raws}
    for raw in raws:
        await raw.hang_up()


async def test_a_library_emit_skips_whom_it_is_told_to_skip(hosts):
    host = await hosts()
    first, second = await RawSocket.join(host.port), await RawSocket.join(host.port)

    await host.server.emit("a", (1, {"b": 2}), room="all", skip_sid=first.sid)
    await host.server.emit("b")

    assert await first.event() == ["b"]
    assert await second.event() == ["a", 1, {"b": 2}]
    assert json.dumps(await second.event()) == '["b"]'
    await first.hang_up()
    await second.hang_up()


async def test_a_closed_room_has_no_members(hosts):
    host = await hosts()
    raw = await RawSocket.join(host.port)

    await host.server.close_room("all")

    assert host.server.fan_out("/", "all", Packet.event("/", b'["a"]')) == 0
    assert not host.server.manager.sessions[raw.sid].rooms
    await raw.hang_up()
