"""Whatever fails, every notification answered 2xx reaches everyone entitled to it: once per connection, in order.

Each fault is inflicted on three nodes under load; at the end a table tells what it came to.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.cluster import Cluster, cluster
from tests.faults.witness import Verdict

FAULT_SECONDS = 20
LONGEST_DELAY_SECONDS = 35
SETTLE_SECONDS = 45

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

Inflict = Callable[[Cluster], Awaitable[None]]


async def no_fault(here: Cluster) -> None:
    """The measure of the others."""
    del here


async def node_killed(here: Cluster) -> None:
    """kill -9 of a node, and its restart five seconds later."""
    await here.nodes[0].kill()
    await asyncio.sleep(5)
    await here.nodes[0].start()


async def redis_restarted_empty(here: Cluster) -> None:
    """Redis is killed, and is back after five seconds without its memory."""
    here.redis.kill()
    await asyncio.sleep(5)
    await asyncio.to_thread(here.redis.start)


async def redis_paused(here: Cluster) -> None:
    """Redis answers nothing for fifteen seconds, with its connections open."""
    here.redis.pause()
    await asyncio.sleep(15)
    here.redis.resume()


async def subscribers_killed(here: Cluster) -> None:
    """Redis closes all subscribed connections every second."""
    async with Redis.from_url(here.redis.url) as admin:
        for _ in range(FAULT_SECONDS - 4):
            with contextlib.suppress(RedisError):
                await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(1)


async def store_restarted(here: Cluster) -> None:
    """MongoDB is killed as by a crash, and is back after three seconds."""
    here.mongod.kill()
    await asyncio.sleep(3)
    await asyncio.to_thread(here.mongod.start)


async def store_steps_down(here: Cluster) -> None:
    """The primary steps down, and is elected again some seconds later."""
    async with AsyncMongoClient(here.mongod.url) as admin:
        with contextlib.suppress(PyMongoError):
            await admin.admin.command("replSetStepDown", 5, force=True)


async def node_paused(here: Cluster) -> None:
    """A node stands still for twenty seconds, and goes on as if nothing had been."""
    here.nodes[1].signal(signal.SIGSTOP)
    await asyncio.sleep(20)
    here.nodes[1].signal(signal.SIGCONT)


async def rolling_restart(here: Cluster) -> None:
    """SIGTERM to one node after the other, each restarted when it has ended."""
    for node in here.nodes:
        assert await node.terminate() == 0
        await node.start()


FAULTS: list[Inflict] = [
    no_fault,
    node_killed,
    redis_restarted_empty,
    redis_paused,
    subscribers_killed,
    store_restarted,
    store_steps_down,
    node_paused,
    rolling_restart,
]


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    verdict: Verdict

    def text(self) -> str:
        v = self.verdict
        refused = ", ".join(f"{count} {name}" for name, count in sorted(v.refused.items())) or "0"
        return (
            f"{self.fault:<24}{v.answered:>9}{v.delivered:>11}{v.lost:>6}{v.duplicated:>12}{v.out_of_order:>14}"
            f"{v.longest_delay_seconds:>12.1f} s   {refused}"
        )


HEADER = (
    f"{'fault':<24}{'answered':>9}{'delivered':>11}{'lost':>6}{'duplicated':>12}{'out of order':>14}"
    f"{'longest delay':>14}   refused"
)


@pytest.fixture(scope="module")
def table() -> "list[Row]":
    return []


@pytest.fixture(scope="module", autouse=True)
def _show(table: list[Row], capsys_off: Callable[[str], None]) -> Iterator[None]:
    yield
    capsys_off("\n".join(["", HEADER, *(row.text() for row in table), ""]))


@pytest.fixture(scope="module")
def capsys_off(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints past the capturing of output: the table is what the suite is for."""
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def show(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(text, flush=True)

    return show


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(
        tmp_path_factory.mktemp("faults"), DRAIN_SECONDS="8", PRESENCE_TTL="10", LOG_LEVEL="warning"
    ) as started:
        yield started


@pytest.mark.parametrize("inflict", FAULTS, ids=lambda fault: fault.__name__)
async def test_nothing_is_lost_repeated_or_disordered(here: Cluster, table: list[Row], inflict: Inflict):
    """Zeros in lost, duplicated and out of order; nobody waits longer than 35 seconds."""
    async with here.witnesses() as witnesses:
        load = here.load(inflict.__name__)
        running = asyncio.create_task(load.run(FAULT_SECONDS), name="load")
        await asyncio.sleep(1)

        await inflict(here)
        await running

        verdict = await here.settled(witnesses, load, seconds=SETTLE_SECONDS)
        table.append(Row(inflict.__name__, verdict))
        assert load.given_up == 0
        assert verdict.answered > FAULT_SECONDS * 100
        assert (verdict.lost, verdict.duplicated, verdict.out_of_order) == (0, 0, 0)
        assert verdict.longest_delay_seconds < LONGEST_DELAY_SECONDS
