"""Housekeeping: what has expired is wiped, what is old is pruned, in small steps that no emit has to wait for."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks
from gateway.notify.archive.writing import Archivist
from storage.errors import StorageError
from storage.mail import MailState
from storage.outbox import Outbox
from storage.streams import Streams

SWEEP_SECONDS = 30.0
STEP = 500
PAUSE_SECONDS = 0.05
PRUNING_SECONDS = 20.0
"""After so long the rest waits for the next sweep: what else is to be done shall not wait for an archive that is slow."""

logger = logging.getLogger(__name__)


class Housekeeper(Part):
    """Every node has one; they may work at the same time, each step is idempotent."""

    def __init__(
        self,
        streams: Streams,
        outbox: Outbox,
        clock: Clock,
        *,
        history_days: int,
        archivist: Archivist | None = None,
        may_delete: Callable[[], bool] = lambda: True,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """With an archivist nothing is deleted for its age that was not put away.

        `may_delete` tells whether the clock is sure enough to delete by it.
        """
        self.mail_owed: int | None = None
        """Mail of all nodes that is owed; None until it was counted."""
        self.mail_dead: int | None = None
        self._streams = streams
        self._outbox = outbox
        self._clock = clock
        self._may_delete = may_delete
        self._history_days = history_days
        self._archivist = archivist
        self._sweep_seconds = sweep_seconds
        self._chores: list[Callable[[], Awaitable[None]]] = []
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge("bellhop_mail_owed", "Mail that is owed, of all nodes", lambda: self.mail_owed)
        meters.watch_gauge("bellhop_mail_dead", "Dead letters, of all nodes", lambda: self.mail_dead)

    def keep(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Have this done too, after each sweep; it may raise `StorageError`."""
        self._chores.append(chore)

    def start(self) -> None:
        self._tasks.start(self._tidy_forever(), name="housekeeping")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def sweep(self) -> tuple[int, int]:
        """Wipe and prune all that is due, while the clock is sure; answers (wiped, pruned)."""
        wiped = pruned = 0
        # Asked before each step: the clock may jump in between.
        while self._may_delete() and (count := await self._streams.expire(now=self._clock(), limit=STEP)):
            wiped += count
            await asyncio.sleep(PAUSE_SECONDS)
        age = timedelta(days=self._history_days)
        ends = time.monotonic() + PRUNING_SECONDS
        while age and self._may_delete() and time.monotonic() < ends:
            count = await self._prune(before=self._clock() - age)
            if not count:
                break
            pruned += count
            await asyncio.sleep(PAUSE_SECONDS)
        return wiped, pruned

    async def _prune(self, *, before: datetime) -> int:
        if self._archivist is not None:
            return await self._archivist.prune(before=before)
        return await self._streams.prune(before=before, limit=STEP)

    async def count(self) -> None:
        """Count the mail anew, for the metrics."""
        counts = await self._outbox.mail_counts()
        self.mail_owed = counts.get(MailState.PENDING, 0) + counts.get(MailState.LEASED, 0)
        self.mail_dead = counts.get(MailState.DEAD, 0)

    async def tidy(self) -> None:
        """Do all that is due: sweep, count, and what the parts have asked for. Nothing is raised, but logged."""
        for chore in (self._sweep_and_count, *self._chores):
            try:
                await chore()
            except StorageError:
                logger.info("housekeeping waits: the store is away")
            except Exception:
                logger.exception("housekeeping failed")

    async def _sweep_and_count(self) -> None:
        wiped, pruned = await self.sweep()
        await self.count()
        if wiped or pruned:
            logger.info("house kept", extra={"wiped": wiped, "pruned": pruned})

    async def _tidy_forever(self) -> None:
        while True:
            # Nodes that start together should not sweep together.
            await asyncio.sleep(self._sweep_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - guards nothing
            await self.tidy()
