"""What the contract tests of campaigns and of their recipients share: campaigns that have come so far, and looks at them."""

from typing import Any

from storage.campaigns import Campaign, CampaignState, Lead
from storage.endings import Buried
from storage.ids import uuid7
from storage.mail import LaneName
from storage.obligations import Kind, Obligation, Subject
from storage.recipients import Decided, Recipient, RecipientState
from tests.contract.store_cases import NOW, mail, notification

DRAFT, SCHEDULED, RUNNING = CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.RUNNING
PAUSED, FINISHED = CampaignState.PAUSED, CampaignState.FINISHED
PENDING, OWED, SENT = RecipientState.PENDING, RecipientState.OWED, RecipientState.SENT
SKIPPED, DEAD, CANCELLED = RecipientState.SKIPPED, RecipientState.DEAD, RecipientState.CANCELLED


def campaign(**fields: Any) -> Campaign:
    return Campaign(
        **{"id": uuid7(), "name": "Autumn", "type": "NEWS", "plan": '{"$a.b": 1}', "by": "service:shop", "created_at": NOW}
        | fields
    )  # fmt: skip


def recipient(user: str = "ann", **fields: Any) -> Recipient:
    return Recipient(id=uuid7(), user=user, **fields)


async def draft(store: Any, *users: str, **fields: Any) -> tuple[Campaign, list[Recipient]]:
    """A campaign with these recipients."""
    made = campaign(**fields)
    await store.campaigns.create(made)
    recipients = [recipient(user) for user in users]
    assert await store.recipients.add(made.id, recipients, now=NOW) == len(users)
    return made, recipients


async def started(store: Any, *users: str) -> tuple[Lead, list[Recipient]]:
    """A campaign that runs, with all its recipients written down, and who leads it."""
    made, recipients = await draft(store, *users)
    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)
    lead = await store.campaigns.lead(lease_seconds=60, now=NOW)
    assert lead is not None
    assert await store.campaigns.gathered(lead, upto=None, is_whole=True, now=NOW)
    return lead, recipients


def owed(lead: Lead, one: Recipient, id_: str | None = None) -> Decided:
    id_ = id_ or uuid7()
    news = notification(f"user:{one.user}", id=id_, in_app=False)
    obligation = Obligation(
        id=id_, of=Subject(kind=Kind.CAMPAIGN, id=lead.campaign.id), news=news,
        mail=mail(to=f"{one.user}@example.org", lane=LaneName.BULK),
    )  # fmt: skip
    return Decided(id=one.id, state=OWED, obligation=obligation)


async def leases(store: Any, limit: int = 100, at: Any = NOW) -> list[Any]:
    return await store.outbox.lease(lane=LaneName.BULK, limit=limit, lease_seconds=60, now=at)


async def buried(store: Any, lead: Lead, one: Recipient, *others: Decided) -> Decided:
    """A recipient whose mail was given up on, and noted as dead; `others` are decided for along with it."""
    await store.recipients.decide(lead, [decided := owed(lead, one), *others], now=NOW)
    [lease] = await leases(store)
    await store.outbox.end(lease, Buried(reason="no"), now=NOW)
    await store.recipients.collect(lead.campaign.id, limit=9, now=NOW)
    return decided


async def rows(store: Any, campaign_id: str) -> dict[RecipientState, int]:
    return {
        state: number for state, number in (await store.recipients.counts(campaign_id)).rows.items() if number
    }


async def states(store: Any, campaign_id: str) -> dict[str | None, RecipientState]:
    page = await store.recipients.page(campaign_id, state=None, after=None, limit=100)
    return {row.user: row.state for row in page.items}
