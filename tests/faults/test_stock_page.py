"""The README's page comes back by itself, whatever kept it away: every one within half a minute, none stranded.

A thousand of them, each by the stock client's default, on three nodes. `BELLHOP_TEST_STOCK_PAGE_TIMES=20` makes it twenty
times in a row.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import servers
from tests.support.gateway import GatewayProcess, gateway_process, token
from tests.support.node import PROJECT

TIMES = int(os.environ.get("BELLHOP_TEST_STOCK_PAGE_TIMES", "1"))
PAGES = 1000
NODES = 3
AWAY_SECONDS = 20
BACK_SECONDS = 30
LIMIT = 100
SETTINGS = {"CONNECT_RATE": "0", "DRAIN_SECONDS": "8", "LOG_LEVEL": "warning"}

pytestmark = pytest.mark.timeout(600 * TIMES)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the crowd says of itself."""

    pages: int
    ready: int
    stranded: int
    errors: dict[str, int]
    repeated: int


class Pages:
    """Stock pages in a process of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, **order: Any) -> Seen:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return Seen(**json.loads(await self._process.stdout.readline()))

    async def open(self, url: str, count: int) -> None:
        await self.tell(open=[{"url": url, "token": token(f"user-{number}")} for number in range(count)])

    async def all_ready(self, *, within_seconds: float) -> float:
        """Wait until every page has its `ready`; answers how many seconds it took."""
        began = time.monotonic()
        while (seen := await self.tell()).ready < seen.pages:
            assert not seen.stranded, seen
            assert time.monotonic() - began < within_seconds, seen
            await asyncio.sleep(0.1)
        assert not seen.repeated, seen
        return time.monotonic() - began


@asynccontextmanager
async def pages() -> AsyncIterator[Pages]:
    process = await asyncio.create_subprocess_exec(
        str(servers.node_program()),
        str(PROJECT / "crowd.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Pages(process)
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def nodes(
    folder: Path, mongod: servers.Server, redis: servers.Server
) -> AsyncIterator[list[GatewayProcess]]:
    head, _, query = mongod.url.partition("?")
    async with AsyncExitStack() as stack:
        found = []
        for number in range(NODES):
            own = folder / f"node-{number}"
            own.mkdir()
            urls = {"STORE_URL": f"{head}pages?{query}", "BUS_URL": redis.url}
            found.append(await stack.enter_async_context(gateway_process(own, **urls, **SETTINGS)))
        yield found


async def test_pages_that_come_while_mongodb_is_away_and_pages_of_nodes_that_restart(tmp_path: Path):
    with servers.mongod() as mongod, servers.redis() as redis:
        async with nodes(tmp_path, mongod, redis) as cluster:
            for turn in range(TIMES):
                async with pages() as crowd:
                    for node in cluster:
                        await crowd.open(node.gateway.public, PAGES // NODES // 2)
                    await crowd.all_ready(within_seconds=120)

                    mongod.kill()
                    for node in cluster:
                        await crowd.open(node.gateway.public, PAGES // NODES // 2)
                    await asyncio.sleep(AWAY_SECONDS)
                    await asyncio.to_thread(mongod.start)
                    store = await crowd.all_ready(within_seconds=BACK_SECONDS)

                    for number, node in enumerate(cluster):
                        assert await node.terminate() == 0
                        await node.start()
                        await cluster[number - 1].gateway.emit(
                            "all", f"{turn}: after the restart of {number}"
                        )
                    restart = await crowd.all_ready(within_seconds=BACK_SECONDS)
                    print(f"turn {turn}: MongoDB back {store:.1f} s, rolling restart {restart:.1f} s")


async def test_pages_that_a_node_has_no_room_for(tmp_path: Path):
    async with gateway_process(tmp_path, MAX_CONNECTIONS=f"{LIMIT}", **SETTINGS) as node:
        for turn in range(TIMES):
            async with pages() as crowd:
                await crowd.open(node.gateway.public, LIMIT)
                await crowd.all_ready(within_seconds=120)
                await crowd.open(node.gateway.public, LIMIT)
                while (await crowd.tell()).errors.get("xhr poll error", 0) < 2 * LIMIT:
                    await asyncio.sleep(0.1)

                await crowd.tell(leave=LIMIT)

                print(f"turn {turn}: room {await crowd.all_ready(within_seconds=BACK_SECONDS):.1f} s")
