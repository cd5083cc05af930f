"""The shelf of statistics: what became of notifications and mails, as events, and the roll-ups that are counted from them.

An event is told once: it has a key, and whoever tells it again changes nothing. So what tells of an event may do so again
after a crash, and a roll-up that is counted again comes to the same. No event names a person, or an address: there is
nothing of people here to be erased or shown. A day, and so every step, begins in UTC.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
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
    IN_APP = "in_app"  # in the room of one person
    SHARED = "shared"  # in a room of many
    EMAIL = "email"


class Series(NamedTuple):
    """What is counted by itself. Empty is what does not apply."""

    type: str
    channel: str
    lane: str = ""
    campaign: str = ""
    rule: str = ""
    """By which it was skipped."""
    variant: str = ""
    """Which of several ways to say it this was: a type's, or a campaign's."""


class Event(Struct, frozen=True, kw_only=True):
    """That something became of a notification or a mail; or of so many, where only their number is told."""

    key: bytes
    """`key_of_one`, or `key_of_many`."""
    at: datetime
    series: Series
    outcome: Outcome
    count: int = 1

    @property
    def about(self) -> str | None:
        """The id of the notification or mail; None of one that tells a number."""
        return str(uuid.UUID(bytes=self.key[1:17])) if self.key[:1] == _ONE else None


_ONE, _NAMED, _MANY = b"\x01", b"\x02", b"\x03"
_CODES = {outcome: bytes([place]) for place, outcome in enumerate(OUTCOMES)}


def key_of_one(about: str, outcome: Outcome, reader: bytes = b"") -> bytes:
    """The key of what became of one notification or mail; of one in a shared room, for a reader of it."""
    plain = about.replace("-", "")
    try:
        kind, name = _ONE, bytes.fromhex(plain)
    except ValueError:
        name = b""
    if len(name) != 16:
        kind, name = _NAMED, hashlib.blake2b(about.encode(errors="replace"), digest_size=16).digest()
    return kind + name + _CODES[outcome] + reader


def key_of_many(batch: bytes, place: int) -> bytes:
    """The key of a number, which is one of those that its process has told together."""
    return _MANY + batch + place.to_bytes(4)


class Step(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=_SECONDS[self])

    @property
    def above(self) -> "Step | None":
        return {Step.MINUTE: Step.HOUR, Step.HOUR: Step.DAY}.get(self)

    @property
    def below(self) -> "Step | None":
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
        return self.start + self.step.length

    def within(self, step: Step) -> "Bucket":
        """The longer one that it is a part of."""
        return Bucket(step, step.start(self.start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A bucket of which something has come since it was counted."""

    bucket: Bucket
    mark: str
    """Another with whatever comes: what came while it was counted leaves it stale."""


Counts = Mapping[Series, Mapping[Outcome, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which roll-ups are added up, and by what they are told apart."""

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
    """What was counted of one combination of what was asked for."""

    at: datetime | None
    of: tuple[str, ...]
    """In the order of `Question.by`."""
    counts: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event, and its place in the order in which they came."""

    cursor: str
    event: Event


class Stats(Protocol):
    """Events, and what they were counted to."""

    async def note(self, events: Sequence[Event]) -> None:
        """Keep those whose keys are not known, and have the minutes that they are of be stale; all of it or nothing."""
        ...

    async def series_of(self, mails: Sequence[str]) -> dict[str, Series]:
        """Of those mails that are known to be sent, in which series."""
        ...

    async def lead(self, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """The right to count until `now + lease_seconds`: the number of this turn; None while another has it.

        Whoever has it keeps its number when it asks again in time.
        """
        ...

    async def stale(self, *, limit: int) -> list[Stale]:
        """What has to be counted anew: minutes before hours before days, the oldest first."""
        ...

    async def recount(self, bucket: Bucket, *, of: Step | None) -> Counts:
        """What there is in the bucket, by the roll-ups of a shorter step, or by the events themselves."""
        ...

    async def replace(self, bucket: Bucket, counts: Counts, *, of: Sequence[Stale], turn: int) -> bool:
        """Have the bucket hold these counts and no others; all of it or nothing.

        The longer step that it is a part of is stale then, and what is in `of` is not any more, unless something has come
        meanwhile. False, and no change, when the turn is over.
        """
        ...

    async def sums(self, question: Question) -> list[Sum]:
        """What was counted, by time and then by what it is told apart by; at most `limit`. Read from where it may lag."""
        ...

    async def told(
        self, *, after: str | None, since: datetime | None, limit: int, now: datetime
    ) -> list[Told]:
        """Events that came behind the cursor `after`, of `since` or later; those of the last `SETTLING` may be left out.

        Nothing comes later that would stand before what was answered. Raises `InvalidCursor`.
        """
        ...

    async def clear_events(self, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` events of an earlier time; answers how many."""
        ...

    async def clear_rollups(self, step: Step, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` roll-ups of earlier steps; answers how many."""
        ...
