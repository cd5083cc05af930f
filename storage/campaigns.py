"""The shelf of campaigns: one thing that many people are sent. Who they are, and what became of each, is on the shelf `recipients`.

Whoever works on one leads it for a while, and may die at any point: the lease ends, and another goes on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

RULE = "campaign"
"""By this a mail is skipped because its campaign is cancelled."""
CANCELLED_REASON = "the campaign is cancelled"
TEST = "test:"
"""In front of a campaign's id: what its test mails are of. They are no recipient's, and count nowhere."""


class CampaignState(StrEnum):
    """From `draft` it is `scheduled` or `running`; these go on to `paused` and back. `finished` can run again, when some of
    its dead are tried again. `cancelled` is the end.
    """

    DRAFT = "draft"  # recipients may be imported
    SCHEDULED = "scheduled"  # it begins at its time
    RUNNING = "running"
    PAUSED = "paused"  # nothing leaves until it is resumed
    FINISHED = "finished"  # nobody is left to be decided, and no mail is owed
    CANCELLED = "cancelled"  # nothing leaves any more, but what was under way


ENDED = frozenset({CampaignState.FINISHED, CampaignState.CANCELLED})
RETRIED = frozenset({CampaignState.FINISHED, CampaignState.RUNNING})
"""In which what is dead may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign, as it stands. Its texts and its audience are within `plan` and `frozen`, which no store reads."""

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
    resumed_at: datetime | None = None
    """When somebody has had it go on last: its brake judges what was sent from then on."""
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
class CampaignPage:
    """Some campaigns, newest first, and where the next page begins: `next` is a cursor for `page`, None at the end."""

    items: tuple[Campaign, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCancelled:
    """The two are counted as it is cancelled: who is under way comes to `sent` or `dead` later, and is not among the first."""

    campaign: Campaign
    cancelled: int
    """Recipients who get nothing any more."""
    under_way: int
    """Mails that a worker held at that moment: they may have left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStanding:
    """What a worker must know of a campaign's mail that is about to leave."""

    state: CampaignState
    announced: str | None
    is_owed: bool
    """Whether its recipient is decided to get it."""
    is_dead: bool
    """Whether its recipient is written down as not reached: then the mail was revived, and the campaign is not told yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The right to work on a campaign, until the lease ends.

    `token` is made anew with each lead, so whoever has overslept its lease changes nothing of the next one's.
    """

    campaign: Campaign
    token: str
    due_at: datetime
    """When it was to be looked at, or when the lease of a leader before ended that has not given it back."""


