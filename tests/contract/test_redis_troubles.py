"""Which trouble it is that a node has with its Redis: told in Redis's words, for the bus and for presence."""

import logging
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.presence.redis import RedisPresence
from tests.contract.test_bus import Node, secret, until
from tests.contract.test_presence import Announced, visitor
from tests.support import servers

ROOT = Path(__file__).parent.parent.parent


def documented() -> list[str]:
    """The rules of the user that docs/operating.md gives Bellhop in Redis, for the prefix and the password used here."""
    found = re.search(r"^ACL SETUSER shop (.+)$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].replace(">password", ">pw").replace("bellhop:", "shop:").split()


class Both:
    """A node's bus and presence at one URL."""

    def __init__(self, url: str, prefix: str = "shop") -> None:
        name = uuid.uuid4().hex
        self.heard = Announced()
        self.node = Node(
            RedisBus(
                url, node_id=name, prefix=prefix, secret=secret, canary_seconds=0.2, patience_seconds=1.0
            )
        )
        self.presence = RedisPresence(url, node_id=name, prefix=prefix, ttl_seconds=1)

    async def start(self) -> "Both":
        await self.node.start()
        await self.presence.start(self.heard)
        return self

    async def stop(self) -> None:
        await self.presence.stop()
        await self.node.bus.stop()

    async def well(self) -> None:
        await until(lambda: not self.node.bus.reasons() and not self.presence.reasons())

    async def ill(self, said: str) -> None:
        """Return when both have told that they are, and why."""
        await until(lambda: any(said in reason for reason in self.node.bus.reasons()))
        await self.ill_presence(said)

    async def ill_presence(self, said: str) -> None:
        await until(lambda: any(said in reason for reason in self.presence.reasons()))


@pytest.fixture
async def both(server) -> AsyncIterator[Both]:
    made = await Both(server.url).start()
    await made.well()
    yield made
    await made.stop()


@pytest.fixture
async def client(server) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as made:
        yield made


async def allow(client: Redis, *rules: str) -> None:
    await client.execute_command("ACL", "SETUSER", "shop", *rules)


async def test_the_documented_user_of_redis_is_enough_and_all_keys_begin_with_the_prefix(server, client):
    await allow(client, *documented())
    url = server.url.replace("redis://", "redis://shop:pw@")
    a, b = await Both(url).start(), await Both(url).start()
    for each in (a, b):
        await each.well()
    await b.node.bus.subscribe(["all"])
    await a.node.bus.publish([("all", 1, b"[]")])
    await a.presence.enter(visitor("1", "ann"), limit=0)
    await a.presence.enter(visitor("2", "bob"), limit=0)
    await until(lambda: b.node.frames and len(b.heard) == 2)

    keys = {key.decode() for key in await client.keys("*")}
    assert keys and all(key.startswith("shop:{presence}:") for key in keys)
    # One slot of a Redis Cluster: what stands between the first braces is one and the same.
    assert {key[key.index("{") : key.index("}")] for key in keys} == {"{presence"}
    assert all(channel.startswith(b"shop:0:") for channel in await client.pubsub_channels())
    await a.stop()
    await b.stop()


async def test_a_user_without_the_keys_leaves_the_bus_well_and_presence_says_why(server, client, caplog):
    await allow(client, *documented(), "resetkeys", "~other*")
    both = await Both(server.url.replace("redis://", "redis://shop:pw@")).start()
    with caplog.at_level(logging.WARNING):
        await both.ill_presence("NOPERM")
        await until(lambda: not both.node.bus.reasons())

        assert [each.problem[:6] for each in caplog.records if each.message == "presence away"] == ["NOPERM"]
    await allow(client, "~shop:*")
    await both.well()
    await both.stop()


async def test_a_redis_without_memory_is_told(both, client):
    await client.config_set("maxmemory", "1")
    await both.ill_presence("OOM command not allowed when used memory > 'maxmemory'")
    assert not both.node.bus.reasons()

    await client.config_set("maxmemory", "0")
    await both.well()


async def test_a_primary_that_becomes_a_replica_is_told_and_left(both, client, server):
    """It takes what is published all the same, and keeps it to itself: a bus on it would seem to be well."""
    with servers.redis() as other:
        await client.replicaof("127.0.0.1", other.port)
        await both.ill("READONLY")

        await client.replicaof("NO", "ONE")
        await both.well()


async def test_a_replica_that_has_lost_its_primary_is_told(server, client):
    await client.config_set("replica-serve-stale-data", "no")
    await client.replicaof("127.0.0.1", servers.free_port())
    both = await Both(server.url).start()

    # Which of the two depends on whether a release answers PING in this state.
    words = ("MASTERDOWN Link with MASTER is down", "READONLY")
    for part in (both.node.bus, both.presence):
        await until(lambda p=part: any(word in reason for reason in p.reasons() for word in words))

    await client.replicaof("NO", "ONE")
    await both.well()
    await both.stop()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("redis://", "redis://shop:no@"), "WRONGPASS"),
        (("/0", "/99"), "ERR DB index is out of range"),
        (("127.0.0.1", "nowhere.invalid"), "its name is not found"),
        (("redis://", "rediss://"), "no answer in time"),
    ],
)
async def test_what_is_wrong_with_a_url_is_told_without_its_secrets(server, change, said, caplog):
    both = await Both(server.url.replace(*change)).start()

    await both.ill(said)

    text = caplog.text + "".join(both.node.bus.reasons() + both.presence.reasons())
    assert "shop:no" not in text and "127.0.0.1" not in text
    assert len([each for each in caplog.records if each.message == "bus listener away"]) == 1
    await both.stop()


async def test_a_redis_that_asks_for_a_password_is_told_and_answered_by_nothing_else(both, client):
    await client.config_set("requirepass", "pw")
    await client.client_kill_filter(_type="pubsub")
    await client.client_kill_filter(_type="normal", skipme=True)

    await both.ill("NOAUTH")

    await client.config_set("requirepass", "")
    await both.well()


async def test_a_redis_that_takes_no_more_clients_is_told(server, client):
    async with Redis.from_url(server.url) as filler:
        await filler.ping()
        await client.config_set("maxclients", "2")
        both = await Both(server.url).start()
        await both.ill("max number of clients reached")
        await client.config_set("maxclients", "100")
        await both.well()
        await both.stop()
