"""Telling the store what became of a mail, whatever happens meanwhile."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from mailer.backoff import Random, pause_seconds
from mailer.held import Held
from storage.coalescing import Coalescer
from storage.endings import Ending, Gathered, Settled
from storage.errors import StoreUnavailable
from storage.obligations import Lease
from storage.outbox import Outbox

SETTLE_TRIES = 6
TOGETHER = 100
"""Mails, at most, whose ends are written in one round."""
WAITING = 10_000
"""Mails, at most, whose ends wait for their round: more than are under way."""

logger = logging.getLogger(__name__)


class Settler:
    """Ends leases. What was sent and is not written down is sent again, so a store that is briefly away is asked again.

    What ends while the store writes others down goes to it in one round. By itself none of it waits for more to come;
    with `gather_seconds` the first of a round waits for so long. What has ended in that time goes out twice if the
    process is killed.

    A mail that is being settled is settled whatever ends around it, but for the loop and the process: after those, its
    lease ends.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        clock: Callable[[], datetime],
        random: Random,
        gather_seconds: float = 0.0,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._rounds: Coalescer[tuple[Lease, Settled], bool] = Coalescer(
            self._round,
            name="mail settling",
            batch_weight=TOGETHER,
            queue_weight=WAITING,
            gather_seconds=gather_seconds,
        )

    async def close(self) -> None:
        """Finish what was begun; idempotent. Nothing ends after it."""
        await self._rounds.close()

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
        """Write one ending down, `SETTLE_TRIES` times, with pauses that grow to a few seconds. It raises nothing; what
        is not written is told.
        """
        notification = held.lease.notification
        extra = {"notification": notification.id, "type": notification.type}
        for failures in range(1, SETTLE_TRIES + 1):
            try:
                settled = await self._settled(held.lease, ending)
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

    async def _settled(self, lease: Lease, ending: Ending) -> bool:
        if isinstance(ending, Gathered):
            # A transaction of its own, that others need not wait for.
            return await self._outbox.end(lease, ending, now=self._clock())
        return await self._rounds.ask((lease, ending))

    async def _round(self, endings: list[tuple[Lease, Settled]]) -> Sequence[bool | Exception]:
        """Write several; when one of them cannot be written, each by itself."""
        try:
            return await self._outbox.end_together(endings, now=self._clock())
        except StoreUnavailable:
            raise
        except Exception:
            if len(endings) == 1:
                raise
        # One of them cannot be written, and shall keep no other from it.
        answers: list[bool | Exception] = []
        for each in endings:
            try:
                answers += await self._outbox.end_together([each], now=self._clock())
            except Exception as error:  # noqa: BLE001 - its own answer
                answers.append(error)
        return answers
