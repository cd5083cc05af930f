"""Whatever a client sends, the engine neither breaks nor tells of it at length, and others notice nothing."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine.admission import Allowance
from gateway.engine.connection import Connection
from gateway.engine.frames import LETTER_BYTES, FrameError, FrameReader
from gateway.engine.websocket import WebSocket
from tests.support.amounts import amount
from tests.support.rawsocket import RawSocket, masked
from tests.unit.engine.hosts import Host

INPUTS = amount(900, long=5000)
relaxed = settings(
    max_examples=INPUTS // 3,  # each example has two to five
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_placeholder", "num", "a", "token"]), inner, max_size=3)
    ),
    max_leaves=6,
).map(json.dumps)
heads = st.sampled_from(
    ["4", "40", "41", "42", "43", "44", "45", "46", "47", "421", "430", "42/admin,", "40/admin,", "40/x,", "451-",
     "452-", "45-", "4599999999999-", "461-1", "42/", "42999999999999999999999", "3", "2", "2probe", "5", "6", "1", "0",
     "b", ""]
)  # fmt: skip
events = st.sampled_from(["echo", "connect", "disconnect", "", "*", "message"]).flatmap(
    lambda name: values.map(lambda value: f'["{name}",{value}]')
)
packets = st.builds(lambda head, body: head + body, heads, values | events | st.text(max_size=20))
first_bytes = st.sampled_from([0x81, 0x82, 0x01, 0x80, 0x00, 0x88, 0x89, 0x8A, 0x02]) | st.integers(0, 255)
frames = st.builds(
    lambda head, payload: masked(head, payload[:70_000]),
    first_bytes,
    packets.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200),
)
inputs = st.lists(frames | frames | frames | st.binary(max_size=40), min_size=2, max_size=5)


@given(data=st.lists(st.binary(max_size=100), max_size=10))
@settings(max_examples=amount(100, long=500), deadline=None, database=None)
def test_a_frame_reader_takes_any_bytes(data):
    reader = FrameReader(1000)
    try:
        for chunk in data:
            for opcode, payload in reader.feed(chunk):
                assert opcode <= 10
                assert len(payload) <= 1000
    except FrameError as error:
        assert error.code in (1002, 1009)


@given(
    messages=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=400)), max_size=6),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    pieces=st.integers(1, 4),
)
@settings(max_examples=amount(100, long=500), deadline=None, database=None)
def test_messages_come_out_whole_however_they_were_cut(messages, cuts, pieces):
    stream = b""
    for opcode, payload in messages:
        parts = [payload[index::pieces] for index in range(pieces)]
        whole = b"".join(parts)
        offset = 0
        for index, part in enumerate(parts):
            final = 0x80 if index == pieces - 1 else 0
            stream += masked(final | (opcode if index == 0 else 0), whole[offset : offset + len(part)])
            if index < pieces - 1:
                stream += masked(0x89, b"in between")
            offset += len(part)
    reader = FrameReader(1000)

    got = []
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, stop in zip(edges, edges[1:], strict=False):
        got += [message for message in reader.feed(stream[start:stop]) if message[0] < 8]

    assert [opcode for opcode, _ in got] == [opcode for opcode, _ in messages]
    assert [sorted(payload) for _, payload in got] == [sorted(payload) for _, payload in messages]


WHOLE = masked(0x81, b"whole")


@given(
    before=st.sampled_from([b"", masked(0x01, b"begun"), WHOLE, b"\x81"]),
    data=st.binary(min_size=LETTER_BYTES, max_size=LETTER_BYTES)
    | st.builds(masked, st.sampled_from([0x81, 0x01, 0x80, 0x82, 0xC1]), st.binary(min_size=1, max_size=1)),
)
@settings(max_examples=amount(200, long=2000), deadline=None, database=None)
def test_a_letter_is_what_the_reader_would_have_made_of_it(before, data):
    one, other = FrameReader(1000), FrameReader(1000)
    list(one.feed(before))
    list(other.feed(before))

    letter = one.letter(data)

    is_between = before in (b"", WHOLE)
    assert (letter is not None) == (is_between and data[:2] == b"\x81\x81" and data[6] ^ data[2] < 0x80)
    if letter is not None:
        assert list(other.feed(data)) == [(1, letter.encode())]


class Nowhere(WebSocket):
    """A websocket without a network under it."""

    __slots__ = ()

    def open(self, socket: Any) -> None:
        self._socket = socket

    def write(self, data: bytes) -> int:
        return 0

    def hold(self) -> None:
        pass

    def go_on(self) -> None:
        pass

    def abort(self) -> None:
        self._socket = None


def connected(host: Host) -> tuple[Connection, WebSocket]:
    """A connection without a network under it, which 5,000 of a second are made of."""
    engine = host.server.eio
    connection = Connection(
        engine, engine.generate_id(), {"REMOTE_ADDR": "192.0.2.1"}, limit=100_000, allowance=Allowance(40)
    )
    socket = Nowhere(connection, message_bytes=65_536, probes=False)
    socket.open(object())
    connection.socket = socket
    engine.sockets[connection.sid] = connection
    return connection, socket


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_no_input_leaks_a_task_or_writes_a_traceback(hosts, caplog):
    host = await hosts(max_connections=0)
    neighbour = await RawSocket.join(host.port)
    tried = 0
    baseline = len(asyncio.all_tasks())

    @given(first=st.sampled_from([b"", masked(0x81, b"40{}")]), data=inputs)
    @relaxed
    def attack(first: bytes, data: list[bytes]) -> None:
        nonlocal tried
        attempts.append((first, data))
        tried += len(data)

    # hypothesis is synchronous: collect a batch of attempts, then carry them out.
    attempts: list[tuple[bytes, list[bytes]]] = []
    attack()
    for number, (first, data) in enumerate(attempts):
        connection, socket = connected(host)
        socket.received(first)
        await host.worked_off(connection)  # let in, or nobody's yet
        for chunk in data:
            socket.received(chunk)
        await host.worked_off(connection)
        socket.gone()
        await host.worked_off(connection)
        assert not host.server.manager.sessions_of(connection)
        assert host.server.intake.get(connection.sid) is None
        assert connection.sid not in host.server.eio.sockets
        if number % 100 == 0:
            host.server.fan_out("/", "all", _numbered(number))
            assert (await neighbour.event())[1] == number

    assert tried >= INPUTS * 0.9
    assert host.server.connection_count() == 1
    assert len(asyncio.all_tasks()) <= baseline + 1
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert not tracebacks
    assert host.server.stats.opened > len(attempts) / 10
    assert host.server.stats.malformed > len(attempts) / 10


@pytest.mark.long
async def test_other_clients_notice_nothing_of_an_attack(hosts, caplog):
    """The same over real connections: fewer, because each is one."""
    host = await hosts(max_connections=0, connect_rate=0)
    neighbour = await RawSocket.join(host.port)
    attempts: list[list[bytes]] = []

    @given(data=inputs)
    @settings(relaxed, max_examples=amount(40, long=200))
    def attack(data: list[bytes]) -> None:
        attempts.append(data)

    attack()
    for number, data in enumerate(attempts):
        raw = await RawSocket.open(host.port)
        raw.say("40{}")
        for chunk in data:
            raw.send(chunk)
        host.server.fan_out("/", "all", _numbered(number))
        await raw.hang_up()
        assert (await neighbour.event())[1] == number

    await host.until(lambda: host.server.connection_count() == 1)
    await host.until(lambda: host.sockets() == 1)
    assert not [record for record in caplog.records if record.exc_info]


def _numbered(number: int) -> Any:
    from gateway.engine import Packet

    return Packet.event("/", json.dumps(["notification", number]).encode())
