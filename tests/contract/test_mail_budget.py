"""One rate of mail for all nodes, on a real Redis; and each node's share while Redis is away."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.cluster import budget
from gateway.cluster.budget import RedisBudget
from gateway.cluster.redis.resp import Reply
from tests.support import servers


@asynccontextmanager
async def node(url: str, *, prefix: str, name: str = "n", rate: float = 100) -> AsyncIterator[RedisBudget]:
    made = RedisBudget(url, prefix=prefix, lane="bulk", node_id=name, rate=rate)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex


async def moments(nodes: list[RedisBudget], count: int) -> list[float]:
    """When each of `count` mails may leave, asked for by the nodes all at once; sorted, in seconds from the first."""
    loop = asyncio.get_running_loop()

    async def moment(one: RedisBudget) -> float:
        wait = await one.reserve()
        return loop.time() + wait

    found = sorted(await asyncio.gather(*[moment(nodes[i % len(nodes)]) for i in range(count)]))
    return [each - found[0] for each in found]


async def test_two_nodes_share_one_rate(redis_url: str, prefix: str) -> None:
    async with (
        node(redis_url, prefix=prefix, name="a", rate=10) as a,
        node(redis_url, prefix=prefix, name="b", rate=10) as b,
    ):
        found = await moments([a, b], 40)

    # 40 mails at 10 a second take 3.9 s, however many nodes ask; twice the rate would take half of it.
    assert found[-1] > 3.5
    assert len([wait for wait in found if wait < 1]) <= 12


async def test_those_who_ask_meanwhile_share_a_question_and_have_a_moment_each(
    redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask = RedisBudget._ask

    async def counted(here: RedisBudget, count: int) -> Reply:
        asked.append(count)
        return await ask(here, count)

    monkeypatch.setattr(RedisBudget, "_ask", counted)
    async with (
        node(redis_url, prefix=prefix, rate=0.1) as here,
        node(redis_url, prefix=prefix, rate=0.1) as there,
    ):
        waits = await asyncio.gather(*[here.reserve() for _ in range(5)])
        after = await there.reserve()

    assert asked == [1, 4, 1]  # the first goes at once
    assert [round(wait, -1) for wait in waits] == [0, 10, 20, 30, 40]
    assert round(after, -1) == 50


async def test_lanes_and_prefixes_have_budgets_of_their_own(redis_url: str, prefix: str) -> None:
    async with (
        node(redis_url, prefix=prefix, rate=0.1) as here,
        node(redis_url, prefix=uuid.uuid4().hex, rate=0.1) as elsewhere,
    ):
        assert await here.reserve() == 0
        assert await elsewhere.reserve() == 0
        assert await here.reserve() > 5


async def test_what_was_not_used_is_not_saved_up(redis_url: str, prefix: str) -> None:
    async with node(redis_url, prefix=prefix, rate=1000) as here:
        await here.reserve()
        await moments([here], 1)

        found = await moments([here], 50)

    assert found[-1] > 0.04


async def test_while_redis_is_away_each_node_takes_its_share(
    server: servers.Server, prefix: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(budget, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(budget, "RETRY_SECONDS", 0.0)
    async with (
        node(server.url, prefix=prefix, name="a", rate=10) as a,
        node(server.url, prefix=prefix, name="b", rate=10) as b,
    ):
        # In this order, so that both know of two.
        await b.reserve()
        await a.reserve()
        await b.reserve()
        assert a.warnings() == []
        server.kill()

        with caplog.at_level(logging.INFO, "gateway.cluster.budget"):
            waits = [await a.reserve() for _ in range(3)]
            warnings = a.warnings()
            server.start()
            await a.reserve()

        # Half of ten a second: a mail each 0.2 s, less what the refused connections took.
        assert 0.15 < waits[1] <= 0.2
        assert 0.3 < waits[2] <= 0.4
        assert "the rate of bulk mail is shared by guess, 5 a second for this node" in warnings[0]
        assert a.warnings() == []
        assert (caplog.messages[0], caplog.messages[-1]) == ("mail budget away", "mail budget back")


async def test_a_redis_that_was_never_there_leaves_a_cautious_share(prefix: str) -> None:
    url = f"redis://127.0.0.1:{servers.free_port()}/0"
    async with node(url, prefix=prefix, rate=8) as here:
        waits = [await here.reserve() for _ in range(2)]

        assert waits[0] == 0
        assert 0.4 < waits[1] <= 0.5


async def test_while_redis_is_away_it_is_not_asked_for_every_mail(
    server: servers.Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "PATIENCE_SECONDS", 0.2)
    async with node(server.url, prefix=prefix, rate=1000) as here:
        await here.reserve()
        server.pause()
        loop = asyncio.get_running_loop()
        begun = loop.time()

        for _ in range(50):
            await here.reserve()

        assert loop.time() - begun < 5  # each asked for would take 0.2 s
        server.resume()


async def test_who_stops_waiting_leaves_no_answer_for_the_next(server: servers.Server, prefix: str) -> None:
    async with node(server.url, prefix=prefix, rate=0.01) as here:
        assert await here.reserve() == 0
        server.pause()
        asking = asyncio.create_task(here.reserve())
        await asyncio.wait({asking}, timeout=0.05)
        asking.cancel()
        await asyncio.wait({asking})
        server.resume()

        assert await here.reserve() > 90
        assert here.warnings() == []


async def test_nonsense_is_no_answer(redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_RESERVE", b"return 'nonsense'")
    async with node(redis_url, prefix=prefix, rate=8) as here:
        assert await here.reserve() == 0
        assert "shared by guess" in here.warnings()[0]
