"""Emitting: the one place where a request becomes stored, delivered and mailed notifications.

Every emit takes the same four steps, over a list of requests: plan (what is to be appended, and what is owed by mail),
store, deliver on this node, share with the others. Knows the store, the contacts and the mail worker by what it asks of
them; leaves parsing and answers to the HTTP routes and the namespaces.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import structs

from gateway.cluster.bus.base import Frame
from gateway.ground.parts import Meters, Part
from gateway.notify.delivery.fanout import Fanout
from gateway.notify.emitting import owing
from gateway.notify.emitting.planning import Planner
from gateway.notify.requests import EmitRequest
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.mail import LaneName
from storage.notifications import Notification
from storage.streams import Appended, Emission

STEP_NOTIFICATIONS = 1000
"""How many notifications are made, stored and delivered before others have their turn."""

Emitted = Appended
"""What an emit became, as the store says it. What is not stored has no sequences and is no duplicate."""


class Hands(Protocol):
    """Who sends mail from this process at once. What was taken is either begun or forgone.

    It is `gateway.mail.part.MailPart`, in a node that has a worker of its own. A mail in these hands is
    stored `LEASED`: if the process dies before it begins, the lease runs out and any worker sends it.
    """

    def take(self, notifications: Sequence[Notification]) -> tuple[Notification, ...]:
        """These as they are to be appended: what mail can leave at once is stored in these hands. Never waits."""
        ...

    def begin(self, notifications: Sequence[Notification]) -> None:
        """They are stored, and new: send what was taken of them."""
        ...

    def forgo(self, notifications: Sequence[Notification]) -> None:
        """They are not stored by this call, or nobody knows: hold nothing of them any more."""
        ...


EmitListener = Callable[[Sequence[Notification], str], None]
"""Takes what one emit has become just now, and in whose name; must neither wait nor raise."""


class Emitter(Part):
    """The use cases of emitting, of one node. Every request's outcome is counted here, once.

    The rules are not here: the planner says what is to be stored, the store numbers it, the fanout delivers.
    Here is their order: what is to be kept is delivered only once it is durable, and
    the sessions of this node wait for no other node.

    Listeners and counts are of this node alone. A crash after the store has answered and before the frames
    are shared loses nothing: the other nodes find it by reconciliation, and a caller that asks again under
    its key gets the same.
    """

    def __init__(
        self,
        *,
        commit: GroupCommit,
        planner: Planner,
        fanout: Fanout,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        code_of: Callable[[Exception], str],
        hands: Hands | None = None,
    ) -> None:
        self.planner = planner
        """Who makes the plans of all emits from now on: another one while types have experiments (`trials.taking_part`)."""
        self._commit = commit
        self._fanout = fanout
        self._wake_mailer = wake_mailer
        self._hands = hands
        self._code_of = code_of
        self.outcomes: defaultdict[str, int] = defaultdict(int)
        """How many requests became what: `accepted`, `duplicate`, or the code of what went wrong."""
        self.listeners: list[EmitListener] = []
        """They hear of everything that is emitted through this node; repetitions excepted."""

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_emits", "Requests to emit, by outcome: accepted, duplicate, or the code of the problem",
            "outcome", self.outcomes,
        )  # fmt: skip

    async def emit(self, request: EmitRequest, *, scope: str) -> Emitted:
        """Store the notification in each of its rooms, then deliver it; when this returns it cannot be lost.

        `scope` names whose idempotency keys these are. Raises `Unfit`, `IdempotencyMismatch`, `NoAddress` and
        `StorageError`.

        Mail that is due leaves from this process at once, if it has hands and these have room. `store=False`
        is delivered as transient: who is not connected never gets it.

        Cancelled in the wait for the store, the emission is stored all the same (`GroupCommit`), but is
        delivered from here by nobody; the nodes find it by reconciliation.
        """
        try:
            [planned] = await self.planner.plan((request,), scope)
            if isinstance(planned, Exception):
                raise planned
            if request.store:
                emitted = await self._append(planned)
            else:
                emitted = Appended(notifications=planned.notifications)
            # `_deliver` runs before the first wait: the sessions of this node have it before any other node
            # is told.
            await self._fanout.share(self._deliver([request], [emitted], scope))
        except Exception as error:
            self.refuse(error)
            raise
        self.outcomes[self._outcome(emitted)] += 1
        return emitted

    async def emit_many(self, requests: Sequence[EmitRequest], *, scope: str) -> list[Emitted | Exception]:
        """Emit each, in order; what goes wrong with one is its answer and does not touch the others.

        Many go in steps, between which others have their turn. Raises `StoreUnavailable` when none was stored; a store
        that goes away in the middle is the answer of those that were not.

        Mail of these does not go through the hands: of many, none is waited for singly. When it raises, none
        of the requests is counted.
        """
        answers: list[Emitted | Exception] = []
        for step in _steps(requests):
            if answers:
                # A thousand notifications keep the loop busy for a while: sockets and other emits come in
                # between.
                await asyncio.sleep(0)
            try:
                answers += await self._emit_step(step, scope)
            except StoreUnavailable as error:
                if not answers:
                    raise
                answers += [error] * (len(requests) - len(answers))
                break
        for outcome, count in Counter(map(self._outcome, answers)).items():
            self.outcomes[outcome] += count
        return answers

    def refuse(self, error: Exception) -> None:
        """Count a request that ends here, or that never came this far.

        For what could not be parsed, which never becomes a request; the doors call it.
        """
        self.outcomes[self._code_of(error)] += 1

    async def _append(self, planned: Emission) -> Emitted:
        """Store it. Mail that is due leaves this process at once, where that has room for it.

        Whatever happens, each that was taken is begun or forgone once.
        """
        hands = self._hands
        if hands is None or all(each.mail is None for each in planned.notifications):
            return await self._commit.append(planned)
        planned = structs.replace(planned, notifications=hands.take(planned.notifications))
        emitted = None
        try:
            emitted = await self._commit.append(planned)
        finally:
            # Also when it was cancelled or the answer was lost: it may be stored, and then the lease runs out
            # and another worker sends it.
            if emitted is None or emitted.duplicate:
                hands.forgo(planned.notifications)
            else:
                hands.begin(emitted.notifications)
        return emitted

    async def _emit_step(self, requests: Sequence[EmitRequest], scope: str) -> list[Emitted | Exception]:
        """Plan, store, deliver and share one step of a batch. Raises `StoreUnavailable` as `GroupCommit` does.

        The frames of the whole step are shared together: one round on the bus, not one for each request.
        """
        planned = await self.planner.plan(requests, scope)
        answers = await self._store(requests, planned)
        await self._fanout.share(self._deliver(requests, answers, scope))
        return answers

    async def _store(
        self, requests: Sequence[EmitRequest], planned: Sequence[Emission | Exception]
    ) -> list[Emitted | Exception]:
        """Append what was planned and is to be kept; answers what each request became.

        Answers come in the order of the requests; one that could not be planned is its own answer, and one
        that is not to be kept goes by the store.
        """
        kept = [
            emission
            for request, emission in zip(requests, planned, strict=True)
            if request.store and isinstance(emission, Emission)
        ]
        stored: Sequence[Emitted | Exception] = await self._commit.append_many(kept) if kept else ()
        if len(stored) == len(requests):
            return [*stored]
        outcomes = iter(stored)
        answers: list[Emitted | Exception] = []
        for request, emission in zip(requests, planned, strict=True):
            if isinstance(emission, Exception):
                answers.append(emission)
            elif request.store:
                answers.append(next(outcomes))
            else:
                answers.append(Appended(notifications=emission.notifications))
        return answers

    def _deliver(
        self, requests: Sequence[EmitRequest], answers: Sequence[Emitted | Exception], scope: str
    ) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new.

        A repetition is delivered to nobody: whoever was to have it has it, or will have it from the store. It
        does not wait, and the listeners must not either.
        """
        new = [
            (request.event, answer.notifications)
            for request, answer in zip(requests, answers, strict=True)
            if isinstance(answer, Appended) and not answer.duplicate
        ]
        frames = self._fanout.deliver(new)
        emits = [notifications for _, notifications in new]
        if lanes := owing.lanes_owed(emits):
            self._wake_mailer(lanes)
        for listen in self.listeners:
            for notifications in emits:
                listen(notifications, scope)
        return frames

    def _outcome(self, answer: Emitted | Exception) -> str:
        """The word under which a request is counted."""
        if isinstance(answer, Exception):
            return self._code_of(answer)
        return "duplicate" if answer.duplicate else "accepted"


def _steps(requests: Sequence[EmitRequest]) -> Iterator[Sequence[EmitRequest]]:
    """The requests in their order, cut where a step would have more notifications than it may.

    One request with more rooms than a step may have goes alone, and whole: what is stored in one transaction
    is not cut.
    """
    start, held = 0, 0
    for index, request in enumerate(requests):
        weight = len(request.rooms)
        if held and held + weight > STEP_NOTIFICATIONS:
            yield requests[start:index]
            start, held = index, 0
        held += weight
    yield requests[start:]
