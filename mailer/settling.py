"""Telling the store what became of a mail, whatever happens meanwhile."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from mailer.backoff import Random, pause_seconds
from mailer.held import Held
from storage.endings import Ending
from storage.errors import StoreUnavailable
from storage.outbox import Outbox

SETTLE_TRIES = 6

logger = logging.getLogger(__name__)


class Settler:
    """Ends leases. What was sent and is not written down is sent again, so a store that is briefly away is asked again."""

    def __init__(self, outbox: Outbox, *, clock: Callable[[], datetime], random: Random) -> None:
        self._outbox = outbox
        self._clock = clock
        self._random = random

    async def end(self, held: Held, ending: Ending) -> bool:
        """Write the ending down; once begun, no cancellation ends it.

        False when the lease was no longer ours, or the store stayed away.
        """
        task = asyncio.create_task(self._persist(held, ending), name=f"settle {held.lease.notification.id}")
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                # Asked to end, a delivery ends by finishing this; only the loop's own end stops it.
                if task.cancelled():
                    raise

    async def _persist(self, held: Held, ending: Ending) -> bool:
        notification = held.lease.notification
        extra = {"notification": notification.id, "type": notification.type}
        for failures in range(1, SETTLE_TRIES + 1):
            try:
                settled = await self._outbox.end(held.lease, ending, now=self._clock())
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
