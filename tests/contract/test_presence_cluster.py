"""Presence over several nodes: against a model with random crashes and pauses, and on a Redis that fails."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from gateway.cluster.presence.base import Left
from gateway.cluster.presence.changes import Changes
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.presence.pipeline import Pipeline
from gateway.cluster.presence.redis import SETTLE_SECONDS, RedisPresence
from gateway.cluster.redis.address import RedisAddress
from gateway.process.lifetime import loop_factory
from tests.contract.test_presence import START, Announced, Clock, until, until_answered, visitor
from tests.support import servers
from tests.support.amounts import amount
from tests.support.proxy import Proxy

TTL = 30
GRACE = 5
BEAT = 2


async def crash(node: RedisPresence) -> None:
    """End a node as `kill -9` would: nothing is said to anybody."""
    await node._tasks.stop()
    await node._listening.stop()
    if node._alarm is not None:
        node._alarm.cancel()


class Ear:
    """Hears what is announced, without being a node."""

    def __init__(self, url: str, prefix: str = "bellhop") -> None:
        self.announced = Announced()
        self._url = url
        self._stream = f"{prefix}:{{presence}}:changes"
        self._changes = Changes(RedisAddress.parse(url), self._stream, self.announced, patience_seconds=2)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._changes.run(), name="ear")
        await self._changes.begun()

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def catch_up(self, *nodes: RedisPresence) -> Announced:
        """Have this ear, and the nodes, hear all that has been announced."""
        async with Redis.from_url(self._url) as client:
            newest = await client.xrevrange(self._stream, count=1)
        for changes in (self._changes, *(node._changes for node in nodes)):
            assert changes is not None
            await changes.heard(newest[0][0] if newest else b"0-0")
        return self.announced


@dataclass
class Simulated:
    """A node of the model: what it holds and heard, and how it is."""

    presence: RedisPresence
    heard: Announced
    since: int
    """How much had been announced when it came."""
    connections: dict[str, str] = field(default_factory=dict)
    paused: bool = False
    paused_seconds: float = 0

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self.presence._beating.release()


class Cluster(RuleBasedStateMachine):
    """Several nodes on one Redis, with a clock that the machine holds; each node beats every two seconds of it."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.prefix = f"model-{uuid.uuid4().hex[:12]}"
        self.nodes: list[Simulated] = []
        self.ghosts: dict[str, datetime] = {}
        """Users with a connection on a node that crashed, and when that was."""
        self.ended_at = START - timedelta(seconds=2 * TTL)
        """When a node last ended: what it owed is for a while remembered by Redis alone."""
        self.forgotten_at = self.ended_at
        """When Redis last lost its memory: who comes soon after is announced when the nodes are back."""
        self.ear = Ear(self.url, self.prefix)
        self.judged = 0
        self.changes: dict[str, list[str]] = defaultdict(list)
        self.numbers = 0
        self.runner.run(self.ear.start())
        self.add()

    def run(self, what):
        answer = self.runner.run(what)
        self.runner.run(self.hear())
        return answer

    async def hear(self) -> None:
        """Judge what was announced, and that every node hears the same in the same order."""
        announced = await self.ear.catch_up(*(node.presence for node in self.nodes))
        for change in announced[self.judged :]:
            name = type(change).__name__
            before = self.changes[change.user]
            assert name != "Left" or change.user not in self.connected(), (
                f"{change.user} left while connected"
            )
            assert (before[-1] if before else "Left") != name, f"{change.user} {name} twice in a row"
            before.append(name)
        self.judged = len(announced)
        for node in self.nodes:
            assert node.heard == announced[node.since :]

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def awake(self) -> list[Simulated]:
        return [node for node in self.nodes if not node.paused]

    def connected(self) -> dict[str, int]:
        """The users with a connection on a node that runs, and how many."""
        users: dict[str, int] = defaultdict(int)
        for node in self.awake():
            for user in node.connections.values():
                users[user] += 1
        return users

    async def beat(self) -> None:
        for node in self.awake():
            await node.presence.sweep()

    async def pass_time(self, seconds: float) -> None:
        while seconds > 0:
            step = min(seconds, BEAT)
            self.clock.forward(step)
            for node in self.nodes:
                node.paused_seconds += step if node.paused else 0
            await self.beat()
            seconds -= step

    @rule()
    @precondition(lambda self: len(self.nodes) < 4)
    def add(self) -> None:
        heard = Announced()

        async def start() -> RedisPresence:
            made = RedisPresence(
                self.url,
                node_id=f"node-{self.number()}",
                prefix=self.prefix,
                grace_seconds=GRACE,
                ttl_seconds=TTL,
                patience_seconds=10,
                clock=self.clock,
            )
            # The machine beats by the clock it holds; the node's own beats come by the wall's.
            made._beat_seconds = 3600
            await made.start(heard)
            await made.sweep()
            return made

        since = len(self.ear.announced)
        self.nodes.append(Simulated(self.runner.run(start()), heard, since))
        self.run(asyncio.sleep(0))

    @rule(which=st.integers(0, 3), user=st.sampled_from("abc"))
    def enter(self, which: int, user: str) -> None:
        node = self.awake()[which % len(self.awake())]
        connection = f"c{self.number()}"
        node.connections[connection] = user
        self.run(node.presence.enter(visitor(connection, user), limit=0))

    @rule(which=st.integers(0, 3), pick=st.integers(0, 20))
    @precondition(lambda self: self.connected())
    def leave(self, which: int, pick: int) -> None:
        holding = [node for node in self.awake() if node.connections]
        node = holding[which % len(holding)]
        connection = list(node.connections)[pick % len(node.connections)]
        del node.connections[connection]
        self.run(node.presence.leave(connection, now=self.clock.now))

    @rule(seconds=st.sampled_from([0.5, 2, 4.5, 6, 12, 40]))
    def wait(self, seconds: float) -> None:
        self.run(self.pass_time(seconds))

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) > 1)
    def kill(self, which: int) -> None:
        node = self.awake()[which % len(self.awake())]
        self.nodes.remove(node)
        for user in node.connections.values():
            self.ghosts[user] = self.clock.now
        self.ended_at = self.clock.now
        self.run(crash(node.presence))

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) > 1)
    def stop(self, which: int) -> None:
        node = self.awake()[which % len(self.awake())]
        self.nodes.remove(node)
        self.ended_at = self.clock.now
        self.run(node.presence.stop())

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) > 1)
    def pause(self, which: int) -> None:
        node = self.awake()[which % len(self.awake())]
        node.paused, node.paused_seconds = True, 0
        # Nor does it beat by itself, as it may after a call that failed.
        self.run(node.presence._beating.acquire())

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) < len(self.nodes))
    def resume(self, which: int) -> None:
        paused = [node for node in self.nodes if node.paused]
        node = paused[which % len(paused)]
        node.resume()
        self.run(node.presence.sweep())

    @rule()
    @precondition(
        lambda self: (
            len(self.awake()) == len(self.nodes)
            and self.clock.now - self.ended_at > timedelta(seconds=TTL + BEAT)
        )
    )
    def forget(self) -> None:
        """Redis loses everything, as after a restart without persistence."""

        async def flush() -> None:
            await self.beat()
            async with Redis.from_url(self.url) as client:
                keys = [key async for key in client.scan_iter(match=f"{{{self.prefix}:*", count=1000)]
                if keys:
                    await client.delete(*keys)
            await self.beat()

        self.run(flush())
        self.forgotten_at = self.clock.now

    @invariant()
    def who_is_connected_is_in_the_roster_and_has_joined(self) -> None:
        async def online() -> dict[str, int]:
            roster = await self.awake()[0].presence.roster(after=None, limit=100)
            counts = await self.awake()[0].presence.counts()
            assert counts == (roster.users, roster.connections)
            assert roster.users == len(roster.online)
            assert roster.connections == sum(each.connections for each in roster.online)
            return {each.user: each.connections for each in roster.online}

        listed = self.run(online())
        connected = self.connected()
        for user, connections in connected.items():
            assert listed.get(user, 0) >= connections
            if self.clock.now - self.forgotten_at > timedelta(seconds=SETTLE_SECONDS):
                assert self.changes[user][-1] == "Joined"
        paused = {user for node in self.nodes if node.paused for user in node.connections.values()}
        for user in listed.keys() - connected.keys() - paused:
            # A ghost: its node died, and not long ago.
            assert self.clock.now - self.ghosts[user] <= timedelta(seconds=TTL + 5)

    def teardown(self) -> None:
        async def settle() -> None:
            for node in self.nodes:
                node.resume()
            await self.beat()
            await self.pass_time(TTL + 5 + GRACE)
            connected = self.connected()
            roster = await self.nodes[0].presence.roster(after=None, limit=100)
            listed = {each.user: each.connections for each in roster.online}
            nodes, self.nodes = self.nodes, []
            for node in nodes:
                node.connections.clear()
                await node.presence.stop()
            await self.hear()
            await self.ear.stop()
            assert listed == connected
            for changes in self.changes.values():
                assert changes[-1] == "Left"

        try:
            self.runner.run(settle())
        finally:
            self.runner.close()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_presence_agrees_with_a_model_of_nodes_that_crash_pause_and_come_back(redis_url):
    class OnThisRedis(Cluster):
        url = redis_url

    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=amount(5, long=30),
            stateful_step_count=25,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


