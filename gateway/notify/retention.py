"""Housekeeping: what has expired is wiped, what is old is pruned, in small steps that no emit has to wait for.

Two things in one loop: deleting by age and by expiry, and the chores that parts ask for (`Part.keep_house`).
So there is one rhythm, and a slow store is met by one thing at a time. What is put away before it is deleted
is `archive`'s.
"""

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
"""Between two sweeps of a node, half of it more or less."""
STEP = 500
"""Notifications that one statement wipes or deletes: short enough that an emit does not wait for the lock."""
PAUSE_SECONDS = 0.05
"""Between two steps: the appends of others come in between."""
PRUNING_SECONDS = 20.0
"""After so long the rest waits for the next sweep: what else is to be done shall not wait for an archive that is slow."""

logger = logging.getLogger(__name__)


class Housekeeper(Part):
    """Every node has one; they may work at the same time, each step is idempotent.

    While the store is away nothing is kept, and nothing is lost by that. A crash in the middle leaves the
    rest for the next sweep, of any node.
    """

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
        """Dead letters of all nodes; None until they were counted."""
        self._streams = streams
        self._outbox = outbox
        self._clock = clock
        self._may_delete = may_delete
        self._history_days = history_days
        self._archivist = archivist
        self._sweep_seconds = sweep_seconds
        self._chores: list[Callable[[], Awaitable[None]]] = []
        """In the order in which they were asked for, which is that of the parts."""
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge("bellhop_mail_owed", "Mail that is owed, of all nodes", lambda: self.mail_owed)
        meters.watch_gauge("bellhop_mail_dead", "Dead letters, of all nodes", lambda: self.mail_dead)

    def keep(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Have this done too, after each sweep; it may raise `StorageError`."""
        self._chores.append(chore)

    def start(self) -> None:
        self._tasks.start(self._tidy_forever, name="housekeeping")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def sweep(self) -> tuple[int, int]:
        """Wipe and prune all that is due, while the clock is sure; answers (wiped, pruned).

        What has expired is wiped to its end, since somebody has said when; what is only old has
        `PRUNING_SECONDS` at most. Raises `StorageError`.
        """
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
        """Delete a step of what is older than this, by way of the archive where there is one; answers of how many."""
        if self._archivist is not None:
            return await self._archivist.prune(before=before)
        return await self._streams.prune(before=before, limit=STEP)

    async def count(self) -> None:
        """Count the mail anew, for the metrics."""
        counts = await self._outbox.mail_counts()
        self.mail_owed = counts.get(MailState.PENDING, 0) + counts.get(MailState.LEASED, 0)
        self.mail_dead = counts.get(MailState.DEAD, 0)

    async def tidy(self) -> None:
        """Do all that is due: sweep, count, and what the parts have asked for. Nothing is raised, but logged.

        Each chore for itself: one that fails keeps none of the others from being done.
        """
        for chore in (self._sweep_and_count, *self._chores):
            try:
                await chore()
            except StorageError:
                logger.info("housekeeping waits: the store is away")
            except Exception:
                logger.exception("housekeeping failed")

    async def _sweep_and_count(self) -> None:
        """The first chore: delete what is due, then count the mail; the log is told where anything was deleted."""
        wiped, pruned = await self.sweep()
        await self.count()
        if wiped or pruned:
            logger.info("house kept", extra={"wiped": wiped, "pruned": pruned})

    async def _tidy_forever(self) -> None:
        """Do all that is due, every half minute, more or less."""
        while True:
            # Nodes that start together should not sweep together.
            await asyncio.sleep(self._sweep_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - guards nothing
            await self.tidy()
