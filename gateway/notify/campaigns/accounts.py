"""The accounts of campaigns: each as it stands, what became of its recipients, and whether that comes out even."""

from dataclasses import dataclass

from gateway.experiments.results import Results
from gateway.ground.clock import Clock
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.plans import Plan, plan_of
from storage.campaigns import Campaign, Campaigns, CampaignState
from storage.mail import AFTER_SENT
from storage.recipients import Counts, Recipients, RecipientState


class NoSuchCampaign(Exception):
    """There is none of this id."""


class WrongState(Exception):
    """The campaign's state does not allow what was asked."""

    def __init__(self, state: CampaignState) -> None:
        super().__init__(f"the campaign is {state}")
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A campaign, and what became of its recipients so far."""

    campaign: Campaign
    plan: Plan
    counts: Counts
    experiment: Results | None = None

    @property
    def imported(self) -> int:
        """How many it has, or has been given so far."""
        total = self.campaign.recipients
        return sum(self.counts.rows.values()) if total is None else total

    @property
    def is_exact(self) -> bool:
        """Whether each of those who were written down has one end or is still to come, and each mail that left is one's."""
        rows = self.counts.rows
        left = sum(self.counts.mails.get(state, 0) for state in AFTER_SENT)
        sent, owed = (rows.get(state, 0) for state in (RecipientState.SENT, RecipientState.OWED))
        # A mail that has just left is its recipient's a moment later.
        return sum(rows.values()) == self.imported and sent <= left <= sent + owed


class Accounts:
    """Looks campaigns up. Raises `StoreUnavailable`."""

    def __init__(self, shelf: Campaigns, recipients: Recipients, clock: Clock) -> None:
        self._shelf = shelf
        self._recipients = recipients
        self._clock = clock

    async def found(self, campaign_id: str) -> Campaign:
        """Raises `NoSuchCampaign`."""
        campaign = await self._shelf.find(campaign_id)
        if campaign is None:
            raise NoSuchCampaign(campaign_id)
        return campaign

    async def told(self, campaign: Campaign) -> Progress:
        return Progress(
            campaign=campaign,
            plan=plan_of(campaign),
            counts=await self._recipients.counts(campaign.id),
            experiment=await trial.told(self._recipients, campaign, now=self._clock()),
        )
