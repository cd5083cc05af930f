"""What can be asked of campaigns: making one, importing, looking, trying it. Whether it runs is `steering`'s.

Admins and services ask it. It works on nothing itself:
`running` does, on whichever node, by what the store says.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.notify.campaigns.accounts import Accounts, Progress, WrongState
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
from gateway.notify.campaigns.speech import sendable
from gateway.notify.campaigns.steering import Steering
from gateway.notify.choosing.choices import Choices
from gateway.notify.preferences.chosen import Consent
from gateway.notify.requests import Unfit
from storage.campaigns import Campaign, CampaignPage, Campaigns, CampaignState
from storage.ids import uuid7
from storage.outbox import Outbox
from storage.recipients import Recipient, RecipientPage, Recipients, RecipientState

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

AGREED_AT_ONCE = 20
"""Consents of an import that are written down at the same time."""
NOT_YOURS = "consent: who tells of one must be allowed to choose for people, by the scope admin."
AHEAD_OF_TIME = "consent.at: Must not lie ahead."


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What became of some lines of an import.

    It is of one part of an import, which is taken some lines at a time.
    """

    added: int
    known: int
    """Of users who were in the campaign before."""
    agreed: int = 0
    """Of users whose consent counts by this, and did not before."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """By line, why it is left out: its data do not fit the type, or its consent cannot be. The others are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would become of some recipients now.

    What is held or skipped for now may be decided otherwise when it is its turn.
    """

    looked_at: int
    """Recipients that this part has looked at; the other figures add up to it."""
    send: int
    later: Mapping[str, int]
    """By the rule that holds them: their own time, quiet hours, the experiment."""
    skipped: Mapping[str, int]
    """By the rule that says no."""
    dead: int
    """Those for whom no mail can be made, such as for data that do not fit."""
    next: str | None
    """Where the next part begins."""


class CampaignBook:
    """The use cases of campaigns. They raise `StoreUnavailable`, `NoSuchCampaign` and `WrongState`.

    What it checks of a plan is checked as it is made, by the catalog of that moment. What a later catalog
    makes impossible pauses the campaign (`Speech.hindrance`).
    """

    def __init__(
        self,
        shelf: Campaigns,
        recipients: Recipients,
        *,
        outbox: Outbox,
        catalog: LiveCatalog,
        audiences: Audiences,
        drafter: Drafter,
        runner: CampaignRunner,
        choices: Choices,
        clock: Clock,
    ) -> None:
        self._choices = choices
        self._shelf = shelf
        self._recipients = recipients
        self._outbox = outbox
        self._catalog = catalog
        self._audiences = audiences
        self._drafter = drafter
        self._runner = runner
        self._clock = clock
        self._accounts = Accounts(shelf, recipients, clock)
        self.steering = Steering(shelf, catalog=catalog, accounts=self._accounts, runner=runner, clock=clock)
        """Whether they run."""

    async def create(self, asked: CampaignRequest, *, by: str) -> Progress:
        """Make a draft. Raises `Unfit` for a type that no campaign can be of.

        Nothing is sent by it. A draft that is never started is forgotten in its time, like what has ended.
        """
        _, type_ = sendable(self._catalog, asked.type)
        if asked.plan.in_app is not None and not type_.in_app:
            raise Unfit({"in_app": [f"The type {type_.name} is for mail only."]})
        self._check_words(type_, asked.plan)
        if not isinstance(asked.plan.audience, Imported) or asked.plan.in_app is not None:
            # Here nobody brings data of their own: the campaign's are all that there are.
            self._check(type_, asked.plan.data)
        campaign = Campaign(
            id=uuid7(), name=asked.name, type=asked.type, plan=written(asked.plan), by=by, created_at=self._clock(),
            send_at=asked.send_at,
        )  # fmt: skip
        await self._shelf.create(campaign)
        return await self._accounts.told(campaign)

    def _check_words(self, type_: "NotificationType", plan: Plan) -> None:
        """Whether its own texts, if it has any, are sound, and what comes of several can be told."""
        is_by_clicks = plan.experiment is not None and plan.experiment.metric == "click"
        if is_by_clicks and (type_.email is None or not type_.email.clicks):
            raise Unfit({"variants": [f"Are judged by clicks, and {type_.name} has no clicks in its email."]})
        if plan.texts or plan.variants:
            from gateway.notify.campaigns import own_words

            if errors := own_words.problems(type_, plan):
                raise Unfit(errors)

    def _check(self, type_: "NotificationType", data: Mapping[str, object]) -> None:
        """Raise `Unfit` where the data do not fit the type."""
        if errors := self._problems(type_, data):
            raise Unfit(errors)

    def _problems(self, type_: "NotificationType", data: Mapping[str, object]) -> dict[str, list[str]]:
        """What is wrong with the data, by the place of each, as sentences. The catalog is there: the type was found in it."""
        catalog = self._catalog.current
        assert catalog is not None
        errors: dict[str, list[str]] = {}
        for pointer, problem in catalog.problems(type_, data):
            errors.setdefault(pointer, []).append(f"{problem[:1].upper()}{problem[1:]}.")
        return errors

    async def page(self, *, before: str | None, limit: int) -> CampaignPage:
        """Campaigns, newest first. Raises `InvalidCursor`."""
        return await self._shelf.page(before=before, limit=limit)

    async def progress(self, campaign_id: str) -> Progress:
        """The campaign with its figures of now."""
        return await self._accounts.told(await self._accounts.found(campaign_id))

    async def recipients(self, asked: RecipientsRequest) -> RecipientPage:
        """A page of its recipients, with what became of each."""
        await self._accounts.found(asked.campaign)
        return await self._recipients.page(
            asked.campaign, state=asked.state, after=asked.after, limit=asked.limit
        )

    async def convert(self, campaign_id: str, users: Sequence[str]) -> bool:
        """A backend says that these have done what the campaign is to bring about.

        When this returns it is stored, of each the first time, and of those alone who are on trial and were sent the mail before.
        False where there is no such campaign, or none with an experiment. Raises `Unfit` for one that counts something else.
        """
        campaign = await self._shelf.find(campaign_id)
        experiment = None if campaign is None else plan_of(campaign).experiment
        if experiment is None:
            return False
        if experiment.metric != "conversion":
            raise Unfit({"users": [f"The experiment counts by {experiment.metric}, which nobody need tell."]})
        await self._recipients.converted(campaign_id, users, at=self._clock())
        return True

    # Importing

    async def importing(self, campaign_id: str) -> Campaign:
        """The campaign, if recipients may be imported into it now.

        Asked once, before the lines come: what it says may be over by the next line, and `take` looks again.
        """
        campaign = await self._accounts.found(campaign_id)
        if campaign.state is not CampaignState.DRAFT:
            raise WrongState(campaign.state)
        if not isinstance(plan_of(campaign).audience, Imported):
            raise Unfit({"audience": ["The campaign's is not imported."]})
        return campaign

    async def take(
        self, campaign: Campaign, lines: Sequence[RecipientRequest], *, by: str, may_choose: bool
    ) -> Imports:
        """Write these recipients down; it is safe to repeat. Of what anybody has chosen it changes nothing, but where a
        line brings a consent, and its sender `may_choose` for people.

        A user who is in the campaign already stays as is, and is counted as known. So an import that was cut
        off is begun again from its start.
        """
        (_, type_), plan = sendable(self._catalog, campaign.type), plan_of(campaign)
        recipients, refused = [], {}
        consents: list[tuple[str, Consent]] = []
        for line in lines:
            if errors := self._problems(type_, {**plan.data, **line.given.data}):
                refused[line.line] = f"{Unfit(errors)}"
                continue
            if line.consent is not None:
                if not may_choose:
                    refused[line.line] = NOT_YOURS
                    continue
                if line.consent.at > self._clock():
                    refused[line.line] = AHEAD_OF_TIME
                    continue
                consents.append((line.user, line.consent))
            given = None if line.given == NOTHING_GIVEN else written(line.given)
            recipients.append(Recipient(id=uuid7(), user=line.user, address=line.address, given=given))
        added = await self._recipients.add(campaign.id, recipients, now=self._clock())
        # It was started since: whoever is not in it by then does not come to it.
        if added is None:
            raise WrongState((await self._accounts.found(campaign.id)).state)
        agreed = 0
        for start in range(0, len(consents), AGREED_AT_ONCE):
            part = consents[start : start + AGREED_AT_ONCE]
            agreed += sum(
                await asyncio.gather(
                    *(self._choices.agree(user, type_, consent, by=by) for user, consent in part)
                )
            )
        return Imports(added=added, known=len(recipients) - added, agreed=agreed, refused=refused)

    # Before it is started

    async def dry_run(self, asked: DryRunRequest) -> DryRun:
        """What would become of a part of the recipients if they were decided for now.

        Nothing is kept. It decides as the runner would, and so costs as much; `limit` bounds it.
        """
        campaign = await self._accounts.found(asked.campaign)
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
        """A part of those who are still to be decided, and where the next begins: from the rows, or, of an
        audience that is not written down, from that.
        """
        audience = plan_of(campaign).audience
        if campaign.gathered or isinstance(audience, Imported):
            found = await self._recipients.pending(campaign.id, after=asked.after, limit=asked.limit)
            return found, found[-1].id if len(found) == asked.limit else None
        page = await self._audiences.page(audience, after=asked.after, limit=asked.limit)
        return page.recipients, page.next

    async def test(self, asked: TestRequest) -> list[str]:
        """Send the mail to a few addresses; answers the mails' ids. Raises `Unfit` for data that do not fit.

        They are no recipients, and count nowhere. Asked again, it sends again.
        """
        obligations = await self._drafter.test(
            await self._accounts.found(asked.campaign), asked, now=self._clock()
        )
        await self._outbox.owe(obligations)
        self._runner.hurry()
        return [each.id for each in obligations]
