"""What may become of one channel's part of a notification, and the shape of the gates that say so.

Knows no gate: each stands in `gateway.notify.gates`, in the order of `gateway.notify.decide`.

So a gate, and whoever asks for a decision, can both stand on this module without knowing one another. The
Protocols say what gates need of the rest; a process that lacks something takes one of the stand-ins
(`NOTHING_SENT`, `NOBODY_CHOSE`, `NO_CAMPAIGNS`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar

from gateway.catalog.channels import Channel
from gateway.catalog.live import LiveCatalog
from gateway.notify.preferences import UserPreferences
from gateway.notify.windows import Window
from storage.campaigns import CampaignStanding
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


class Contacts(Protocol):
    """What is known of users: `gateway.notify.contacts.ContactBook`."""

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, by user, in one question. Raises `StorageError`."""
        ...


class Chosen(Protocol):
    """What users have chosen: `gateway.notify.preference_book.PreferenceBook`."""

    @property
    def in_use(self) -> bool:
        """Whether anybody may have chosen anything; False spares the question."""
        ...

    async def of_many(self, users: Sequence[str]) -> Mapping[str, UserPreferences]:
        """What those of `users` have chosen who have chosen anything. Raises `StorageError`."""
        ...


class Receipts(Protocol):
    """What users did with notifications: `storage.inboxes.Inboxes`."""

    async def receipts_of(self, user: str, ids: Sequence[str]) -> Mapping[str, Receipt]:
        """What the user did with each of these, by id. Raises `StorageError`."""
        ...


class Sendings(Protocol):
    """What was sent under a throttle: `storage.outbox.Outbox`."""

    async def counted(self, key: str, *, since: datetime, besides: str | None = None) -> int:
        """How many mails that count as `key` were sent since that time, or are under way; `besides` is left out."""
        ...


class NothingSent:
    """The stand-in of a process that counts no mail."""

    async def counted(self, key: str, *, since: datetime, besides: str | None = None) -> int:
        del key, since, besides
        return 0


NOTHING_SENT = NothingSent()


class Digests(Protocol):
    """What is gathered, and what could be: `storage.digests.Digests`."""

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        """As `storage.digests.Digests` says."""
        ...


class NoDigests:
    """The stand-in of a process that gathers nothing."""

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        del room, key, rule, besides, now
        return False


NO_DIGESTS = NoDigests()


class NobodyChose:
    """The stand-in of a process that knows no preferences."""

    in_use = False

    def refusal(self, type_: object, channel: Channel) -> None:
        """Nobody has refused anything."""

    async def of_many(self, users: Sequence[str]) -> Mapping[str, UserPreferences]:
        del users
        return {}


NOBODY_CHOSE = NobodyChose()


class Suppressions(Protocol):
    """What stands against addresses: `gateway.notify.suppressions.SuppressionList`."""

    async def matching(
        self, addresses: Sequence[str], *, roughly: bool
    ) -> Mapping[str, Sequence[Suppression]]:
        """Those in force, by address; `roughly` allows for what was known a moment ago."""
        ...


class Campaigns(Protocol):
    """Whether campaigns run: `storage.campaigns.Campaigns`."""

    async def standing(self, campaign_id: str, obligation_id: str) -> CampaignStanding | None:
        """Whether the campaign runs, and whether this mail is still owed by it; None where there is no such
        campaign. Raises `StorageError`.
        """
        ...


class NoCampaigns:
    """The stand-in of a process that knows no campaigns."""

    async def standing(self, campaign_id: str, obligation_id: str) -> None:
        del campaign_id, obligation_id


NO_CAMPAIGNS = NoCampaigns()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where gates look up their facts.

    One for each process, made at its start; a test makes one of what its gates ask.
    """

    catalog: LiveCatalog
    contacts: Contacts
    preferences: Chosen = NOBODY_CHOSE
    receipts: Receipts
    suppressions: Suppressions
    campaigns: Campaigns = NO_CAMPAIGNS
    sendings: Sendings = NOTHING_SENT
    """Where a throttle counts what was sent; a process that sends no mail may have a stand-in."""
    digests: Digests = NO_DIGESTS
    """Where it is looked up whether what was held has company."""
    is_online: Callable[[str], Awaitable[bool]]
    """Whether the user is connected to any node. It may raise whatever presence raises."""
    zone: tzinfo = UTC
    """The time zone of people whose own nobody has told."""

    def are_open(self, cases: Sequence[Case]) -> bool:
        """Whether each channel that is asked for is on for everybody; for most types that is remembered."""
        is_open = self.catalog.is_open
        return all(is_open(case.type, case.channel, case.now) for case in cases)


F = TypeVar("F")
"""The type of a gate's facts, by which they are told apart."""


def _always(sources: Sources, cases: Sequence[Case]) -> bool:
    """For gates that are always in use."""
    del sources, cases
    return True


def _nothing(case: Case, fact: object) -> Case:
    """For gates whose facts teach the others nothing."""
    del fact
    return case


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Generic[F]):
    """One rule: which facts it goes by, where it finds them, and what it says. What it says is pure.

    A gate is a value, made once in its module. `judge` and `teach` read nothing but their arguments, so a
    verdict can be shown, repeated and tested by the facts alone. `in_use` and `wants` never wait.
    """

    rule: str
    """Its name: it stands with the mail that it stops, and in the statistics, so it must not change.
    """
    facts: type[F]
    """A type of its own: `decide` finds a gate's facts by it."""
    judge: Callable[[Case, F], Verdict | None]
    """What the gate says of a case by its facts; None: it lets the case pass."""
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
