"""The recounter: it counts what has changed in the statistics anew, and forgets what is old.

One node counts at a time, under a lease; one that dies in the middle leaves what it had not counted as stale as it was. A
minute is counted by its events, an hour by its minutes, a day by its hours. Of minutes that are not kept any more, an hour is
counted by its events: whatever comes late is counted all the same.

Counting anew, and not adding up, is what makes it safe: an event that comes late or twice, or a crash in the
middle, leads to the same figures. The store marks a bucket as stale with each event that comes to it
(`Stats.note`).
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.rounds import Rounds
from storage.encoding import EPOCH
from storage.errors import StorageError
from storage.stats import Bucket, Stale, Stats, Step

ROUND_SECONDS = 10.0
"""The rest between two rounds: a figure is at most so much later than its event is stored."""
LEASE_SECONDS = 30.0
"""How long another node waits before it goes on with the counting of a node that has died."""
LOOKED_AT_ONCE = 100
"""Buckets that are looked at in one question."""
CLEAR_EVERY = timedelta(minutes=10)
"""How long nobody looks for what is old after all of it was deleted."""
CLEARED_AT_ONCE = 2000
"""Rows that one statement deletes."""
CLEARINGS = 5
"""How many such statements of each kind one round makes."""
MINUTES_KEPT = timedelta(hours=48)
"""Older minutes are forgotten: of older times hours are told."""
RECENT = MINUTES_KEPT - timedelta(hours=1)
"""How old an hour may be of which all minutes are still there."""

logger = logging.getLogger(__name__)


class Recounter(Part):
    """Every node has one, and they take turns.

    There is one turn at a time in the whole cluster, by a number that the store gives: what a node writes
    whose turn is over is refused. With the store away nothing is counted, and what is stale stays so.
    """

    def __init__(
        self, shelf: Stats, clock: Clock, *, holder: str, days: int, may_delete: Callable[[], bool]
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        # Another with each run: one that was killed does not go on with its lease.
        self._holder = f"{holder}/{uuid.uuid4()}"
        self._days = days
        self._may_delete = may_delete
        self._clear_at = EPOCH
        self._rounds = Rounds(self.round, logger, "statistics cannot be counted")
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._rounds.run, name="statistics recount")

    async def stop(self) -> None:
        """Let the next one count at once, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            with suppress(StorageError):
                await self._shelf.lead(self._holder, lease_seconds=0, now=self._clock())

    async def round(self) -> float:
        """Count a part of what is stale, or, when nothing is, forget what is old; answers how long to rest then.

        Called by `Rounds`. Where nothing is stale a round is one question, and on a node whose turn it is
        not, two.
        """
        now = self._clock()
        is_to_clear = now >= self._clear_at
        if not is_to_clear and not await self._shelf.stale(limit=1):
            # Where nothing happens nothing is written either.
            return in_step(ROUND_SECONDS)
        turn = await self._shelf.lead(self._holder, lease_seconds=LEASE_SECONDS, now=now)
        if turn is None:
            return ROUND_SECONDS
        counted: set[Bucket] = set()
        while stale := await self._next(counted):
            for (bucket, of), marks in _grouped(stale, now).items():
                counts = await self._shelf.recount(bucket, of=of)
                if not await self._shelf.replace(bucket, counts, of=marks, turn=turn):
                    return ROUND_SECONDS
            # There is more: the next round begins at once, and takes up the lease anew.
            if len(stale) == LOOKED_AT_ONCE:
                return 0
            counted |= {each.bucket for each in stale}
        if is_to_clear and await self._clear(now):
            self._clear_at = now + CLEAR_EVERY
        return ROUND_SECONDS

    async def _next(self, counted: set[Bucket]) -> list[Stale]:
        """What is stale of one step, and was not counted in this round: the longer ones are counted by these.

        What is stale again has its next round; else a busy minute would be counted without end.
        """
        found = await self._shelf.stale(limit=LOOKED_AT_ONCE)
        fresh = [each for each in found if each.bucket not in counted]
        return [each for each in fresh if each.bucket.step is fresh[0].bucket.step]

    async def _clear(self, now: datetime) -> bool:
        """Forget a part of what is old; whether that was all."""
        edge = kept_from(Step.HOUR, now, days=self._days)
        minutes = kept_from(Step.MINUTE, now, days=self._days)
        assert edge is not None
        assert minutes is not None
        for _ in range(CLEARINGS):
            if not self._may_delete():
                return False
            cleared = (
                await self._shelf.clear_rollups(Step.MINUTE, before=minutes, limit=CLEARED_AT_ONCE),
                await self._shelf.clear_rollups(Step.HOUR, before=edge, limit=CLEARED_AT_ONCE),
                await self._shelf.clear_events(before=edge, limit=CLEARED_AT_ONCE),
            )
            if max(cleared) < CLEARED_AT_ONCE:
                return True
        return False


def _grouped(stale: Sequence[Stale], now: datetime) -> dict[tuple[Bucket, Step | None], list[Stale]]:
    """What is to be counted, once, and for which marks of being stale."""
    grouped: dict[tuple[Bucket, Step | None], list[Stale]] = {}
    for each in stale:
        grouped.setdefault(basis(each.bucket, now), []).append(each)
    return grouped


def basis(bucket: Bucket, now: datetime) -> tuple[Bucket, Step | None]:
    """What is counted when this is stale, and by what: None for the events."""
    is_recent = Step.HOUR.start(bucket.start) >= now - RECENT
    match bucket.step:
        case Step.MINUTE:
            return (bucket, None) if is_recent else (bucket.within(Step.HOUR), None)
        case Step.HOUR:
            return bucket, Step.MINUTE if is_recent else None
        case Step.DAY:
            return bucket, Step.HOUR


def kept_from(step: Step, now: datetime, *, days: int) -> datetime | None:
    """From when on there are figures of this step; None for those that are kept for ever.

    `asking` goes by it too, so that it never asks for what may be half deleted.
    """
    match step:
        case Step.MINUTE:
            # Whole hours, so that one that is there is there whole.
            return Step.HOUR.start(now - MINUTES_KEPT)
        case Step.HOUR:
            return Step.DAY.start(now - timedelta(days=days))
        case Step.DAY:
            return None
