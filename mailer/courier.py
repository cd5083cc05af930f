"""One mail's way: decided again, rendered, given its moment, handed to the relay; and what its lease ends with.

What a failure means is decided in `breaker`; how a mail travels is the transport's business.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailer import bounces
from mailer.backoff import Bury, Postpone, Random, patience_seconds
from mailer.bounces import Bounce
from mailer.breaker import Breaker
from mailer.descriptors import ran_out
from mailer.domains import Domains
from mailer.errors import (
    DeliveryFailure,
    DescriptorFailure,
    PermanentFailure,
    RelayFailure,
    TemplateFailure,
    TemporaryFailure,
)
from mailer.held import Held, LeaseOver
from mailer.labels import labels
from mailer.lanes import Lane
from mailer.refusals import GOODBYE
from mailer.relay_ids import key_of
from mailer.transport import Outgoing
from storage.endings import Buried, Ending, Gathered, Postponed, Released, Sent
from storage.errors import StorageError
from storage.obligations import Lease
from storage.outbox import Outbox

PROLONGING_SHARE = 1 / 3
"""Of the lease: so often is it prolonged, and at least two thirds are left for settling what has just gone out."""
ATTEMPT_SECONDS = 4500.0
"""More than all the relay's answers may take together: the last resort against a send that never ends."""
RENDERING_SHARE = 0.5
"""Of the lease: for a mail that waits behind others whose templates do not come to an end."""
CUT_OFF = "stopped before the relay's answer: it may have been taken"
PAUSED = "its lane is paused"
TURN_SHARE = 1 / 3
"""Of the lease: so long does a mail wait for its turn before it is given back."""
PAUSE_RULE = "pause"
BUSY_DOMAIN = "its recipient's domain takes no more at once"

Foresee = Callable[[Sequence[str]], None]
"""Told of the addresses of mails that are judged soon: what is to be asked of them can be asked in one question by then. Raises nothing."""

Decide = Callable[[Lease, datetime], Awaitable[Ending | None]]
"""Judges a mail once more as it is about to leave: how its lease ends without it, or None. May raise `StorageError`."""

REFUSED_IN_A_ROW = 20
"""Recipients that a relay refuses for good without taking one: from there on it is the relay that is wrong, and not they."""

Bounced = Callable[[Lease, Bounce], Awaitable[None]]
"""Told that the address of a mail refused it, before the mail is settled; raises nothing."""

logger = logging.getLogger(__name__)


def foresee_nothing(addresses: Sequence[str]) -> None:
    """Each is asked about as its mail is judged."""
    del addresses


class Result(StrEnum):
    """What became of a mail in a worker's hands, for its log and its counts."""

    SENT = "sent"
    SKIPPED = "skipped"  # not needed any more
    HELD = (
        "held"  # not now, and nothing has failed: a rule wants it later, or its domain takes no more at once
    )
    GATHERED = "gathered"  # it waits in a digest now
    POSTPONED = "postponed"  # will be tried again
    BURIED = "buried"  # given up on
    LOST = "lost"  # the lease had ended, or the store could not be told: another attempt will follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and how long a mail is tried."""

    attempts: int = 8
    """Before a mail is buried; 0: it never is."""
    retry_seconds: float = 60.0
    """The first wait after a failed attempt; the later ones grow from it."""
    lease_seconds: float = 60.0
    attempt_seconds: float = ATTEMPT_SECONDS


