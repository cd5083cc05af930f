"""What a node asks all the others about: it asks on the bus, and takes what is answered in time.

Who has answered the last time is waited for, up to `ANSWER_SECONDS`; who is not heard of by then is silent. A question that a
node of another release does not know is not answered there.

It is for small facts that are put together at the moment (`nodes`, `alerts`, `trace`): one command asks, one
answers. What is larger has ways of its own, as the overview.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks

ANSWER_SECONDS = 0.5
"""For one question."""
QUESTIONS_WAITING = 100
"""Of other nodes; more are not answered."""

Facts = Mapping[str, Any]
"""What goes over the bus: JSON."""
PeerAnswer = Callable[[Facts], Facts]
"""Answers what is asked of this node; never waits."""


class PeerAsk(Command, frozen=True, tag="peer:ask"):
    """Tell `node` what is known here about something."""

    node: str
    number: int
    """Of the question, among those of `node`."""
    about: str
    facts: dict[str, Any]


class PeerTell(Command, frozen=True, tag="peer:tell"):
    """Take what `node` has answered, if it is `to` here."""

    to: str
    number: int
    node: str
    facts: dict[str, Any]


@dataclass(slots=True)
class _Question:
    """What is being asked, and who has answered."""

    expected: frozenset[str]
    """Who answered the last time, and is waited for."""
    answers: dict[str, Facts] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all of them have answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswers:
    """What the nodes have answered, by node, this one included."""

    answers: Mapping[str, Facts]
    silent: tuple[str, ...]
    """Those that answered the last time, and not now."""


class Peers(Part):
    """Questions of this node, and its answers to those of others. What can be asked stands in `answers`, by name.

    One for a node. Which other nodes there are it learns from their answers, and forgets one that is silent.
    """

    def __init__(self, *, bus: Bus, node: str) -> None:
        self.answers: dict[str, PeerAnswer] = {}
        self._bus = bus
        self._node = node
        self._known: frozenset[str] = frozenset()
        """Who has answered the last time, or late."""
        self._number = 0
        self._open: dict[int, _Question] = {}
        """Questions that are asked now, by number."""
        self._asked: asyncio.Queue[PeerAsk] = asyncio.Queue(QUESTIONS_WAITING)
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {PeerAsk: self.asked, PeerTell: self.told}

    def start(self) -> None:
        self._tasks.start(self._answer_forever, name="peers")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def ask(self, about: str, facts: Facts) -> PeerAnswers:
        """Ask every node, this one too.

        Never raises for others: who does not answer is silent. The first question after a start takes the
        full time. Raises `KeyError` for a question that nobody has registered.
        """
        # Directly, not by the bus: it answers while Redis is away as well.
        own = {self._node: self.answers[about](facts)}
        if not self._bus.carries:
            return PeerAnswers(answers=own, silent=())
        self._number += 1
        number, question = self._number, _Question(self._known)
        self._open[number] = question
        try:
            await self._bus.order_all(PeerAsk(self._node, number, about, dict(facts)))
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    # Where nobody is known yet, only the time tells that all have answered.
                    await question.complete.wait()
        finally:
            del self._open[number]
        silent = question.expected - question.answers.keys()
        self._known -= silent
        return PeerAnswers(answers={**own, **question.answers}, silent=tuple(sorted(silent)))

    def asked(self, command: PeerAsk) -> None:
        """Another node asks something."""
        if command.node != self._node and command.about in self.answers:
            # Full, it is asked in vain: whoever asks hears nothing of this node, and is told so.
            with suppress(asyncio.QueueFull):
                self._asked.put_nowait(command)

    def told(self, command: PeerTell) -> None:
        """A node answers somebody.

        On the loop, for every answer on the bus: others' are passed over.
        """
        if command.to != self._node:
            return
        # Also of one that is late: it is waited for the next time.
        self._known |= {command.node}
        question = self._open.get(command.number)
        if question is not None:
            question.answers[command.node] = command.facts
            if question.expected and question.answers.keys() >= question.expected:
                question.complete.set()

    async def _answer_forever(self) -> None:
        """Answer other nodes, one question after the other."""
        while True:
            asked = await self._asked.get()
            facts = dict(self.answers[asked.about](asked.facts))
            await self._bus.order_all(PeerTell(asked.node, asked.number, self._node, facts))
