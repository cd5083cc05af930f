"""The worker that empties the outbox: leases what is due, judges it again, renders, sends, settles.

What a failure means is decided in `lane`; how a mail travels is the transport's business. Several
workers, in this process or in others, share one outbox: the leases keep them apart.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.backoff import FIRST_SECONDS, Bury, Postpone, Random, patience_seconds, pause_seconds
from mailer.descriptors import ran_out
from mailer.errors import (
    DeliveryFailure,
    DescriptorFailure,
    RelayFailure,
    TemplateFailure,
    TemporaryFailure,
)
from mailer.lane import Lane
from mailer.press import Press
from mailer.transport import Outgoing, Transport
from storage.errors import StorageError, StoreUnavailable
from storage.inboxes import Inboxes
from storage.mail import Unless
from storage.outbox import Lease, Outbox

POLL_SECONDS = 15.0
"""How long a mail may wait unnoticed that another node has appended."""
SHORTEST_REST_SECONDS = 0.05
PROLONGING_SHARE = 1 / 3
"""Of the lease: so often is it prolonged, and at least two thirds are left for settling what has just gone out."""
ATTEMPT_SECONDS = 4500.0
"""More than all the relay's answers may take together: the last resort against a send that never ends."""
RENDERING_SHARE = 0.5
"""Of the lease: for a mail that waits behind others whose templates do not come to an end."""
SETTLE_TRIES = 6
CUT_OFF = "stopped before the relay's answer: it may have been taken"
STORE_PAUSE_SECONDS = (1.0, 30.0)

logger = logging.getLogger(__name__)


class Result(StrEnum):
    SENT = "sent"
    SKIPPED = "skipped"  # not needed any more
    POSTPONED = "postponed"  # will be tried again
    BURIED = "buried"  # given up on
    LOST = "lost"  # the lease had ended, or the store could not be told: another attempt will follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one lease came to."""

    result: Result
    seconds: float
    """From the lease to the settled end."""
    code: int | None = None
    attempts: int


@dataclass(slots=True, kw_only=True)
class _Held:
    """A mail under way."""

    lease: Lease
    since: float
    """When it was leased, by the loop's clock, as is the next."""
    unknown_until: float = 0.0
    """Until then the relay, which was given all of it, may take it without our knowing."""
    task: "asyncio.Task[None] | None" = None

    def handed_over(self, seconds: float) -> None:
        self.unknown_until = asyncio.get_running_loop().time() + seconds


