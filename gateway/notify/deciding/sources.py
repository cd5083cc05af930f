"""The sources of gates: what they may ask of the rest of the gateway, by Protocols.

So a gate knows nobody who answers. A process that lacks something takes one of the stand-ins
(`NOTHING_SENT`, `NOBODY_CHOSE`, `NO_CAMPAIGNS`, `NO_DIGESTS`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from gateway.catalog.channels import Channel
from gateway.catalog.live import LiveCatalog
from gateway.notify.deciding.verdicts import Case
from gateway.notify.preferences.chosen import UserPreferences
from storage.campaigns import CampaignStanding
from storage.people import Contact
from storage.receipts import Receipt
from storage.suppressions import Suppression


class Contacts(Protocol):
    """What is known of users: `gateway.notify.people.contacts.ContactBook`."""

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, by user, in one question. Raises `StorageError`."""
        ...


class Chosen(Protocol):
    """What users have chosen: `gateway.notify.preferences.book.PreferenceBook`."""

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
    """What stands against addresses: `gateway.notify.suppressions.lookup.SuppressionLookup`."""

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
