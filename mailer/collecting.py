"""Mail that comes back, collected from a mailbox now and then.

Nothing is ever deleted. A message that was a report of a mail of ours is moved to a folder of its own; any other stays where it is,
under a keyword by which it is not looked at again. It is put away once it is dealt with: a crash in between has it dealt with twice,
and loses none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from mailer.backoff import Random, pause_seconds
from mailer.mailbox import Account, MailboxFailure, MailboxVisit, Seen

AGE = timedelta(days=30)
"""Of what is looked at; what came before is nothing that still counts."""
MESSAGES = 500
"""Of one visit; others wait for the next."""
FAILURES = 10
"""Of messages that cannot be dealt with now, after which a visit ends."""
LONGEST_PAUSE_SECONDS = 900.0

T = TypeVar("T")
TakeCollected = Callable[[bytes], Awaitable[bool]]
"""Deals with a message; answers whether it was a report of a mail of ours. Raises anything for one that is to be looked at again."""

logger = logging.getLogger(__name__)


class Collector:
    """Visits one mailbox for as long as it runs.

    One at a time for an account: two processes that visit the same take the same messages, which is dealt with twice
    and harms nothing.
    """

    def __init__(
        self,
        account: Account,
        take: TakeCollected,
        *,
        every_seconds: float,
        clock: Callable[[], datetime],
        random: Random,
    ) -> None:
        self._account = account
        self._take = take
        self._every_seconds = every_seconds
        self._clock = clock
        self._random = random
        self._seen = Seen()
        self._put_off: set[int] = set()
        """What could not be dealt with at the last visit. It comes last at the next: it holds nothing up that can be."""
        self.trouble: str | None = None
        """Why the last visit did not do; None when it did."""

    async def run(self) -> None:
        """Visit again and again, less often while that fails. Ends by being cancelled, and lets go of the mailbox then."""
        failures = 0
        while True:
            try:
                await self.visit()
            except MailboxFailure as failure:
                self.trouble = str(failure)
                failures += 1
                logger.warning("mailbox not read", extra={"reason": self.trouble})
            else:
                failures, self.trouble = 0, None
            await asyncio.sleep(self._pause_seconds(failures))

    async def visit(self) -> int:
        """Deal with what is there; answers how many messages were looked at. Raises `MailboxFailure`."""
        visit, count, failed = MailboxVisit(self._account, self._seen), 0, 0
        try:
            await _beside(visit, visit.open)
            uids = await _beside(visit, partial(visit.unread, self._clock() - AGE, most=MESSAGES))
            self._put_off.intersection_update(uids)
            for uid in sorted(uids, key=self._put_off.__contains__):
                raw = await _beside(visit, partial(visit.read, uid))
                if raw is None:
                    continue
                report = await self._dealt_with(raw)
                if report is not None:
                    await _beside(visit, partial(visit.put_away, uid, report=report))
                    count += 1
                    continue
                self._put_off.add(uid)
                if (failed := failed + 1) >= FAILURES:
                    break
        finally:
            await _beside(visit, visit.close)
        return count

    async def _dealt_with(self, raw: bytes) -> bool | None:
        """Whether it was a report of ours; None when it is to be looked at again."""
        try:
            return await self._take(raw)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is not lost: it stays there
            logger.warning("message not taken", extra={"error": type(error).__name__})
            return None

    def _pause_seconds(self, failures: int) -> float:
        """Until the next visit: as set, and after failures longer, a quarter of an hour at most unless more is set."""
        every = self._every_seconds
        if not failures:
            return every
        longest = max(every, LONGEST_PAUSE_SECONDS)
        return max(every, pause_seconds(failures, first=2 * every, longest=longest, random=self._random))


async def _beside(visit: MailboxVisit, step: Callable[[], T]) -> T:
    """What the step answers, done beside the loop; once cancelled, the visit is aborted and the step has ended."""
    working = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        visit.abort()
        await asyncio.wait({working})
        # What it failed with is of no use now, and is not to be told as lost.
        working.exception()
        raise
