"""Whether a campaign runs, which variant it goes on with, and what it says from its start on.

The states and who moves them: a person here, the runner as it begins, gives up or finishes. Each move names
the states that it goes from, so of two at once one is refused. Workers look at the state as each mail leaves
(`deciding.gates.campaign`).
"""

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.accounts import Accounts, NoSuchCampaign, Progress, WrongState
from gateway.notify.campaigns.plans import ChooseRequest, plan_of
from gateway.notify.campaigns.running import CampaignRunner
from gateway.notify.campaigns.speech import sendable
from gateway.notify.requests import Unfit
from storage.campaigns import Campaign, CampaignCancelled, Campaigns, CampaignState

# From which states each is possible.
STARTED_FROM = (CampaignState.DRAFT,)
PAUSED_FROM = (CampaignState.SCHEDULED, CampaignState.RUNNING)
RESUMED_FROM = (CampaignState.PAUSED,)
CHOSEN_IN = (CampaignState.RUNNING, CampaignState.PAUSED)
CANCELLED_FROM = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.RUNNING,
    CampaignState.PAUSED,
)


class Steering:
    """The use cases of running campaigns. They raise `StoreUnavailable`, `NoSuchCampaign` and `WrongState`.

    It writes, and wakes the runner of this node; others look within a few seconds. What it answers is the
    campaign after the move.
    """

    def __init__(
        self,
        shelf: Campaigns,
        *,
        catalog: LiveCatalog,
        accounts: Accounts,
        runner: CampaignRunner,
        clock: Clock,
    ) -> None:
        self._shelf = shelf
        self._catalog = catalog
        self._accounts = accounts
        self._runner = runner
        self._clock = clock

    async def start(self, campaign_id: str) -> Progress:
        """Begin, or have it begin at its time. Raises `Unfit` when the catalog has no such type any more.

        In this order: what it says is kept, then it runs. A crash in between leaves a draft with words, which
        are kept anew when it is started again.
        """
        campaign = await self._accounts.found(campaign_id)
        catalog, type_ = sendable(self._catalog, campaign.type)
        from gateway.notify.campaigns import own_words

        await self._shelf.freeze(campaign_id, STARTED_FROM, own_words.freeze(catalog, type_))
        now = self._clock()
        is_later = campaign.send_at is not None and campaign.send_at > now
        to = CampaignState.SCHEDULED if is_later else CampaignState.RUNNING
        wake_at = campaign.send_at if is_later else now
        moved = await self._shelf.move(campaign_id, STARTED_FROM, to, now=now, wake_at=wake_at)
        return await self._moved(campaign_id, moved)

    async def pause(self, campaign_id: str) -> Progress:
        """Have nothing of it leave until it is resumed; what is with a worker at this moment may. One that is
        over, or a draft, is `WrongState`.
        """
        now = self._clock()
        moved = await self._shelf.move(campaign_id, PAUSED_FROM, CampaignState.PAUSED, now=now, wake_at=now)
        return await self._moved(campaign_id, moved)

    async def resume(self, campaign_id: str) -> Progress:
        """Go on where it was paused; one that has never begun begins at its time, or now if that is over.

        Its words stay as they were when it was started; the templates of its mail are those of now.
        Its brake judges what is sent from now on.
        """
        campaign = await self._accounts.found(campaign_id)
        # Before it runs: else the runner would pause it at once for its templates.
        await self._redesign(campaign)
        now = self._clock()
        is_later = campaign.started_at is None and campaign.send_at is not None and campaign.send_at > now
        to = CampaignState.SCHEDULED if is_later else CampaignState.RUNNING
        wake_at = campaign.send_at if is_later else now
        moved = await self._shelf.move(campaign_id, RESUMED_FROM, to, now=now, wake_at=wake_at, resumes=True)
        return await self._moved(campaign_id, moved)

    async def _redesign(self, campaign: Campaign) -> None:
        """Take the files of the mail as they are now for what was frozen, while it is paused."""
        catalog = self._catalog.current
        type_ = None if catalog is None else catalog.types.get(campaign.type)
        if campaign.frozen is None or catalog is None or type_ is None:
            return
        from gateway.notify.campaigns import own_words

        made = own_words.redesigned(campaign.frozen, catalog, type_)
        if made != campaign.frozen:
            await self._shelf.freeze(campaign.id, RESUMED_FROM, made)

    async def choose(self, asked: ChooseRequest) -> Progress:
        """Have those who wait get this variant. Raises `Unfit` where nobody waits, or for another than is chosen already.

        The first choice stays, whether a person's or the experiment's.
        """
        campaign = await self._accounts.found(asked.campaign)
        plan = plan_of(campaign)
        if campaign.state not in CHOSEN_IN:
            raise WrongState(campaign.state)
        if not trial.has_waiting(plan):
            raise Unfit({"variant": ["Nobody waits for one: all are tried, or there are none."]})
        if plan.variant(asked.variant) is None:
            raise Unfit({"variant": ["The campaign has no such variant."]})
        chosen = await self._shelf.choose(asked.campaign, asked.variant, now=self._clock())
        if chosen is None:
            raise NoSuchCampaign(asked.campaign)
        if chosen.chosen != asked.variant:
            raise Unfit({"variant": [f"{chosen.chosen} is chosen already."]})
        self._runner.wake()
        return await self._accounts.told(chosen)

    async def cancel(self, campaign_id: str) -> CampaignCancelled:
        """End it. What a worker holds at this moment may leave still, and is counted.

        There is no way back. Whoever was not decided gets nothing, and what waits in the outbox is skipped.
        """
        cancelled = await self._shelf.cancel(campaign_id, CANCELLED_FROM, now=self._clock())
        if cancelled is None:
            raise WrongState((await self._accounts.found(campaign_id)).state)
        self._runner.wake()
        return cancelled

    async def retry(self, campaign_id: str) -> int:
        """Have those tried again that are dead; answers how many.

        Under the same Message-ID, so whoever got it after all can drop the second. A campaign that was
        finished runs again.
        """
        campaign = await self._accounts.found(campaign_id)
        if campaign.state not in (CampaignState.FINISHED, CampaignState.RUNNING):
            raise WrongState(campaign.state)
        again = await self._shelf.retry(campaign_id, now=self._clock())
        self._runner.wake()
        return again

    async def _moved(self, campaign_id: str, moved: Campaign | None) -> Progress:
        """The campaign after a move; `WrongState` where there was none, with the state that it is in."""
        if moved is None:
            raise WrongState((await self._accounts.found(campaign_id)).state)
        self._runner.wake()
        return await self._accounts.told(moved)
