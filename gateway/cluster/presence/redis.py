"""Presence of a cluster, on Redis: how Redis is kept in agreement with what this node holds.

The node's own connections are the truth about themselves, which the `ledger` keeps; Redis is where the nodes'
truths meet. Changes are sent as they come, and each beat compares: whatever an outage, a restart of Redis or
a pause of this process has put apart is put together again, by the `agreement`. What happens inside Redis,
each step atomic, is in `scripts`; how it is asked, in `calls`; how announcements are heard, in `changes`.

What is promised, and to what end:

- `joined` and `left` are announced in Redis, in the step that changes who is online. Every node hears all of them in
  one order, in which those of a user alternate, whatever becomes of the node whose connection it was.
- A node whose heartbeat has ended is reaped at the next beat of any other. A node that was only paused puts its
  connections back, and those users join anew.
- When Redis loses its memory, every node puts its connections back without announcing anything, and who comes before
  `settle` seconds are over is announced then, unless somebody has put them back. Of a user whose only node died or
  stopped, with the `left` still owed when Redis forgot it, nobody knows.
- While Redis is away nobody is reaped or announced; nor as left for `settle` seconds after, so that the nodes can come
  back.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.cluster.presence.agreement import BATCH, Agreement
from gateway.cluster.presence.base import Announce, Online, Roster, Visitor
from gateway.cluster.presence.calls import Calls, Forgotten, span
from gateway.cluster.presence.changes import Changes
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.presence.ledger import Ledger
from gateway.cluster.presence.pipeline import Pipeline
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.trouble import Trouble
from gateway.ground.clock import system_clock
from gateway.ground.parts import Meters
from gateway.ground.tasks import Tasks

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
"""How long nobody is announced as left after an outage, so that nodes can come back first."""
LONGEST_BEAT_SECONDS = 2.0
"""Between two beats, whatever the time that a node is believed in."""


class RedisPresence:
    """Who is online at all nodes that share a Redis and a prefix.

    `node_id` is this process's own, and no other's. Heartbeats and graces run on Redis's clock, which all nodes share;
    a test that holds the clock gives `clock`, and calls `sweep` after moving it. `enter` and `leave` wait no longer
    than `patience_seconds`, and not at all while Redis is known to be away; `roster`, `find` and `counts` then raise
    `PresenceUnavailable`.

    One for a node, made at the composition. It never keeps a session from coming in: what cannot be told now
    is told by a beat. A process that dies is reaped by the others after `ttl_seconds`.
    """

    def __init__(
        self,
        url: str,
        *,
        node_id: str,
        prefix: str = "bellhop",
        grace_seconds: float = 5.0,
        ttl_seconds: float = 30.0,
        patience_seconds: float = 1.0,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._address = RedisAddress.parse(url)
        # The prefix comes first, so that a user of Redis can be held to it. The braces are a hash tag: all keys of presence
        # lie in one slot of a Redis Cluster.
        self._keys = f"{prefix}:{{presence}}:"
        self._pipeline = Pipeline(self._address, self._keys, patience_seconds=patience_seconds)
        self._hurry = asyncio.Event()
        """Set when the next beat should come at once."""
        self._changes: Changes | None = None
        """None before the start."""
        ttl = timedelta(seconds=ttl_seconds)
        self._grace_seconds = grace_seconds
        self._calls = Calls(
            self._pipeline,
            node=node_id,
            ttl=ttl,
            settle=min(ttl, timedelta(seconds=SETTLE_SECONDS)),
            grace=timedelta(seconds=grace_seconds),
            clock=clock,
            forgotten=self._hurry.set,
        )
        self._beat_seconds = min(ttl_seconds / 5, LONGEST_BEAT_SECONDS)
        self._patience = patience_seconds
        self._clock = clock
        self._away = False
        """Since a call has failed, until a beat gets through: calls are not even tried."""
        self._away_since = 0.0
        """By the loop's clock."""
        self._trouble = Trouble(_log, "presence")
        self._ledger = Ledger()
        self._agreement = Agreement(self._ledger, self._calls, self._now)
        self._newest = b"0-0"
        """The last announcement in Redis at the last beat."""
        self._alarm: asyncio.TimerHandle | None = None
        """Set to the end of the first grace that began since the last beat."""
        self._tasks = Tasks()
        self._listening = Tasks()
        """What calls need; it goes on while the last ones are made."""
        self._beating = asyncio.Lock()
        """Beats of the watch and of `sweep` come one after the other."""

    async def start(self, announce: Announce) -> None:
        """Begin; returns when announcements are heard from here on, or after `patience_seconds` without."""
        self._changes = Changes(
            self._address, f"{self._keys}changes", announce, patience_seconds=self._patience
        )
        self._listening.start(self._pipeline.run, name="presence-pipeline")
        self._listening.start(self._changes.run, name="presence-changes")
        self._tasks.start(self._watch, name="presence-heartbeat")
        # Most starts find Redis there: then this node's first connection is announced to its own admins too.
        try:
            async with asyncio.timeout(self._patience):
                await self._changes.begun()
        except TimeoutError:
            _log.warning("presence started without Redis")

    async def enter(self, visitor: Visitor, *, limit: int) -> list[str]:
        """Hold the connection and tell Redis. While that is away, `limit` is held for this node's connections alone."""
        held = self._ledger.come(visitor)
        if held is None:
            return []
        if self._away:
            held.doubtful = True
            return self._ledger.beyond(visitor, limit)
        try:
            async with asyncio.timeout(self._patience):
                return await self._agreement.put(held, at=visitor.since, limit=limit)
        except (PresenceUnavailable, TimeoutError) as problem:
            held.doubtful = True
            self._lose(problem)
            return self._ledger.beyond(visitor, limit)

    async def leave(self, connection: str, *, now: datetime) -> None:
        """Hold the connection no more and tell Redis; while that is away the next beat does."""
        if not self._ledger.go(connection, now) or self._away:
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._agreement.take_out(connection, now)
        except (PresenceUnavailable, TimeoutError) as problem:
            self._lose(problem)
            return
        if self._alarm is None and self._tasks:
            # Beats come every few seconds: one more when the first grace that began since the last one is over.
            self._alarm = asyncio.get_running_loop().call_later(self._grace_seconds, self._hurry.set)

    async def roster(self, *, after: str | None, limit: int, prefix: str = "") -> Roster:
        """A page of who is online. Raises `PresenceUnavailable`."""
        users, connections, page = await self._page(*span(after, prefix), limit + 1)
        return Roster(
            online=page[:limit],
            users=users,
            connections=connections,
            next=page[limit - 1].user if len(page) > limit else None,
        )

    async def find(self, user: str) -> Online | None:
        _, _, page = await self._page(f"[{user}", f"[{user}", 1)
        return page[0] if page else None

    async def counts(self) -> tuple[int, int]:
        users, connections, _ = await self._page("-", "+", 0)
        return users, connections

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_presence_up",
            "1 while Redis tells the node who is online",
            lambda: int(not self._away),
        )

    def reasons(self) -> list[str]:
        """That nobody can be told who is online, or that comings and goings are not heard."""
        if not self._tasks:
            return ["presence is not started"]
        if self._away:
            # A call that came too late once, in a storm of clients, is over with the next beat, and no reason yet.
            lasts = asyncio.get_running_loop().time() - self._away_since
            if lasts > self._beat_seconds:
                return [self._trouble.told("Redis does not tell who is online")]
            return []
        if self._changes is not None and self._changes.trouble.words is not None:
            return [self._changes.trouble.told("who comes and goes is not heard of")]
        return []

    async def sweep(self) -> None:
        """Beat once: renew, reap, announce who has left, compare; and hear it. Raises `PresenceUnavailable`."""
        async with self._beating:
            while await self._beat() == 0:
                pass
            assert self._changes is not None
            await self._changes.heard(self._newest)

    async def stop(self) -> None:
        """Take this node out, so that nobody waits for its heartbeat to end; without Redis the others reap it."""
        if not self._tasks:
            return
        await self._tasks.stop()
        if self._alarm is not None:
            self._alarm.cancel()
        try:
            async with asyncio.timeout(4 * self._patience):
                await self._retire()
        except (PresenceUnavailable, TimeoutError):
            _log.warning("presence stopped without Redis", extra={"connections": len(self._ledger.held)})
        await self._listening.stop()

    def _lose(self, problem: Exception) -> None:
        """Wait for Redis no more, until a beat has got through."""
        self._ledger.doubt()
        # Redis is there, with another memory: the beat that `forgotten` has called for puts it right.
        if isinstance(problem, Forgotten):
            return
        self._trouble.found(problem.__cause__ or problem)
        if not self._away:
            self._away_since = asyncio.get_running_loop().time()
            self._hurry.set()
        self._away = True

    # Calls

    async def _page(self, first: str, last: str | bytes, limit: int) -> tuple[int, int, tuple[Online, ...]]:
        """A page by names, with the counts. Raises `PresenceUnavailable`, at once while Redis is known to be away."""
        if self._away or not self._tasks:
            raise PresenceUnavailable("Redis is away")
        try:
            async with asyncio.timeout(self._patience):
                return await self._calls.page(first, last, limit)
        except TimeoutError as problem:
            raise PresenceUnavailable("Redis does not answer") from problem

    # Beats

    async def _watch(self) -> None:
        """Beat for as long as the node runs. Nothing but cancelling ends it."""
        while True:
            self._hurry.clear()
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            wait = self._beat_seconds
            try:
                async with self._beating:
                    wait = await self._beat()
            except PresenceUnavailable as problem:
                self._lose(problem)
            except Exception:  # noqa: BLE001 - said below
                # A heart that stops over one failure would have this node reaped.
                _log.exception("presence beat failed")
            try:
                async with asyncio.timeout(wait * random.uniform(0.8, 1)):  # noqa: S311 - jitter
                    await self._hurry.wait()
            except TimeoutError:
                continue
            # Many may be in a hurry at once: one beat serves them all, and never more than ten a second come.
            await asyncio.sleep(min(0.1, self._beat_seconds / 4))

    async def _beat(self) -> float:
        """One heartbeat; answers in how many seconds the next is due, 0 for at once."""
        # Calls are executed in their order: this is what Redis has to count when it comes to this one.
        holds = len(self._ledger.held)
        every = timedelta(seconds=self._beat_seconds)
        try:
            beaten = await self._calls.beat(batch=BATCH, every=every, leaving=not self._tasks)
        except Forgotten as forgotten:
            await self._agreement.restore(forgotten.epoch)
            return 0
        self._newest = beaten.newest
        if self._away:
            self._away = False
            self._trouble.over()
        self._ledger.announced(upto=beaten.upto, arriving=beaten.arriving)
        # The count alone finds most; it cannot find one lost and one too many, which is what doubts are for.
        if beaten.counted != holds or self._ledger.in_doubt:
            await self._agreement.reconcile()
        if beaten.more:
            return 0
        due = beaten.due_seconds
        return self._beat_seconds if due < 0 else min(self._beat_seconds, max(due, 0.05))

    async def _retire(self) -> None:
        """Let go of all connections here and announce whom that takes away; raises `PresenceUnavailable`."""
        self._ledger.go_all(self._now())
        # A beat makes Redis agree; the next announces whom the last node to go takes with it.
        await self.sweep()
        await self.sweep()
        await self._calls.retire()

    def _now(self) -> datetime:
        """The time by which connections go; Redis's own clock is for heartbeats and graces."""
        return system_clock() if self._clock is None else self._clock()
