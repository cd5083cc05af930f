"""Three nodes on real Redis and MongoDB, a load of emits, and all who watch what comes of it."""

import asyncio
import contextlib
import random
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from tests.faults import mail
from tests.faults.presence import AdminWitness
from tests.faults.witness import TOPIC, Keeper, StockWitness, Verdict, Witness, judge, lacks
from tests.support import servers
from tests.support.gateway import API_KEY, GatewayProcess
from tests.support.node import NodeProcess, run_clients
from tests.support.proxy import Proxy
from tests.support.smtp import SMTPRelay

NODES = 3
USERS = 500
STOCK_USERS = 12
LEAVERS = 30
RATE = 300
BROADCAST_SHARE = 0.01
BROADCAST_ROOMS = ("all", f"topic:{TOPIC}")
MAIL_SHARE = 0.03
CALLERS = 300
"""Requests under way at once: a backend has so many workers, and what waits for one of them waits there."""
PATIENCE_SECONDS = 10
GIVE_UP_SECONDS = 60


@dataclass(slots=True)
class Load:
    """Emits that go on whatever happens: each is retried under its key, on another node, until it is answered."""

    urls: Sequence[str]
    http: aiohttp.ClientSession
    users: Sequence[str]
    fault: str
    answered: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    given_up: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _callers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLERS))

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
        body: dict[str, Any] = {"to": to, "type": "FAULT", "title": f"{self.fault} {number}"}
        if not broadcast and random.random() < MAIL_SHARE:
            body["email"] = {"to": mail.address(self.fault, number)}
        headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": f"{self.fault}-{number}"}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        pause = 0.2
        node = number
        while time.monotonic() < deadline:
            async with self._callers:
                retry_after = await self._post(self.urls[node % len(self.urls)], body, headers)
            if retry_after is None:
                return
            node += 1
            await asyncio.sleep(max(pause, retry_after) * random.uniform(1, 2))
            pause = min(2 * pause, 2.0)
        self.given_up += 1

    async def _post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> float | None:
        """None when it was answered 202, else in how many seconds to come again."""
        try:
            async with self.http.post(
                f"{url}/internal/emit",
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS),
            ) as answer:
                if answer.status == 202:
                    for place in (await answer.json())["notifications"]:
                        self.answered[place["room"]][place["seq"]] = time.monotonic()
                    return None
                self.refused[str(answer.status)] += 1
                return float(answer.headers.get("Retry-After", 0))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.refused[type(error).__name__] += 1
            return 0


@dataclass(slots=True)
class Crowd:
    """All who are connected while a fault is inflicted."""

    witnesses: list[Keeper]
    """They stay, and are owed everything."""
    leavers: list[Witness]
    """They go while the fault is on, and do not come back."""

    async def leave(self) -> None:
        await asyncio.gather(*(leaver.stop() for leaver in self.leavers))


