"""The store of a process, as parts: it is opened with patience, its line is looked after, and time goes by its clock."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from gateway.cluster.commands import EpochBegan
from gateway.cluster.lineage import Lineage
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import CarryOut, Meters, Part
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.store import Store

STORE_PATIENCE_SECONDS = 30
"""How long a start waits for a store that is away: in a cluster, things start in any order."""

logger = logging.getLogger(__name__)


class StorePart(Part):
    """Opens the store, waiting a while for one that is away, and closes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self) -> None:
        """Open the store; for one that is away wait some time, and tell the log why."""
        deadline = asyncio.get_running_loop().time() + STORE_PATIENCE_SECONDS
        pause = 0.5
        told = ""
        while True:
            try:
                await self._store.open()
            except StoreUnavailable as error:
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
    """Has the store compared with its witness, by whose time the clock goes on."""

    def __init__(self, lineage: Lineage, clock: Timekeeper) -> None:
        self._lineage = lineage
        self._clock = clock

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {EpochBegan: self._lineage.began}

    async def start(self) -> None:
        mark = await self._lineage.start()
        if mark is not None:
            self._clock.resume(mark.at)

    async def stop(self) -> None:
        await self._lineage.stop()


class ClockPart(Part):
    """Has the clock go by the store's, and the ids of notifications by the clock."""

    def __init__(self, clock: Timekeeper, store: Store) -> None:
        self._clock = clock
        self._store = store

    def unready(self) -> list[str]:
        return [f"clock: {reason}" for reason in self._clock.reasons()]

    def concerns(self) -> list[str]:
        return [f"clock: {warning}" for warning in self._clock.warnings()]

    async def start(self) -> None:
        await self._clock.start(self._store.time)
        uuid7.follow(self._clock.nanoseconds)

    async def stop(self) -> None:
        uuid7.follow(time.time_ns)
        await self._clock.stop()


class CommitPart(Part):
    """The queue of what is to be stored; what waits in it when the process stops is stored first."""

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_append_queue", "Notifications that wait to be stored", lambda: self._commit.queued
        )

    async def stop(self) -> None:
        await self._commit.close()
