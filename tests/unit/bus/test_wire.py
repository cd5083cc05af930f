"""The bus's own reading of RESP2: whatever way the bytes are cut, the same replies come out."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.principal import USER_ID_MAX
from gateway.cluster import commands
from gateway.cluster.bus.redis import LARGEST_COMMAND
from gateway.cluster.commands import NAMED_AT_ONCE, CameBack, TopicsChanged, parts
from gateway.cluster.redis.resp import ServerError, Wire, pack, parse
from gateway.process.lifetime import loop_factory
from gateway.sockets.commands import Replace

STREAM = (
    b"+PONG\r\n"
    b"*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n"
    b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\na\r\nb\x00\r\n"
    b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$0\r\n\r\n"
    b"-ERR no\r\n$-1\r\n*-1\r\n*0\r\n$3\r\nabc\r\n:-7\r\n"
    b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
)


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = self.closed = False
        self.written = b""

    def write(self, data) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


def wire_of(messages: list, replies: list | None = None, **options) -> tuple[Wire, Transport]:
    wire = Wire(on_message=lambda channel, payload: messages.append((channel, payload)), **options)
    if replies is not None:
        wire.attend(replies.append)
    transport = Transport()
    wire.connection_made(transport)
    return wire, transport


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_replies_do_not_depend_on_how_the_stream_is_cut(cuts):
    async def read() -> None:
        messages: list = []
        replies: list = []
        wire, _ = wire_of(messages, replies)
        edges = [0, *sorted(cuts), len(STREAM)]
        for first, last in zip(edges, edges[1:], strict=False):
            wire.data_received(STREAM[first:last])

        assert messages == [(b"ch", b"a\r\nb\x00"), (b"ch", b"")]
        refused = replies.pop(2)
        assert isinstance(refused, ServerError)
        assert str(refused) == "ERR no"
        assert replies == [b"PONG", [b"subscribe", b"ch", 1], None, None, [], b"abc", -7, [b"pong", b""]]

    asyncio.run(read())


@given(words=st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_what_is_packed_is_read_again(words):
    packed = pack(*words)

    assert parse(packed, 0) == (words, len(packed))


@pytest.mark.parametrize(
    "nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b":x\r\n", b"*3\r\n$7\r\nmessage\r\n$x\r\n"]
)
async def test_a_server_that_speaks_something_else_is_left(nonsense, caplog):
    wire, transport = wire_of([])

    wire.data_received(nonsense)

    assert transport.aborted
    assert wire.closed.done()
    assert "speaks no RESP2" in caplog.text


async def test_a_reply_without_end_is_left(monkeypatch):
    monkeypatch.setattr("gateway.cluster.redis.resp._LARGEST_REPLY", 100)
    wire, transport = wire_of([])

    wire.data_received(b"$1000\r\n" + b"x" * 50)
    assert not transport.aborted
    wire.data_received(b"x" * 100)

    assert transport.aborted


async def test_a_refusal_is_raised_to_who_asked_and_a_lost_connection_too():
    wire, _ = wire_of([])
    asked = asyncio.ensure_future(wire.reply())
    await asyncio.sleep(0)
    wire.data_received(b"-NOAUTH Authentication required.\r\n")
    with pytest.raises(ServerError, match="NOAUTH"):
        await asked

    asked = asyncio.ensure_future(wire.reply())
    await asyncio.sleep(0)
    wire.connection_lost(None)
    with pytest.raises(ConnectionError, match="closed"):
        await asked


async def test_a_full_send_buffer_is_told_and_its_end_too():
    ready: list[bool] = []
    wire, _ = wire_of([], on_writable=lambda: ready.append(True))

    wire.pause_writing()
    assert not wire.writable
    wire.resume_writing()

    assert wire.writable
    assert ready == [True]


async def test_a_wire_that_never_connected_can_be_written_to_and_aborted():
    wire = Wire()
    wire.write(b"x")
    wire.abort()

    assert wire.closed.done()


def test_what_is_written_to_a_connection_that_has_gone_is_dropped_on_the_loop_of_production_too():
    """uvloop raises RuntimeError there, where asyncio's own loop says nothing; nobody who writes is prepared for it."""

    async def written() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            del reader
            writer.transport.abort()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            wire = Wire()
            port = server.sockets[0].getsockname()[1]
            await asyncio.get_running_loop().create_connection(lambda: wire, "127.0.0.1", port)
            await wire.closed

            wire.write(b"x")

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(written())


async def test_messages_and_room_to_write_that_nobody_waits_for_are_let_go():
    wire = Wire()
    wire.connection_made(Transport())

    wire.data_received(b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nx\r\n")
    wire.resume_writing()

    assert not wire.closed.done()


def test_what_names_many_is_told_in_parts_that_the_bus_takes():
    """Of users with the longest ids that there are, on nodes with the longest names."""
    user, id_ = "🚚" * USER_ID_MAX, "0198f3a2-9d43-7cc1-8a5e-1f1c8f0d2b6a"
    node = "n" * 100

    for named, command in (
        (user, lambda some: TopicsChanged(some, 2**53)),
        ((user, id_), CameBack),
        (f"{node}/{'s' * 20}", Replace),
    ):
        told = [command(some) for some in parts([named] * 1001)]

        assert len(told) == 11
        assert max(len(commands.encode(each)) for each in told) <= LARGEST_COMMAND
    assert list(parts(range(NAMED_AT_ONCE + 1))) == [tuple(range(NAMED_AT_ONCE)), (NAMED_AT_ONCE,)]
    assert list(parts([])) == []
