"""The worker that empties the outbox: leases what is due, judges it again, renders, sends, settles.

What a failure means is decided in `backoff`; how a mail travels is the transport's business. Several workers, in this
process or in others, share one outbox: the leases keep them apart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.backoff import FIRST_SECONDS, Bury, Postpone, Random, decide, patience_seconds, pause_seconds
from mailer.errors import DeliveryFailure, PermanentFailure, RelayFailure, TemplateFailure, TemporaryFailure
from mailer.press import Press
from mailer.transport import Outgoing, Transport
from storage.errors import StorageError, StoreUnavailable
from storage.models import Lease, Unless
from storage.store import Inboxes, Outbox

POLL_SECONDS = 15.0
"""How long a mail may wait unnoticed that another node has appended."""
SHORTEST_REST_SECONDS = 0.05
SENDING_SHARE = 0.75
"""Of the lease: the rest is left for settling, so that nobody else leases what has just gone out."""
RENDERING_SHARE = 0.5
"""Of the lease: for a mail that waits behind others whose templates do not come to an end."""
SETTLE_TRIES = 6
RELAY_PAUSE_SECONDS = (30.0, 900.0)
"""First and longest pause after the relay turned us away."""
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


class Worker:
    """Sends owed mail until it is drained. `run` is called once, and nothing escapes it but its own cancellation.

    Guarantees: a mail is settled only after the transport took it; a failure that is not the mail's never counts against
    it; at most `concurrency` mails are held at once; what is held at the end is finished or given back.
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
        self._lease_seconds = lease_seconds
        self._retry_seconds = retry_seconds
        self._poll_seconds = poll_seconds

        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = False
        self._held: dict[asyncio.Task[None], Lease] = {}
        self._store_failures = 0
        self._relay_failures = 0
        self._paused_until = 0.0
        """By the loop's clock."""

    @property
    def held(self) -> int:
        """How many mails are under way."""
        return len(self._held)

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

        Takes at most a little longer than `seconds`: giving back is one write a mail, bounded in its repeats. A drain
        before `run` makes `run` return at once.
        """
        # In this order: the loop looks at `stopping` before it clears `wake`, so it cannot miss both.
        self._stopping.set()
        self._wake.set()
        if self._running:
            await self._ended.wait()
        if self._held:
            await asyncio.wait(self._held, timeout=seconds)
        await self._give_back()

    # The loop

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._paused_until - loop.time()
        if pause > 0:
            # Not until woken: every emit wakes, and would end the pause.
            await self._rest(self._stopping, pause)
            return
        # Cleared before the store is asked: a wake during the question counts.
        self._wake.clear()
        # After a refusal by the relay one mail goes ahead: eight wrong logins at once could lock the account.
        free = (1 if self._relay_failures else self._concurrency) - len(self._held)
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
        task = asyncio.create_task(self._deliver(lease, leased_at), name=f"mail {lease.notification.id}")
        self._held[task] = lease
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        del self._held[task]
        self._wake.set()

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

    def _pause_for_relay(self, failure: RelayFailure) -> None:
        loop = asyncio.get_running_loop()
        if self._paused_until > loop.time() and self._relay_failures:
            return  # of several under way at once, the first has said it
        self._relay_failures += 1
        first, longest = RELAY_PAUSE_SECONDS
        pause = pause_seconds(self._relay_failures, first=first, longest=longest, random=self._random)
        self._paused_until = loop.time() + pause
        logger.error(
            "mail stopped: the relay does not work with us",
            extra={
                "failure": type(failure).__name__,
                "reason": str(failure),
                "code": failure.code,
                "pause_seconds": round(pause, 1),
            },
        )

    async def _give_back(self) -> None:
        """End what is under way: each delivery releases its own lease, or finishes the settling it has begun."""
        held = list(self._held)
        for task in held:
            task.cancel()
        if held:
            await asyncio.wait(held)

    # One mail

    async def _deliver(self, lease: Lease, leased_at: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            result, code = await self._attempt(lease, leased_at)
        except asyncio.CancelledError:
            # Drained. The mail may have gone out all the same: the repeat will carry the same Message-ID.
            await self._write(lease, lambda now: self._outbox.release(lease, now=now))
            raise
        outcome = Outcome(
            result=result, seconds=loop.time() - leased_at, code=code, attempts=lease.mail.attempts
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

    async def _attempt(self, lease: Lease, leased_at: float) -> tuple[Result, int | None]:
        outbox = self._outbox
        if self._attempts and lease.mail.attempts > self._attempts:
            # Its last attempt never ended: whatever it does to a worker, it shall not do it again.
            reason = f"given up after {self._attempts} attempts: the last one did not come to an end"
            return await self._conclude(
                lease, Result.BURIED, lambda now: outbox.bury(lease, reason=reason, code=None, now=now)
            )
        try:
            async with asyncio.timeout_at(leased_at + SENDING_SHARE * self._lease_seconds) as bound:
                needless = await self._needless(lease)
                if needless is None:
                    await self._transport.send(await self._rendered(lease))
        except TimeoutError as error:
            late = bound.expired()
            failure: DeliveryFailure | RelayFailure = (
                TemporaryFailure("not sent within the lease") if late else _unexpected(error)
            )
        except StorageError as error:
            # Nothing was sent, and it is nobody's fault. When the store cannot even take it back, the lease runs out.
            self._pause_for_store(error)
            return await self._conclude(lease, Result.POSTPONED, lambda now: outbox.release(lease, now=now))
        except TemplateFailure as error:
            return await self._wait_for_template(lease, error)
        except (DeliveryFailure, RelayFailure) as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a defect in one mail's way ends as that mail's failure, told in full
            failure = _unexpected(error)
        else:
            if needless is not None:
                return await self._conclude(
                    lease, Result.SKIPPED, lambda now: outbox.skip(lease, reason=needless, now=now)
                )
            self._relay_failures = 0
            return await self._conclude(lease, Result.SENT, lambda now: outbox.settle(lease, now=now))
        return await self._failed(lease, failure)

    async def _rendered(self, lease: Lease) -> Outgoing:
        try:
            async with asyncio.timeout(RENDERING_SHARE * self._lease_seconds):
                return await self._press.render(lease.notification, lease.mail.order)
        except TimeoutError as error:
            raise TemplateFailure("the mail was not rendered within its share of the lease") from error

    async def _wait_for_template(self, lease: Lease, failure: TemplateFailure) -> tuple[Result, int | None]:
        """Put off a mail that only an operator can mend; it is never given up on for that."""
        logger.error(
            "mail waits: its template fails",
            extra={
                "notification": lease.notification.id,
                "type": lease.notification.type,
                "reason": str(failure),
            },
        )
        waited = (self._clock() - lease.mail.order.due_at).total_seconds()
        pause = patience_seconds(waited, random=self._random, first_seconds=self._retry_seconds)
        delay = timedelta(seconds=max(pause, failure.retry_after))
        return await self._conclude(
            lease,
            Result.POSTPONED,
            lambda now: self._outbox.postpone(
                lease, until=now + delay, reason=str(failure), code=None, count_attempt=False, now=now
            ),
        )

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
        self, lease: Lease, failure: DeliveryFailure | RelayFailure
    ) -> tuple[Result, int | None]:
        outbox = self._outbox
        if isinstance(failure, RelayFailure):
            self._pause_for_relay(failure)
            pause = max(0.0, self._paused_until - asyncio.get_running_loop().time())
            decision: Postpone | Bury = Postpone(delay_seconds=pause, reason=str(failure), code=failure.code)
        else:
            if isinstance(failure, PermanentFailure) and failure.code is not None:
                self._relay_failures = 0  # it let us in, to refuse this one mail
            decision = decide(
                failure,
                attempts=lease.mail.attempts,
                limit=self._attempts,
                random=self._random,
                first_seconds=self._retry_seconds,
            )
        reason, code = decision.reason, decision.code
        if isinstance(decision, Bury):
            return await self._conclude(
                lease, Result.BURIED, lambda now: outbox.bury(lease, reason=reason, code=code, now=now), code
            )
        delay = timedelta(seconds=decision.delay_seconds)
        count_attempt = isinstance(failure, DeliveryFailure)
        return await self._conclude(
            lease,
            Result.POSTPONED,
            lambda now: outbox.postpone(
                lease, until=now + delay, reason=reason, code=code, count_attempt=count_attempt, now=now
            ),
            code,
        )

    # Settling

    async def _conclude(
        self,
        lease: Lease,
        result: Result,
        write: Callable[[datetime], Awaitable[bool]],
        code: int | None = None,
    ) -> tuple[Result, int | None]:
        return (result if await self._write(lease, write) else Result.LOST), code

    async def _write(self, lease: Lease, write: Callable[[datetime], Awaitable[bool]]) -> bool:
        """Tell the store what became of a mail; once begun, no cancellation ends it.

        What was sent and is not written down is sent again, so a store that is briefly away is asked again. False when
        the lease was no longer ours, or the store stayed away.
        """
        task = asyncio.create_task(self._persist(lease, write), name=f"settle {lease.notification.id}")
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                # Asked to end, a delivery ends by finishing this; only the loop's own end stops it.
                if task.cancelled():
                    raise

    async def _persist(self, lease: Lease, write: Callable[[datetime], Awaitable[bool]]) -> bool:
        extra = {"notification": lease.notification.id, "type": lease.notification.type}
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


def _unexpected(error: Exception) -> TemporaryFailure:
    logger.error("mail attempt failed unexpectedly", exc_info=error)
    return TemporaryFailure(f"unexpected {type(error).__name__}")
