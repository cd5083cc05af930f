"""The worker that empties one lane of the outbox: leases what is due, has it carried, settles.

Several workers, in this process or in others, share one outbox: the leases keep them apart.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailer.at_once import AtOnce
from mailer.backoff import Random, pause_seconds
from mailer.breaker import Breaker
from mailer.courier import Bounced, Courier, Decide, Foresee, Policy, Result, foresee_nothing
from mailer.held import Held
from mailer.lanes import Lane
from mailer.pacing import Pacing
from mailer.settling import Settler
from storage.endings import Buried, Ending, Postponed, Released, Skipped
from storage.errors import StorageError, StoreUnavailable
from storage.obligations import Lease, Subject
from storage.outbox import Outbox

POLL_SECONDS = 15.0
"""How long a mail may wait unnoticed that another node has appended."""
SHORTEST_REST_SECONDS = 0.05
PUT_OFF_REST_SECONDS = 0.1
"""How long the place of a mail stays empty that was put off untried: a long backlog of such must not be rushed through."""
GATHER_SECONDS = 0.1
"""How long the end of a mail waits for others, in a lane with a stock."""
STORE_PAUSE_SECONDS = (1.0, 30.0)

_OVER = frozenset({Result.SENT, Result.SKIPPED, Result.GATHERED, Result.BURIED})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOutcome:
    """What one lease came to."""

    id: str
    """Of the obligation."""
    of: Subject
    type: str
    """Of what the mail tells."""
    result: Result
    seconds: float
    """From the lease to the settled end."""
    rule: str | None = None
    """By which it was skipped."""
    code: int | None = None
    attempts: int
    variant: str | None = None
    """Which of several ways to say it this was."""
    unheard: bool = False
    """Whether it failed before the relay had heard of it: that was away, or takes nothing of us."""


class Worker:
    """Sends the owed mail of one lane until it is drained. `run` is called once, and nothing escapes it but its own
    cancellation.

    Guarantees: a mail is settled only after the transport took it; a failure that is not the mail's never counts
    against it; at most the lane's `concurrency` mails are under way at once, and each for as long as it takes; at most
    its `stock` wait for their turn; what is held at the end is finished or given back.

    Several may be at work on one lane, in any number of processes: none knows of the others. A process that is killed
    leaves leases, which end after `lease_seconds`; its mail goes out then, some of it for the second time.
    """

    def __init__(
        self,
        lane: Lane,
        outbox: Outbox,
        *,
        decide: Decide,
        bounced: Bounced,
        clock: Callable[[], datetime],
        random: Random,
        observe: Callable[[MailOutcome], None],
        policy: Policy = Policy(),  # noqa: B008 - immutable
        foresee: Foresee = foresee_nothing,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._lane = lane
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._observe = observe
        self._foresee = foresee
        self._policy = policy
        self._poll_seconds = poll_seconds

        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._reopened = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = False
        self._held: dict[str, Held] = {}
        self._store_failures = 0
        self._breaker = Breaker(attempts=policy.attempts, retry_seconds=policy.retry_seconds, random=random)
        self._courier = Courier(
            lane,
            outbox,
            decide=decide,
            bounced=bounced,
            breaker=self._breaker,
            policy=policy,
            clock=clock,
            random=random,
            # Of several under way at once, the first may have been refused and have paused.
            taken=self._reopened.set,
            let_go=self._let_go,
        )
        self._settler = Settler(
            outbox, clock=clock, random=random, gather_seconds=GATHER_SECONDS if lane.stock else 0.0
        )
        self._leader: Worker | None = None
        self.followers: list[Callable[[], None]] = []
        """Called when all that is due is under way, after it was not."""
        self.behindhand = True
        """Whether more may be due than is under way; so it is until the first look."""
        self._paused_until = 0.0
        """By the loop's clock."""
        self._pacing = Pacing(lane.concurrency + lane.stock)
        self.at_once = AtOnce(
            lane.name,
            clock=clock,
            lease_seconds=policy.lease_seconds,
            has_room=self._has_room,
            may_try=self._may_try,
            foresee=foresee,
            start=self._start,
            hand_back=self._hand_back,
            wake=self.wake,
        )

    @property
    def held(self) -> int:
        """How many mails are under way, or wait for their turn."""
        return len(self._held)

    @property
    def stopped(self) -> bool:
        """Whether mail does not leave for a reason that is ours to mend."""
        return self._breaker.stopped

    def wake(self) -> None:
        """Say that mail may be due; cheap, and never lost."""
        self._wake.set()

    def follow(self, leader: "Worker") -> None:
        """Lease only while `leader` has all its due mail under way: both lanes use one relay, and this one is behind."""
        self._leader = leader
        leader.followers.append(self.wake)

    async def run(self) -> None:
        """Work until `drain`, or until cancelled; then what is held is given back."""
        if self._stopping.is_set():
            return
        self._running = True
        try:
            while not self._stopping.is_set():
                await self._turn()
        finally:
            # Only a cancelled run still holds mail here that nobody waits for: a drain has its own bound.
            if not self._stopping.is_set():
                self._stopping.set()
                await self._give_back()
                await self._settler.close()
            self._ended.set()

    async def drain(self, *, seconds: float) -> None:
        """Lease nothing more, finish within `seconds` what is held, give the rest back; idempotent.

        A mail that the relay has been given and not answered for is due again when the answer's time is over: it may
        have been taken, and then goes out twice, under one Message-ID.

        Takes at most a little longer than `seconds`: giving back is one write a mail, bounded in its repeats. A drain
        before `run` makes `run` return at once.
        """
        # In this order: the loop looks at `stopping` before it clears `wake`, so it cannot miss both.
        self._stopping.set()
        self._wake.set()
        self._reopened.set()
        if self._running:
            await self._ended.wait()
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=seconds)
        await self._give_back()
        await self._settler.close()

    # The loop

    async def _turn(self) -> None:
        """One look: rest while it is paused, behind its leader, or full; else lease what is due, and rest until more
        may be.

        No error of the store's ends it: it is paused for then, and leases nothing.
        """
        loop = asyncio.get_running_loop()
        if (pause := self._paused_seconds()) > 0:
            self.behindhand = True
            # Not until woken: every emit wakes, and would end the pause.
            self._reopened.clear()
            await self._rest(self._reopened, pause)
            return
        # Cleared before the store is asked: a wake during the question counts.
        self._wake.clear()
        if self._leader is not None and self._leader.behindhand:
            await self._rest(self._wake, self._poll_seconds)
            return
        if self._lane.is_paused():
            # Until woken: what is owed stays as it is, and no attempt counts.
            await self._rest(self._wake, self._poll_seconds)
            return
        if self._free <= 0 or self._pacing.has_stock(self._courier.awaiting):
            # Whoever has woken us may have owed more.
            self.behindhand = True
            await self._rest(self._wake, self._poll_seconds)
            return
        free = self._free
        if (
            self.behindhand
            and not self.stopped
            and (patience := self._pacing.patience(free, loop.time())) > 0
        ):
            await self._rest(self._wake, patience)
            return
        self._pacing.leasing()
        try:
            leased_at = loop.time()
            now = self._clock()
            leases = await self._outbox.lease(
                lane=self._lane.name, limit=free, lease_seconds=self._policy.lease_seconds, now=now
            )
            self._pacing.lease_seconds = loop.time() - leased_at
            if len(leases) > 1:
                self._foresee([lease.mail.order.to for lease in leases])
            for lease in leases:
                self._start(lease, leased_at, self._policy.lease_seconds)
            self._note(behindhand=len(leases) == free)
            due = None if self.behindhand else await self._outbox.next_due(lane=self._lane.name)
        except Exception as error:  # noqa: BLE001 - nothing may end the worker; told and paused over
            self._pause_for_store(error)
            return
        if self._store_failures:
            logger.info("mail worker resumed", extra={"failures": self._store_failures})
            self._store_failures = 0
        rest = self._poll_seconds * (0.5 + 0.5 * self._random())
        if due is not None:
            rest = min(rest, max((due - self._clock()).total_seconds(), SHORTEST_REST_SECONDS))
        await self._rest(self._wake, rest)

    @property
    def _free(self) -> int:
        """How many mails more may be held."""
        # After a refusal by the relay one mail goes ahead: eight wrong logins at once could lock the account.
        places = 1 if self.stopped else self._lane.concurrency + self._lane.stock
        return places - len(self._held) - self.at_once.expected

    def _has_room(self) -> bool:
        """Whether a mail may be sent at once: none that is due before it waits."""
        # With one attempt alone, a crash as it is stored would have been that.
        return not self.behindhand and self._free > 0 and self._policy.attempts != 1 and self._may_try()

    def _may_try(self) -> bool:
        """Whether nothing keeps all mail here."""
        is_at_work = self._running and not self._stopping.is_set()
        return is_at_work and not self.stopped and not self._lane.is_paused() and self._paused_seconds() <= 0

    def _paused_seconds(self) -> float:
        """How much longer nothing is to be tried."""
        return max(self._paused_until, self._breaker.paused_until) - asyncio.get_running_loop().time()

    def _let_go(self) -> None:
        """One mail less waits for its moment."""
        if self._pacing.ends_stock(self._courier.awaiting):
            self._wake.set()

    def _note(self, *, behindhand: bool) -> None:
        """Those who follow may go on when all that is due is under way."""
        freed = self.behindhand and not behindhand
        self.behindhand = behindhand
        for wake in self.followers if freed else ():
            wake()

    async def _rest(self, until: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await until.wait()

    def _start(self, lease: Lease, leased_at: float, seconds: float) -> None:
        """Have a leased mail carried. One that is under way here already goes on under the newer lease."""
        if held := self._held.get(lease.id):
            # Its lease had ended, for the store was away or the clock was set: what is under way goes on under the new.
            held.lease, held.until = lease, leased_at + seconds
            return
        self._hold(Held(lease=lease, since=leased_at, seconds=seconds), self._deliver)

    def _hand_back(self, lease: Lease) -> None:
        """Nothing is to be tried any more: it is due again as if it had not been leased. One that drains leaves it to its lease's end."""
        if self._stopping.is_set():
            return
        self._hold(Held(lease=lease, since=asyncio.get_running_loop().time(), seconds=0.0), self._released)

    def _hold(self, held: Held, work: Callable[[Held], Coroutine[Any, Any, None]]) -> None:
        """Have one more under way, until the work on it is done."""
        id_ = held.lease.id
        self._held[id_] = held
        held.task = asyncio.create_task(work(held), name=f"mail {id_}")
        held.task.add_done_callback(lambda _task: self._finished(id_))

    async def _released(self, held: Held) -> None:
        await self._settler.end(held, Released())

    def _finished(self, obligation_id: str) -> None:
        held = self._held.pop(obligation_id)
        if held.put_off:
            asyncio.get_running_loop().call_later(PUT_OFF_REST_SECONDS, self._wake.set)
        elif self.behindhand or not held.is_over:
            # Else nothing more is due, and of this one nothing will be: who owes more, or the next due time, wakes.
            self._wake.set()

    def _tasks(self) -> list["asyncio.Task[None]"]:
        return [held.task for held in self._held.values() if held.task is not None]

    def _pause_for_store(self, error: Exception) -> None:
        self._store_failures += 1
        first, longest = STORE_PAUSE_SECONDS
        pause = pause_seconds(self._store_failures, first=first, longest=longest, random=self._random)
        if isinstance(error, StoreUnavailable):
            pause = max(pause, min(error.retry_after, longest))
            if self._store_failures == 1:
                logger.warning("mail worker waits for the store", extra={"pause_seconds": round(pause, 1)})
        else:
            logger.error("mail worker failed", exc_info=error, extra={"pause_seconds": round(pause, 1)})
        self._paused_until = asyncio.get_running_loop().time() + pause

    async def _give_back(self) -> None:
        """End what is under way: each delivery releases its own lease, or finishes the settling it has begun."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # One mail

    async def _deliver(self, held: Held) -> None:
        """Carry one mail, settle it, and tell what came of it. Cancelled, it settles by what the relay may have heard."""
        loop = asyncio.get_running_loop()
        ending: Ending
        try:
            try:
                result, ending = await self._courier.carry(held)
            except StorageError as error:
                # Nothing was sent, and it is nobody's fault. When the store cannot even take it back, the lease runs out.
                self._pause_for_store(error)
                result, ending = Result.POSTPONED, Released()
            held.put_off = result is Result.HELD
            if not await self._settler.end(held, ending):
                result = Result.LOST
            held.is_over = result in _OVER
        except asyncio.CancelledError:
            await self._settler.end(held, self._courier.cut_off(held))
            raise
        code = ending.code if isinstance(ending, (Postponed, Buried)) else None
        entry = held.lease.notification.entry
        self._tell(
            held.lease,
            MailOutcome(
                id=held.lease.id,
                of=held.lease.of,
                type=held.lease.notification.type,
                result=result,
                seconds=loop.time() - held.since,
                rule=ending.rule if isinstance(ending, Skipped) else None,
                code=code,
                attempts=held.lease.mail.attempts,
                variant=None if entry is None else entry.variant,
                unheard=held.unheard,
            ),
        )

    def _tell(self, lease: Lease, outcome: MailOutcome) -> None:
        extra = {
            "notification": lease.notification.id,
            "type": lease.notification.type,
            "lane": self._lane.name,
            "attempts": outcome.attempts,
            "seconds": round(outcome.seconds, 3),
            "code": outcome.code,
        }
        level = logging.ERROR if outcome.result is Result.BURIED else logging.INFO
        logger.log(level, "mail %s", outcome.result.value, extra=extra)
        try:
            self._observe(outcome)
        except Exception:
            logger.exception("mail outcome not observed")
