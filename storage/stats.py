"""The shelf of statistics: what became of notifications and mails, as events, and the roll-ups that are counted from them.

An event is told once: it has a key, and whoever tells it again changes nothing. So what tells of an event may do so again
after a crash, and a roll-up that is counted again comes to the same. No event names a person, or an address: there is
nothing of people here to be erased or shown. A day, and so every step, begins in UTC.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from storage.encoding import EPOCH

SETTLING = timedelta(minutes=1)
"""How long an event may take from being named to being seen by all: younger ones `told` leaves for the next time."""
DIMENSIONS = ("type", "channel", "lane", "campaign", "rule", "variant")
"""What can be asked for, in the order of `Series`."""


class Outcome(StrEnum):
    """What became of a notification, or of a mail. New ones go to the end: stores keep the place."""

    EMITTED = "emitted"  # it was stored, to be shown in-app
    DELIVERED = "delivered"  # it was written to a connection; of mail: its recipient's server has said so
    SEEN = "seen"
    READ = "read"
    CLICKED = "clicked"
    ACCEPTED = "accepted"  # a mail is owed
    SENT = "sent"  # the relay took it
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"  # by a rule
    DEAD = "dead"


OUTCOMES = tuple(Outcome)


class StatsChannel(StrEnum):
    """By where it was said; a room of many is counted by itself, as its readers are many for one notification."""

    IN_APP = "in_app"  # in the room of one person
    SHARED = "shared"  # in a room of many
    EMAIL = "email"


class Series(NamedTuple):
    """What is counted by itself. Empty is what does not apply.

    As a tuple it is a key of counts in memory, and its fields in order are the columns of a roll-up.
    """

    type: str
    channel: str
    lane: str = ""
    campaign: str = ""
    rule: str = ""
    """By which it was skipped."""
    variant: str = ""
    """Which of several ways to say it this was: a type's, or a campaign's."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """That something became of a notification or a mail; or of so many, where only their number is told."""

    key: bytes
    """`key_of_one`, or `key_of_many`."""
    at: datetime
    series: Series
    outcome: Outcome
    count: int = 1

    @property
    def about(self) -> str | None:
        """The id of the notification or mail; None of one that tells a number, or of an id that is no UUID."""
        return str(uuid.UUID(bytes=self.key[1:17])) if self.key[:1] == _ONE else None


_ONE, _NAMED, _MANY = b"\x01", b"\x02", b"\x03"
_CODES = {outcome: bytes([place]) for place, outcome in enumerate(OUTCOMES)}


def key_of_one(about: str, outcome: Outcome, reader: bytes = b"") -> bytes:
    """The key of what became of one notification or mail; of one in a shared room, for a reader of it.

    17 bytes and the outcome's, and those of `reader`. An id that is no UUID is hashed: two such ids have one key as good as
    never. `reader` is bytes that tell readers of a room apart, and name none of them.
    """
    return _name(about) + _CODES[outcome] + reader


def keys_of_each(about: Iterable[str], outcome: Outcome) -> list[bytes]:
    """`key_of_one` of many to which the same has come, in their order."""
    code = _CODES[outcome]
    return [_name(each) + code for each in about]


def _name(about: str) -> bytes:
    """The 17 bytes that an id is known by."""
    try:
        name = bytes.fromhex(about.replace("-", ""))
    except ValueError:
        name = b""
    if len(name) == 16:
        return _ONE + name
    return _NAMED + hashlib.blake2b(about.encode(errors="replace"), digest_size=16).digest()


def key_of_many(batch: bytes, place: int) -> bytes:
    """The key of a number, which is one of those that its process has told together.

    `batch` is made anew for each telling and kept until the store has answered, so that a repeated telling has the same
    keys. `place` is less than 2**32.
    """
    return _MANY + batch + place.to_bytes(4)


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


Counts = Mapping[Series, Mapping[Outcome, int]]


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
    """Of `DIMENSIONS`."""
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

    async def note(self, events: Sequence[Event]) -> None:
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

    async def recount(self, bucket: Bucket, *, of: Step | None) -> Counts:
        """What there is in the bucket, by the roll-ups of a shorter step, or by the events themselves.

        It writes nothing. What comes while it is read may be in it or not: the mark in `Stale` has changed then, so it
        is counted again.
        """
        ...

    async def replace(self, bucket: Bucket, counts: Counts, *, of: Sequence[Stale], turn: int) -> bool:
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
