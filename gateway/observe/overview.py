"""The overview: what all nodes did over the last hour, added up, told by whichever node an admin asks.

The nodes ask each other by commands of the bus, and keep what they were told, so that a later question brings only what
is new. Who does not answer in time is not among the nodes that an overview is of; what it told before is.

It stands apart from `peers`, which asks for facts of the moment: here an hour is kept of every node, and an
answer may take several commands.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.encoding import Json, time
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks
from gateway.observe.steps import added_up, millis, row_of, step_of
from gateway.observe.trends import SAMPLES_KEPT, Trends, TrendStep

ANSWER_SECONDS = 0.4
"""How long the other nodes have to answer; those who did the last time are all that is waited for. Admins look
at it as it comes.
"""
FRESH_SECONDS = 1.0
"""Admins who ask within this are told the same."""
STEPS_AT_ONCE = 100
"""In one command, whose size the bus bounds."""
ASKS_LIMIT = 100
"""Questions of other nodes that wait to be answered."""


class OverviewAsk(Command, frozen=True, tag="overview:ask"):
    """Tell `node` what happened since the times that it has heard of, in milliseconds since 1970 by node."""

    node: str
    after: dict[str, int]


class OverviewTell(Command, frozen=True, tag="overview:tell"):
    """Take what happened at `node` since `after`, if it is `to` here."""

    to: str
    node: str
    after: int
    rows: list[Any]
    more: bool
    """Whether another of these follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The steps of `nodes`, added up, oldest first; a latency is that of the slowest node."""

    node: str
    """The one that was asked."""
    started_at: datetime
    """When that one was. Steps from before are of other nodes."""
    nodes: tuple[str, ...]
    """Those that have answered in time, by name."""
    step_seconds: float
    steps: Sequence[TrendStep]


@dataclass(slots=True)
class _Peer:
    """What another node has told, without a gap up to `latest`."""

    latest: int = 0
    """In milliseconds since 1970."""
    steps: deque[TrendStep] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    """The last hour."""


class Observatory(Part):
    """Sees what all nodes do.

    One for a node. It keeps an hour of each other node, which it has asked; it begins with nothing after a
    restart and asks for all.
    """

    def __init__(self, trends: Trends, *, bus: Bus, node: str) -> None:
        self._trends = trends
        self._bus = bus
        self._node = node
        self._peers: dict[str, _Peer] = {}
        """By name."""
        self._expected: set[str] = set()
        """Who answered the last time, and is waited for."""
        self._answered: set[str] = set()
        """Who has answered this time."""
        self._complete = asyncio.Event()
        self._asked_at = float("-inf")
        self._turn = asyncio.Lock()
        """One question at a time: admins who ask meanwhile wait for it, and are told the same."""
        self._asks: asyncio.Queue[tuple[str, int]] = asyncio.Queue(ASKS_LIMIT)
        """Who asks, and what it has already."""
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {OverviewAsk: self.asked, OverviewTell: self.told}

    def start(self) -> None:
        self._tasks.start(self._answer_forever, name="overview")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def look(self, seconds: float) -> Overview:
        """What happened in the last `seconds`, on all nodes that can be asked.

        A node alone asks nobody. Otherwise it waits `ANSWER_SECONDS` at most.
        """
        if self._bus.carries:
            async with self._turn:
                await self._ask_others()
        limit = int(seconds / self._trends.sample_seconds)
        others = {name: peer.steps for name, peer in self._peers.items()}
        return Overview(
            node=self._node,
            started_at=self._trends.started_at,
            nodes=tuple(sorted({self._node, *self._answered})),
            step_seconds=self._trends.sample_seconds,
            steps=added_up(
                {self._node: self._trends.steps(limit), **others},
                telling=self._answered | {self._node},
                step_seconds=self._trends.sample_seconds,
                limit=limit,
            ),
        )

    def asked(self, command: OverviewAsk) -> None:
        """Another node wants to know what happened here.

        On the loop; the answering is done by a task, since it may be long.
        """
        if command.node == self._node:
            return
        # Full, it is asked in vain: the next question comes in a few seconds.
        with suppress(asyncio.QueueFull):
            self._asks.put_nowait((command.node, command.after.get(self._node, 0)))

    def told(self, command: OverviewTell) -> None:
        """A node tells somebody what happened there.

        On the loop. Also an answer that comes too late is kept: its steps are true.
        """
        if command.to != self._node:
            return
        self._hear(command.node, command.after, command.rows)
        if not command.more:
            self._answered.add(command.node)
            if self._answered >= self._expected:
                self._complete.set()

    async def _ask_others(self) -> None:
        """Ask the nodes for what is new since they last told, and wait for those that answered the last time."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_at < FRESH_SECONDS:
            return
        # Who answered too late the last time is here still, and is waited for now.
        self._expected, self._answered = self._answered, set()
        self._complete.clear()
        after = {name: peer.latest for name, peer in self._peers.items()}
        # To all, though others alone answer: `asked` passes over this node's own.
        await self._bus.order_all(OverviewAsk(self._node, after))
        if self._expected:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._complete.wait()
        else:
            # Nobody is known yet: only the time tells that all have answered.
            await asyncio.sleep(ANSWER_SECONDS)
        self._asked_at = loop.time()
        self._forget_gone()

    def _hear(self, node: str, after: int, rows: Sequence[Json]) -> None:
        """Add what another node tells, where it goes on from what is known of it.

        Never raises, whatever a node of another release sends.
        """
        peer = self._peers.setdefault(node, _Peer())
        # An answer that was lost, or heard twice: the next question begins where this node stands.
        if after != peer.latest:
            return
        try:
            steps = [step_of(row) for row in rows]
        except (LookupError, TypeError, ValueError, AttributeError):
            # Of another version, which tells it in another way.
            return
        if steps:
            peer.steps.extend(steps)
            peer.latest = millis(steps[-1].at)

    def _forget_gone(self) -> None:
        """Let go of nodes that have said nothing for as long as anything is told of."""
        kept = self._trends.sample_seconds * SAMPLES_KEPT * 1000
        newest = max((peer.latest for peer in self._peers.values()), default=0)
        for name in [name for name, peer in self._peers.items() if peer.latest < newest - kept]:
            if name not in self._answered:
                del self._peers[name]

    async def _answer_forever(self) -> None:
        """Tell those who ask what they do not have yet, some steps at a time."""
        while True:
            node, after = await self._asks.get()
            steps = [step for step in self._trends.steps(SAMPLES_KEPT) if millis(step.at) > after]
            for first in range(0, max(1, len(steps)), STEPS_AT_ONCE):
                some = steps[first : first + STEPS_AT_ONCE]
                await self._bus.order_all(
                    OverviewTell(
                        to=node,
                        node=self._node,
                        after=after,
                        rows=[row_of(step) for step in some],
                        more=first + STEPS_AT_ONCE < len(steps),
                    )
                )
                after = millis(some[-1].at) if some else after


def shape(seen: Overview) -> Json:
    """The steps as columns: one list per curve, all of the same length; counts are per step."""
    steps = seen.steps
    return {
        "node": seen.node,
        "nodes": list(seen.nodes),
        "started_at": time(seen.started_at),
        "step_seconds": seen.step_seconds,
        "at": [time(step.at) for step in steps],
        "connections": [step.connections for step in steps],
        "deliveries": [step.deliveries for step in steps],
        "emits": _columns([step.emits for step in steps]),
        "mail": _columns([step.mail for step in steps]),
        "append_p99_ms": [_milliseconds(step.append_p99_seconds) for step in steps],
        "emit_p99_ms": [_milliseconds(step.emit_p99_seconds) for step in steps],
    }


def _columns(steps: Sequence[Mapping[str, float]]) -> Json:
    """A list for each outcome that any step has."""
    outcomes = sorted({outcome for counts in steps for outcome in counts})
    return {outcome: [counts.get(outcome, 0) for counts in steps] for outcome in outcomes}


def _milliseconds(seconds: float | None) -> float | None:
    """Rounded to a hundredth."""
    return None if seconds is None else round(seconds * 1000, 2)
