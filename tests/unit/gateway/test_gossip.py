"""Nodes tell one another how far they have appended: together, in bounds, and nothing but what is so."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.cluster.bus.base import TRANSIENT
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.bus.redis import LARGEST_COMMAND
from gateway.cluster.commands import Command, encode
from gateway.cluster.gossip import ROOMS_AT_ONCE, ROOMS_HELD, HeadGossip, HeadsAppended
from gateway.ground.rooms import user_room

DEADLINE_SECONDS = 20


class Line(LocalBus):
    """A bus that writes down what it is to carry."""

    carries = True

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[Any] = asyncio.Queue()

    async def order_others(self, command: Command) -> None:
        self.told.put_nowait(command)

    async def next(self) -> Command:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.told.get()


class Store:
    """Remembers what it learns."""

    def __init__(self) -> None:
        self.learnt: dict[str, int] = {}

    def learn(self, heads: Mapping[str, int]) -> None:
        self.learnt |= heads


@pytest.fixture
async def node():
    store, line = Store(), Line()
    gossip = HeadGossip(learns=store, bus=line)
    gossip.start()
    yield gossip, store, line
    await gossip.stop()


async def test_single_emits_of_one_tick_are_told_together_and_once(node):
    gossip, _, line = node
    for seq in (1, 2):
        await gossip.tell([("all", seq, b"[]"), ("user:1", seq + 5, b"[]")])
    assert await line.next() == HeadsAppended({"all": 2, "user:1": 7})
    await gossip.tell([("all", 3, b"[]")])
    assert await line.next() == HeadsAppended({"all": 3})


async def test_a_batch_is_told_along_with_its_frames(node):
    gossip, _, line = node
    frames = [(f"user:{number}", number + 1, b"[]") for number in range(ROOMS_AT_ONCE + 1)]
    await gossip.tell(frames)
    told = [line.told.get_nowait().heads for _ in range(2)]
    assert [len(heads) for heads in told] == [ROOMS_AT_ONCE, 1]
    assert told[0] | told[1] == {room: seq for room, seq, _ in frames}


async def test_what_is_not_stored_is_not_told(node):
    gossip, _, line = node
    await gossip.tell([("all", TRANSIENT, b"[]")])
    await gossip.tell([])
    await gossip.tell([("all", 2, b"[]"), ("all", TRANSIENT, b"[]")])
    assert await line.next() == HeadsAppended({"all": 2})


async def test_gossip_is_bounded_in_rooms_and_in_bytes(node):
    gossip, _, line = node
    rooms = [user_room(f"{number:05}" + "\N{GRINNING FACE}" * 123) for number in range(ROOMS_HELD + 10)]
    await gossip.tell([(room, 10**12, b"[]") for room in rooms])
    told: dict[str, int] = {}
    while not line.told.empty():
        command = line.told.get_nowait()
        assert len(command.heads) <= ROOMS_AT_ONCE
        assert len(encode(command)) < LARGEST_COMMAND
        told |= command.heads
    assert list(told) == rooms[:ROOMS_HELD]


async def test_without_other_nodes_nothing_is_told(node):
    gossip, _, line = node
    line.carries = False
    await gossip.tell([("all", 1, b"[]")])
    line.carries = True
    await gossip.tell([("all", 2, b"[]")])
    assert await line.next() == HeadsAppended({"all": 2})


async def test_the_store_learns_what_others_tell(node):
    gossip, store, _ = node
    gossip.learn(HeadsAppended({"all": 7}))
    assert store.learnt == {"all": 7}
