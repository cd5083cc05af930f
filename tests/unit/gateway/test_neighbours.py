"""What other python-socketio processes may say: emits that a real manager publishes, and nothing else."""

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import AsyncIterator

import pytest
import socketio
from hypothesis import given
from hypothesis import strategies as st

from gateway.cluster.bus.base import TRANSIENT
from gateway.protocol.emit_rules import RESERVED_EVENTS
from gateway.sockets.neighbours import EMITS_PER_SECOND, Neighbours, Refused, read
from tests.support import servers


async def until(condition, *, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Clock:
    """A clock that tests hold."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def delivered() -> list:
    return []


@pytest.fixture
async def neighbours(redis_url, delivered) -> AsyncIterator[Neighbours]:
    made = Neighbours(
        redis_url, prefix=f"test-{uuid.uuid4().hex[:12]}", receive=lambda *frame: delivered.append(frame)
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def manager(redis_url, neighbours) -> AsyncIterator[socketio.AsyncRedisManager]:
    made = socketio.AsyncRedisManager(redis_url, channel=neighbours.channel, write_only=True)
    yield made
    await made.redis.aclose()


async def test_what_a_write_only_manager_emits_to_rooms_of_ours_is_delivered(neighbours, manager, delivered):
    await manager.emit("sale", {"id": 1}, room="user:42")
    await manager.emit("pair", ("é😀", [2]), room=["topic:a", "all", "all"])
    await manager.emit("look", None, namespace="/admin", room="admins")
    await until(lambda: len(delivered) == 4)

    assert delivered == [
        ("user:42", TRANSIENT, b'["sale",{"id":1}]'),
        ("topic:a", TRANSIENT, '["pair","é😀",[2]]'.encode()),
        ("all", TRANSIENT, '["pair","é😀",[2]]'.encode()),
        ("admins", TRANSIENT, b'["look",null]'),
    ]
    assert neighbours.stats.received == 3


async def test_orders_about_clients_and_rooms_are_refused_and_said_once(
    neighbours, manager, delivered, caplog
):
    with caplog.at_level(logging.WARNING):
        await manager.can_disconnect("s1", "/")
        await manager.enter_room("s1", "/", "user:42")
        await manager.leave_room("s1", None, "user:42")
        await manager.close_room("all", "/")
        await manager.redis.publish(manager.channel, json.dumps({"method": "callback", "host_id": "h"}))
        await manager.redis.publish(manager.channel, b"\xff{")
        await manager.emit("sale", {"id": 1})
        await manager.emit("sale", {"id": 1}, room="all", skip_sid="s1")
        await manager.emit("sale", {"id": b"binary"}, room="all")
        await manager.emit("ready", {"heads": {"all": 10**9}}, room="all")
        await manager.emit("last", 1, room="all")
        await until(lambda: delivered)

    assert delivered == [("all", TRANSIENT, b'["last",1]')]
    assert neighbours.stats.unreadable == 10
    assert len([each for each in caplog.records if "refused" in each.message]) == 1


def emit(**fields) -> bytes:
    return json.dumps({"method": "emit", "event": "e", "data": [1], "room": "all", **fields}).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\xff", b"[]", b'"emit"', b"{}", b'{"method": ["emit"]}', b'{"method": "eval"}', b"[" * 50_000,
        emit(room=""), emit(room=[]), emit(room=["all", ""]), emit(room=7), emit(room={"all": 1}), emit(room=None),
        emit(room="vip"), emit(room="user:"), emit(room="topic:a b"), emit(room=["all"] * 1001), emit(room="s" * 20),
        emit(room="admins"), emit(namespace="/admin"), emit(namespace="/other"), emit(namespace=3),
        emit(room=["all", "admins"]),
        emit(event=""), emit(event=None), emit(event="a b"), emit(event="e" * 65), emit(event="connect"),
        *(emit(event=name) for name in sorted(RESERVED_EVENTS)),
        emit(event="notification"), emit(event="presence:gone"), emit(event="token:new"),
        emit(data="text"), emit(data=None), emit(data={"a": 1}), emit(binary=True, data=[[], "AA=="]),
        emit(skip_sid="s"), emit(skip_sid=[1]), emit(callback=["r", "/", 1]),
        emit(data=["x" * 70_000]), b" " * 70_000,
        b'{"method":"emit","event":"e","room":"all","data":[' + b"[" * 40 + b"]" * 40 + b"]}",
        b'{"method":"emit","event":"e","room":"all","data":[NaN]}',
        b'{"method":"emit","event":"e","room":"all","data":["\\ud800"]}',
        b'{"method":"emit","event":"e","room":"all","data":[{"\\u0000":1}]}',
    ],
)  # fmt: skip
def test_what_is_no_emit_of_a_guest_is_refused(message):
    with pytest.raises(Refused):
        read(message)


@given(message=st.one_of(st.binary(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["method", "event", "data", "room", "binary", "sid"]), inner)).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_no_message_makes_reading_fail_otherwise(message):
    with contextlib.suppress(Refused):
        read(message)


async def test_guests_have_a_rate_and_rooms_count(redis_url, delivered):
    """A guest that never stops must not have the node to itself."""
    clock = Clock()
    here = Neighbours(redis_url, prefix="p", receive=lambda *frame: delivered.append(frame), time=clock)

    here._message(b"", emit(room=[f"user:{number}" for number in range(EMITS_PER_SECOND - 1)]))
    assert len(delivered) == EMITS_PER_SECOND - 1
    for _ in range(5):
        here._message(b"", emit())
    assert len(delivered) == EMITS_PER_SECOND
    assert here.stats.dropped == 4

    clock.now += 2 / EMITS_PER_SECOND
    here._message(b"", emit(room=["all", "user:1", "user:2"]))
    assert len(delivered) == EMITS_PER_SECOND
    clock.now += 1 / EMITS_PER_SECOND
    here._message(b"", emit())
    assert len(delivered) == EMITS_PER_SECOND + 1


async def test_the_channel_survives_a_redis_that_hangs_and_restarts(delivered):
    with servers.redis() as server:
        server.kill()
        here = Neighbours(
            server.url,
            prefix="p",
            receive=lambda *frame: delivered.append(frame),
            patience_seconds=0.3,
            ping_seconds=0.2,
        )
        await here.start()
        server.start()
        await until(lambda: here._listener.connected)
        # Pings are answered: the connection stays.
        wire = here._listener._wire
        await asyncio.wait({wire.closed}, timeout=0.5)
        assert here._listener._wire is wire

        server.pause()
        await until(lambda: not here._listener.connected)
        server.resume()
        await until(lambda: here._listener.connected)
        manager = socketio.AsyncRedisManager(server.url, channel="p:0:socketio", write_only=True)
        await manager.emit("e", 1, room="all")
        await until(lambda: delivered)
        await manager.redis.aclose()
        await here.stop()
        await here.stop()
