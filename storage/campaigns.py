"""The shelf of campaigns: one thing that many people are sent, and for each of them a row that says what became of it.

A row is decided once: from `pending` it goes to what it was decided to be, and no second decision changes that. A mail that is
owed is an obligation of the outbox, which has its own lease; what became of it is collected from there. So whoever works on a
campaign may die at any point, and several may work on it at once: the same rows come to the same ends, and one mail.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from storage.mail import AFTER_SENT, MailState
from storage.outbox import Obligation

RULE = "campaign"
"""By this a mail is skipped because its campaign is cancelled."""
CANCELLED_REASON = "the campaign is cancelled"
DUPLICATE = "duplicate"
"""By this a recipient is skipped whose address another recipient of the campaign has."""
DUPLICATE_REASON = "another recipient of the campaign has its address"
TEST = "test:"
"""In front of a campaign's id: what its test mails are of. They are no recipient's, and count nowhere."""
UNOWED = timedelta(minutes=1)
"""After this a recipient whose mail was never stored is decided again: whoever was at it has died in between."""


class CampaignState(StrEnum):
    DRAFT = "draft"  # recipients may be imported
    SCHEDULED = "scheduled"  # it begins at its time
    RUNNING = "running"
    PAUSED = "paused"  # nothing leaves until it is resumed
    FINISHED = "finished"  # nobody is left to be decided, and no mail is owed
    CANCELLED = "cancelled"  # nothing leaves any more, but what was under way


ENDED = frozenset({CampaignState.FINISHED, CampaignState.CANCELLED})
RETRIED = frozenset({CampaignState.FINISHED, CampaignState.RUNNING})
"""In which what is dead may be tried again."""


class RecipientState(StrEnum):
    PENDING = "pending"  # not decided yet, or to be decided later
    OWED = "owed"  # its mail is in the outbox
    SENT = "sent"
    SKIPPED = "skipped"  # a rule says that it gets none
    DEAD = "dead"  # given up on
    CANCELLED = "cancelled"  # the campaign was, before it was this one's turn


def end_of(
    state: MailState, rule: str | None, reason: str | None
) -> tuple[RecipientState, str | None, str | None]:
    """What a recipient comes to by what became of the mail, with the rule and the reason."""
    if state in AFTER_SENT:
        return RecipientState.SENT, None, None
    if state is MailState.DEAD:
        return RecipientState.DEAD, None, reason
    if rule == RULE:
        return RecipientState.CANCELLED, None, None
    return RecipientState.SKIPPED, rule or reason, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    id: str
    name: str
    type: str
    plan: str
    """What was asked for, as its writer encodes it."""
    by: str
    """Who made it."""
    created_at: datetime
    state: CampaignState = CampaignState.DRAFT
    reason: str | None = None
    """Why it is paused, when nobody has asked for that."""
    send_at: datetime | None = None
    """When it is to begin; None: as it is started."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    gathered: bool = False
    """Whether all its recipients are written down: no others come to it."""
    gathered_upto: str | None = None
    """Of an audience that is being written down, the last one that was."""
    recipients: int | None = None
    """How many there were as all were written down; None until then."""
    announced: str | None = None
    """The notification that says in the app what the mails say."""
    frozen: str | None = None
    """What it says, as it was when it was started and as its writer encodes it; None before."""
    paced_until: datetime | None = None
    """Up to when what it has sent takes up its own rate."""
    chosen: str | None = None
    """The variant that those get who wait for it; None until one is chosen."""
    chosen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who is to be sent the campaign's mail."""

    id: str
    user: str
    """Each once in a campaign."""
    address: str | None = None
    """None: the one that is known of the user when it is decided."""
    given: str | None = None
    """What was told of them beside, as its writer encodes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a recipient is decided to be: `owed` with its obligation, `skipped`, `dead`, or `pending` until later."""

    id: str
    state: RecipientState
    obligation: Obligation | None = None
    wake_at: datetime | None = None
    """Of one that is pending; None: it waits for `choose`."""
    rule: str | None = None
    reason: str | None = None
    variant: str | None = None
    """That has fallen to it by lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRow:
    """A recipient, and what became of it."""

    id: str
    user: str | None
    """None: erased."""
    address: str | None
    state: RecipientState
    rule: str | None
    reason: str | None
    mail: str | None
    """The obligation, where there is or was one."""
    mail_state: MailState | None
    updated_at: datetime
    variant: str | None = None
    """That has fallen to it by lot; None where none has, or none yet."""
    clicked_at: datetime | None = None
    """When a person has first followed a link of its mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCount:
    """What became of those to whom a variant has fallen by lot."""

    assigned: int = 0
    sent: int = 0
    clicked: int = 0
    """Of those sent, by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientPage:
    items: tuple[RecipientRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPage:
    items: tuple[Campaign, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counted, not kept: over the rows, and over the obligations beside them."""

    rows: Mapping[RecipientState, int]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """By rule."""
    mails: Mapping[MailState, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    campaign: Campaign
    cancelled: int
    """Recipients who get nothing any more."""
    under_way: int
    """Mails that a worker held at that moment: they may have left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a worker must know of a campaign's mail that is about to leave."""

    state: CampaignState
    announced: str | None
    is_owed: bool
    """Whether its recipient is decided to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The right to work on a campaign, until the lease ends."""

    campaign: Campaign
    token: str


class Campaigns(Protocol):
    """Campaigns and their recipients."""

    async def create(self, campaign: Campaign) -> None:
        """Keep a draft."""
        ...

    async def find(self, campaign_id: str) -> Campaign | None: ...

    async def page(self, *, before: str | None, limit: int) -> CampaignPage:
        """Newest first. Raises `InvalidCursor` for a `before` that no page gave."""
        ...

    async def add(
        self, campaign_id: str, recipients: Sequence[Recipient], *, now: datetime, gathering: bool = False
    ) -> int | None:
        """Write recipients down, durably; answers how many were new: a user who is known stays as is.

        None, and no change, once the campaign is no draft any more; with `gathering`, unless it runs and not all are written down.
        """
        ...

    async def move(
        self,
        campaign_id: str,
        of: Collection[CampaignState],
        to: CampaignState,
        *,
        now: datetime,
        wake_at: datetime | None = None,
        reason: str | None = None,
    ) -> Campaign | None:
        """Have it in another state, and looked at from `wake_at` on; None, and no change, when it is in none of `of`.

        What first comes to `running` has started, and a lead of it ends. Paused, its mail waits in the outbox; running, that is
        due again.
        """
        ...

    async def cancel(
        self, campaign_id: str, of: Collection[CampaignState], *, now: datetime
    ) -> Cancelled | None:
        """End it: whoever is pending is cancelled, and what waits in the outbox is skipped. None as in `move`."""
        ...

    async def retry(self, campaign_id: str, *, now: datetime) -> int:
        """Have those tried again that are dead, under the same Message-ID; answers how many. A finished campaign runs again.

        None is, in a state that is none of `RETRIED`.
        """
        ...

    async def revived(self, obligation_ids: Sequence[str], *, now: datetime) -> None:
        """These dead mails are tried again, whosever they are: of a campaign's the recipient is owed it again, and it runs."""
        ...

    # Who works on one

    async def lead(self, *, lease_seconds: float, now: datetime) -> Lead | None:
        """Take one that is to be looked at, the longest waiting first, for this caller alone until the lease ends."""
        ...

    async def next_wake(self) -> datetime | None:
        """When the next is to be looked at, or a lease ends; None when none is."""
        ...

    async def rest(self, lead: Lead, *, wake_at: datetime | None, now: datetime) -> None:
        """Give it back, to be looked at again from `wake_at` on; nothing when it is not this lead's any more."""
        ...

    async def gathered(self, lead: Lead, *, upto: str | None, is_whole: bool, now: datetime) -> bool:
        """Note how far its audience is written down; whole, its recipients are counted. False when it is not this lead's."""
        ...

    async def announce(self, lead: Lead, notification_id: str) -> None:
        """Note the notification that says the same in the app."""
        ...

    async def due(self, campaign_id: str, *, limit: int, now: datetime) -> list[Recipient]:
        """Recipients to be decided now, those who wait longest first."""
        ...

    async def pending(self, campaign_id: str, *, after: str | None, limit: int) -> list[Recipient]:
        """Recipients who are still to be decided, in the order in which they were written down, those behind `after`."""
        ...

    async def next_due(self, campaign_id: str) -> datetime | None:
        """When the next pending one is to be decided; None when none is pending."""
        ...

    async def decide(self, lead: Lead, decided: Sequence[Decided], *, now: datetime) -> int:
        """Keep what was decided of pending recipients, and owe the mails; answers how many mails are owed by it.

        Who is not pending any more stays as is. Of two who come to one obligation the second is skipped as `DUPLICATE`.
        Nothing is changed when the campaign does not run any more.
        """
        ...

    async def collect(self, campaign_id: str, *, limit: int, now: datetime) -> int:
        """Take over what became of up to `limit` mails that were owed; answers how many still are."""
        ...

    async def finish(self, lead: Lead, *, now: datetime) -> bool:
        """It is finished, if it runs, is gathered, and none is pending or owed. Else False, and no change."""
        ...

    # What it says, and how fast

    async def freeze(self, campaign_id: str, of: Collection[CampaignState], frozen: str) -> bool:
        """Keep what it says from now on. False, and no change, when it is in none of `of`."""
        ...

    async def pace(self, lead: Lead, until: datetime) -> None:
        """Note up to when its own rate is taken up."""
        ...

    # Variants

    async def choose(self, campaign_id: str, variant: str, *, now: datetime) -> Campaign | None:
        """Have those who wait for it get this variant, from now on. Answers the campaign with the one that is chosen now: the first stays.

        Whoever still waits is due by it, also when it is asked again. None for a campaign that is not there.
        """
        ...

    async def clicked(self, campaign_id: str, mail: str, *, at: datetime) -> None:
        """A person has followed a link of this recipient's mail: the first time counts."""
        ...

    async def variant_counts(self, campaign_id: str) -> dict[str, VariantCount]:
        """By variant, of those who have one by lot."""
        ...

    async def conversions(self, campaign_id: str, *, limit: int) -> list[str]:
        """The variants of those who have one by lot, were sent the mail and have clicked, in the order in which they first did."""
        ...

    # What is told

    async def counts(self, campaign_id: str) -> Counts: ...

    async def recipients(
        self, campaign_id: str, *, state: RecipientState | None, after: str | None, limit: int
    ) -> RecipientPage:
        """In the order in which they were written down."""
        ...

    async def standing(self, campaign_id: str, obligation_id: str) -> Standing | None:
        """None for a campaign that is not there."""
        ...

    async def of_user(self, user: str, *, limit: int) -> list[tuple[Campaign, RecipientRow]]:
        """The campaigns that a user is or was a recipient of, newest first."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget campaigns that ended before that time, and drafts from before it; answers how many rows that took."""
        ...
