"""Rounds: work that a node takes from the store, a part of it at a time, for as long as the node runs.

The rhythm alone: what a part of the work is, and who else may be at it, is the round's own (a lease, or
idempotence). The schedule, the snoozer, digests, campaigns, clicks, experiments and the statistics' recount
are made of it.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import datetime

from gateway.ground.tasks import in_step
from storage.errors import StorageError

STORE_PAUSE_SECONDS = 1.0
"""The pause after a round that failed."""

Round = Callable[[], Awaitable[float]]
"""Does a part of what there is; answers for how many seconds there is nothing to do then."""


class Rounds:
    """Makes one round after the other, and rests between them as the last one says, or until there is news.

    One round at a time. Nothing escapes `run` but its own cancellation; so work may be cancelled anywhere in
    a round, and a round must bear that.
    """

    def __init__(
        self, make: Round, logger: logging.Logger, failure: str, *, gather_seconds: float = 0.0
    ) -> None:
        """`failure` is logged when a round fails otherwise than by the store, which says so itself. With news more
        is waited for, `gather_seconds`, before the round.
        """
        self._make = make
        self._logger = logger
        self._failure = failure
        self._gather_seconds = gather_seconds
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do before the rest is over. Never waits; during a round it has
        the next one begin with its end.
        """
        self._news.set()

    async def run(self) -> None:
        """Ends by being cancelled; a round that fails is made again after a pause.

        The rest is what the last round has answered, in seconds; 0 or less is none, and infinity lasts until
        there is news.
        """
        while True:
            # Before the round: what is said during it was perhaps not seen by it, and must not be lost.
            self._news.clear()
            try:
                rest = await self._make()
            except StorageError:
                rest = STORE_PAUSE_SECONDS
            except Exception:
                self._logger.exception(self._failure)
                rest = STORE_PAUSE_SECONDS
            if rest <= 0:
                # Whatever else the loop has to do comes in between.
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(rest if rest < math.inf else None):
                    await self._news.wait()
            except TimeoutError:
                continue
            if self._gather_seconds:
                await asyncio.sleep(self._gather_seconds)


class Due:
    """When the next of something is due, as it was found last.

    To look for what is due is a question; to take it is a write, which nothing waits for that reads. So a round looks
    only while it knows of nothing that is due, and writes only when something is.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[datetime | None]],
        clock: Callable[[], datetime],
        *,
        shortest: float,
        longest: float,
    ) -> None:
        """`look` finds the earliest, and raises `StorageError`; a rest has from `shortest` to `longest` seconds."""
        self._look = look
        self._clock = clock
        self._shortest = shortest
        self._longest = longest
        self._at: datetime | None = None

    async def rest(self) -> float:
        """For how many seconds there is nothing to take; 0 when something is due. Raises what looking does."""
        now = self._clock()
        if self._at is None or self._at > now:
            self._at, now = await self._look(), self._clock()
        if self._at is not None and self._at <= now:
            return 0.0
        return rest_until(self._at, now, shortest=self._shortest, longest=self._longest)

    def took_nothing(self) -> float:
        """It was gone: another node was faster, or it has come to nothing. The seconds until the next look."""
        self._at = None
        return self._shortest


def rest_until(due: datetime | None, now: datetime, *, shortest: float, longest: float) -> float:
    """The seconds until something is due, within these bounds; up to `longest` where nothing is, in step with others."""
    if due is None or (left := (due - now).total_seconds()) > longest:
        return in_step(longest)
    return max(left, shortest)
