"""What may become of one channel's part of a notification, and what is asked: a case, and the verdict on it.

Values alone. `gateway.notify.deciding.decision` makes the verdict of a case, by the gates; whoever has asked acts on it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from gateway.catalog.channels import Channel
from gateway.notify.deciding.windows import Window
from storage.mail import LaneName, Unless
from storage.rhythms import Rhythm


@dataclass(frozen=True, slots=True)
class Send:
    """No gate stops it: it goes out when it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Not before `until`; then it is decided again."""

    until: datetime
    rule: str
    """The name of the gate, as of `Skip`."""
    detail: str
    """Why, in words, as of `Skip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """It becomes a part of a digest, and goes out with that."""

    window: Window
    """The window of a digest that would be opened for it; where one is open, it joins that."""
    rule: str
    """The name of the gate, as of `Skip`."""
    detail: str
    """Why, in words, as of `Skip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """It is never sent."""

    rule: str
    """The name of the gate."""
    detail: str
    """Why, in words that are kept with the mail and shown: they hold no address."""


Verdict = Send | Delay | Merge | Skip
"""What may become of a case. A gate says None where it has nothing against it; only `decide` says `Send`."""


def words(verdict: Verdict) -> str | None:
    """The verdict as people read it; None where there is nothing to explain."""
    if isinstance(verdict, Send):
        return None
    if isinstance(verdict, Delay):
        return held(verdict.until, verdict.detail)
    return in_digest(verdict.detail) if isinstance(verdict, Merge) else not_sent(verdict.detail)


def held(until: datetime, detail: str) -> str:
    """How a mail is told of that a rule holds."""
    return f"held until {clock_time(until)}: {detail}"


def in_digest(detail: str) -> str:
    """How a mail is told of that a digest tells, or is to tell."""
    return f"in a digest: {detail}"


def not_sent(detail: str) -> str:
    """How a skipped mail is told of."""
    return f"not sent: {detail}"


def clock_time(moment: datetime, *, today: datetime | None = None) -> str:
    """The time of day in UTC, with its date unless that is the date of `today`."""
    form = "%H:%M UTC" if today is not None and moment.date() == today.date() else "%Y-%m-%d %H:%M UTC"
    return moment.strftime(form)


class Moment(Enum):
    """When it is decided."""

    EMIT = auto()
    LEASE = auto()  # a worker is about to send it
    CLOSING = auto()  # the digest that it is in is about to be sent
    PREVIEW = auto()  # nothing is stored or sent: as it would be decided now


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One channel of one notification for one user, in question.

    It is made by whoever asks, of a request, of a mail that is leased, or of an item of a digest, and holds
    whatever gates may know without asking. Gates pass a copy on with what they have found (`Gate.teach`);
    nobody changes one.
    """

    type: str
    user: str | None
    """The user whose own room it is; None for a room of many."""
    room: str = ""
    """The room. In a room of many what is decided is decided for all, and by the room's name."""
    channel: Channel
    now: datetime
    """The moment that all rules go by, in UTC."""
    due_at: datetime
    """When it would go out if nothing held it."""
    notification_id: str | None = None
    """The id of the notification; None for one that is not made yet."""
    to: str | None = None
    """The address that was given, if one was; known from the gate `address` on."""
    unless: Unless | None = None
    """What makes it needless, where its sender has said so."""
    lane: LaneName = LaneName.TRANSACTIONAL
    """The lane that its mail leaves by: a suppression may be of one lane alone."""
    category: str | None = None
    """The category that its type belongs to; None for a type that has none."""
    is_own: bool = True
    """Whether it is the mail of a single notification, and not one that tells several, or a campaign's."""
    critical: bool = False
    """Whether people cannot turn it off: a password, an invoice."""
    hastened: bool = False
    """Whether somebody has said that it is to go now, whatever holds it."""
    campaign: str | None = None
    """The campaign whose mail it is; None for any other mail."""
    rhythm: Rhythm | None = None
    """How often it may come, as its sender has said; None: as its type says."""
    was_held: bool = False
    """Whether quiet hours have held it until now."""
    expires_at: datetime | None = None
    """The moment from which on there is nothing left to tell; None: never."""