class Worker:
    """Sends owed mail until it is drained. `run` is called once, and nothing escapes it but its own cancellation.

    Guarantees: a mail is settled only after the transport took it; a failure that is not the mail's never counts against
    it; at most `concurrency` mails are held at once, and each for as long as it takes; what is held at the end is
    finished or given back.
    """

    def __init__(
        self,
        outbox: Outbox,
        inboxes: Inboxes,
        transport: Transport,
        press: Press,
        *,
        is_online: Callable[[str], Awaitable[bool]],
        user_of: Callable[[str], str | None],
        clock: Callable[[], datetime],
        random: Random,
        observe: Callable[[Outcome], None],
        concurrency: int = 8,
        attempts: int = 8,
        lease_seconds: float = 60.0,
        attempt_seconds: float = ATTEMPT_SECONDS,
        retry_seconds: float = FIRST_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`user_of` names the user whose own room it is; `attempts` of 0 never gives up.

        `retry_seconds` is the first wait after a failed attempt; the later ones grow from it.
        """
        self._outbox = outbox
        self._inboxes = inboxes
        self._transport = transport
        self._press = press
        self._is_online = is_online
        self._user_of = user_of
        self._clock = clock
        self._random = random
        self._observe = observe
        self._concurrency = concurrency
        self._attempts = attempts
        self._retry_seconds = retry_seconds
        self._lease_seconds = lease_seconds
        self._attempt_seconds = attempt_seconds
        self._poll_seconds = poll_seconds

        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._reopened = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = False
        self._held: dict[str, _Held] = {}
        self._store_failures = 0
        self._lane = Lane(attempts=attempts, retry_seconds=retry_seconds, random=random)
        self._paused_until = 0.0
        """By the loop's clock."""

    @property
    def held(self) -> int:
        """How many mails are under way."""
        return len(self._held)

    @property
    def stopped(self) -> bool:
        """Whether mail does not leave for a reason that is ours to mend."""
        return self._lane.stopped

    def wake(self) -> None:
        """Say that mail may be due; cheap, and never lost."""
        self._wake.set()

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

    # The loop

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        pause = max(self._paused_until, self._lane.paused_until) - loop.time()
        if pause > 0:
            # Not until woken: every emit wakes, and would end the pause.
            self._reopened.clear()
            await self._rest(self._reopened, pause)
            return
        # Cleared before the store is asked: a wake during the question counts.
        self._wake.clear()
        # After a refusal by the relay one mail goes ahead: eight wrong logins at once could lock the account.
        free = (1 if self.stopped else self._concurrency) - len(self._held)
        if free <= 0:
            await self._rest(self._wake, self._poll_seconds)
            return
        try:
            leased_at = loop.time()
            now = self._clock()
            leases = await self._outbox.lease(limit=free, lease_seconds=self._lease_seconds, now=now)
            for lease in leases:
                self._start(lease, leased_at)
            due = await self._outbox.next_due() if len(leases) < free else None
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

    async def _rest(self, until: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await until.wait()

    def _start(self, lease: Lease, leased_at: float) -> None:
        notification_id = lease.notification.id
        if held := self._held.get(notification_id):
            # Its lease had ended, for the store was away or the clock was set: what is under way goes on under the new.
            held.lease = lease
            return
        self._held[notification_id] = held = _Held(lease=lease, since=leased_at)
        held.task = asyncio.create_task(self._deliver(held), name=f"mail {notification_id}")
        held.task.add_done_callback(lambda _task: self._finished(notification_id))

    def _finished(self, notification_id: str) -> None:
        del self._held[notification_id]
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

    async def _deliver(self, held: _Held) -> None:
        loop = asyncio.get_running_loop()
        try:
            result, code = await self._attempt(held)
        except asyncio.CancelledError:
            await self._cut_off(held)
            raise
        lease = held.lease
        outcome = Outcome(
            result=result, seconds=loop.time() - held.since, code=code, attempts=lease.mail.attempts
        )
        extra = {
            "notification": lease.notification.id,
            "type": lease.notification.type,
            "attempts": outcome.attempts,
            "seconds": round(outcome.seconds, 3),
            "code": code,
        }
        level = logging.ERROR if result is Result.BURIED else logging.INFO
        logger.log(level, "mail %s", result.value, extra=extra)
        try:
            self._observe(outcome)
        except Exception:
            logger.exception("mail outcome not observed")

    async def _cut_off(self, held: _Held) -> None:
        """Drained before its end: given back, but not to be repeated while the relay may still take it."""
        left = held.unknown_until - asyncio.get_running_loop().time()
        if left <= 0:
            await self._write(held, lambda now: self._outbox.release(held.lease, now=now))
            return
        extra = {"notification": held.lease.notification.id, "delay_seconds": round(left, 1)}
        logger.warning("mail cut off before the relay's answer: it may go out twice", extra=extra)
        delay = Postpone(delay_seconds=left, reason=CUT_OFF, counted=False)
        await self._write(held, lambda now: self._postponed(held, delay, now))

    @asynccontextmanager
    async def _kept_leased(self, held: _Held, bound: asyncio.Timeout) -> AsyncIterator[None]:
        """Prolong the lease meanwhile; when another worker has the mail, `bound` ends the attempt."""
        name = f"lease {held.lease.notification.id}"
        prolonging = asyncio.create_task(self._prolong(held, bound), name=name)
        try:
            yield
        finally:
            prolonging.cancel()
            await asyncio.wait({prolonging})

    async def _prolong(self, held: _Held, bound: asyncio.Timeout) -> None:
        seconds = self._lease_seconds
        while True:
            await asyncio.sleep(PROLONGING_SHARE * seconds)
            lease = held.lease
            extra = {"notification": lease.notification.id}
            try:
                ours = await self._outbox.prolong(lease, lease_seconds=seconds, now=self._clock())
            except Exception as error:  # noqa: BLE001 - to be tried again: while the store is away nobody else has it
                logger.warning("lease not prolonged", extra=extra | {"error": type(error).__name__})
                continue
            if not ours and lease is held.lease:
                logger.warning("mail under way was taken by another worker", extra=extra)
                bound.reschedule(asyncio.get_running_loop().time())
                return

    async def _attempt(self, held: _Held) -> tuple[Result, int | None]:
        outbox, lease = self._outbox, held.lease
        if self._attempts and lease.mail.attempts > self._attempts:
            # Its last attempt never ended: whatever it does to a worker, it shall not do it again.
            reason = f"given up after {self._attempts} attempts: the last one did not come to an end"
            return await self._conclude(
                held, Result.BURIED, lambda now: outbox.bury(held.lease, reason=reason, code=None, now=now)
            )
        failure: DeliveryFailure | RelayFailure
        try:
            async with asyncio.timeout(self._attempt_seconds) as bound, self._kept_leased(held, bound):
                needless = await self._needless(lease)
                if needless is None:
                    outgoing = await self._rendered(lease)
                    await self._transport.send(outgoing, handing_over=held.handed_over)
        except TimeoutError as error:
            late = bound.expired()
            failure = TemporaryFailure("not sent in time") if late else _unexpected(error)
        except StorageError as error:
            # Nothing was sent, and it is nobody's fault. When the store cannot even take it back, the lease runs out.
            self._pause_for_store(error)
            return await self._conclude(
                held, Result.POSTPONED, lambda now: outbox.release(held.lease, now=now)
            )
        except TemplateFailure as error:
            return await self._wait_for_template(held, error)
        except (DeliveryFailure, RelayFailure) as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a defect in one mail's way ends as that mail's failure, told in full
            failure = _unexpected(error)
        else:
            if needless is not None:
                return await self._conclude(
                    held, Result.SKIPPED, lambda now: outbox.skip(held.lease, reason=needless, now=now)
                )
            self._lane.accepted(lease.mail.order.to)
            self._reopened.set()  # of several under way at once, the first may have been refused and have paused
            return await self._conclude(held, Result.SENT, lambda now: outbox.settle(held.lease, now=now))
        return await self._failed(held, failure)

    async def _rendered(self, lease: Lease) -> Outgoing:
        try:
            async with asyncio.timeout(RENDERING_SHARE * self._lease_seconds):
                return await self._press.render(lease.notification, lease.mail.order)
        except TimeoutError as error:
            raise TemplateFailure("the mail was not rendered within its share of the lease") from error

    async def _wait_for_template(self, held: _Held, failure: TemplateFailure) -> tuple[Result, int | None]:
        """Put off a mail that only an operator can mend; it is never given up on for that."""
        notification, order = held.lease.notification, held.lease.mail.order
        extra = {"notification": notification.id, "type": notification.type, "reason": str(failure)}
        logger.error("mail waits: its template fails", extra=extra)
        waited = (self._clock() - order.due_at).total_seconds()
        pause = patience_seconds(waited, random=self._random, first_seconds=self._retry_seconds)
        delay = Postpone(delay_seconds=max(pause, failure.retry_after), reason=str(failure), counted=False)
        return await self._conclude(held, Result.POSTPONED, lambda now: self._postponed(held, delay, now))

    async def _needless(self, lease: Lease) -> str | None:
        """Why the mail is not needed any more, if so. What cannot be judged is sent: one too many beats one too few."""
        unless = lease.mail.order.unless
        user = self._user_of(lease.notification.room)
        if unless is None or user is None:
            return None
        if unless is Unless.ONLINE:
            try:
                online = await self._is_online(user)
            except Exception:
                logger.exception(
                    "presence not known, mail goes out", extra={"notification": lease.notification.id}
                )
                return None
            return "the user was online" if online else None
        receipt = await self._inboxes.receipt(user, lease.notification.id)
        if unless is Unless.READ:
            return "it was read" if receipt.is_read else None
        return "it was seen" if receipt.is_seen else None

    async def _failed(
        self, held: _Held, failure: DeliveryFailure | RelayFailure
    ) -> tuple[Result, int | None]:
        outbox, decision = (
            self._outbox,
            self._lane.decide(failure, recipient=held.lease.mail.order.to, attempts=held.lease.mail.attempts),
        )
        reason, code = decision.reason, decision.code
        if isinstance(decision, Bury):
            return await self._conclude(
                held,
                Result.BURIED,
                lambda now: outbox.bury(held.lease, reason=reason, code=code, now=now),
                code,
            )
        return await self._conclude(
            held, Result.POSTPONED, lambda now: self._postponed(held, decision, now), code
        )

    async def _postponed(self, held: _Held, decision: Postpone, now: datetime) -> bool:
        return await self._outbox.postpone(
            held.lease,
            until=now + timedelta(seconds=decision.delay_seconds),
            reason=decision.reason,
            code=decision.code,
            count_attempt=decision.counted,
            now=now,
        )

    # Settling

    async def _conclude(
        self,
        held: _Held,
        result: Result,
        write: Callable[[datetime], Awaitable[bool]],
        code: int | None = None,
    ) -> tuple[Result, int | None]:
        return (result if await self._write(held, write) else Result.LOST), code

    async def _write(self, held: _Held, write: Callable[[datetime], Awaitable[bool]]) -> bool:
        """Tell the store what became of a mail; once begun, no cancellation ends it.

        What was sent and is not written down is sent again, so a store that is briefly away is asked again. False when
        the lease was no longer ours, or the store stayed away.
        """
        task = asyncio.create_task(self._persist(held, write), name=f"settle {held.lease.notification.id}")
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                # Asked to end, a delivery ends by finishing this; only the loop's own end stops it.
                if task.cancelled():
                    raise

    async def _persist(self, held: _Held, write: Callable[[datetime], Awaitable[bool]]) -> bool:
        notification = held.lease.notification
        extra = {"notification": notification.id, "type": notification.type}
        for failures in range(1, SETTLE_TRIES + 1):
            try:
                settled = await write(self._clock())
            except StoreUnavailable:
                if failures < SETTLE_TRIES:
                    await asyncio.sleep(pause_seconds(failures, first=0.2, longest=5.0, random=self._random))
            except Exception:
                logger.exception("mail not settled", extra=extra)
                return False
            else:
                if not settled:
                    logger.warning("mail settled too late: its lease had ended", extra=extra)
                return settled
        logger.error("mail not settled: the store stayed away", extra=extra)
        return False


def _unexpected(error: Exception) -> DeliveryFailure | RelayFailure:
    if isinstance(error, OSError) and ran_out(error):
        return DescriptorFailure(f"unexpected {type(error).__name__}: no file descriptor is left")
    logger.error("mail attempt failed unexpectedly", exc_info=error)
    return TemporaryFailure(f"unexpected {type(error).__name__}")
