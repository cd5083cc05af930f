"""What can be asked of campaigns: making one, importing, looking, and deciding whether it runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.notify.campaigns.audience import Audiences
from gateway.notify.campaigns.drafting import Drafter
from gateway.notify.campaigns.plans import (
    NOTHING_GIVEN,
    CampaignRequest,
    DryRunRequest,
    Imported,
    Plan,
    RecipientRequest,
    RecipientsRequest,
    TestRequest,
    plan_of,
    written,
)
from gateway.notify.campaigns.running import CampaignRunner
from gateway.notify.requests import Unfit
from storage.campaigns import (
    Campaign,
    CampaignPage,
    Campaigns,
    CampaignState,
    Cancelled,
    Counts,
    Recipient,
    RecipientPage,
    RecipientState,
)
from storage.ids import uuid7
from storage.mail import AFTER_SENT, LaneName
from storage.outbox import Outbox

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

STARTED_FROM = (CampaignState.DRAFT,)
PAUSED_FROM = (CampaignState.SCHEDULED, CampaignState.RUNNING)
RESUMED_FROM = (CampaignState.PAUSED,)
CANCELLED_FROM = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.RUNNING,
    CampaignState.PAUSED,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What became of some lines of an import."""

    added: int
    known: int
    """Of users who were in the campaign before."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """By line, why it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would become of some recipients now."""

    looked_at: int
    send: int
    later: Mapping[str, int]
    """By the rule that holds them."""
    skipped: Mapping[str, int]
    """By the rule that says no."""
    dead: int
    next: str | None
    """Where the next part begins."""


class CampaignBook:
    """The use cases of campaigns. They raise `StoreUnavailable`, `NoSuchCampaign` and `WrongState`."""

    def __init__(
        self,
        shelf: Campaigns,
        *,
        outbox: Outbox,
        catalog: LiveCatalog,
        audiences: Audiences,
        drafter: Drafter,
        runner: CampaignRunner,
        clock: Clock,
    ) -> None:
        self._shelf = shelf
        self._outbox = outbox
        self._catalog = catalog
        self._audiences = audiences
        self._drafter = drafter
        self._runner = runner
        self._clock = clock

    async def create(self, asked: CampaignRequest, *, by: str) -> Progress:
        """Make a draft. Raises `Unfit` for a type that no campaign can be of."""
        type_ = self._type(asked.type)
        if asked.plan.in_app is not None and not type_.in_app:
            raise Unfit({"in_app": [f"The type {type_.name} is for mail only."]})
        if not isinstance(asked.plan.audience, Imported) or asked.plan.in_app is not None:
            # Here nobody brings data of their own: the campaign's are all that there are.
            self._check(type_, asked.plan.data)
        campaign = Campaign(
            id=uuid7(), name=asked.name, type=asked.type, plan=written(asked.plan), by=by, created_at=self._clock(),
            send_at=asked.send_at,
        )  # fmt: skip
        await self._shelf.create(campaign)
        return Progress(campaign=campaign, plan=asked.plan, counts=Counts(rows={}))

    def _type(self, name: str) -> "NotificationType":
        catalog = self._catalog.current
        type_ = None if catalog is None else catalog.types.get(name)
        if type_ is None:
            raise Unfit({"type": ["Must be a type of the catalog."]})
        if LaneName(type_.lane) is not LaneName.BULK:
            raise Unfit({"type": ['Must be of the lane "bulk": nobody waits for a newsletter.']})
        if type_.email is None or not type_.wordings:
            raise Unfit({"type": ["Must have mail, and words."]})
        return type_

    def _check(self, type_: "NotificationType", data: Mapping[str, object]) -> None:
        if errors := self._problems(type_, data):
            raise Unfit(errors)

    def _problems(self, type_: "NotificationType", data: Mapping[str, object]) -> dict[str, list[str]]:
        catalog = self._catalog.current
        assert catalog is not None
        errors: dict[str, list[str]] = {}
        for pointer, problem in catalog.problems(type_, data):
            errors.setdefault(pointer, []).append(f"{problem[:1].upper()}{problem[1:]}.")
        return errors

    async def page(self, *, before: str | None, limit: int) -> CampaignPage:
        """Newest first. Raises `InvalidCursor`."""
        return await self._shelf.page(before=before, limit=limit)

    async def progress(self, campaign_id: str) -> Progress:
        return await self._told(await self._found(campaign_id))

    async def recipients(self, asked: RecipientsRequest) -> RecipientPage:
        await self._found(asked.campaign)
        return await self._shelf.recipients(
            asked.campaign, state=asked.state, after=asked.after, limit=asked.limit
        )

    # Importing

    async def importing(self, campaign_id: str) -> Campaign:
        """The campaign, if recipients may be imported into it now."""
        campaign = await self._found(campaign_id)
        if campaign.state is not CampaignState.DRAFT:
            raise WrongState(campaign.state)
        if not isinstance(plan_of(campaign).audience, Imported):
            raise Unfit({"audience": ["The campaign's is not imported."]})
        return campaign

    async def take(self, campaign: Campaign, lines: Sequence[RecipientRequest]) -> Imports:
        """Write these recipients down; it is safe to repeat. Nothing is told of consent by it, and nothing is changed."""
        type_, plan = self._type(campaign.type), plan_of(campaign)
        recipients, refused = [], {}
        for line in lines:
            if errors := self._problems(type_, {**plan.data, **line.given.data}):
                refused[line.line] = f"{Unfit(errors)}"
                continue
            given = None if line.given == NOTHING_GIVEN else written(line.given)
            recipients.append(Recipient(id=uuid7(), user=line.user, address=line.address, given=given))
        added = await self._shelf.add(campaign.id, recipients, now=self._clock())
        if added is None:
            raise WrongState((await self._found(campaign.id)).state)
        return Imports(added=added, known=len(recipients) - added, refused=refused)

    # Before it is started

    async def dry_run(self, asked: DryRunRequest) -> DryRun:
        """What would become of a part of the recipients if they were decided for now."""
        campaign = await self._found(asked.campaign)
        recipients, following = await self._ahead(campaign, asked)
        decided = await self._drafter.decide(campaign, recipients, now=self._clock())
        of: dict[RecipientState, Counter[str]] = {state: Counter() for state in RecipientState}
        for each in decided:
            of[each.state][each.rule or ""] += 1
        return DryRun(
            looked_at=len(recipients),
            send=of[RecipientState.OWED].total(),
            later=of[RecipientState.PENDING],
            skipped=of[RecipientState.SKIPPED],
            dead=of[RecipientState.DEAD].total(),
            next=following,
        )

    async def _ahead(self, campaign: Campaign, asked: DryRunRequest) -> tuple[list[Recipient], str | None]:
        """A part of those who are still to be decided, and where the next begins."""
        audience = plan_of(campaign).audience
        if campaign.gathered or isinstance(audience, Imported):
            found = await self._shelf.pending(campaign.id, after=asked.after, limit=asked.limit)
            return found, found[-1].id if len(found) == asked.limit else None
        page = await self._audiences.page(audience, after=asked.after, limit=asked.limit)
        return page.recipients, page.next

    async def test(self, asked: TestRequest) -> list[str]:
        """Send the mail to a few addresses; answers the mails' ids. Raises `Unfit` for data that do not fit."""
        obligations = await self._drafter.test(await self._found(asked.campaign), asked, now=self._clock())
        await self._outbox.owe(obligations)
        self._runner.hurry()
        return [each.id for each in obligations]

    # Whether it runs

    async def start(self, campaign_id: str) -> Progress:
        """Begin, or have it begin at its time. Raises `Unfit` when the catalog has no such type any more."""
        campaign = await self._found(campaign_id)
        self._type(campaign.type)
        now = self._clock()
        is_later = campaign.send_at is not None and campaign.send_at > now
        to = CampaignState.SCHEDULED if is_later else CampaignState.RUNNING
        wake_at = campaign.send_at if is_later else now
        moved = await self._shelf.move(campaign_id, STARTED_FROM, to, now=now, wake_at=wake_at)
        return await self._moved(campaign_id, moved)

    async def pause(self, campaign_id: str) -> Progress:
        now = self._clock()
        moved = await self._shelf.move(campaign_id, PAUSED_FROM, CampaignState.PAUSED, now=now, wake_at=now)
        return await self._moved(campaign_id, moved)

    async def resume(self, campaign_id: str) -> Progress:
        """Go on where it was paused; one that has never begun begins at its time, or now if that is over."""
        campaign = await self._found(campaign_id)
        now = self._clock()
        is_later = campaign.started_at is None and campaign.send_at is not None and campaign.send_at > now
        to = CampaignState.SCHEDULED if is_later else CampaignState.RUNNING
        wake_at = campaign.send_at if is_later else now
        moved = await self._shelf.move(campaign_id, RESUMED_FROM, to, now=now, wake_at=wake_at)
        return await self._moved(campaign_id, moved)

    async def cancel(self, campaign_id: str) -> Cancelled:
        """End it. What a worker holds at this moment may leave still, and is counted."""
        cancelled = await self._shelf.cancel(campaign_id, CANCELLED_FROM, now=self._clock())
        if cancelled is None:
            raise WrongState((await self._found(campaign_id)).state)
        self._runner.wake()
        return cancelled

    async def retry(self, campaign_id: str) -> int:
        """Have those tried again that are dead; answers how many."""
        campaign = await self._found(campaign_id)
        if campaign.state not in (CampaignState.FINISHED, CampaignState.RUNNING):
            raise WrongState(campaign.state)
        again = await self._shelf.retry(campaign_id, now=self._clock())
        self._runner.wake()
        return again

    async def _moved(self, campaign_id: str, moved: Campaign | None) -> Progress:
        if moved is None:
            raise WrongState((await self._found(campaign_id)).state)
        self._runner.wake()
        return await self._told(moved)

    async def _found(self, campaign_id: str) -> Campaign:
        campaign = await self._shelf.find(campaign_id)
        if campaign is None:
            raise NoSuchCampaign(campaign_id)
        return campaign

    async def _told(self, campaign: Campaign) -> Progress:
        return Progress(
            campaign=campaign, plan=plan_of(campaign), counts=await self._shelf.counts(campaign.id)
        )
