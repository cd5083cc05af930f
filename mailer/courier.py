"""One mail's way: decided again, rendered, given its moment, handed to the relay; and what its lease ends with.

What a failure means is decided in `breaker`; how a mail travels is the transport's business.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.backoff import Bury, Postpone, Random, patience_seconds
from mailer.breaker import Breaker
from mailer.descriptors import ran_out
from mailer.domains import Domains
from mailer.errors import (
    DeliveryFailure,
    DescriptorFailure,
    RelayFailure,
    TemplateFailure,
    TemporaryFailure,
)
from mailer.held import Held, LeaseOver
from mailer.labels import labels
from mailer.lanes import Lane
from mailer.outcomes import Result
from mailer.prolonging import Prolonging
from mailer.refusals import GOODBYE
from mailer.refused_recipients import Bounced, RefusedRecipients
from mailer.relay_ids import key_of
from mailer.transport import Outgoing
from storage.endings import Buried, Ending, Gathered, Postponed, Released, Sent
from storage.errors import StorageError
from storage.obligations import Lease
from storage.outbox import Outbox

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

logger = logging.getLogger(__name__)


def foresee_nothing(addresses: Sequence[str]) -> None:
    """Each is asked about as its mail is judged."""
    del addresses


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
        self._prolonging = Prolonging(outbox, lease_seconds=policy.lease_seconds, clock=clock)
        self._decide = decide
        self._refused = RefusedRecipients(bounced)
        self._breaker = breaker
        self._policy = policy
        self._clock = clock
        self._random = random
        self._taken = taken
        self._let_go = let_go
        self._domains = Domains(lane.concurrency, random=random)
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
            await self._refused.failed(lease, failure)
            return self._failed(lease, failure)
        else:
            if isinstance(ending, Sent):
                self._domains.taken(passage)
                self._refused.taken()
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
            async with bound, self._prolonging.kept(held, bound):
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


def _unexpected(error: Exception) -> DeliveryFailure | RelayFailure:
    """An error that nobody foresaw, as one of ours: told in full, and the mail is tried again."""
    if isinstance(error, OSError) and ran_out(error):
        return DescriptorFailure(f"unexpected {type(error).__name__}: no file descriptor is left")
    logger.error("mail attempt failed unexpectedly", exc_info=error)
    return TemporaryFailure(f"unexpected {type(error).__name__}")
