"""Presence over several nodes: against a model with random crashes and pauses, and on a Redis that fails."""

import asyncio
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

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

from gateway.presence.base import Joined, Left
from gateway.presence.redis import RedisPresence
from tests.contract.test_presence import Clock, visitor

TTL = 30
GRACE = 5
BEAT = 2


async def crash(node: RedisPresence) -> None:
    """End a node as `kill -9` would: nothing is said to anybody."""
    tasks, node._tasks = node._tasks, []
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if node._alarm is not None:
        node._alarm.cancel()
    await node._client.aclose()


@dataclass
class Simulated:
    """A node of the model: what it holds, and how it is."""

    presence: RedisPresence
    connections: dict[str, str] = field(default_factory=dict)
    paused: bool = False
    paused_seconds: float = 0


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
        """Users with a connection on a node that crashed or was paused, and when that was."""
        self.changes: dict[str, list[str]] = defaultdict(list)
        self.faults: list[str] = []
        self.numbers = 0
        self.add()

    def run(self, what):
        return self.runner.run(what)

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

    async def announce(self, change: Joined | Left) -> None:
        name = type(change).__name__
        if name == "Left" and change.user in self.connected():
            self.faults.append(f"{change.user} left while connected")
        before = self.changes[change.user]
        if (before[-1] if before else "Left") == name:
            self.faults.append(f"{change.user} {name} twice in a row")
        before.append(name)

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
            await made.start(self.announce)
            await made.sweep()
            return made

        self.nodes.append(Simulated(self.run(start())))

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
        self.run(crash(node.presence))

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) > 1)
    def stop(self, which: int) -> None:
        node = self.awake()[which % len(self.awake())]
        self.nodes.remove(node)
        self.run(node.presence.stop())

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) > 1)
    def pause(self, which: int) -> None:
        node = self.awake()[which % len(self.awake())]
        node.paused, node.paused_seconds = True, 0

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: len(self.awake()) < len(self.nodes))
    def resume(self, which: int) -> None:
        paused = [node for node in self.nodes if node.paused]
        node = paused[which % len(paused)]
        node.paused = False
        self.run(node.presence.sweep())

    @rule()
    @precondition(
        lambda self: len(self.awake()) == len(self.nodes)
        and all(self.clock.now - at > timedelta(seconds=TTL + BEAT) for at in self.ghosts.values())
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

    @invariant()
    def the_announcements_are_right(self) -> None:
        assert self.faults == []

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
            assert self.changes[user][-1] == "Joined"
        paused = {user for node in self.nodes if node.paused for user in node.connections.values()}
        for user in listed.keys() - connected.keys() - paused:
            # A ghost: its node died, and not long ago.
            assert self.clock.now - self.ghosts[user] <= timedelta(seconds=TTL + 5)

    def teardown(self) -> None:
        async def settle() -> None:
            for node in self.nodes:
                node.paused = False
            await self.beat()
            await self.pass_time(TTL + 5 + GRACE)
            connected = self.connected()
            roster = await self.nodes[0].presence.roster(after=None, limit=100)
            listed = {each.user: each.connections for each in roster.online}
            nodes, self.nodes = self.nodes, []
            for node in nodes:
                await node.presence.stop()
            assert listed == connected
            for changes in self.changes.values():
                assert changes[-1] == "Left"
            assert self.faults == []

        try:
            self.run(settle())
        finally:
            self.runner.close()


@pytest.mark.timeout(100)
def test_presence_agrees_with_a_model_of_nodes_that_crash_pause_and_come_back(redis_url):
    class OnThisRedis(Cluster):
        url = redis_url

    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