# Faults of a real Redis, in real time


class Together:
    """Nodes on one Redis, with short times, and an ear beside them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ear = Ear(url)
        self.announced = self.ear.announced
        self.nodes: list[RedisPresence] = []

    async def node(self, name: str, *, announce: Announced | None = None, **options) -> RedisPresence:
        # No shorter: on a busy machine a beat, or an answer of Redis, comes a second late.
        given = {"grace_seconds": 0.2, "ttl_seconds": 3, "patience_seconds": 1, **options}
        made = RedisPresence(self.url, node_id=name, **given)
        await made.start(Announced() if announce is None else announce)
        self.nodes.append(made)
        return made

    async def brief(self) -> list[tuple[str, str]]:
        """All that was announced."""
        return (await self.ear.catch_up()).brief()


@pytest.fixture
async def together(server) -> AsyncIterator[Together]:
    group = Together(server.url)
    await group.ear.start()
    yield group
    for node in group.nodes:
        await node.stop()
    await group.ear.stop()


async def pass_time(node: RedisPresence, clock: Clock, seconds: float) -> None:
    """Have a clock that tests hold run, and the node beat by it."""
    while seconds > 0:
        clock.forward(min(seconds, BEAT))
        await node.sweep()
        seconds -= BEAT


async def counted(node: RedisPresence, users: int, connections: int) -> None:
    async def right() -> bool:
        return await node.counts() == (users, connections)

    await until_answered(right)


async def test_the_connections_of_a_killed_node_are_reaped_and_announced_once(together):
    a, b, c = [await together.node(name) for name in "abc"]
    await a.enter(visitor("a1", "ann"), limit=0)
    await a.enter(visitor("a2", "bob"), limit=0)
    await b.enter(visitor("b1", "bob"), limit=0)
    await until_answered(lambda: c.find("ann"))

    await crash(a)
    await counted(b, 1, 1)
    await until(lambda: ("Left", "ann") in together.announced.brief())
    await c.sweep()
    await b.sweep()

    assert sorted(await together.brief()) == [("Joined", "ann"), ("Joined", "bob"), ("Left", "ann")]


async def test_another_node_announces_whom_a_killed_node_owed_a_departure(together):
    a, _ = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    await a.leave("a1", now=START)
    await crash(a)

    await until(lambda: len(together.announced) == 2)

    assert together.announced[1:] == [Left(user="ann", at=START)]


async def test_a_limit_counts_the_connections_of_all_nodes(together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", age=9), limit=2)
    await b.enter(visitor("b1", age=5), limit=2)

    assert await a.enter(visitor("a2"), limit=2) == ["a1"]
    assert await b.enter(visitor("b2"), limit=2) == ["a1", "b1"]


async def test_a_reload_that_lands_on_another_node_announces_nothing(together):
    clock = Clock()
    a, b = [await together.node(name, clock=clock, ttl_seconds=30) for name in "ab"]
    await a.enter(visitor("a1"), limit=0)
    await a.leave("a1", now=START)
    await b.enter(visitor("b1"), limit=0)

    clock.forward(1)
    await a.sweep()
    await b.sweep()

    assert await together.brief() == [("Joined", "ann")]


async def test_redis_restarted_empty_gets_everything_back_and_announces_nothing(server, together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    await a.enter(visitor("a2", "bob"), limit=0)
    await b.enter(visitor("b1", "bob"), limit=0)
    await b.enter(visitor("b2", "cid"), limit=0)
    before = list(await together.ear.catch_up())

    server.kill()
    await until(lambda: a._away and b._away)
    await b.leave("b2", now=START)
    server.start()

    await counted(a, 2, 3)
    await until(lambda: len(together.announced) > len(before))
    assert together.announced[len(before) :] == [Left(user="cid", at=START)]
    for _ in range(3):
        await a.sweep()
        await b.sweep()
    assert len(together.announced) == len(before) + 1


async def test_while_redis_is_away_connections_come_and_go_and_are_told_when_it_is_back(server, together):
    a = await together.node("a")
    await a.enter(visitor("a1", "ann"), limit=0)
    await until(lambda: together.announced)
    server.kill()
    await until(lambda: a._away)

    async with asyncio.timeout(0.2):
        assert await a.enter(visitor("a2", "bob", age=1), limit=1) == []
        assert await a.enter(visitor("a3", "bob"), limit=1) == ["a2"]
        await a.leave("a2", now=START)
        await a.leave("a1", now=START)
        for ask in (a.counts(), a.find("bob"), a.roster(after=None, limit=1)):
            with pytest.raises(PresenceUnavailable):
                await ask
    assert together.announced.brief() == [("Joined", "ann")]

    server.start()
    await counted(a, 1, 1)
    await until(lambda: len(together.announced) == 3)
    assert sorted((await together.brief())[1:]) == [("Joined", "bob"), ("Left", "ann")]


@pytest.mark.parametrize("forgets", [False, True])
async def test_the_many_that_went_while_redis_was_away_are_taken_out_together(
    server, together, monkeypatch, forgets
):
    """One after the other they would take as long as their round trips, and the node's heartbeat would end meanwhile."""
    a = await together.node("a", ttl_seconds=30)
    names = [f"a{n}" for n in range(1000)]
    await asyncio.gather(*(a.enter(visitor(name, f"u{name}"), limit=0) for name in names))
    server.kill() if forgets else server.pause()
    await until(lambda: a._away)
    for name in names[1:]:
        await a.leave(name, now=START)
    trips = 0
    execute = Pipeline._execute

    async def counting(pipeline: Pipeline, calls: list[Any]) -> None:
        nonlocal trips
        trips += 1
        await execute(pipeline, calls)

    monkeypatch.setattr(Pipeline, "_execute", counting)
    server.start() if forgets else server.resume()
    await counted(a, 1, 1)

    assert trips < 200


