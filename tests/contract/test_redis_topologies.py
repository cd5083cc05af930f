"""What a URL of the bus can lead to, with real servers behind it: TLS, and Sentinels that replace a primary."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.cluster.bus.base import TRANSIENT
from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.presence.redis import RedisPresence
from tests.contract.conftest import SPEAK_REDIS
from tests.contract.test_bus import Node, healthy, secret, until
from tests.contract.test_presence import Announced, until_answered, visitor
from tests.support import servers
from tests.support.authority import Authority
from tests.support.proxy import Proxy


class Gateways:
    """The bus and the presence of some nodes at one URL."""

    def __init__(self, url: str, patience_seconds: float) -> None:
        self._url = url
        self._patience_seconds = patience_seconds
        self._prefix = f"test-{uuid.uuid4().hex[:12]}"
        self.buses: list[Node] = []
        self.presences: list[RedisPresence] = []
        self.heard: list[Announced] = []

    async def add(self, name: str) -> None:
        bus = RedisBus(
            self._url,
            node_id=name,
            prefix=self._prefix,
            secret=secret,
            canary_seconds=0.2,
            patience_seconds=self._patience_seconds,
        )
        self.buses.append(await Node(bus).start())
        self.heard.append(Announced())
        presence = RedisPresence(
            self._url,
            node_id=name,
            prefix=self._prefix,
            ttl_seconds=10,
            patience_seconds=self._patience_seconds,
        )
        await presence.start(self.heard[-1])
        self.presences.append(presence)

    async def stop(self) -> None:
        for presence in self.presences:
            await presence.stop()
        for node in self.buses:
            await node.bus.stop()

    async def work(self, number: int) -> None:
        """Frames go from one to the other, and both know who is online."""
        a, b = self.buses
        # Both may be well, and for a moment on two different servers: what goes between is lost.
        mark = f'["mark",{number}]'.encode()
        async with asyncio.timeout(40):
            while mark not in [event for _, _, event in b.frames]:
                await a.bus.publish([("all", TRANSIENT, mark)])
                await asyncio.sleep(0.05)
        for sender, presence in enumerate(self.presences):
            await presence.enter(visitor(f"{sender}-{number}", f"user-{number}"), limit=0)
        for presence in self.presences:
            await until_answered(lambda p=presence: _has(p, f"user-{number}"))
        for each in self.heard:
            await until(lambda e=each: ("Joined", f"user-{number}") in e.brief())


async def _has(presence: RedisPresence, user: str) -> bool:
    online = await presence.find(user)
    return online is not None and online.connections == 2


@asynccontextmanager
async def gateways(url: str, *, patience_seconds: float = 15) -> AsyncIterator[Gateways]:
    """Two of them, who are patient with a machine that is busy."""
    group = Gateways(url, patience_seconds)
    for name in "ab":
        await group.add(name)
    await healthy(*group.buses)
    await group.buses[1].bus.subscribe(["all"])
    yield group
    await group.stop()


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "authority")


@pytest.fixture
async def tls(url_of, authority: Authority) -> AsyncIterator[Proxy]:
    """A Redis that is reached by TLS: the certificate is real, and ends in a proxy before it."""
    proxy = Proxy(int(url_of("redis").rpartition(":")[2].partition("/")[0]), tls=authority.server)
    await proxy.listen()
    yield proxy
    await proxy.refuse()


async def test_bus_and_presence_speak_tls_to_a_redis_whose_certificate_they_can_verify(tls, authority):
    async with gateways(f"rediss://127.0.0.1:{tls.port}/3?ssl_ca_certs={authority.cafile}") as group:
        await group.work(1)


async def test_a_redis_whose_certificate_nobody_vouches_for_is_not_spoken_to(tls):
    bus = RedisBus(f"rediss://127.0.0.1:{tls.port}", node_id="a", secret=secret, patience_seconds=1)
    await Node(bus).start()

    distrust = "its certificate is not trusted: unable to get local issuer certificate"
    said = [
        f"the bus is not subscribed in Redis: {distrust}",
        f"the bus cannot publish to Redis: {distrust}",
    ]
    await until(lambda: bus.reasons() == said)
    await bus.stop()


# Sentinel


@dataclass
class Guarded:
    primary: servers.Server
    replica: servers.Server
    sentinel: servers.Server


@pytest.fixture(params=list(SPEAK_REDIS))
async def guarded(request) -> AsyncIterator[Guarded]:
    """A primary that has a replica, and a Sentinel that watches over them."""
    program = SPEAK_REDIS[request.param]()
    at_once = ("--repl-diskless-sync-delay", "0")
    with ExitStack() as stack:
        primary = stack.enter_context(servers.redis(*at_once, program=program))
        of_it = ("--replicaof", "127.0.0.1", str(primary.port))
        replica = stack.enter_context(servers.redis(*at_once, *of_it, program=program))
        await until_answered(lambda: _is_in_step(replica))
        sentinel = stack.enter_context(servers.sentinel("orders", primary.port, program=program))
        await until_answered(lambda: _is_known(sentinel))
        yield Guarded(primary, replica, sentinel)


async def _is_in_step(replica: servers.Server) -> bool:
    async with Redis(port=replica.port) as client:
        return (await client.info("replication"))["master_link_status"] == "up"


async def _is_known(sentinel: servers.Server) -> bool:
    """Whether the Sentinel knows a replica that it could promote."""
    async with Redis(port=sentinel.port) as client:
        replicas = await client.sentinel_slaves("orders")
        return any(each["master-link-status"] == "ok" for each in replicas)


async def _is_promoted(guarded: Guarded) -> bool:
    async with Redis(port=guarded.sentinel.port) as client:
        _, port = await client.sentinel_get_master_addr_by_name("orders")
        return int(port) == guarded.replica.port


async def test_when_sentinel_replaces_the_primary_the_nodes_go_on_with_the_new_one(guarded):
    async with gateways(guarded.sentinel.url) as group:
        await group.work(1)

        guarded.primary.kill()
        await until(lambda: all(node.bus.reasons() for node in group.buses))
        await healthy(*group.buses)

        await group.work(2)
        for presence in group.presences:
            assert await presence.counts() == (2, 4)
        for each in group.heard:
            assert each.brief() == [("Joined", "user-1"), ("Joined", "user-2")]


async def test_a_primary_that_sentinel_has_demoted_is_left(guarded):
    async with gateways(guarded.sentinel.url) as group:
        await group.work(1)

        async with Redis(port=guarded.sentinel.port) as client:
            await client.execute_command("SENTINEL", "FAILOVER", "orders")
        await until_answered(lambda: _is_promoted(guarded))
        # What Sentinel tells a former primary, some ten seconds later.
        async with Redis(port=guarded.primary.port) as client:
            await client.replicaof("127.0.0.1", guarded.replica.port)
            await client.client_kill_filter(_type="pubsub")
            await client.client_kill_filter(_type="normal", skipme=True)
        await healthy(*group.buses)

        await group.work(2)
        for each in group.heard:
            assert each.brief() == [("Joined", "user-1"), ("Joined", "user-2")]


@pytest.fixture(params=list(SPEAK_REDIS))
def program(request) -> Path:
    return SPEAK_REDIS[request.param]()


ASKS = ("user default off", "user eve on >spw ~* &* -@all +ping +role +sentinel|get-master-addr-by-name")
"""Of a Sentinel, that it lets one user in, to ask the one thing."""


async def test_sentinels_that_ask_for_a_user_lead_to_a_redis_that_asks_for_a_password(program):
    with ExitStack() as stack:
        primary = stack.enter_context(servers.redis("--requirepass", "pw", program=program))
        told = ("sentinel auth-pass orders pw", *ASKS)
        asking = stack.enter_context(servers.sentinel("orders", primary.port, *told, program=program))
        url = (
            f"redis+sentinel://:pw@127.0.0.1:{asking.port}/orders/1?sentinel_username=eve&sentinel_password="
        )
        async with gateways(url + "spw") as group:
            await group.work(1)

        bus = RedisBus(url + "wrong", node_id="a", secret=secret, patience_seconds=1)
        await Node(bus).start()
        for reason in bus.reasons():
            assert "no Sentinel tells where the primary is: WRONGPASS" in reason
        await bus.stop()


async def test_a_service_that_no_sentinel_knows_is_told(program):
    with ExitStack() as stack:
        primary = stack.enter_context(servers.redis(program=program))
        sentinel = stack.enter_context(servers.sentinel("orders", primary.port, program=program))
        bus = RedisBus(
            sentinel.url.replace("orders", "sales"), node_id="a", secret=secret, patience_seconds=1
        )
        await Node(bus).start()

        for reason in bus.reasons():
            assert reason.endswith("no Sentinel tells where the primary is: it does not know the service")
        await bus.stop()


async def test_sentinels_that_hang_or_are_gone_do_not_keep_the_others_from_being_heard(program):
    with ExitStack() as stack:
        primary = stack.enter_context(servers.redis(program=program))
        hung, well = [
            stack.enter_context(servers.sentinel("orders", primary.port, program=program)) for _ in range(2)
        ]
        hung.pause()
        hosts = f"127.0.0.1:{hung.port},127.0.0.1:{servers.free_port()},127.0.0.1:{well.port}"
        async with gateways(f"redis+sentinel://{hosts}/orders", patience_seconds=1) as group:
            await group.work(1)


async def test_what_most_sentinels_say_is_believed(program):
    """One that was cut off while the others replaced the primary goes on naming the old one."""
    with ExitStack() as stack:
        old, new = [stack.enter_context(servers.redis(program=program)) for _ in range(2)]
        hosts = ",".join(
            f"127.0.0.1:{stack.enter_context(servers.sentinel('orders', port, program=program)).port}"
            for port in (old.port, new.port, new.port)
        )
        async with gateways(f"redis+sentinel://{hosts}/orders") as group:
            await group.work(1)
            async with Redis(port=old.port) as client:
                assert await client.pubsub_channels() == [b"__sentinel__:hello"]


async def test_sentinels_and_the_redis_behind_them_are_spoken_to_by_tls(tls, authority):
    # The Sentinel itself cannot speak to the address that it gives: it has nobody to replace it with.
    with servers.sentinel("orders", tls.port) as sentinel:
        before = Proxy(sentinel.port, tls=authority.server)
        await before.listen()
        options = f"ssl_ca_certs={authority.cafile}&sentinel_ssl=true"
        async with gateways(f"rediss+sentinel://127.0.0.1:{before.port}/orders/3?{options}") as group:
            await group.work(1)
        await before.refuse()
