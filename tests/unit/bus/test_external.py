"""A real python-socketio manager publishes; what no such manager would write is refused."""

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator

import pytest
import socketio
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.external import (
    CloseRoom,
    Disconnect,
    Emit,
    EnterRoom,
    ExternalChannel,
    LeaveRoom,
    Unreadable,
    read,
)
from tests.support import servers


async def until(condition, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def orders() -> list:
    return []


@pytest.fixture
def name() -> str:
    return f"socketio-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def channel(redis_url, orders, name) -> AsyncIterator[ExternalChannel]:
    made = ExternalChannel(redis_url, execute=orders.append, channel=name)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def manager(redis_url, name) -> AsyncIterator[socketio.AsyncRedisManager]:
    made = socketio.AsyncRedisManager(redis_url, channel=name, write_only=True)
    yield made
    await made.redis.aclose()


async def test_what_a_write_only_manager_says_is_understood(channel, manager, orders):
    await manager.emit("sale", {"id": 1}, room="user:42")
    await manager.emit("pair", ("a", {"b": b"\x00\x01"}), namespace="/admin", room=["x", "y"], skip_sid="s1")
    await manager.emit("all", None, skip_sid=["s1", "s2"])
    await manager.can_disconnect("s1", "/")
    await manager.enter_room("s1", "/", "vip")
    await manager.leave_room("s1", None, "vip")
    await manager.close_room("vip", "/admin")
    await until(lambda: len(orders) == 7)

    assert orders == [
        Emit(namespace="/", room="user:42", skip=(), event="sale", arguments=({"id": 1},)),
        Emit(
            namespace="/admin",
            room=("x", "y"),
            skip=("s1",),
            event="pair",
            arguments=("a", {"b": b"\x00\x01"}),
        ),
        Emit(namespace="/", room=None, skip=("s1", "s2"), event="all", arguments=(None,)),
        Disconnect(namespace="/", sid="s1"),
        EnterRoom(namespace="/", sid="s1", room="vip"),
        LeaveRoom(namespace="/", sid="s1", room="vip"),
        CloseRoom(namespace="/admin", room="vip"),
    ]
    assert channel.stats.received == 7


async def test_nonsense_on_the_channel_is_counted_and_the_next_order_executed(channel, manager, orders):
    await manager.emit("first", 1, room="r")
    await manager.redis.publish(manager.channel, "{")
    await manager.redis.publish(manager.channel, json.dumps({"method": "callback", "host_id": "h"}))
    await manager.emit("last", 1, room="r")
    await until(lambda: len(orders) == 2)

    assert channel.stats.unreadable == 1


def emit(**fields) -> bytes:
    return json.dumps({"method": "emit", "event": "e", "data": [1], "room": "r", **fields}).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"\xff", b"[]", b'"emit"', b"{}", b'{"method": ["emit"]}', b'{"method": "eval"}', b"[" * 100_000,
        emit(room=""), emit(room=[]), emit(room=["a", ""]), emit(room=7), emit(room={"a": 1}),
        emit(event=""), emit(event=None), emit(data="text"), emit(data=None), emit(namespace=3),
        emit(skip_sid=[1]), emit(skip_sid=5),
        emit(binary=True, data=[]), emit(binary=True, data=[[], *["AA=="] * 17]), emit(binary=True, data=[[], "*"]),
        emit(binary=True, data=[[], 5]), emit(binary=True, data=["text"]),
        emit(binary=True, data=[[{"_placeholder": True, "num": 1}], "AA=="]),
        emit(binary=True, data=[[{"_placeholder": True, "num": "0"}], "AA=="]),
        b'{"method": "disconnect"}', b'{"method": "enter_room", "sid": "s"}', b'{"method": "close_room", "room": ""}',
        b" " * 1_100_000,
    ],
)  # fmt: skip
def test_what_no_manager_writes_is_refused(message):
    with pytest.raises(Unreadable):
        read(message)


def test_nesting_deeper_than_python_can_follow_is_refused():
    deep = '{"method":"emit","event":"e","binary":true,"data":[[' + "[" * 800 + "]" * 800 + "]]}"

    try:
        order = read(deep.encode())
    except Unreadable:
        return
    assert isinstance(order, Emit)


def test_attachments_go_where_their_places_are():
    message = emit(
        binary=True,
        data=[
            [{"a": [{"_placeholder": True, "num": 1}], "b": 2}, {"_placeholder": True, "num": 0}],
            base64.b64encode(b"zero").decode(),
            base64.b64encode(b"one").decode(),
        ],
    )

    order = read(message)

    assert isinstance(order, Emit)
    assert order.arguments == ({"a": [b"one"], "b": 2}, b"zero")


@given(message=st.one_of(st.binary(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["method", "event", "data", "room", "binary", "sid"]), inner)).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_no_message_makes_reading_fail_otherwise(message):
    with contextlib.suppress(Unreadable):
        read(message)


async def test_the_channel_survives_a_redis_that_hangs_and_restarts(orders):
    with servers.redis() as server:
        server.kill()
        channel = ExternalChannel(server.url, execute=orders.append, patience_seconds=0.3, ping_seconds=0.2)
        await channel.start()
        server.start()
        await until(lambda: channel._listener.connected)
        # Pings are answered: the connection stays.
        wire = channel._listener._wire
        await asyncio.wait({wire.closed}, timeout=0.5)
        assert channel._listener._wire is wire

        server.pause()
        await until(lambda: not channel._listener.connected)
        server.resume()
        await until(lambda: channel._listener.connected)
        manager = socketio.AsyncRedisManager(server.url, write_only=True)
        await manager.emit("e", 1, room="r")
        await until(lambda: orders)
        await manager.redis.aclose()
        await channel.stop()
        await channel.stop()