async def test_a_hung_redis_holds_a_connect_up_no_longer_than_the_patience(server, together):
    a, b = [await together.node(name, patience_seconds=0.3) for name in "ab"]
    await a.enter(visitor("a1", "ann"), limit=0)
    server.pause()
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await a.enter(visitor("a2", "bob"), limit=0) == []
    with pytest.raises(PresenceUnavailable):
        await b.counts()
    await a.leave("a1", now=START)
    assert loop.time() - began < 0.3 + 0.3 + 0.3
    began = loop.time()
    await a.enter(visitor("a3", "cid"), limit=0)
    assert loop.time() - began < 0.05

    server.resume()
    await counted(b, 2, 2)
    await until(lambda: len(together.announced) == 4)
    assert sorted((await together.brief())[1:]) == [("Joined", "bob"), ("Joined", "cid"), ("Left", "ann")]


async def test_a_redis_away_longer_than_the_ttl_makes_nobody_a_ghost(server, together):
    a, b = [await together.node(name, ttl_seconds=1.5) for name in "ab"]
    await a.enter(visitor("a1", "ann"), limit=0)
    await b.enter(visitor("b1", "bob"), limit=0)
    server.pause()
    await until(lambda: a._away and b._away)
    # Redis's own clock goes on, and the heartbeats with it.
    over = asyncio.get_running_loop().time() + 1.7
    await until(lambda: asyncio.get_running_loop().time() > over)
    server.resume()

    await counted(a, 2, 2)
    await counted(b, 2, 2)
    await a.sweep()
    await b.sweep()
    assert await together.brief() == [("Joined", "ann"), ("Joined", "bob")]


