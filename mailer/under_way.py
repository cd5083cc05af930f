"""The mails that a worker has in hand: each has its task, from the lease to the settled end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from mailer.courier import Courier
from mailer.held import Held
from mailer.outcomes import MailOutcome, Result
from mailer.settling import Settler
from storage.endings import Buried, Ending, Postponed, Released, Skipped
from storage.errors import StorageError
from storage.mail import LaneName
from storage.obligations import Lease

_OVER = frozenset({Result.SENT, Result.SKIPPED, Result.GATHERED, Result.BURIED})

logger = logging.getLogger(__name__)


class UnderWay:
    """Has each mail that is leased carried and settled, and tells what came of it. Nothing escapes it.

    It decides neither when mail is leased nor how many: that is the worker's, whose own it is, on its loop.
    """

    def __init__(
        self,
        lane: LaneName,
        *,
        courier: Courier,
        settler: Settler,
        observe: Callable[[MailOutcome], None],
        store_failed: Callable[[Exception], None],
        over: Callable[[Held], None],
    ) -> None:
        """`store_failed` is told of a mail that could not be judged, `over` of one that is no longer in hand."""
        self._lane = lane
        self._courier = courier
        self._settler = settler
        self._observe = observe
        self._store_failed = store_failed
        self._over = over
        self._held: dict[str, Held] = {}
        """By the id of the obligation."""

    def __len__(self) -> int:
        """How many mails are under way, or wait for their turn."""
        return len(self._held)

    def take(self, lease: Lease, leased_at: float, seconds: float) -> None:
        """Have a leased mail carried. One that is under way here already goes on under the newer lease."""
        if held := self._held.get(lease.id):
            # Its lease had ended, for the store was away or the clock was set: what is under way goes on under the new.
            held.lease, held.until = lease, leased_at + seconds
            return
        self._hold(Held(lease=lease, since=leased_at, seconds=seconds), self._deliver)

    def hand_back(self, lease: Lease) -> None:
        """Have a mail be due again as if it had not been leased."""
        self._hold(Held(lease=lease, since=asyncio.get_running_loop().time(), seconds=0.0), self._released)

    async def finish(self, seconds: float) -> None:
        """Let what is under way come to its end, for so long."""
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=seconds)

    async def give_back(self) -> None:
        """End what is under way: each delivery releases its own lease, or finishes the settling it has begun."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _hold(self, held: Held, work: Callable[[Held], Coroutine[Any, Any, None]]) -> None:
        """Have one more under way, until the work on it is done."""
        id_ = held.lease.id
        self._held[id_] = held
        held.task = asyncio.create_task(work(held), name=f"mail {id_}")
        held.task.add_done_callback(lambda _task: self._over(self._held.pop(id_)))

    def _tasks(self) -> list["asyncio.Task[None]"]:
        return [held.task for held in self._held.values() if held.task is not None]

    async def _released(self, held: Held) -> None:
        await self._settler.end(held, Released())

    async def _deliver(self, held: Held) -> None:
        """Carry one mail, settle it, and tell what came of it. Cancelled, it settles by what the relay may have heard."""
        loop = asyncio.get_running_loop()
        ending: Ending
        try:
            try:
                result, ending = await self._courier.carry(held)
            except StorageError as error:
                # Nothing was sent, and it is nobody's fault. When the store cannot even take it back, the lease runs out.
                self._store_failed(error)
                result, ending = Result.POSTPONED, Released()
            held.put_off = result is Result.HELD
            if not await self._settler.end(held, ending):
                result = Result.LOST
            held.is_over = result in _OVER
        except asyncio.CancelledError:
            await self._settler.end(held, self._courier.cut_off(held))
            raise
        self._tell(held, ending, result, loop.time() - held.since)

    def _tell(self, held: Held, ending: Ending, result: Result, seconds: float) -> None:
        """Log what came of a mail, and have it counted. An observer that fails is told, and ends nothing."""
        lease = held.lease
        entry = lease.notification.entry
        outcome = MailOutcome(
            id=lease.id,
            of=lease.of,
            type=lease.notification.type,
            result=result,
            seconds=seconds,
            rule=ending.rule if isinstance(ending, Skipped) else None,
            code=ending.code if isinstance(ending, (Postponed, Buried)) else None,
            attempts=lease.mail.attempts,
            variant=None if entry is None else entry.variant,
            unheard=held.unheard,
        )
        extra = {
            "notification": lease.notification.id,
            "type": outcome.type,
            "lane": self._lane,
            "attempts": outcome.attempts,
            "seconds": round(seconds, 3),
            "code": outcome.code,
        }
        level = logging.ERROR if result is Result.BURIED else logging.INFO
        logger.log(level, "mail %s", result.value, extra=extra)
        try:
            self._observe(outcome)
        except Exception:
            logger.exception("mail outcome not observed")
