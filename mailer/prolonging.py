"""Keeping a mail's lease while it is under way: prolonged again and again, for as long as the attempt takes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from mailer.held import Held
from storage.outbox import Outbox

PROLONGING_SHARE = 1 / 3
"""Of the lease: so often is it prolonged, and at least two thirds are left for settling what has just gone out."""

logger = logging.getLogger(__name__)


class Prolonging:
    """Keeps the leases of mails under way. When another worker has one of them, its attempt is ended.

    Nothing escapes it but cancellation: while the store is away nobody else has the mail.
    """

    def __init__(self, outbox: Outbox, *, lease_seconds: float, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._lease_seconds = lease_seconds
        self._clock = clock

    @asynccontextmanager
    async def kept(self, held: Held, bound: asyncio.Timeout) -> AsyncIterator[None]:
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
        seconds = self._lease_seconds
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
