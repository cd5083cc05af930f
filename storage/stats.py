"""The shelf of statistics: events, and the roll-ups that are counted from them.

A roll-up that is counted again comes to the same, as an event that is told again changes nothing. What an event is, and its
key, is of `events`. A day, and so every step, begins in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from storage.encoding import EPOCH
from storage.events import Event, Happened, Outcome, Series

SETTLING = timedelta(minutes=1)
"""How long an event may take from being named to being seen by all: younger ones `told` leaves for the next time."""


class Step(StrEnum):
    """How long a bucket is. A longer one is made of whole shorter ones, all of them in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """How long one bucket of it is."""
        return timedelta(seconds=_SECONDS[self])

    @property
    def above(self) -> "Step | None":
        """The step that is counted from this one; None for the longest."""
        return {Step.MINUTE: Step.HOUR, Step.HOUR: Step.DAY}.get(self)

    @property
    def below(self) -> "Step | None":
        """The step that this one is counted from; None for the shortest, which is counted from the events."""
        return {Step.HOUR: Step.MINUTE, Step.DAY: Step.HOUR}.get(self)

    def start(self, time: datetime) -> datetime:
        """When the step began that the time is in."""
        return EPOCH + (time - EPOCH) // self.length * self.length


_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One minute, hour or day."""

    step: Step
    start: datetime

    @property
    def end(self) -> datetime:
        """When the next begins: what is at that very time is not in this one."""
        return self.start + self.step.length

    def within(self, step: Step) -> "Bucket":
        """The longer one that it is a part of. `step` is no shorter than its own."""
        return Bucket(step, step.start(self.start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A bucket of which something has come since it was counted.

    It is what tells the counter where to work. So an event that is told late, by hours, is counted all the same.
    """

    bucket: Bucket
    mark: str
    """Another with whatever comes: what came while it was counted leaves it stale."""


SeriesCounts = Mapping[Series, Mapping[Outcome, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsQuery:
    """Which roll-ups are added up, and by what they are told apart.

    `since` is in it and `until` is not; both are looked at as the beginnings of buckets. A name in `where` that is no
    dimension is passed over, one in `by` raises `ValueError`.
    """

    step: Step
    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    """Of `events.DIMENSIONS`."""
    each: bool = False
    """Each bucket by itself."""
    where: Mapping[str, str] | None = None
    """What a dimension must be."""
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Sum:
    """What was counted of one combination of what was asked for.

    `at` is the beginning of the bucket, where `StatsQuery.each` is asked, else None. An outcome of none is absent.
    """

    at: datetime | None
    of: tuple[str, ...]
    """In the order of `StatsQuery.by`."""
    counts: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEvent:
    """An event, and its place in the order in which they came.

    The cursor is the store's own, and no other store's.
    """

    cursor: str
    event: Event


class Stats(Protocol):
    """Events, and what they were counted to.

    Two halves that wait for each other in nothing: whoever tells events notes them, one process at a time counts them.
    What is counted is never more than a cache of the events: a bucket may be counted anew as long as they are kept. The
    turn keeps a counter that was paused from writing over what its successor has counted.
    """

    async def note(self, events: Sequence[Happened]) -> None:
        """Keep those whose keys are not known, and have the minutes that they are of be stale; all of it or nothing.

        Durable when it answers. It may be repeated until it does. Of two with one key in one call the first counts.
        """
        ...

    async def series_of(self, mails: Sequence[str]) -> dict[str, Series]:
        """Of those mails that are known to be sent, in which series.

        What was heard of a mail later is counted in the series that it was sent in. A mail that is not in the answer
        was not told to be sent, or so long ago that it is forgotten.
        """
        ...

    async def lead(self, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """The right to count until `now + lease_seconds`: the number of this turn; None while another has it.

        Whoever has it keeps its number when it asks again in time.

        By the caller's clock. `holder` names the process, and must be its own alone.
        """
        ...

    async def stale(self, *, limit: int) -> list[Stale]:
        """What has to be counted anew: minutes before hours before days, the oldest first.

        `limit` at most; one that has been counted is not among them until something comes again.
        """
        ...

    async def recount(self, bucket: Bucket, *, of: Step | None) -> SeriesCounts:
        """What there is in the bucket, by the roll-ups of a shorter step, or by the events themselves.

        It writes nothing. What comes while it is read may be in it or not: the mark in `Stale` has changed then, so it
        is counted again.
        """
        ...

    async def replace(self, bucket: Bucket, counts: SeriesCounts, *, of: Sequence[Stale], turn: int) -> bool:
        """Have the bucket hold these counts and no others; all of it or nothing.

        The longer step that it is a part of is stale then, and what is in `of` is not any more, unless something has come
        meanwhile. False, and no change, when the turn is over.

        May be repeated: the same counts take the place of the same.
        """
        ...

    async def sums(self, question: StatsQuery) -> list[Sum]:
        """What was counted, by time and then by what it is told apart by; at most `limit`. Read from where it may lag.

        A combination of which nothing was counted is absent. `limit` cuts off the end without saying so.
        """
        ...

    async def told(
        self, *, after: str | None, since: datetime | None, limit: int, now: datetime
    ) -> list[NumberedEvent]:
        """Events that came behind the cursor `after`, of `since` or later; those of the last `SETTLING` may be left out.

        Nothing comes later that would stand before what was answered. Raises `InvalidCursor`.

        Fewer than `limit` is the end for now: the next call goes on behind the last cursor, or with the same one as
        before. With `after` and `since` both hold.
        """
        ...

    async def clear_events(self, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` events of an earlier time; answers how many.

        In no order that is promised. Roll-ups that were counted from them stay; whatever is told again after that is new.
        """
        ...

    async def clear_rollups(self, step: Step, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` roll-ups of earlier steps; answers how many.

        In no order that is promised; `limit` of them at most, each of one series.
        """
        ...