class Campaigns(Protocol):
    """Campaigns: what they are, whether they run, and who works on them.

    What is changed by state (`move`, `cancel`, `freeze`) is judged and written in one step, whoever leads: admins do so
    beside the leader. What is a leader's (`gathered`, `announce`, `pace`, `rest`) is written only while the lead is its
    own. A state that changes ends the lead, so that the next leader sees it.

    A store may take several writes for one of these. Then it writes in an order of which every beginning is sound, and
    `lead` or the worker of a mail does the rest: a caller that hears `StoreUnavailable` may ask again.
    """

    async def create(self, campaign: Campaign) -> None:
        """Keep a draft.

        Only what a draft has is kept: what comes later (when it started, what is frozen) is written as it comes.
        `campaign.id` is the caller's and new. Nothing is looked at again by itself: a draft has no time to wake at.
        """
        ...

    async def find(self, campaign_id: str) -> Campaign | None:
        """The campaign as it is now; None for an unknown id, one that no store could hold included."""
        ...

    async def page(self, *, before: str | None, limit: int) -> CampaignPage:
        """Newest first. Raises `InvalidCursor` for a `before` that no page gave.

        By when they were made and then by id. A campaign that is made while pages are turned is on none of those behind.
        """
        ...

    # Whether it runs

    async def move(
        self,
        campaign_id: str,
        of: Collection[CampaignState],
        to: CampaignState,
        *,
        now: datetime,
        wake_at: datetime | None = None,
        reason: str | None = None,
        resumes: bool = False,
    ) -> Campaign | None:
        """Have it in another state, and looked at from `wake_at` on; None, and no change, when it is in none of `of`.

        What first comes to `running` has started, and a lead of it ends. Paused, its mail waits in the outbox; running,
        that is due again.

        `reason` is kept with the state, and None takes an earlier one away, as `wake_at` does: None is looked at no
        more. `ended_at` is set by a state that is an end, and gone in any other. With `resumes` `resumed_at` is `now`; else
        it stays. Of two who move it at once from the same state one is answered None. When the mails could not all be
        held or let go, workers find the state with each mail and put it off.
        """
        ...

    async def cancel(
        self, campaign_id: str, of: Collection[CampaignState], *, now: datetime
    ) -> CampaignCancelled | None:
        """End it: whoever is pending is cancelled, and what waits in the outbox is skipped. None as in `move`.

        Mail that a worker holds at that moment may leave: it is counted as under way, and its recipient comes to be
        sent. All else is skipped by `RULE`. May be cut short after the state has changed; whoever leads it next skips
        the rest.
        """
        ...

    async def retry(self, campaign_id: str, *, now: datetime) -> int:
        """Have those tried again that are dead, under the same Message-ID; answers how many. A finished campaign runs
        again.

        None is, in a state that is none of `RETRIED`.

        Whoever was erased is not tried again. Whose mail was never stored is decided anew, all others have their mail
        put back into the outbox, due now and with no attempts counted.
        """
        ...

    async def revived(self, obligation_ids: Sequence[str], *, now: datetime) -> None:
        """These dead mails are tried again, whosever they are: of a campaign's the recipient is owed it again, and it runs.

        It may be told more than once, and late: what has ended meanwhile is collected again.

        Of a campaign that was cancelled none is sent: its lead ends, it is looked at again, and the recipient comes
        to be cancelled too. Ids of mail that is no campaign's change nothing.
        """
        ...

    async def freeze(self, campaign_id: str, of: Collection[CampaignState], frozen: str) -> bool:
        """Keep what it says from now on. False, and no change, when it is in none of `of`.

        It is one write with the look at the state: what has begun to run by then keeps what it had.
        """
        ...

    async def choose(self, campaign_id: str, variant: str, *, now: datetime) -> Campaign | None:
        """Have those who wait for it get this variant, from now on. Answers the campaign with the one that is chosen now: the first stays.

        Whoever still waits is due by it, also when it is asked again. None for a campaign that is not there.

        It ends the lead of a running campaign, whose leader may be deciding people without knowing the variant.
        """
        ...

    async def standing(self, campaign_id: str, obligation_id: str) -> CampaignStanding | None:
        """None for a campaign that is not there.

        It is asked right before a mail leaves, so it is a look-up by two keys, and reads what is durable: a pause that was
        answered holds every mail that is asked about from then on.
        """
        ...

    async def stopped(self) -> int:
        """How many are paused though nobody has asked for it: for a reason of their own.

        It is asked now and then by every node, and costs by how many there are.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget campaigns that ended before that time, and drafts from before it; answers how many rows that took.

        Recipients and their mails are rows too. At most one campaign is worked at in a call: when `limit` is reached
        within it, the next call goes on there, and the campaign itself goes last. 0 says that nothing old is left. Its
        test mails go with it. A draft goes by when it was made, however lately it was changed.
        """
        ...

    # Who works on one

    async def lead(self, *, lease_seconds: float, now: datetime) -> Lead | None:
        """Take one that is to be looked at, the longest waiting first, for this caller alone until the lease ends.

        None when none is to be looked at. A lead that has ended is given to the next who asks, in whatever state the
        campaign is, paused or ended ones included where something is left to do. No two leads of a campaign are alive
        at once, by one clock: `now` is the caller's.
        """
        ...

    async def next_wake(self) -> datetime | None:
        """When the next is to be looked at, or a lease ends; None when none is."""
        ...

    async def rest(self, lead: Lead, *, wake_at: datetime | None, now: datetime) -> None:
        """Give it back, to be looked at again from `wake_at` on; nothing when it is not this lead's any more.

        With None it is looked at again only when its state changes.
        """
        ...

    async def gathered(self, lead: Lead, *, upto: str | None, is_whole: bool, now: datetime) -> bool:
        """Note how far its audience is written down; whole, its recipients are counted. False when it is not this lead's.

        `upto` is the last that was written down, as whoever gathers names it, for the next to go on behind. `is_whole`
        shuts it: from then on `Recipients.add` takes nobody more, and the count is exact.
        """
        ...

    async def announce(self, lead: Lead, notification_id: str) -> None:
        """Note the notification that says the same in the app.

        Nothing when the lead is not this one's any more. Whoever announces does so under an idempotency key of the
        campaign, so that the next leader, who finds none noted, comes to the same notification.
        """
        ...

    async def pace(self, lead: Lead, until: datetime) -> None:
        """Note up to when its own rate is taken up.

        Nothing when the lead is not this one's any more: then as much may leave at once as one lead lets go.
        """
        ...

    async def finish(self, lead: Lead, *, now: datetime) -> bool:
        """It is finished, if it runs, is gathered, and none is pending or owed. Else False, and no change.

        So it is when it is not this lead's any more: whoever has had it go on knows of what this one has not seen. It is judged
        anew as it is written, so one that was paused in between is not finished.
        """
        ...
