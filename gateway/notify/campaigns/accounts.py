"""The accounts of campaigns: each as it stands, what became of its recipients, and whether that comes out even.

Both `book` and `steering` answer with it, and raise its errors. Nothing is counted along the way: figures are
counted from the rows each time they are asked for, so none can be off after a crash.
"""

from dataclasses import dataclass

from gateway.experiments.results import Results
from gateway.ground.clock import Clock
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.plans import Plan, plan_of
from storage.campaigns import Campaign, Campaigns, CampaignState
from storage.mail import AFTER_SENT
from storage.recipients import RecipientCounts, Recipients, RecipientState


class NoSuchCampaign(Exception):
    """There is none of this id: it was never made, or is forgotten by now."""


class WrongState(Exception):
    """The campaign's state does not allow what was asked.

    Nothing was changed. `state` is the one that it was found in.
    """

    def __init__(self, state: CampaignState) -> None:
        super().__init__(f"the campaign is {state}")
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A campaign, and what became of its recipients so far.

    It is put together of several reads while the campaign goes on; each is right for its moment.
    """

    campaign: Campaign
    plan: Plan
    counts: RecipientCounts
    """By state of the recipients, by rule of those who are skipped, and by state of the mails."""
    experiment: Results | None = None
    """None of a campaign that says it in one way."""

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
    """Looks campaigns up. Raises `StoreUnavailable`.

    It only reads, and keeps nothing.
    """

    def __init__(self, shelf: Campaigns, recipients: Recipients, clock: Clock) -> None:
        self._shelf = shelf
        self._recipients = recipients
        self._clock = clock

    async def found(self, campaign_id: str) -> Campaign:
        """The campaign of this id. Raises `NoSuchCampaign`."""
        campaign = await self._shelf.find(campaign_id)
        if campaign is None:
            raise NoSuchCampaign(campaign_id)
        return campaign

    async def told(self, campaign: Campaign) -> Progress:
        """The campaign with its figures of now.

        One question to the shelf of recipients, and two more with an experiment. Raises `StorageError`.
        """
        return Progress(
            campaign=campaign,
            plan=plan_of(campaign),
            counts=await self._recipients.counts(campaign.id),
            experiment=await trial.told(self._recipients, campaign, now=self._clock()),
        )
