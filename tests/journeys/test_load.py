"""Under load from many callers nothing is lost, repeated, or out of order."""

import asyncio
from collections import defaultdict

import pytest

from tests.support.amounts import amount
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess

CALLERS = 50
ROOMS = 200
EMITS = amount(2000, long=10_000)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
async def test_emits_from_fifty_callers_to_two_hundred_rooms(
    tmp_path, node: NodeProcess, mongo_url: str, kind: str
):
    """Every (room, seq) is distinct and without gaps; every client saw its own in order, once."""
    urls = {} if kind == "sqlite" else {"STORE_URL": mongo_url}
    async with gateway(tmp_path, **urls) as here:
        clients = []
        for number in range(ROOMS):
            auth = {"token": token(f"user-{number}")}
            clients.append(
                await node.open(here.public, auth=auth, transports=("websocket",), deadline_seconds=60)
            )
        await asyncio.gather(*(client.event("ready") for client in clients))
        numbers = iter(range(EMITS))
        answered: list[tuple[str, int]] = []

        async def call(here: Gateway) -> None:
            for number in numbers:
                answer = await here.emit(f"user:user-{number % ROOMS}", str(number))
                answered.append((answer["notification"]["room"], answer["notification"]["seq"]))

        await asyncio.gather(*(call(here) for _ in range(CALLERS)))

        by_room: dict[str, list[int]] = defaultdict(list)
        for room, seq in answered:
            by_room[room].append(seq)
        assert len(set(answered)) == EMITS
        assert len(by_room) == ROOMS
        expected = list(range(1, EMITS // ROOMS + 1))
        assert all(sorted(seqs) == expected for seqs in by_room.values())
        for client in clients:
            await client.events("notification", len(expected))
            assert [n["seq"] for n in client.received("notification")] == expected
