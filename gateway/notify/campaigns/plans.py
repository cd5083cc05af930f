"""What a campaign is to say, to whom, and when: as it is asked for, and as it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from mailer.address import compared
from storage.campaigns import Campaign
from storage.recipients import RecipientState

_NAMESPACE = UUID("0192f5ab-7c1e-7d63-9a52-6f0c5a1b8e47")
"""Of what is named by a campaign and an address; must never change."""


class Imported(Struct, frozen=True, tag="import", tag_field="kind"):
    """Whoever is imported."""


class OfTopic(Struct, frozen=True, tag="topic", tag_field="kind"):
    """The members that backends have given the topic."""

    topic: str


class OfUsers(Struct, frozen=True, tag="users", tag_field="kind"):
    """All users who are known, and whom the filter lets pass."""

    locale: str | None = None
    """A language, with all its regions."""
    attributes: dict[str, Any] = {}
    """Each must be so."""


Audience = Imported | OfTopic | OfUsers


class OwnTexts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a campaign says in one language in the place of its type; of what is None, the type's own stays."""

    title: str | None = None
    body: str | None = None
    link: str | None = None
    subject: str | None = None


class Variant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several ways to say it, each of which some of the recipients get."""

    name: str
    weight: int = 1
    texts: dict[str, OwnTexts] = {}
    """By language, over the campaign's."""
    local_time: time | None = None
    """In the place of the campaign's."""


class Experiment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the variants are tried, and what is expected of them."""

    baseline: float
    """The part of the recipients of whom a click is expected anyway."""
    effect: float
    """By how much more it must be to be worth finding."""
    salt: str | None = None
    """By which lots are drawn; None: the campaign's id."""
    holdout: float = 0.0
    """Percent of the recipients, who get nothing."""
    share: float = 100.0
    """Percent of the others, on whom the variants are tried; the rest wait for the winner."""
    seconds: float = 86_400.0
    """After the beginning it is over."""


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for beside the name and the type."""

    audience: Audience
    data: dict[str, Any] = {}
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
        return next((each for each in self.variants if each.name == name), None)


class Given(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an import tells of a recipient, beside who it is."""

    locale: str | None = None
    timezone: str | None = None
    data: dict[str, Any] = {}
    """Goes before the campaign's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRequest:
    name: str
    type: str
    plan: Plan
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRequest:
    """One line of an import."""

    line: int
    user: str
    address: str | None
    given: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientsRequest:
    """A page of a campaign's recipients."""

    campaign: str
    state: RecipientState | None = None
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunRequest:
    """A part of a campaign's recipients, decided without anything being kept or sent."""

    campaign: str
    after: str | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """The campaign's mail, to a few addresses of its makers'."""

    __test__ = False  # to pytest it would look like a test

    campaign: str
    to: tuple[str, ...]
    data: Mapping[str, Any]
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
    return msgspec.json.encode(value).decode()


def plan_of(campaign: Campaign) -> Plan:
    return _plans.decode(campaign.plan)


def given_of(text: str | None) -> Given:
    return NOTHING_GIVEN if text is None else _givens.decode(text)


def obligation_id(campaign_id: str, address: str) -> str:
    """The id of the one mail of the campaign to the address, whoever makes it, and however often. Raises ValueError."""
    return str(uuid5(_NAMESPACE, f"{campaign_id}\0{compared(address)}"))


def first_at(wall: time, zone: tzinfo, since: datetime) -> datetime:
    """When it is that time on the wall of the zone, for the first time from `since` on.

    A time that the wall skips is as far behind its gap as it would be in it; of one that comes twice the first counts.
    """
    day = since.astimezone(zone).date()
    for ahead in (0, 1):
        moment = datetime.combine(day + timedelta(days=ahead), wall, tzinfo=zone).astimezone(UTC)
        if moment >= since:
            return moment
    return datetime.combine(day + timedelta(days=2), wall, tzinfo=zone).astimezone(UTC)
