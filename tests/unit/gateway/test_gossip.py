"""Nodes tell one another how far they have appended: together, in bounds, and nothing but what is so."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from gateway.bus.local import LocalBus
from gateway.bus.redis import LARGEST_COMMAND
from gateway.gossip import ROOMS_AT_ONCE, ROOMS_HELD, HeadGossip
from gateway.rooms import user_room
from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.models import Appended
from tests.contract.store_cases import emission, notification

DEADLINE_SECONDS = 5


class Line(LocalBus):
    """A bus that writes down what it is to carry."""

    carries = True

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    async def command(self, command: Mapping[str, Any]) -> None:
        self.told.put_nowait(command)

    async def next(self) -> Mapping[str, Any]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.told.get()


class Store:
    """Answers what it is told to, and remembers what it learns."""

    def __init__(self) -> None:
        self.answers: list[Appended | IdempotencyMismatch] | StoreUnavailable = []
        self.learnt: dict[str, int] = {}

    async def append(self, emissions):
        if isinstance(self.answers, StoreUnavailable):
            raise self.answers
        return self.answers

    def learn(self, heads: Mapping[str, int]) -> None:
        self.learnt |= heads


@pytest.fixture
async def node():
    store, line = Store(), Line()
    gossip = HeadGossip(store, learns=store, bus=line)
    gossip.start()
    yield gossip, store, line
    await gossip.stop()


def stored(room: str, seq: int | None, *, duplicate: bool = False) -> Appended:
    return Appended(notifications=(notification(room, seq=seq),), duplicate=duplicate)


async def test_what_was_appended_in_one_tick_is_told_together_and_once(node):
    gossip, store, line = node
    for seq in (1, 2):
        store.answers = [stored("all", seq), stored("user:1", seq + 5)]
        assert await gossip.append([emission(notification())]) is store.answers
    assert await line.next() == {"do": "appended", "heads": {"all": 2, "user:1": 7}}
    store.answers = [stored("all", 3)]
    await gossip.append([emission(notification())])
    assert await line.next() == {"do": "appended", "heads": {"all": 3}}


async def test_what_has_no_place_or_had_one_before_or_failed_is_not_told(node):
    gossip, store, line = node
    store.answers = [stored("mail-only", None), stored("all", 1, duplicate=True), IdempotencyMismatch("x")]
    await gossip.append([emission(notification())])
    store.answers = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await gossip.append([emission(notification())])
    store.answers = [stored("all", 2)]
    await gossip.append([emission(notification())])
    assert await line.next() == {"do": "appended", "heads": {"all": 2}}


async def test_gossip_is_bounded_in_rooms_and_in_bytes(node):
    gossip, store, line = node
    rooms = [user_room(f"{number:05}" + "\N{GRINNING FACE}" * 123) for number in range(ROOMS_HELD + 10)]
    store.answers = [stored(room, 10**12) for room in rooms]
    await gossip.append([emission(notification())])
    told: dict[str, int] = {}
    while len(told) < ROOMS_HELD:
        command = await line.next()
        assert len(command["heads"]) <= ROOMS_AT_ONCE
        assert len(orjson.dumps(command)) < LARGEST_COMMAND
        told |= command["heads"]
    assert list(told) == rooms[:ROOMS_HELD]
    await asyncio.sleep(0.1)
    assert line.told.empty()


async def test_without_other_nodes_nothing_is_told():
    store, line = Store(), Line()
    line.carries = False
    gossip = HeadGossip(store, learns=store, bus=line)
    gossip.start()
    store.answers = [stored("all", 1)]
    await gossip.append([emission(notification())])
    await asyncio.sleep(0.1)
    assert line.told.empty()
    await gossip.stop()


async def test_the_store_learns_what_others_tell_and_nonsense_teaches_nothing(node):
    gossip, store, _ = node
    gossip.obey({"do": "appended", "heads": {"all": 7, "user:1": True, "user:2": "9", "user:3": None}})
    gossip.obey({"do": "appended", "heads": ["all"]})
    gossip.obey({"do": "appended"})
    assert store.learnt == {"all": 7}
