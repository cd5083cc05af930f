"""Three nodes on real Redis and MongoDB, a load of emits, and the faults that are inflicted on them."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.faults.witness import Verdict, Witness, judge, missing
from tests.support import servers
from tests.support.gateway import API_KEY, GatewayProcess

NODES = 3
USERS = 500
RATE = 300
BROADCAST_SHARE = 0.01
BROADCAST_ROOMS = ("all", "topic:news")
GIVE_UP_SECONDS = 60


@dataclass(slots=True)
class Load:
    """Emits that go on whatever happens: each is retried under its key, on another node, until it is answered."""

    urls: Sequence[str]
    http: aiohttp.ClientSession
    users: Sequence[str]
    prefix: str
    answered: dict[tuple[str, int], float] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    given_up: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, seconds: float) -> None:
        began = time.monotonic()
        number = 0
        while (elapsed := time.monotonic() - began) < seconds:
            while number < elapsed * RATE:
                task = asyncio.create_task(self._emit(number), name=f"emit {number}")
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                number += 1
            await asyncio.sleep(0.01)
        await asyncio.gather(*self._under_way)

    async def _emit(self, number: int) -> None:
        broadcast = random.random() < BROADCAST_SHARE
        to = random.choice(BROADCAST_ROOMS) if broadcast else f"user:{random.choice(self.users)}"
        body = {"to": to, "type": "FAULT", "title": f"{self.prefix} {number}"}
        headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": f"{self.prefix}-{number}"}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        node = number
        while time.monotonic() < deadline:
            url = self.urls[node % len(self.urls)] + "/internal/emit"
            try:
                async with self.http.post(
                    url, json=body, headers=headers, timeout=aiohttp.ClientTimeout(5)
                ) as answer:
                    if answer.status == 202:
                        for place in (await answer.json())["notifications"]:
                            self.answered[(place["room"], place["seq"])] = time.monotonic()
                        return
                    self.refused[str(answer.status)] += 1
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.refused[type(error).__name__] += 1
            node += 1
            await asyncio.sleep(random.uniform(0.1, 0.5))
        self.given_up += 1


class Cluster:
    def __init__(
        self,
        nodes: Sequence[GatewayProcess],
        mongod: servers.Server,
        redis: servers.Server,
        http: aiohttp.ClientSession,
    ) -> None:
        self.nodes = nodes
        self.mongod = mongod
        self.redis = redis
        self.http = http
        self.users = [f"user-{number}" for number in range(USERS)]

    @property
    def public(self) -> list[str]:
        return [node.gateway.public for node in self.nodes]

    @property
    def internal(self) -> list[str]:
        return [node.gateway.internal for node in self.nodes]

    @asynccontextmanager
    async def witnesses(self) -> AsyncIterator[list[Witness]]:
        """A client for every user, spread over the nodes, all of them ready."""
        witnesses = [Witness(user, self.public, self.http) for user in self.users]
        for number, witness in enumerate(witnesses):
            witness.start(number)
            if number % 50 == 49:
                await asyncio.sleep(0.1)
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(*(witness.ready.wait() for witness in witnesses))
            yield witnesses
        finally:
            await asyncio.gather(*(witness.stop() for witness in witnesses))

    def load(self, prefix: str) -> Load:
        return Load(urls=self.internal, http=self.http, users=self.users, prefix=prefix)

    async def settled(self, witnesses: Sequence[Witness], load: Load, *, seconds: float) -> Verdict:
        """Wait until everybody has everything, `seconds` at most, and judge."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(missing(witness, load.answered) for witness in witnesses):
            await asyncio.sleep(0.5)
        verdict = judge(witnesses, load.answered)
        verdict.refused = load.refused
        return verdict


@asynccontextmanager
async def cluster(folder: Path, **settings: str) -> AsyncIterator[Cluster]:
    with ExitStack() as machines:
        mongod = machines.enter_context(servers.mongod())
        redis = machines.enter_context(servers.redis())
        async with AsyncExitStack() as stack:
            head, _, query = mongod.url.partition("?")
            nodes = []
            for number in range(NODES):
                (folder / f"node-{number}").mkdir()
                node = GatewayProcess(
                    folder / f"node-{number}",
                    STORE_URL=f"{head}faults?{query}",
                    BUS_URL=redis.url,
                    NODE_ID=f"node-{number}",
                    CONNECT_RATE="0",
                    **settings,
                )
                stack.push_async_callback(node.close)
                nodes.append(node)
            await asyncio.gather(*(node.start() for node in nodes))
            http = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=False))
            )
            yield Cluster(nodes, mongod, redis, http)
