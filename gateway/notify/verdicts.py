"""What may become of one channel's part of a notification, and the shape of the gates that say so.

Knows no gate: each stands in `gateway.notify.gates`, in the order of `gateway.notify.decide`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar

from gateway.catalog.channels import Channel
from gateway.catalog.live import LiveCatalog
from gateway.notify.preferences import Preferences
from gateway.notify.windows import Window
from storage.campaigns import Standing
from storage.inboxes import Receipt
from storage.mail import LaneName, Unless
from storage.people import Contact
from storage.rhythms import Rhythm
from storage.suppressions import Suppression

IN_APP: Channel = "in_app"
"""The socket, and the inbox."""
EMAIL: Channel = "email"
"""The one channel beside it."""


@dataclass(frozen=True, slots=True)
class Send:
    """No gate stops it: it goes out when it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Not before `until`; then it is decided again."""

    until: datetime
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """It becomes a part of a digest, and goes out with that."""

    window: Window
    """Of the digest as it would be opened for it; where one is open, it joins that."""
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """It is never sent."""

    rule: str
    """The name of the gate."""
    detail: str
    """Why, in words that are kept with the mail and shown: they hold no address."""


Verdict = Send | Delay | Merge | Skip


def words(verdict: Verdict) -> str | None:
    """The verdict as people read it; None where there is nothing to explain."""
    if isinstance(verdict, Send):
        return None
    if isinstance(verdict, Delay):
        return f"held until {clock_time(verdict.until)}: {verdict.detail}"
    return in_digest(verdict.detail) if isinstance(verdict, Merge) else not_sent(verdict.detail)


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
    """One channel of one notification for one user, in question."""

    type: str
    user: str | None
    """None for a room of many."""
    room: str = ""
    """By its name is decided what is decided for all in it."""
    channel: Channel
    now: datetime
    due_at: datetime
    notification_id: str | None = None
    """None for what is not made yet."""
    to: str | None = None
    """The address that was given, if one was; known from the gate `address` on."""
    unless: Unless | None = None
    lane: LaneName = LaneName.TRANSACTIONAL
    category: str | None = None
    """That its type belongs to; None for a type of none."""
    is_own: bool = True
    """Whether it is the mail of a single notification, and not one that tells several, or a campaign's."""
    critical: bool = False
    """Whether people cannot turn it off: a password, an invoice."""
    hastened: bool = False
    """Whether somebody has said that it is to go now, whatever holds it."""
    campaign: str | None = None
    """The campaign whose mail it is, when it is one's."""
    rhythm: Rhythm | None = None
    """What its sender has said of how often it may come."""
    was_held: bool = False
    """Whether quiet hours have held it until now."""
    expires_at: datetime | None = None
    """From then on there is nothing left to tell; None: never."""


class Contacts(Protocol):
    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]: ...


class Chosen(Protocol):
    @property
    def in_use(self) -> bool: ...

    async def of_many(self, users: Sequence[str]) -> Mapping[str, Preferences]: ...


class Receipts(Protocol):
    async def receipts_of(self, user: str, ids: Sequence[str]) -> Mapping[str, Receipt]: ...


class Sendings(Protocol):
    async def counted(self, key: str, *, since: datetime) -> int:
        """How many mails that count as `key` were sent since that time, or are under way."""
        ...


class NothingSent:
    """Of a process that counts no mail."""

    async def counted(self, key: str, *, since: datetime) -> int:
        del key, since
        return 0


NOTHING_SENT = NothingSent()


class Digests(Protocol):
    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        """As `storage.digests.Digests` says."""
        ...


class NoDigests:
    """Of a process that gathers nothing."""

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        del room, key, rule, besides, now
        return False


NO_DIGESTS = NoDigests()


class NobodyChose:
    """Of a process that knows no preferences."""

    in_use = False

    def refusal(self, type_: object, channel: Channel) -> None:
        """Nobody has refused anything."""

    async def of_many(self, users: Sequence[str]) -> Mapping[str, Preferences]:
        del users
        return {}


NOBODY_CHOSE = NobodyChose()


class Suppressions(Protocol):
    async def matching(
        self, addresses: Sequence[str], *, roughly: bool
    ) -> Mapping[str, Sequence[Suppression]]:
        """Those in force, by address; `roughly` allows for what was known a moment ago."""
        ...


class Campaigns(Protocol):
    async def standing(self, campaign_id: str, obligation_id: str) -> Standing | None: ...


class NoCampaigns:
    """Of a process that knows none."""

    async def standing(self, campaign_id: str, obligation_id: str) -> None:
        del campaign_id, obligation_id


NO_CAMPAIGNS = NoCampaigns()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where gates look up their facts."""

    catalog: LiveCatalog
    contacts: Contacts
    preferences: Chosen = NOBODY_CHOSE
    receipts: Receipts
    suppressions: Suppressions
    campaigns: Campaigns = NO_CAMPAIGNS
    sendings: Sendings = NOTHING_SENT
    digests: Digests = NO_DIGESTS
    is_online: Callable[[str], Awaitable[bool]]
    zone: tzinfo = UTC
    """Of people whose zone nobody has told."""


F = TypeVar("F")


def _always(sources: Sources, cases: Sequence[Case]) -> bool:
    del sources, cases
    return True


def _nothing(case: Case, fact: object) -> Case:
    del fact
    return case


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Generic[F]):
    """One rule: which facts it goes by, where it finds them, and what it says. What it says is pure."""

    rule: str
    facts: type[F]
    judge: Callable[[Case, F], Verdict | None]
    """None lets it pass."""
    in_use: Callable[[Sources, Sequence[Case]], bool] = _always
    """Whether any of these cases may have facts now: a rule that nobody has made costs nothing."""
    wants: Callable[[Case, Moment], bool]
    """Whether facts are to be looked up for this case at this moment; without facts the gate is open."""
    gather: Callable[[Sources, Sequence[Case]], Awaitable[Sequence[F | None]]]
    """The facts of each case, in order, with a number of questions that does not grow with the cases at an emit.

    Raises `StorageError`, which is then the answer of these cases.
    """
    spares_critical: bool = False
    """Whether what is critical passes it, whatever the facts are."""
    teach: Callable[[Case, F], Case] = _nothing
    """The case with what its facts say of it, as the gates behind this one are to see it."""


AnyGate = Gate[Any]
