"""The steps of a campaign: what is done for it while it is led, by the state that it is in.

It writes an audience down, decides for recipients, and collects what became of their mails. The mails leave by the outbox's bulk
lane, from all nodes; no more than `AHEAD` wait there, so that a pause or a cancellation finds few that are under way.

It decides nothing itself: `drafting` does, by the same gates as an emit. `steering` and the brake move a
campaign's state. `running` says which campaign has its turn.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from gateway.experiments.bounds import SHORTEST
from gateway.experiments.results import outcome
from gateway.notify.campaigns import pacing, trial
from gateway.notify.campaigns.audience import Audiences
from gateway.notify.campaigns.drafting import Drafter
from gateway.notify.campaigns.plans import Plan, plan_of
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.requests import EmitRequest, Unfit
from storage.campaigns import Campaign, Campaigns, CampaignState, Lead
from storage.mail import LaneName, MailState
from storage.recipients import Recipients

SCOPE = "campaigns"
"""The name in which a campaign is announced in the app."""
DECIDED_AT_ONCE = 200
"""How many recipients one step decides for."""
AHEAD = 1000
"""How many mails of one campaign may be owed at once: so many may still be there when it is cancelled."""
COLLECTED_AT_ONCE = 2 * AHEAD
"""More than can be owed: one look collects all."""
COLLECT_SECONDS = 0.25
"""The rest between two looks at mails that are under way."""
FINDINGS_SECONDS = 60.0
"""The rest between two looks at what an experiment has found."""
LATEST = timedelta(hours=6)
"""How late a campaign still begins, or goes on, by itself. After that somebody has to say that it shall."""
MISSED = "its time was over by more than six hours: resume it if it shall begin still"
LEFT_ALONE = "nobody has worked on it for more than six hours: resume it if it shall go on still"
UNTELLABLE = "its data do not fit the type any more: it cannot be told in the app"

logger = logging.getLogger(__name__)


class Brakes(Protocol):
    """`LaneBook.brakes`."""

    async def __call__(self, campaign_id: str, *, resumed: datetime | None) -> str | None: ...


class Steps:
    """The steps of a campaign's life: it is begun, gathered, announced, decided for a few hundred at a time, and
    finished when nobody is pending or owed.

    Each is bounded, and begins by looking at the campaign's state; what it writes is refused by the store where
    the state is another by then. What a crash leaves undone is seen by the next step: rows that are pending,
    mails whose end is not taken over. They raise `StorageError`.
    """

    def __init__(
        self,
        shelf: Campaigns,
        recipients: Recipients,
        *,
        audiences: Audiences,
        drafter: Drafter,
        emitter: Emitter,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        brakes: Brakes,
    ) -> None:
        """`brakes` says why its mail, or all bulk mail, fares too badly for a campaign to go on, if it does."""
        self.decided: Counter[str] = Counter()
        """Recipients that this node has decided for, by what they came to."""
        self._shelf = shelf
        self._recipients = recipients
        self._audiences = audiences
        self._drafter = drafter
        self._emitter = emitter
        self._wake_mailer = wake_mailer
        self._brakes = brakes

    async def make(self, lead: Lead, now: datetime) -> datetime | None:
        """One bounded step; answers when the next is to be made, None for never."""
        campaign = lead.campaign
        match campaign.state:
            case CampaignState.SCHEDULED:
                await self._begin(campaign, now)
                return now
            case CampaignState.RUNNING if now > lead.due_at + LATEST:
                await self._give_up(campaign, LEFT_ALONE, now)
                return None
            case CampaignState.RUNNING if not campaign.gathered:
                await self._gather(lead, now)
                return now
            case CampaignState.RUNNING:
                return await self._go_on(lead, now)
            case CampaignState.PAUSED | CampaignState.CANCELLED:
                return await self._see_off(campaign, now)
            case _:
                return None

    async def _begin(self, campaign: Campaign, now: datetime) -> None:
        """Have it run, unless its time is long over: a node that was off for a day must not send a morning's
        newsletter at night.
        """
        of = (CampaignState.SCHEDULED,)
        if campaign.send_at is not None and now > campaign.send_at + LATEST:
            logger.error("a campaign has missed its time", extra={"campaign": campaign.id})
            await self._shelf.move(campaign.id, of, CampaignState.PAUSED, now=now, reason=MISSED)
        # Moving ends this lead: the next turn, of whichever node, goes on.
        else:
            await self._shelf.move(campaign.id, of, CampaignState.RUNNING, now=now, wake_at=now)

    async def _gather(self, lead: Lead, now: datetime) -> None:
        """Write a page of the audience down. Who belongs to it later than now does not get it.

        A step is one page. Who is written down already stays as is.
        """
        campaign = lead.campaign
        page = await self._audiences.page(plan_of(campaign).audience, after=campaign.gathered_upto)
        if page.recipients:
            await self._recipients.add(campaign.id, page.recipients, now=now, gathering=True)
        upto = page.next or campaign.gathered_upto
        # Afterwards: a crash in between writes the same down again, which changes nothing.
        is_led = await self._shelf.gathered(lead, upto=upto, is_whole=page.next is None, now=now)
        if is_led and page.next is None:
            logger.info("a campaign's recipients are written down", extra={"campaign": campaign.id})

    async def _go_on(self, lead: Lead, now: datetime) -> datetime | None:
        """Collect, decide, and owe; answers when to look again, None for never.

        In this order: first whether it can go on at all, then the app, then what has ended, and only then new
        recipients. Without any to be decided it waits.
        """
        campaign = lead.campaign
        plan = plan_of(campaign)
        reason = await self._hindrance(lead, plan)
        if reason is not None:
            await self._give_up(campaign, reason, now)
            return None
        owed = await self._recipients.collect(campaign.id, limit=COLLECTED_AT_ONCE, now=now)
        if await self._decide(lead, plan, owed, now):
            return now
        if owed:
            return now + timedelta(seconds=COLLECT_SECONDS)
        return await self._wait(lead, plan, now)

    async def _hindrance(self, lead: Lead, plan: Plan) -> str | None:
        """Why it cannot go on, if it cannot; what says the same in the app is told by then."""
        campaign = lead.campaign
        reason = await self._brakes(campaign.id, resumed=campaign.resumed_at)
        if reason is None:
            reason = self._drafter.speech.hindrance(campaign)
        if reason is None and campaign.announced is None and plan.in_app is not None:
            try:
                # First of all: mails ask whether it was read.
                await self._announce(lead)
            except Unfit:
                return UNTELLABLE
        return reason

    async def _decide(self, lead: Lead, plan: Plan, owed: int, now: datetime) -> bool:
        """Decide for some recipients, as far as there is room beside what is `owed`; whether there were any."""
        campaign = lead.campaign
        rate, paced_until = plan.mails_per_minute, campaign.paced_until
        # By what is owed after collecting: room is made by what has ended.
        room = min(AHEAD - owed, DECIDED_AT_ONCE)
        if rate is not None:
            room = min(room, pacing.allowed(rate, paced_until, now))
        due = await self._recipients.due(campaign.id, limit=room, now=now) if room > 0 else []
        if not due:
            return False
        decided = await self._drafter.decide(campaign, due, now=now)
        if rate is not None:
            # Before: whoever dies in between has sent too little, and not too much.
            count = sum(each.obligation is not None for each in decided)
            await self._shelf.pace(lead, pacing.taken_up(rate, paced_until, count, now))
        await self._recipients.decide(lead, decided, now=now)
        self.decided.update(each.state.value for each in decided)
        self._wake_mailer((LaneName.BULK,))
        return True

    async def _wait(self, lead: Lead, plan: Plan, now: datetime) -> datetime | None:
        """When to look again while nobody is to be decided now, and nothing is owed: at the time of those who are held.

        Without any it is finished, or its experiment has to be concluded.
        """
        campaign, rate = lead.campaign, plan.mails_per_minute
        next_due = await self._recipients.next_due(campaign.id)
        if next_due is not None:
            return max(
                now, next_due, now if rate is None else pacing.free_at(rate, campaign.paced_until, now)
            )
        # Only the store can tell: it looks at all rows at once.
        if await self._shelf.finish(lead, now=now):
            logger.info("a campaign is finished", extra={"campaign": campaign.id})
            return None
        if trial.has_waiting(plan):
            return await self._conclude(campaign, now)
        return now + timedelta(seconds=COLLECT_SECONDS)

    async def _conclude(self, campaign: Campaign, now: datetime) -> datetime:
        """Have those who wait get what the experiment has found; answers when to look again.

        Not before `SHORTEST` after the beginning. A look costs the figures of the experiment, so it is made
        once a minute.
        """
        chosen = campaign.chosen
        if chosen is None:
            earliest = (campaign.started_at or now) + SHORTEST
            if now < earliest:
                return earliest
            told = await trial.told(self._recipients, campaign, now=now)
            chosen = None if told is None else outcome(told, now=now)
            if chosen is None:
                return now + timedelta(seconds=FINDINGS_SECONDS)
            logger.info("an experiment is over", extra={"campaign": campaign.id, "variant": chosen})
        # Also of what was chosen before: some may have been decided just then.
        await self._shelf.choose(campaign.id, chosen, now=now)
        return now

    async def _see_off(self, campaign: Campaign, now: datetime) -> datetime | None:
        """Collect what was under way as it was stopped; answers when to look again, None when nothing is under way."""
        # Before: what ends between the two is collected.
        leased = (await self._recipients.counts(campaign.id)).mails.get(MailState.LEASED, 0)
        owed = await self._recipients.collect(campaign.id, limit=COLLECTED_AT_ONCE, now=now)
        if campaign.state is CampaignState.PAUSED:
            # What waits in the outbox stays owed until it is resumed.
            under_way = leased
        else:
            # Whose mail was never stored is pending again by that, and cancelled as it is led the next time.
            under_way = owed or len(await self._recipients.pending(campaign.id, after=None, limit=1))
        return now + timedelta(seconds=COLLECT_SECONDS) if under_way else None

    async def _give_up(self, campaign: Campaign, reason: str, now: datetime) -> None:
        """Pause it with a reason, which is shown; whoever has mended it resumes it. Moved away from `running`
        meanwhile, it stays as it is.
        """
        logger.error("a campaign cannot go on", extra={"campaign": campaign.id, "reason": reason})
        of = (CampaignState.RUNNING,)
        await self._shelf.move(campaign.id, of, CampaignState.PAUSED, now=now, reason=reason)

    async def _announce(self, lead: Lead) -> None:
        """Emit what says the same in the app, and note which notification that is.

        Raises `Unfit` where the data do not fit any more. A crash between the two emits the same again, which
        is answered as a repetition.
        """
        campaign = lead.campaign
        plan = plan_of(campaign)
        assert plan.in_app is not None
        # By a key of its own: whoever announces it again announces the same.
        request = EmitRequest(
            rooms=(plan.in_app,),
            type=campaign.type,
            title=None,
            data=plan.data,
            no_email=True,
            kind=self._drafter.speech.kind(campaign, plan, None),
            idempotency_key=f"campaign:{campaign.id}",
            fingerprint=campaign.id.encode(),
        )
        emitted = await self._emitter.emit(request, scope=SCOPE)
        await self._shelf.announce(lead, emitted.notifications[0].id)
