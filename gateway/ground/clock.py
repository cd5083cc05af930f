"""The time, as a value that is handed in, so that tests hold it; and how far the machine's clock is to be believed.

A wall clock may be wrong for a minute or an hour: a machine that wakes, a dead battery, a bad time server. What is
deleted by it, and what is mailed too early, cannot be taken back. So a clock that jumps is not followed at once.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.ground.tasks import Tasks, in_step
from storage.errors import StorageError

Clock = Callable[[], datetime]
"""Answers the present moment, aware and in UTC."""

BOUND = timedelta(minutes=1)
"""How far clocks may be apart before one of them is wrong."""
SHORTEST_HOLD, LONGEST_HOLD = timedelta(minutes=1), timedelta(hours=1)
"""How long a clock that jumped is not followed: as long as it jumped, within these."""
DELETION_HOLD = timedelta(hours=24)
"""How long nothing is deleted after a clock was followed that nothing else had confirmed."""
LONG_AWAY = timedelta(days=7)
"""Between two runs, a longer time may be a clock that is wrong."""
LISTEN_SECONDS = 10.0
STALE_SECONDS = 3 * LISTEN_SECONDS
HEARING = timedelta(seconds=1)
"""So much later than it was so may the store's time be heard, from a machine that is busy: within this the clocks agree."""

_BOUND_SECONDS = BOUND.total_seconds()
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

logger = logging.getLogger(__name__)


def system_clock() -> datetime:
    return datetime.now(UTC)


def steady_seconds() -> float:
    """A clock that nobody sets. Where it can be had, it goes on while the machine sleeps: that is no jump."""
    return time.clock_gettime(_STEADY)