class Courier:
    """Carries the mail of one lane, several at once. Nothing escapes `carry` but cancellation and a store that is away.

    One of a lane in a process. It knows of no other process: the lease is what keeps a mail in one hand, and the token
    what lets no late one settle.
    """

    def __init__(
        self,
        lane: Lane,
        outbox: Outbox,
        *,
        decide: Decide,
        bounced: Bounced,
        breaker: Breaker,
        policy: Policy,
        clock: Callable[[], datetime],
        random: Random,
        taken: Callable[[], None],
        let_go: Callable[[], None],
    ) -> None:
        """`taken` is called when the relay has taken a mail, before the store is told; `let_go` when its turn or its moment has come."""
        self._lane = lane
        self._outbox = outbox
        self._decide = decide
        self._bounced = bounced
        self._breaker = breaker
        self._policy = policy
        self._clock = clock
        self._random = random
        self._taken = taken
        self._let_go = let_go
        self._domains = Domains(lane.concurrency, random=random)
        self._refused_in_a_row = 0
        self._places = asyncio.Semaphore(lane.concurrency)
        self.awaiting = 0
        """How many mails wait for their turn, or are ready and wait until the lane's rate lets them go."""

    async def carry(self, held: Held) -> tuple[Result, Ending]:
        """Send it, or find out why not; the store is not told. Raises `StorageError` when it could not be judged.

        A mail takes its place first, then the reasons against it are asked, then it is rendered and sealed, then it
        waits for its moment. Only behind that is anything said to the relay, so what is recalled or paused until then
        does not leave.
        """
        policy, lease = self._policy, held.lease
        if policy.attempts and lease.mail.attempts > policy.attempts:
            # Its last attempt never ended: whatever it does to a worker, it shall not do it again.
            reason = f"given up after {policy.attempts} attempts: the last one did not come to an end"
            return Result.BURIED, Buried(reason=reason)
        if not await self._has_place(TURN_SHARE * held.seconds):
            return Result.HELD, Released()
        try:
            if self._lane.is_paused():
                return Result.HELD, self._paused()
            return await self._carried(held)
        finally:
            self._places.release()

    async def _has_place(self, patience_seconds: float) -> bool:
        """Take one of the places, which is to be given back; False when it takes too long, or the relay refuses us meanwhile."""
        if not self._places.locked():
            return await self._places.acquire()
        self.awaiting += 1
        try:
            async with asyncio.timeout(patience_seconds):
                await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self.awaiting -= 1
            self._let_go()
        if self._breaker.stopped:
            self._places.release()
            return False
        return True

    async def _carried(self, held: Held) -> tuple[Result, Ending]:
        """Send it within what its domain takes at once. What fails is told of the domain, the address and the breaker
        here, and nowhere else.
        """
        lease = held.lease
        domain = lease.mail.order.to.rpartition("@")[2].casefold()
        passage = self._domains.enter(domain)
        if passage is None:
            return Result.HELD, self._postponed(self._domains.wait_seconds(domain), BUSY_DOMAIN)
        try:
            ending = await self._sent(held)
        except TemplateFailure as failure:
            return self._wait_for_template(lease, failure)
        except (DeliveryFailure, RelayFailure) as failure:
            if isinstance(failure, TemporaryFailure) and failure.throttled:
                self._domains.throttled(passage, ended=failure.code == GOODBYE)
            held.unheard = isinstance(failure, RelayFailure) or (
                isinstance(failure, TemporaryFailure) and not failure.heard
            )
            await self._tell_of_bounce(lease, failure)
            return self._failed(lease, failure)
        else:
            if isinstance(ending, Sent):
                self._domains.taken(passage)
                self._refused_in_a_row = 0
                self._breaker.accepted(lease.mail.order.to)
                self._taken()
            return _result(ending), ending
        finally:
            self._domains.leave(passage)

    def cut_off(self, held: Held) -> Ending:
        """The ending of a mail that was drained before its own: not to be repeated while the relay may still take it."""
        left = held.unknown_until - asyncio.get_running_loop().time()
        if left <= 0:
            return Released()
        extra = {"notification": held.lease.notification.id, "delay_seconds": round(left, 1)}
        logger.warning("mail cut off before the relay's answer: it may go out twice", extra=extra)
        return self._postponed(left, CUT_OFF)

    async def _sent(self, held: Held) -> Ending:
        """The ending without a failure; what fails otherwise, a defect too, is raised as one of `mailer.errors`."""
        bound = asyncio.timeout(self._policy.attempt_seconds)
        try:
            async with bound, self._kept_leased(held, bound):
                ending = await self._decide(held.lease, self._clock())
                if ending is not None:
                    return ending
                outgoing = await self._lane.seal.put_on(await self._rendered(held.lease))
                await self._until_its_moment(bound)
                if self._lane.is_paused():
                    return self._paused()
                said = await self._lane.transport.send(outgoing, handing_over=held.handed_over)
                return Sent(relay_id=said, relay_key=key_of(said))
        except LeaseOver:
            logger.warning(
                "mail kept back: its lease is over", extra={"notification": held.lease.notification.id}
            )
            return Released()
        except (StorageError, TemplateFailure, DeliveryFailure, RelayFailure):
            raise
        except Exception as error:
            if bound.expired():
                raise TemporaryFailure("not sent in time") from error
            # A defect in one mail's way ends as that mail's failure, told in full.
            raise _unexpected(error) from error

    async def _until_its_moment(self, bound: asyncio.Timeout) -> None:
        """Wait until the lane's rate allows one more; an attempt that waits for that is not late."""
        self.awaiting += 1
        try:
            seconds = await self._lane.budget.reserve()
            if seconds > 0:
                bound.reschedule((bound.when() or 0.0) + seconds)
                await asyncio.sleep(seconds)
        finally:
            self.awaiting -= 1
            self._let_go()

    def _paused(self) -> Postponed:
        """Due again at once, by the rule of the pause: nothing is leased before the lane is resumed."""
        return Postponed(until=self._clock(), reason=PAUSED, counted=False, rule=PAUSE_RULE)

    async def _rendered(self, lease: Lease) -> Outgoing:
        """The mail with its labels. Its targets are kept in the store before it leaves. Raises `TemplateFailure` when
        rendering takes too long.
        """
        url = await self._lane.way_out(lease.notification)
        marks = await self._lane.clicks.marks(lease)
        try:
            async with asyncio.timeout(RENDERING_SHARE * self._policy.lease_seconds):
                outgoing = await self._lane.press.render(
                    lease.notification, lease.mail.order, id_=lease.id, unsubscribe_url=url, marks=marks
                )
        except TimeoutError as error:
            raise TemplateFailure("the mail was not rendered within its share of the lease") from error
        if outgoing.targets:
            await self._lane.clicks.keep(lease, outgoing.targets)
        domain = outgoing.sender.rpartition("@")[2]
        return replace(outgoing, raw=labels(lease, domain, can_be_left=url is not None) + outgoing.raw)

    @asynccontextmanager
    async def _kept_leased(self, held: Held, bound: asyncio.Timeout) -> AsyncIterator[None]:
        """Prolong the lease meanwhile; when another worker has the mail, `bound` ends the attempt."""
        name = f"lease {held.lease.notification.id}"
        tasks: list[asyncio.Task[None]] = []

        def begin() -> None:
            tasks.append(asyncio.create_task(self._prolong(held, bound), name=name))

        # A timer until then, and no task: most mails have gone by that time.
        timer = asyncio.get_running_loop().call_later(PROLONGING_SHARE * held.seconds, begin)
        try:
            yield
        finally:
            timer.cancel()
            for task in tasks:
                task.cancel()
                await asyncio.wait({task})

    async def _prolong(self, held: Held, bound: asyncio.Timeout) -> None:
        """Prolong the lease again and again, until cancelled. An error is told and tried again; a lease that was lost
        ends the attempt.
        """
        seconds = self._policy.lease_seconds
        while True:
            lease = held.lease
            extra = {"notification": lease.notification.id}
            asked_at = asyncio.get_running_loop().time()
            try:
                ours = await self._outbox.prolong(lease, lease_seconds=seconds, now=self._clock())
            except Exception as error:  # noqa: BLE001 - to be tried again: while the store is away nobody else has it
                logger.warning("lease not prolonged", extra=extra | {"error": type(error).__name__})
            else:
                if not ours and lease is held.lease:
                    logger.warning("mail under way was taken by another worker", extra=extra)
                    bound.reschedule(asyncio.get_running_loop().time())
                    return
                # Of one that was taken anew meanwhile the end is known.
                held.until = asked_at + seconds if ours else held.until
            await asyncio.sleep(PROLONGING_SHARE * seconds)

    async def _tell_of_bounce(self, lease: Lease, failure: DeliveryFailure | RelayFailure) -> None:
        """Have a refusal of the address be noted, unless the relay has refused `REFUSED_IN_A_ROW` of them: then it is
        the relay that is wrong.
        """
        bounce = _bounce(failure)
        if bounce is None:
            return
        self._refused_in_a_row += 1
        if self._refused_in_a_row <= REFUSED_IN_A_ROW:
            await self._bounced(lease, bounce)
        elif self._refused_in_a_row == REFUSED_IN_A_ROW + 1:
            # A relay that knows nobody, such as another's mail server, must not strike off everybody.
            logger.error("the relay refuses one recipient after another: none is suppressed for it any more")

    def _failed(self, lease: Lease, failure: DeliveryFailure | RelayFailure) -> tuple[Result, Ending]:
        """What the breaker makes of a failure."""
        decision = self._breaker.decide(failure, recipient=lease.mail.order.to, attempts=lease.mail.attempts)
        if isinstance(decision, Bury):
            return Result.BURIED, Buried(reason=decision.reason, code=decision.code)
        return Result.POSTPONED, self._put_off(decision)

    def _wait_for_template(self, lease: Lease, failure: TemplateFailure) -> tuple[Result, Ending]:
        """Put off a mail that only an operator can mend; it is never given up on for that."""
        notification, order = lease.notification, lease.mail.order
        extra = {"notification": notification.id, "type": notification.type, "reason": str(failure)}
        logger.error("mail waits: its template fails", extra=extra)
        waited = (self._clock() - order.due_at).total_seconds()
        pause = patience_seconds(waited, random=self._random, first_seconds=self._policy.retry_seconds)
        return Result.POSTPONED, self._postponed(max(pause, failure.retry_after), str(failure))

    def _put_off(self, decision: Postpone) -> Postponed:
        """A decision of the back-off as an ending."""
        return Postponed(
            until=self._clock() + timedelta(seconds=decision.delay_seconds),
            reason=decision.reason,
            code=decision.code,
            counted=decision.counted,
        )

    def _postponed(self, seconds: float, reason: str) -> Postponed:
        """For nothing that the mail has done."""
        return self._put_off(Postpone(delay_seconds=seconds, reason=reason, counted=False))


def _result(ending: Ending) -> Result:
    """Of an ending without a failure."""
    match ending:
        case Sent():
            return Result.SENT
        case Postponed() | Released():
            return Result.HELD
        case Gathered():
            return Result.GATHERED
        case _:
            return Result.SKIPPED


def _bounce(failure: DeliveryFailure | RelayFailure) -> Bounce | None:
    """What the failure says of the address; None when nothing."""
    if not isinstance(failure, DeliveryFailure):
        return None
    permanent = isinstance(failure, PermanentFailure)
    return bounces.at_the_door(failure.recipient_status, str(failure), permanent=permanent)


def _unexpected(error: Exception) -> DeliveryFailure | RelayFailure:
    """An error that nobody foresaw, as one of ours: told in full, and the mail is tried again."""
    if isinstance(error, OSError) and ran_out(error):
        return DescriptorFailure(f"unexpected {type(error).__name__}: no file descriptor is left")
    logger.error("mail attempt failed unexpectedly", exc_info=error)
    return TemporaryFailure(f"unexpected {type(error).__name__}")
