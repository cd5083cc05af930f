"""Emitting: the one place where a request becomes stored, delivered and mailed notifications.

Every emit takes the same four steps, over a list of requests: plan (what is to be appended, and what is owed by mail),
store, deliver on this node, share with the others. Knows the store, the contacts and the mail worker by what it asks of
them; leaves parsing and answers to the HTTP routes and the namespaces.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import structs

from gateway.cluster.bus.base import Frame
from gateway.notify import owing
from gateway.notify.fanout import Fanout
from gateway.notify.planning import Planner
from gateway.notify.requests import EmitRequest
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.mail import LaneName
from storage.streams import Appended, Emission, Notification

STEP_NOTIFICATIONS = 1000
"""How many notifications are made, stored and delivered before others have their turn."""

Emitted = Appended
"""What an emit became, as the store says it; what is not stored has no sequences and is no duplicate."""


class Hands(Protocol):
    """Who sends mail from this process at once. What was taken is either begun or forgone."""

    def take(self, notifications: Sequence[Notification]) -> tuple[Notification, ...]:
        """These as they are to be appended: what mail can leave at once is stored in these hands."""
        ...

    def begin(self, notifications: Sequence[Notification]) -> None:
        """They are stored."""
        ...

    def forgo(self, notifications: Sequence[Notification]) -> None:
        """They are not, or nobody knows."""
        ...


Listener = Callable[[Sequence[Notification], str], None]
"""Takes what was emitted just now, and in whose name; must neither wait nor raise."""

Tally = Callable[[str, int], None]
"""Counts so many requests under an outcome: `accepted`, `duplicate`, or the code of what went wrong."""


class Emitter:
    """The use cases of emitting, of one node. Every request's outcome is counted here, once."""

    def __init__(
        self,
        *,
        commit: GroupCommit,
        planner: Planner,
        fanout: Fanout,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        count: Tally,
        code_of: Callable[[Exception], str],
        hands: Hands | None = None,
    ) -> None:
        self.planner = planner
        """Who makes the plans of all emits from now on: another one while types have experiments."""
        self._commit = commit
        self._fanout = fanout
        self._wake_mailer = wake_mailer
        self._hands = hands
        self._count = count
        self._code_of = code_of
        self.listeners: list[Listener] = []
        """They hear of everything that is emitted through this node; repetitions excepted."""

    async def emit(self, request: EmitRequest, *, scope: str) -> Emitted:
        """Store the notification in each of its rooms, then deliver it; when this returns it cannot be lost.

        `scope` names whose idempotency keys these are. Raises `Unfit`, `IdempotencyMismatch`, `NoAddress` and
        `StorageError`.
        """
        try:
            [planned] = await self.planner.plan((request,), scope)
            if isinstance(planned, Exception):
                raise planned
            if request.store:
                emitted = await self._append(planned)
            else:
                emitted = Appended(notifications=planned.notifications)
            await self._fanout.share(self._deliver(request, emitted, scope))
        except Exception as error:
            self.refuse(error)
            raise
        self._count(self._outcome(emitted), 1)
        return emitted

    async def emit_many(self, requests: Sequence[EmitRequest], *, scope: str) -> list[Emitted | Exception]:
        """Emit each, in order; what goes wrong with one is its answer and does not touch the others.

        Many go in steps, between which others have their turn. Raises `StoreUnavailable` when none was stored; a store
        that goes away in the middle is the answer of those that were not.
        """
        answers: list[Emitted | Exception] = []
        for step in _steps(requests):
            try:
                answers += await self._emit_step(step, scope)
            except StoreUnavailable as error:
                if not answers:
                    raise
                answers += [error] * (len(requests) - len(answers))
                break
            await asyncio.sleep(0)
        for outcome, count in Counter(map(self._outcome, answers)).items():
            self._count(outcome, count)
        return answers

    def refuse(self, error: Exception) -> None:
        """Count a request that ends here, or that never came this far."""
        self._count(self._code_of(error), 1)

    async def _append(self, planned: Emission) -> Emitted:
        """Store it. Mail that is due leaves this process at once, where that has room for it."""
        hands = self._hands
        if hands is None or all(each.mail is None for each in planned.notifications):
            return await self._commit.append(planned)
        planned = structs.replace(planned, notifications=hands.take(planned.notifications))
        emitted = None
        try:
            emitted = await self._commit.append(planned)
        finally:
            if emitted is None or emitted.duplicate:
                hands.forgo(planned.notifications)
            else:
                hands.begin(emitted.notifications)
        return emitted

    async def _emit_step(self, requests: Sequence[EmitRequest], scope: str) -> list[Emitted | Exception]:
        planned = await self.planner.plan(requests, scope)
        answers = await self._store(requests, planned)
        frames: list[Frame] = []
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Appended):
                frames += self._deliver(request, answer, scope)
        await self._fanout.share(frames)
        return answers

    async def _store(
        self, requests: Sequence[EmitRequest], planned: Sequence[Emission | Exception]
    ) -> list[Emitted | Exception]:
        """Append what was planned and is to be kept; answers what each request became."""
        kept = [
            emission
            for request, emission in zip(requests, planned, strict=True)
            if request.store and isinstance(emission, Emission)
        ]
        outcomes = iter(await self._commit.append_many(kept)) if kept else iter(())
        answers: list[Emitted | Exception] = []
        for request, emission in zip(requests, planned, strict=True):
            if isinstance(emission, Exception):
                answers.append(emission)
            elif request.store:
                answers.append(next(outcomes))
            else:
                answers.append(Appended(notifications=emission.notifications))
        return answers

    def _deliver(self, request: EmitRequest, emitted: Emitted, scope: str) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new."""
        if emitted.duplicate:
            return ()
        frames = self._fanout.deliver(emitted.notifications, request.event)
        if lanes := owing.lanes_owed(emitted.notifications):
            self._wake_mailer(lanes)
        for listen in self.listeners:
            listen(emitted.notifications, scope)
        return frames

    def _outcome(self, answer: Emitted | Exception) -> str:
        if isinstance(answer, Exception):
            return self._code_of(answer)
        return "duplicate" if answer.duplicate else "accepted"


def _steps(requests: Sequence[EmitRequest]) -> Iterator[Sequence[EmitRequest]]:
    """The requests in their order, cut where a step would have more notifications than it may."""
    start, held = 0, 0
    for index, request in enumerate(requests):
        weight = len(request.rooms)
        if held and held + weight > STEP_NOTIFICATIONS:
            yield requests[start:index]
            start, held = index, 0
        held += weight
    yield requests[start:]