class Timekeeper:
    """The time as the node believes it: the wall clock's, while it goes on as a clock does.

    When it jumps, the steady clock is followed instead, until the wall clock is back, or the store's own clock bears it
    out, or it has stood by its new time for as long as it jumped (a minute to an hour): no error lasts for ever. What the
    store's clock contradicts is never followed. `reasons` and `warnings` tell, and each change is logged once.
    """

    def __init__(self, *, wall: Clock = system_clock, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall = wall
        self._steady = steady
        self._at = self._deletes_from = steady()
        self._anchor = wall()
        """What was believed at `_at`."""
        self._jump: tuple[float, timedelta] | None = None
        """When the wall clock was first seen apart from what is believed, and how far ahead."""
        self._began_apart = False
        self._heard: tuple[float, datetime] | None = None
        """The store's own time, and when it said so."""
        self._last_run: tuple[float, datetime] | None = None
        """When this run began, and when the last one ended, if that is implausibly far away."""
        self._offset_nanoseconds = 0
        self._tasks = Tasks()

    async def start(self, ask_store: Callable[[], Awaitable[datetime | None]]) -> None:
        """Compare with the store's own clock, if it has one, before the time is used and from then on."""
        await self._ask(ask_store)
        self._tasks.start(partial(self._ask_forever, ask_store), name="timekeeper")

    async def stop(self) -> None:
        await self._tasks.stop()

    # What time it is

    def __call__(self) -> datetime:
        """The present moment, for all that is written down."""
        now, wall, _ = self._look()
        self._offset_nanoseconds = 0 if now is wall else (now - wall) // timedelta(microseconds=1) * 1000
        return now

    def nanoseconds(self) -> int:
        """The same since the epoch, as far from the wall clock as when the time was asked for last."""
        return time.time_ns() + self._offset_nanoseconds

    def cautious(self) -> datetime:
        """The earliest that it can be: what is due by this is not early.

        Where the clocks agree it is the present moment: else what is due at once would wait for as long as the store took to answer.
        """
        now, wall, steady = self._look()
        store = self._store(steady)
        if store is not None and store + HEARING >= now:
            store = None
        certain = now
        if self._last_run is not None:
            began, ended = self._last_run
            if steady - began < LONGEST_HOLD.total_seconds():
                certain = ended + timedelta(seconds=steady - began)
        return min(now, wall, certain, now if store is None else store)

    @property
    def may_delete(self) -> bool:
        """Whether the time is sure enough to delete by it."""
        _, wall, steady = self._look()
        store = self._store(steady)
        is_sure = self._jump is None and steady >= self._deletes_from
        return is_sure and (store is None or abs(wall - store) <= BOUND)

    # What is to be told of it

    def reasons(self) -> list[str]:
        """Why the node cannot do its job: its clock is not what it was a moment ago."""
        self._look()
        if self._jump is None or self._began_apart:
            return []
        return [f"it has jumped, {_span(self._jump[1])}: nothing is deleted, and mail waits"]

    def warnings(self) -> list[str]:
        """What keeps the node from deleting, and from little else."""
        _, wall, steady = self._look()
        store = self._store(steady)
        told = []
        if store is not None and abs(wall - store) > BOUND:
            told.append(f"it is {_span(wall - store)} of the store's: nothing is deleted")
        if steady < self._deletes_from:
            left = timedelta(seconds=round(self._deletes_from - steady))
            told.append(f"it has gone further than can be made sure of: nothing is deleted for {left}")
        return told

    # What others know of it

    def resume(self, ended: datetime) -> None:
        """The last run ended at `ended`, as its clock had it; to be told before the time is used.

        A clock that has gone on for weeks since may be wrong, or the node was off: for a day nothing is deleted, and for an
        hour mail is due only by the time that has certainly passed. The same when it has gone back.
        """
        _, wall, steady = self._look()
        if -BOUND <= wall - ended <= LONG_AWAY:
            return
        self._deletes_from = steady + DELETION_HOLD.total_seconds()
        self._last_run = steady, ended
        logger.warning("the clock is far from where the last run ended", extra={"apart": _span(wall - ended)})

    def hear(self, store: datetime | None) -> None:
        """The store has said what time it has; None when it cannot tell."""
        steady = self._steady()
        is_first = self._heard is None
        self._heard = None if store is None else (steady, store)
        if store is None or not is_first:
            return
        # Two that agree are right. With the store's clock the node is in order with the others, and nothing is lost.
        self._deletes_from, self._last_run = steady, None
        if abs(self._wall() - store) > BOUND and self._jump is None:
            self._anchor, self._at, self._began_apart = store, steady, True

    def _look(self) -> tuple[datetime, datetime, float]:
        """What is believed, what the wall clock says, and the steady one."""
        wall, steady = self._wall(), self._steady()
        # By seconds first, as every emit asks: it is in time, as it nearly always is.
        gone = steady - self._at
        if abs((wall - self._anchor).total_seconds() - gone) > _BOUND_SECONDS:
            believed = self._anchor + timedelta(seconds=gone)
            if not self._is_borne_out(wall, wall - believed, steady):
                return believed, wall, steady
        if self._jump is not None:
            logger.info("the clock is believed again")
        self._anchor, self._at, self._jump, self._began_apart = wall, steady, None, False
        return wall, wall, steady

    def _is_borne_out(self, wall: datetime, apart: timedelta, steady: float) -> bool:
        """Whether the wall clock, which is `apart` from what was believed, is to be believed all the same."""
        store = self._store(steady)
        if store is not None and abs(wall - store) <= BOUND:
            return True
        if self._jump is None or abs(self._jump[1] - apart) > BOUND:
            self._jump = steady, apart
            logger.error("the clock is not believed", extra={"apart": _span(apart)})
        hold = min(max(abs(apart), SHORTEST_HOLD), LONGEST_HOLD).total_seconds()
        if store is not None or steady - self._jump[0] < hold:
            return False
        self._deletes_from = steady + DELETION_HOLD.total_seconds()
        return True

    def _store(self, steady: float) -> datetime | None:
        """What the store's clock says now, if it was heard of lately."""
        if self._heard is None or steady - self._heard[0] > STALE_SECONDS:
            return None
        return self._heard[1] + timedelta(seconds=steady - self._heard[0])

    async def _ask_forever(self, ask_store: Callable[[], Awaitable[datetime | None]]) -> None:
        while True:
            await asyncio.sleep(in_step(LISTEN_SECONDS))
            await self._ask(ask_store)

    async def _ask(self, ask_store: Callable[[], Awaitable[datetime | None]]) -> None:
        # What a store that is away said last goes stale.
        with contextlib.suppress(StorageError):
            self.hear(await ask_store())
        self._look()


def _span(apart: timedelta) -> str:
    size = timedelta(seconds=round(abs(apart).total_seconds()))
    return f"{size} {'ahead' if apart > timedelta() else 'behind'}"
