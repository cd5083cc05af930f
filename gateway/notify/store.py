"""The store of a process, as parts: it is opened with patience, its line is looked after, and time goes by its clock.

They stand here and not in `storage`, which knows no parts. Their order in `gateway.process.node` is that of
what they need: the store, then its line, then the clock, then what is queued for it. At a stop it is the
other way round, so what waits is stored before the store is closed.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from gateway.cluster.lineage import EpochBegan, Lineage
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import TIME_BOUNDS, CarryOut, Meters, Observe, Part, unmeasured
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.store import Store

STORE_PATIENCE_SECONDS = 30
"""How long a start waits for a store that is away: in a cluster, things start in any order."""
SIZE_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Bounds of buckets for batches."""

logger = logging.getLogger(__name__)


class StorePart(Part):
    """Opens the store, waiting a while for one that is away, and closes it.

    A store that cannot be used, as one of a newer release, fails the start at once; only one that is away is
    waited for.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self) -> None:
        """Open the store; for one that is away wait `STORE_PATIENCE_SECONDS`, and tell the log why, each
        reason once. Raises `StoreUnavailable` then.
        """
        deadline = asyncio.get_running_loop().time() + STORE_PATIENCE_SECONDS
        pause = 0.5
        told = ""
        while True:
            try:
                await self._store.open()
            except StoreUnavailable as error:
                # Before the pause: the last attempt must not come after the patience is over.
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise
                if str(error) != told:
                    told = str(error)
                    logger.warning("the store is away; trying again", extra={"reason": told})
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)
            else:
                return

    async def stop(self) -> None:
        await self._store.close()


class LineagePart(Part):
    """Has the store compared with its witness, by whose time the clock goes on.

    A store that was put back from a backup is known by it, before anything is stored or delivered.
    """

    def __init__(self, lineage: Lineage, clock: Timekeeper) -> None:
        self._lineage = lineage
        self._clock = clock

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {EpochBegan: self._lineage.began}

    async def start(self) -> None:
        mark = await self._lineage.start()
        # By it the clock learns when the last run ended: one that is far from that may be wrong.
        if mark is not None:
            self._clock.resume(mark.at)

    async def stop(self) -> None:
        await self._lineage.stop()


class ClockPart(Part):
    """Has the clock go by the store's, and the ids of notifications by the clock.

    While the clock is in doubt the node is not ready, nothing is deleted, and mail waits
    (`gateway.ground.clock`).
    """

    def __init__(self, clock: Timekeeper, store: Store) -> None:
        self._clock = clock
        self._store = store

    def unready(self) -> list[str]:
        return [f"clock: {reason}" for reason in self._clock.reasons()]

    def concerns(self) -> list[str]:
        return [f"clock: {warning}" for warning in self._clock.warnings()]

    async def start(self) -> None:
        """Ask the store for its time before anything goes by this one; from here on new ids follow it."""
        await self._clock.start(self._store.time)
        uuid7.follow(self._clock.nanoseconds)

    async def stop(self) -> None:
        """Let ids follow the machine's clock again, as before the start."""
        uuid7.follow(time.time_ns)
        await self._clock.stop()


class Batches:
    """Told of each batch that goes to the store, by who sees it go. One for a process."""

    def __init__(self) -> None:
        self._size: Observe = unmeasured
        self._seconds: Observe = unmeasured

    def measure(self, meters: Meters) -> None:
        """Tell `meters` how large batches are, and how long the store takes for them."""
        self._size = meters.histogram(
            "bellhop_append_batch_notifications", "Notifications stored in one batch", SIZE_BOUNDS
        )
        self._seconds = meters.histogram(
            "bellhop_append_batch_seconds", "Seconds the store took for a batch", TIME_BOUNDS
        )

    def stored(self, notifications: int, seconds: float) -> None:
        """Note how large a batch was, and how long the store took."""
        self._size(notifications)
        self._seconds(seconds)


class CommitPart(Part):
    """The queue of what is to be stored; what waits in it when the process stops is stored first."""

    def __init__(self, commit: GroupCommit, batches: Batches) -> None:
        self._commit = commit
        self._batches = batches

    def measure(self, meters: Meters) -> None:
        self._batches.measure(meters)
        meters.watch_gauge(
            "bellhop_append_queue", "Notifications that wait to be stored", lambda: self._commit.queued
        )

    async def stop(self) -> None:
        """Accept nothing more, and return when all that was accepted is answered."""
        await self._commit.close()