async def test_a_node_that_was_paused_and_reaped_puts_its_connections_back(together):
    clock = Clock()
    a = await together.node("a", clock=clock, ttl_seconds=30)
    b = await together.node("b", clock=clock, ttl_seconds=30)
    await a.enter(visitor("a1", "ann"), limit=0)
    async with a._beating:
        await pass_time(b, clock, 31)
        assert await b.counts() == (0, 0)
    await a.sweep()

    assert await b.counts() == (1, 1)
    assert await together.brief() == [("Joined", "ann"), ("Left", "ann"), ("Joined", "ann")]


async def test_an_entrance_whose_answer_was_lost_is_announced_once(together):
    a = await together.node("a")
    put = a._agreement.put

    async def lose(held, **options):
        await put(held, **options)
        held.confirmed = False
        raise PresenceUnavailable("the answer was lost")

    a._agreement.put = lose
    assert await a.enter(visitor("a1", "ann"), limit=0) == []
    a._agreement.put = put
    await until(lambda: together.announced)
    await a.sweep()

    assert await together.brief() == [("Joined", "ann")]


async def test_what_redis_holds_and_the_node_does_not_is_taken_out(together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    a._ledger.held.pop("a1")

    await counted(b, 0, 0)


async def test_stop_without_redis_ends_within_the_bound(server, together):
    a = await together.node("a", patience_seconds=0.3)
    await a.enter(visitor("a1", "ann"), limit=0)
    server.pause()
    loop = asyncio.get_running_loop()
    began = loop.time()

    await a.stop()

    assert loop.time() - began < 4 * 0.3 + 0.5
    server.resume()


async def test_a_node_that_stops_among_others_leaves_the_grace_to_them(together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    await a.enter(visitor("a2", "bob"), limit=0)

    await a.stop()
    await b.enter(visitor("b1", "bob"), limit=0)
    await until(lambda: len(together.announced) == 3)

    assert (await together.brief())[2:] == [("Left", "ann")]
    assert await b.counts() == (1, 1)


async def test_a_thousand_connections_of_a_dead_node_are_reaped_without_waiting_for_more_beats(together):
    clock = Clock()
    a = await together.node("a", clock=clock, ttl_seconds=30, patience_seconds=20)
    b = await together.node("b", clock=clock, ttl_seconds=30, patience_seconds=20)
    await asyncio.gather(*(a.enter(visitor(f"a{n}", f"user-{n}"), limit=0) for n in range(1200)))
    await crash(a)

    await pass_time(b, clock, 31)

    assert await b.counts() == (0, 0)
    assert [kind for kind, _ in await together.brief()].count("Left") == 1200


async def test_who_comes_while_redis_has_forgotten_waits_for_what_was_there_before(together, server):
    a = await together.node("a")
    await a.enter(visitor("a1", "ann", age=5), limit=1)
    async with a._beating:
        await forget(server)
        assert await a.enter(visitor("a2", "ann"), limit=1) == ["a1"]

    await counted(a, 1, 2)
    assert await together.brief() == [("Joined", "ann")]


async def test_every_node_hears_what_happens_on_all_of_them_in_one_order(together):
    heard = [Announced(), Announced(), Announced()]
    nodes = [
        await together.node(name, announce=each, grace_seconds=0)
        for name, each in zip("abc", heard, strict=True)
    ]

    async def come_and_go(user: str) -> None:
        for turn in range(10):
            node = nodes[turn % 3]
            await node.enter(visitor(f"{user}{turn}", user), limit=0)
            await node.leave(f"{user}{turn}", now=START)
            await nodes[(turn + 1) % 3].sweep()

    await asyncio.gather(*(come_and_go(user) for user in ("ann", "bob", "cid")))

    announced = await together.ear.catch_up(*nodes)
    assert heard == [announced] * 3
    for user in ("ann", "bob", "cid"):
        kinds = [kind for kind, who in announced.brief() if who == user]
        assert kinds == ["Joined", "Left"] * 10


async def test_who_was_cut_off_from_redis_hears_what_was_announced_meanwhile(together):
    heard = Announced()
    a, b = await together.node("a", announce=heard), await together.node("b")

    for number in range(20):
        async with Redis.from_url(together.url) as client:
            await client.execute_command("CLIENT", "KILL", "TYPE", "normal")
        await b.enter(visitor(f"b{number}", f"user-{number}"), limit=0)

    await counted(b, 20, 20)
    assert heard == await together.ear.catch_up(a)
    assert len(heard) == 20


async def test_who_comes_before_another_node_has_put_the_user_back_is_no_news(server, together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    async with a._beating:
        await forget(server)
        await b.sweep()
        await b.enter(visitor("b1", "ann"), limit=0)
        await b.enter(visitor("b2", "bob"), limit=0)
        await b.sweep()
        assert await together.brief() == [("Joined", "ann")]

    await until(lambda: len(together.announced) > 1)
    assert await together.brief() == [("Joined", "ann"), ("Joined", "bob")]
    assert await b.counts() == (2, 3)


async def forget(server: servers.Server) -> None:
    async with Redis.from_url(server.url) as client:
        await client.flushall()


async def test_a_departure_still_owed_when_redis_forgets_a_second_time_is_announced(server, together):
    clock = Clock()
    a = await together.node("a", clock=clock, ttl_seconds=30, grace_seconds=1)
    await a.enter(visitor("a1", "ann"), limit=0)
    assert await together.brief() == [("Joined", "ann")]
    await forget(server)
    await a.sweep()
    await a.leave("a1", now=clock.now)
    await pass_time(a, clock, 2)

    await forget(server)
    await pass_time(a, clock, 10)

    assert await together.brief() == [("Joined", "ann"), ("Left", "ann")]


async def test_who_had_to_wait_when_redis_forgot_and_was_put_back_is_no_news_when_it_forgets_again(
    server, together
):
    clock = Clock()
    a, b = [await together.node(name, clock=clock, ttl_seconds=30) for name in "ab"]
    await a.enter(visitor("a1", "ann"), limit=0)
    assert await together.brief() == [("Joined", "ann")]
    async with a._beating:
        await forget(server)
        await b.sweep()
        await b.enter(visitor("b1", "ann"), limit=0)
    await a.sweep()
    await a.leave("a1", now=clock.now)
    await b.sweep()

    await forget(server)
    await pass_time(b, clock, 10)

    assert await together.brief() == [("Joined", "ann")]


async def test_a_node_that_was_killed_before_it_could_beat_is_reaped(server, together):
    a, b = await together.node("a"), await together.node("b")
    await a.enter(visitor("a1", "ann"), limit=0)
    async with a._beating:
        await forget(server)
        await b.sweep()
        await a._agreement.restore(b._calls.epoch)
        assert await b.counts() == (1, 1)
        await crash(a)

    await counted(b, 0, 0)


@pytest.mark.parametrize("beat", [2, 3])
async def test_a_dead_node_is_reaped_in_time_though_the_other_is_slow_to_beat(together, beat):
    clock = Clock()
    a = await together.node("a", clock=clock, ttl_seconds=10)
    b = await together.node("b", clock=clock, ttl_seconds=10)
    await a.enter(visitor("a1", "ann"), limit=0)
    await crash(a)

    async with b._beating:
        for _ in range(15 // beat):
            clock.forward(beat)
            assert await b._beat() >= 0

    assert await b.counts() == (0, 0)


async def test_a_restart_that_resets_connections_does_not_end_a_nodes_presence(server):
    """On the loop of production: what is written to a connection that was reset is refused there by a RuntimeError."""

    async def restarted() -> None:
        proxy = Proxy(server.port)
        await proxy.listen()
        node = RedisPresence(
            f"redis://127.0.0.1:{proxy.port}", node_id="a", patience_seconds=0.3, ttl_seconds=1.5
        )
        await node.start(Announced())
        await node.enter(visitor("a1"), limit=0)
        server.kill()
        # As many connects as a node makes in minutes: each is taken, and reset at a moment of its own.
        for _ in range(200):
            with pytest.raises(PresenceUnavailable):
                await node._calls.held()
        server.start()
        await counted(node, 1, 1)
        await node.stop()
        await proxy.refuse()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(restarted())

    await asyncio.to_thread(run)


async def test_a_defect_in_a_call_does_not_end_a_nodes_presence(together, monkeypatch, caplog):
    a = await together.node("a")

    async def fail(calls) -> None:
        del calls
        raise RuntimeError("a defect")

    with monkeypatch.context() as defect:
        defect.setattr(a._pipeline, "_answers", fail)
        assert await a.enter(visitor("a1"), limit=0) == []

    await counted(a, 1, 1)
    assert "presence pipeline failed" in caplog.text


async def test_a_defect_in_listening_does_not_make_a_node_deaf_for_good(together, monkeypatch, caplog):
    heard = Announced()
    a = await together.node("a", announce=heard)
    ask = a._changes._ask

    async def fail_once(*arguments) -> None:
        monkeypatch.setattr(a._changes, "_ask", ask)
        raise RuntimeError("a defect")

    monkeypatch.setattr(a._changes, "_ask", fail_once)
    await a.enter(visitor("a1", "ann"), limit=0)
    await until(lambda: "a defect" in caplog.text)
    await a.enter(visitor("a2", "bob"), limit=0)

    await until(lambda: len(heard) == 2)
    assert heard.brief() == [("Joined", "ann"), ("Joined", "bob")]
