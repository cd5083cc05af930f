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
from gateway.engine.heartbeat import Heartbeat
from gateway.engine.packets import PING, RECORD_SEPARATOR, frame
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


async def test_deadlines_met_one_a_turn_leave_the_loop_to_others_in_between():
    told = []
    done = asyncio.Event()

    def expired(number):
        told.append(number)
        asyncio.get_running_loop().call_soon(told.append, "other work")
        if number == 2:
            done.set()

    deadlines = Deadlines(0.01, expired, a_turn=1)
    for number in range(3):
        deadlines.put(number)
    await asyncio.wait_for(done.wait(), 40)

    assert told[:5] == [0, "other work", 1, "other work", 2]


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


# The heartbeat


class Pinged:
    """A connection, as the heartbeat knows it."""

    def __init__(self, *, fails=False):
        self.sid = "a"
        self.closed = False
        self.upgraded = True
        self.pinged_at = 0.0
        self.pings: list[float] = []
        self.ended = asyncio.Event()
        self._fails = fails

    def write_apart(self, packet):
        assert packet is PING
        self.pings.append(asyncio.get_running_loop().time())

    def close(self, reason, *, code):
        self.closed = True
        self.ended.set()
        if self._fails:
            raise RuntimeError(reason)


async def test_connections_that_begin_near_to_one_another_are_pinged_together_and_never_late(monkeypatch):
    monkeypatch.setattr("gateway.engine.heartbeat.PINGS_TOGETHER", 1 / 2)
    loop = asyncio.get_running_loop()
    heartbeat = Heartbeat(interval_seconds=0.4, timeout_seconds=40)
    members, late = [], []
    for _ in range(20):
        members.append((Pinged(), loop.time()))
        heartbeat.begin(members[-1][0])
        late += [
            due
            for due, group in heartbeat._beats._queue
            if members[-1][0] in group and due > members[-1][1] + 0.41
        ]
        await asyncio.sleep(0.005)
    async with asyncio.timeout(40):
        while not members[-1][0].pings:
            await asyncio.sleep(0.01)
    heartbeat.clear()

    # A busy machine may ping them late: that they were not to be is told by when the first of them was due.
    assert not late
    assert all(one.pings[0] - began >= 0.4 - 0.2 - 0.02 for one, began in members)
    assert len({round(one.pings[0], 2) for one, _ in members}) < 10


async def test_no_more_are_pinged_together_than_the_loop_can_bear(monkeypatch):
    monkeypatch.setattr("gateway.engine.heartbeat.MOST_TOGETHER", 3)
    heartbeat = Heartbeat(interval_seconds=0.05, timeout_seconds=40)
    turns = []

    def turned():
        turns.append(sum(len(member.pings) for member in members))
        if turns[-1] < len(members):
            asyncio.get_running_loop().call_soon(turned)

    members = [Pinged() for _ in range(8)]
    for member in members:
        heartbeat.begin(member)
    turned()
    async with asyncio.timeout(40):
        while turns[-1] < len(members):
            await asyncio.sleep(0.01)
    heartbeat.clear()

    assert set(turns) == {0, 3, 6, 8}


async def test_who_answers_is_pinged_again_and_who_does_not_is_closed_whatever_comes_of_it(caplog):
    heartbeat = Heartbeat(interval_seconds=0.1, timeout_seconds=0.2)
    bad, silent, answering, gone = Pinged(fails=True), Pinged(), Pinged(), Pinged()
    for member in (bad, silent, answering, gone):
        heartbeat.begin(member)
    gone.closed = True

    async with asyncio.timeout(40):
        while not (silent.closed and len(answering.pings) > 4):
            answering.pinged_at = 0.0
            await asyncio.sleep(0.01)
    heartbeat.clear()

    assert bad.closed
    assert not answering.closed
    assert not gone.pings
    assert len(silent.pings) == 1
    assert [record.message for record in caplog.records] == ["a silent client could not be closed"]


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

    assert len(host.server.manager.sessions) == 2
    assert host.server.connection_count() == 1
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