class Cluster:
    def __init__(
        self,
        *,
        nodes: Sequence[GatewayProcess],
        mongod: servers.Server,
        redis: servers.Server,
        bus: Proxy,
        relay: SMTPRelay,
        post: Sequence[Proxy],
        stock: NodeProcess,
        http: aiohttp.ClientSession,
    ) -> None:
        self.nodes = nodes
        self.mongod = mongod
        self.redis = redis
        self.bus = bus
        """What the last node speaks through to Redis."""
        self.relay = relay
        self.post = post
        """What each node speaks through to the relay."""
        self.http = http
        self.users = [f"user-{number}" for number in range(USERS)]
        self.stock_users = [f"stock-{number}" for number in range(STOCK_USERS)]
        self.admins = [AdminWitness(number, url, http) for number, url in enumerate(self.public)]
        self.hindrances: list[mail.Hindrance] = []
        self.stood_still: dict[int, tuple[float, float]] = {}
        """The nodes that a fault has stopped for a while, and when, by the wall's clock."""
        self._stock = stock

    def node_of(self, source: str) -> int:
        """The node whose mail comes to the relay from this address."""
        return next(number for number in range(NODES) if mail.source(number) == source)

    async def kill(self, number: int) -> None:
        """kill -9 of a node."""
        number %= NODES
        now = time.monotonic()
        self.hindrances.append(mail.Hindrance(what="killed", node=number, began=now, ended=now))
        await self.nodes[number].kill()

    async def stop(self, number: int, seconds: float) -> None:
        """Have a node stand still for a while."""
        with self._hindered("stopped", number):
            began = time.time()
            self.nodes[number].signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            self.nodes[number].signal(signal.SIGCONT)
            self.stood_still[number] = (began, time.time())

    @asynccontextmanager
    async def store_away(self) -> AsyncIterator[None]:
        """The body takes the store away and lets it come back; ends when it can be written to again."""
        with self._hindered("store away"):
            yield
            await self._store_back()

    @asynccontextmanager
    async def post_away(self) -> AsyncIterator[None]:
        """Nobody reaches the mail server: a 250 that was under way is lost."""
        with self._hindered("250 cut off"):
            for proxy in self.post:
                await proxy.refuse()
        yield
        for proxy in self.post:
            await proxy.listen()

    @contextmanager
    def _hindered(self, what: str, node: int | None = None) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.hindrances.append(mail.Hindrance(what=what, node=node, began=began, ended=time.monotonic()))

    async def _store_back(self) -> None:
        async with AsyncMongoClient(self.mongod.url) as admin:
            while True:
                with contextlib.suppress(PyMongoError):
                    if (await admin.admin.command("hello")).get("isWritablePrimary"):
                        return
                await asyncio.sleep(0.1)

    @property
    def public(self) -> list[str]:
        return [node.gateway.public for node in self.nodes]

    @property
    def internal(self) -> list[str]:
        return [node.gateway.internal for node in self.nodes]

    @asynccontextmanager
    async def crowd(self, fault: str) -> AsyncIterator[Crowd]:
        """Clients for every user, spread over the nodes, all of them ready."""
        witnesses = [Witness(user, self.public, self.http) for user in self.users]
        stock = [StockWitness(user) for user in self.stock_users]
        leavers = [
            Witness(f"{fault}-{number}", self.public, self.http, returns=False) for number in range(LEAVERS)
        ]
        crowd = Crowd([*witnesses, *stock], leavers)
        try:
            for number, client in enumerate(stock):
                transports = (None, ("websocket",))[number % 2]
                await client.start(self._stock, self.public, number % NODES, transports=transports)
            for number, witness in enumerate([*witnesses, *leavers]):
                witness.start(number)
                if number % 50 == 49:
                    await asyncio.sleep(0.1)
            async with asyncio.timeout(60):
                await asyncio.gather(*(witness.ready.wait() for witness in [*crowd.witnesses, *leavers]))
            yield crowd
        finally:
            await asyncio.gather(*(witness.stop() for witness in [*witnesses, *stock, *leavers]))

    def load(self, fault: str) -> Load:
        users = [*self.users, *self.stock_users]
        return Load(urls=self.internal, http=self.http, users=users, fault=fault)

    async def settled(self, crowd: Crowd, load: Load, *, seconds: float) -> Verdict:
        """Wait until everybody has everything, `seconds` at most, and judge."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(lacks(each, load.answered) for each in crowd.witnesses):
            await asyncio.sleep(0.5)
        verdict = judge(crowd.witnesses, load.answered)
        verdict.refused = load.refused
        return verdict

    async def rosters(self) -> list[dict[str, int] | None]:
        """Who is online and with how many connections, as each node says; None when it says nothing."""
        return await asyncio.gather(*(self._roster(url) for url in self.internal))

    async def _roster(self, url: str) -> dict[str, int] | None:
        online: dict[str, int] = {}
        after = None
        while True:
            query = {"limit": "1000"} | ({} if after is None else {"after": after})
            try:
                page = await self._ask(f"{url}/internal/presence", query)
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None
            online |= {each["user"]: each["connections"] for each in page["online"]}
            after = page["next"]
            if after is None:
                return online

    async def mail_page(self, state: str | None, before: str | None) -> Any:
        query = {"limit": "200"}
        query |= {} if state is None else {"state": state}
        query |= {} if before is None else {"before": before}
        return await self._ask(f"{self.internal[0]}/internal/mail", query)

    async def _ask(self, url: str, query: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with self.http.get(url, params=query, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def cluster(folder: Path, **settings: str) -> AsyncIterator[Cluster]:
    with ExitStack() as machines:
        mongod = machines.enter_context(servers.mongod())
        redis = machines.enter_context(servers.redis())
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(SMTPRelay())
            post = [await _proxy(stack, relay.port, source=mail.source(number)) for number in range(NODES)]
            bus = await _proxy(stack, redis.port)
            buses = [redis.url] * (NODES - 1) + [f"redis://127.0.0.1:{bus.port}/0"]
            head, _, query = mongod.url.partition("?")
            nodes = []
            for number, url in enumerate(buses):
                (folder / f"node-{number}").mkdir()
                node = GatewayProcess(
                    folder / f"node-{number}",
                    STORE_URL=f"{head}faults?{query}",
                    BUS_URL=url,
                    MAIL_URL=f"smtp://127.0.0.1:{post[number].port}?starttls=never",
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
            stock = await stack.enter_async_context(run_clients())
            here = Cluster(
                nodes=nodes,
                mongod=mongod,
                redis=redis,
                bus=bus,
                relay=relay,
                post=post,
                stock=stock,
                http=http,
            )
            for admin in here.admins:
                stack.push_async_callback(admin.stop)
                admin.start(0)
            yield here


async def _proxy(stack: AsyncExitStack, port: int, *, source: str = "127.0.0.1") -> Proxy:
    proxy = Proxy(port, source=source)
    await proxy.listen()
    stack.push_async_callback(proxy.refuse)
    return proxy
