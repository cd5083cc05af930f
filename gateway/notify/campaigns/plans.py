"""What a campaign is to say, to whom, and when: as it is asked for, and as it is kept.

Values alone. `gateway.protocol` makes the requests, with what can be checked of them; `book` checks the rest
by the catalog. A plan is kept as JSON in the campaign's row and is read by later releases, so a new field
needs a default, and no field may change its meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from gateway.experiments.bounds import Metric
from gateway.notify.preferences.chosen import Consent
from mailer.address import compared
from storage.campaigns import Campaign
from storage.recipients import Heard, RecipientState

_NAMESPACE = UUID("0192f5ab-7c1e-7d63-9a52-6f0c5a1b8e47")
"""Of what is named by a campaign and an address. It must never change: a campaign that runs would send twice."""
PROMPT = timedelta(minutes=1)
"""A campaign that begins no later than this has begun at its time."""


class Imported(Struct, frozen=True, tag="import", tag_field="kind"):
    """Whoever is imported.

    The rows are written by the import, before the start.
    """


class OfTopic(Struct, frozen=True, tag="topic", tag_field="kind"):
    """The members that backends have given the topic.

    They are read as the campaign runs, from its start on.
    """

    topic: str


class OfUsers(Struct, frozen=True, tag="users", tag_field="kind"):
    """All users who are known, and whom the filter lets pass."""

    locale: str | None = None
    """A language, with all its regions."""
    attributes: dict[str, Any] = {}
    """Each must be so, as JSON compares: `true` is not `1`. Empty: everybody."""


Audience = Imported | OfTopic | OfUsers


class OwnTexts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a campaign says in one language in the place of its type; of what is None, the type's own stays."""

    title: str | None = None
    body: str | None = None
    link: str | None = None
    """A phrase as in a catalog, filled in for each recipient."""
    subject: str | None = None


class Variant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several ways to say it, each of which some of the recipients get."""

    name: str
    """It is written down with each recipient, and shown with what was found."""
    weight: int = 1
    """Its part of those who are tried, beside the other weights."""
    texts: dict[str, OwnTexts] = {}
    """By language, over the campaign's."""
    local_time: time | None = None
    """When on the own wall it is sent, in the place of the campaign's."""


class Experiment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the variants are tried, and what is expected of them.

    Figures are parts of one, but where they are percent.
    """

    metric: Metric = "click"
    """What counts; one of `MAIL_METRICS`."""
    baseline: float
    """The part of the recipients of whom that is expected anyway."""
    effect: float
    """By how much more it must be to be worth finding."""
    salt: str | None = None
    """By which lots are drawn; None: the campaign's id."""
    holdout: float = 0.0
    """Percent of the recipients, who get nothing."""
    share: float = 100.0
    """Percent of the others, on whom the variants are tried; the rest wait for the winner."""
    seconds: float = 86_400.0
    """After the beginning it is over, with a winner or without."""


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for beside the name and the type."""

    audience: Audience
    data: dict[str, Any] = {}
    """What the words are filled with, under what an import says of a recipient."""
    in_app: str | None = None
    """The room of many that is told the same in the app; None: none is."""
    local_time: time | None = None
    """By each recipient's own clock, at the first such time from the beginning on; None: at once."""
    texts: dict[str, OwnTexts] = {}
    """By language, over those of the type."""
    variants: tuple[Variant, ...] = ()
    """The first is the control; none: everybody gets the same."""
    experiment: Experiment | None = None
    """None without variants."""
    mails_per_minute: int | None = None
    """At most, of all nodes together; None: as the lane allows."""

    def variant(self, name: str | None) -> Variant | None:
        """The variant of this name; None where there is none."""
        return next((each for each in self.variants if each.name == name), None)


class Given(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an import tells of a recipient, beside who it is."""

    locale: str | None = None
    """None: the recipient's own, as the contacts know it."""
    timezone: str | None = None
    """A name; None: as the contacts know it."""
    data: dict[str, Any] = {}
    """Goes before the campaign's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRequest:
    """A campaign that is to be made, as a draft."""

    name: str
    type: str
    plan: Plan
    send_at: datetime | None = None
    """When it is to begin, once it is started; None: at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRequest:
    """One line of an import."""

    line: int
    """Its number, by which errors are told."""
    user: str
    address: str | None
    """None: the one that is known of the user when it is decided."""
    given: Given
    consent: Consent | None = None
    """Their yes to mail of the campaign's type; None: nothing is said of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientsRequest:
    """A page of a campaign's recipients."""

    campaign: str
    state: RecipientState | Heard | None = None
    """Only those in this state, or of whom this was heard; None: all."""
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunRequest:
    """A part of a campaign's recipients, decided without anything being kept or sent."""

    campaign: str
    after: str | None = None
    """Where the part before has ended (`DryRun.next`)."""
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """The campaign's mail, to a few addresses of its makers'."""

    __test__ = False  # to pytest it would look like a test

    campaign: str
    to: tuple[str, ...]
    """Addresses; each gets one mail."""
    data: Mapping[str, Any]
    """In the place of what an import says of a recipient."""
    locale: str | None = None
    variant: str | None = None
    """None: the control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseRequest:
    """The variant that those get who wait for it."""

    campaign: str
    variant: str


_plans = msgspec.json.Decoder(Plan)
_givens = msgspec.json.Decoder(Given)
NOTHING_GIVEN = Given()


def written(value: Plan | Given) -> str:
    """As it is kept: JSON, without what is a default."""
    return msgspec.json.encode(value).decode()


def plan_of(campaign: Campaign) -> Plan:
    """The plan of a campaign, read each time: it is small."""
    return _plans.decode(campaign.plan)


def given_of(text: str | None) -> Given:
    """What an import has told of a recipient, as it was kept."""
    return NOTHING_GIVEN if text is None else _givens.decode(text)


def obligation_id(campaign_id: str, address: str) -> str:
    """The id of the one mail of the campaign to the address, whoever makes it, and however often. Raises ValueError.

    The address is taken in the form that addresses are compared by, so `Ann@Shop.example` and
    `ann@shop.example` are one mail.
    """
    return str(uuid5(_NAMESPACE, f"{campaign_id}\0{compared(address)}"))


def beginning(campaign: Campaign, now: datetime) -> datetime:
    """The moment from which on a time of day is waited for: `send_at`, of one that has begun at that time, or will.

    Whoever is to get it at 09:00 where it is 09:00 at that very moment must not wait a day for the second by which nobody
    begins it on the dot.
    """
    begun, asked = campaign.started_at, campaign.send_at
    if asked is None:
        return begun or now
    if begun is None:
        return max(asked, now)
    return asked if begun - asked < PROMPT else begun


def first_at(wall: time, zone: tzinfo, since: datetime) -> datetime:
    """When it is that time on the wall of the zone, for the first time from `since` on.

    A time that the wall skips is as far behind its gap as it would be in it; of one that comes twice the first counts.
    """
    day = since.astimezone(zone).date()
    # Today's may be over; of a gap at midnight tomorrow's may be too, so the day after is the last.
    for ahead in (0, 1):
        moment = datetime.combine(day + timedelta(days=ahead), wall, tzinfo=zone).astimezone(UTC)
        if moment >= since:
            return moment
    return datetime.combine(day + timedelta(days=2), wall, tzinfo=zone).astimezone(UTC)
