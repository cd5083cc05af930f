"""The sentences of `storage/campaigns.py`, held against every store."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from storage.campaigns import RULE, TEST, Campaign, CampaignState, Lead
from storage.endings import Buried, Postponed, Sent, Skipped
from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.mongo import MongoStore, campaign_recipients, campaign_rows, obligations
from storage.obligations import Kind, Obligation, Subject
from storage.people import Contact, Told
from storage.recipients import (
    DUPLICATE,
    UNOWED,
    Counted,
    Decided,
    Heard,
    Recipient,
    RecipientState,
    VariantCount,
)
from tests.contract.store_cases import NOW, later, mail, notification

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


async def test_a_draft_is_found_as_it_was_made_and_pages_come_newest_first(store, other):
    made = [
        campaign(created_at=later(n), send_at=later(99) if n else None, name=f"Größe {n}") for n in range(3)
    ]
    for each in made:
        await store.campaigns.create(each)

    assert await other.campaigns.find(made[1].id) == made[1]
    assert await other.campaigns.find("no such") is None
    assert await other.campaigns.find("\ud800") is None
    first = await other.campaigns.page(before=None, limit=2)
    assert first.items == (made[2], made[1])
    last = await other.campaigns.page(before=first.next, limit=2)
    assert (last.items, last.next) == ((made[0],), None)
    with pytest.raises(InvalidCursor):
        await store.campaigns.page(before="nonsense", limit=2)


async def test_recipients_are_added_to_a_draft_each_user_once_and_to_nothing_else(store, other):
    made, _ = await draft(store, "ann", "bob")
    again = [recipient("bob", address="new@example.org"), recipient("cara"), recipient("cara")]

    assert await other.recipients.add(made.id, again, now=later(1)) == 1
    assert await other.recipients.add(made.id, [], now=later(1)) == 0
    assert await other.recipients.add("no such", [recipient()], now=NOW) is None
    page = await store.recipients.page(made.id, state=PENDING, after=None, limit=2)
    assert [(row.user, row.address, row.state) for row in page.items] == [
        ("ann", None, PENDING),
        ("bob", None, PENDING),
    ]
    rest = await store.recipients.page(made.id, state=None, after=page.next, limit=2)
    assert [(row.user, rest.next) for row in rest.items] == [("cara", None)]
    assert [
        each.user for each in await store.recipients.pending(made.id, after=page.items[0].id, limit=1)
    ] == ["bob"]

    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)
    assert await store.recipients.add(made.id, [recipient("dan")], now=NOW) is None
    assert await rows(store, made.id) == {PENDING: 3}


async def test_many_importers_at_once_add_each_user_once(store, other):
    made, _ = await draft(store)
    users = [f"u{n}" for n in range(300)]

    added = await asyncio.gather(
        *(
            each.recipients.add(made.id, [recipient(user) for user in users[start : start + 200]], now=NOW)
            for each in (store, other)
            for start in (0, 100)
        )
    )

    assert sum(added) == len(users)
    assert await rows(store, made.id) == {PENDING: len(users)}


async def test_a_campaign_moves_only_from_where_it_is_said_to_be(store):
    made, _ = await draft(store, "ann")

    assert await store.campaigns.move(made.id, [RUNNING], PAUSED, now=NOW) is None
    scheduled = await store.campaigns.move(made.id, [DRAFT], SCHEDULED, now=NOW, wake_at=later(50))
    assert (scheduled.state, scheduled.started_at) == (SCHEDULED, None)
    assert await store.campaigns.next_wake() == later(50)
    running = await store.campaigns.move(made.id, [SCHEDULED], RUNNING, now=later(50), wake_at=later(50))
    assert (running.state, running.started_at) == (RUNNING, later(50))
    paused = await store.campaigns.move(made.id, [RUNNING], PAUSED, now=later(60), reason="why")
    assert (paused.state, paused.reason, paused.ended_at) == (PAUSED, "why", None)
    assert await store.campaigns.next_wake() is None
    assert paused.resumed_at is None
    again = await store.campaigns.move(
        made.id, [PAUSED], RUNNING, now=later(70), wake_at=later(70), resumes=True
    )
    assert (again.started_at, again.reason, again.resumed_at) == (later(50), None, later(70))
    await store.campaigns.move(made.id, [RUNNING], PAUSED, now=later(80))
    assert (await store.campaigns.find(made.id)).resumed_at == later(70)


async def test_those_are_counted_that_are_paused_though_nobody_has_asked_for_it(store, other):
    asked, stopped, gone = [(await draft(store))[0] for _ in range(3)]
    for each in (asked, stopped, gone):
        await store.campaigns.move(each.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)
    assert await store.campaigns.stopped() == 0

    await store.campaigns.move(asked.id, [RUNNING], PAUSED, now=NOW)
    for each in (stopped, gone):
        await store.campaigns.move(each.id, [RUNNING], PAUSED, now=NOW, reason="6 % came back")
    assert await other.campaigns.stopped() == 2
    await store.campaigns.cancel(gone.id, [PAUSED], now=NOW)
    assert await other.campaigns.stopped() == 1
    await store.campaigns.move(stopped.id, [PAUSED], RUNNING, now=NOW, wake_at=NOW)

    assert await other.campaigns.stopped() == 0


async def test_a_campaign_is_led_by_one_until_its_lease_ends_or_it_is_given_back(store, other):
    made, _ = await draft(store, "ann")
    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=later(1))

    assert await store.campaigns.lead(lease_seconds=10, now=NOW) is None
    lead = await store.campaigns.lead(lease_seconds=10, now=later(1))
    assert lead.campaign.id == made.id
    assert await other.campaigns.lead(lease_seconds=10, now=later(10)) is None
    taken = await other.campaigns.lead(lease_seconds=10, now=later(11))
    assert taken.campaign == lead.campaign
    assert (lead.due_at, taken.due_at) == (later(1), later(11))
    assert await other.recipients.add(made.id, [recipient("eve")], now=NOW, gathering=True) == 1

    # Who was too slow changes nothing.
    await store.campaigns.rest(lead, wake_at=later(12), now=later(12))
    assert not await store.campaigns.gathered(lead, upto="x", is_whole=True, now=later(12))
    assert await store.campaigns.lead(lease_seconds=10, now=later(12)) is None
    assert await other.campaigns.gathered(taken, upto="ann", is_whole=False, now=later(12))
    assert (await store.campaigns.find(made.id)).gathered_upto == "ann"
    await other.campaigns.announce(taken, "told")
    assert await other.campaigns.gathered(taken, upto=None, is_whole=True, now=later(12))
    await other.campaigns.rest(taken, wake_at=None, now=later(13))
    assert await store.campaigns.next_wake() is None
    found = await store.campaigns.find(made.id)
    assert (found.gathered, found.recipients, found.announced) == (True, 2, "told")
    assert await store.recipients.add(made.id, [recipient("bob")], now=NOW, gathering=True) is None


async def test_what_is_decided_stays_and_its_mail_is_owed_once(store, other):
    lead, [ann, bob, cara] = await started(store, "ann", "bob", "cara")
    assert [each.id for each in await store.recipients.due(lead.campaign.id, limit=2, now=NOW)] == [
        ann.id,
        bob.id,
    ]
    first = owed(lead, ann)
    waits = Decided(id=cara.id, state=PENDING, wake_at=later(60), rule="quiet_hours", reason="sleeps")
    no = Decided(id=bob.id, state=SKIPPED, rule="preferences", reason="does not want it")

    assert await store.recipients.decide(lead, [first, no, waits], now=NOW) == 1
    # Another, who was slower, has decided otherwise.
    await other.recipients.decide(lead, [replace(no, id=ann.id), owed(lead, bob)], now=later(1))

    assert await states(store, lead.campaign.id) == {"ann": OWED, "bob": SKIPPED, "cara": PENDING}
    counts = await store.recipients.counts(lead.campaign.id)
    assert (counts.skipped, counts.mails) == ({"preferences": 1}, {MailState.PENDING: 1})
    assert [lease.id for lease in await leases(store)] == [first.obligation.id]
    assert await store.recipients.due(lead.campaign.id, limit=9, now=later(59)) == []
    assert await store.recipients.next_due(lead.campaign.id) == later(60)
    assert await store.recipients.due(lead.campaign.id, limit=9, now=later(60)) == [cara]


async def test_of_two_who_have_one_address_the_second_is_skipped(store):
    lead, [ann, bob, cara] = await started(store, "ann", "bob", "cara")
    shared = uuid7()

    assert (
        await store.recipients.decide(lead, [owed(lead, ann, shared), owed(lead, bob, shared)], now=NOW) == 1
    )
    await store.recipients.decide(lead, [owed(lead, cara, shared)], now=NOW)

    assert await states(store, lead.campaign.id) == {"ann": OWED, "bob": SKIPPED, "cara": SKIPPED}
    counts = await store.recipients.counts(lead.campaign.id)
    assert (counts.skipped, counts.mails) == ({DUPLICATE: 2}, {MailState.PENDING: 1})


async def test_what_became_of_mails_is_collected_and_then_the_campaign_can_be_finished(store, other):
    lead, all_ = await started(store, "ann", "bob", "cara", "dan")
    await store.recipients.decide(lead, [owed(lead, each) for each in all_], now=NOW)
    by_user = {lease.notification.room: lease for lease in await leases(store)}

    await store.outbox.end(by_user["user:ann"], Sent(relay_id="r"), now=NOW)
    await store.outbox.end(by_user["user:bob"], Skipped(rule="suppression", reason="refused"), now=NOW)
    await store.outbox.end(by_user["user:cara"], Buried(reason="no such mailbox"), now=NOW)

    assert await store.recipients.collect(lead.campaign.id, limit=10, now=later(1)) == 1
    assert await states(store, lead.campaign.id) == {"ann": SENT, "bob": SKIPPED, "cara": DEAD, "dan": OWED}
    page = await other.recipients.page(lead.campaign.id, state=SENT, after=None, limit=9)
    [row] = page.items
    assert (row.user, row.address, row.mail_state) == ("ann", "ann@example.org", MailState.SENT)
    assert not await store.campaigns.finish(lead, now=later(1))
    await store.outbox.end(by_user["user:dan"], Sent(), now=later(2))
    assert await store.recipients.collect(lead.campaign.id, limit=10, now=later(2)) == 0
    assert await store.campaigns.finish(lead, now=later(3))

    found = await other.campaigns.find(lead.campaign.id)
    assert (found.state, found.ended_at) == (FINISHED, later(3))
    counts = await store.recipients.counts(lead.campaign.id)
    assert counts.mails == {MailState.SENT: 2, MailState.SKIPPED: 1, MailState.DEAD: 1}
    # What comes back later changes what was heard, and not that it was sent.
    await store.outbox.came_back(by_user["user:ann"].id, MailState.BOUNCED, reason="full", now=later(9))
    counts = await store.recipients.counts(lead.campaign.id)
    assert (counts.rows[SENT], counts.mails[MailState.BOUNCED]) == (2, 1)


async def test_who_does_not_lead_a_campaign_any_more_does_not_finish_it(store, other):
    """Somebody has had it go on meanwhile: what that is for is not seen by who came before."""
    late, _ = await started(store)
    await store.campaigns.rest(late, wake_at=NOW, now=NOW)
    lead = await other.campaigns.lead(lease_seconds=60, now=NOW)

    assert not await store.campaigns.finish(late, now=later(1))
    assert (await store.campaigns.find(lead.campaign.id)).state is RUNNING
    assert await other.campaigns.finish(lead, now=later(1))


async def test_what_is_tried_again_while_a_campaign_is_about_to_end_keeps_it_from_that(
    store, other, monkeypatch
):
    lead, [ann] = await started(store, "ann")
    id_ = lead.campaign.id
    await store.recipients.decide(lead, [Decided(id=ann.id, state=DEAD, reason="no")], now=NOW)
    if isinstance(store, MongoStore):
        looked = campaign_recipients.count

        async def look_and_be_late(*args: Any, **kwargs: Any) -> int:
            found = await looked(*args, **kwargs)
            assert await other.campaigns.retry(id_, now=later(1)) == 1
            return found

        monkeypatch.setattr(campaign_recipients, "count", look_and_be_late)
    else:  # one after the other
        await other.campaigns.retry(id_, now=later(1))

    assert not await store.campaigns.finish(lead, now=later(2))
    assert (await store.campaigns.find(id_)).state is RUNNING
    assert await store.campaigns.next_wake() == later(1)


async def test_figures_come_out_even_at_every_look_while_recipients_are_decided_and_mails_leave(store, other):
    users = [f"u{n}" for n in range(2000)]
    lead, _ = await started(store, *users)
    id_ = lead.campaign.id

    async def work() -> None:
        while due := await store.recipients.due(id_, limit=500, now=NOW):
            await store.recipients.decide(lead, [owed(lead, each) for each in due], now=NOW)
        for lease in await leases(store):
            await store.outbox.end(lease, Sent(), now=later(1))
        await store.recipients.collect(id_, limit=9000, now=later(2))

    async def look() -> None:
        while not working.done():
            counts = await other.recipients.counts(id_)
            left = counts.mails.get(MailState.SENT, 0)
            sent, owed_ = counts.rows.get(SENT, 0), counts.rows.get(OWED, 0)
            assert sum(counts.rows.values()) == len(users)
            assert sent <= left <= sent + owed_

    working = asyncio.ensure_future(work())
    try:
        await asyncio.gather(*(look() for _ in range(4)))
    finally:
        await working
    assert (await rows(store, id_))[SENT] == 100


async def test_a_campaign_that_is_not_gathered_is_not_finished(store):
    made, _ = await draft(store)
    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)
    lead = await store.campaigns.lead(lease_seconds=60, now=NOW)

    assert not await store.campaigns.finish(lead, now=NOW)


async def test_paused_nothing_is_due_and_what_is_decided_meanwhile_is_not_kept(store):
    lead, [ann, bob] = await started(store, "ann", "bob")
    await store.recipients.decide(lead, [owed(lead, ann)], now=NOW)

    await store.campaigns.move(lead.campaign.id, [RUNNING], PAUSED, now=later(1))
    assert await store.recipients.decide(lead, [owed(lead, bob)], now=later(1)) == 0
    assert await leases(store, at=later(500)) == []
    assert (await store.outbox.mail_counts())[MailState.PENDING] == 1

    await store.campaigns.move(lead.campaign.id, [PAUSED], RUNNING, now=later(9), wake_at=later(9))
    assert [lease.notification.room for lease in await leases(store, at=later(9))] == ["user:ann"]


async def test_what_a_worker_has_put_off_for_a_paused_campaign_is_due_as_that_goes_on(store):
    """It slipped out as the campaign was paused: nobody waits for the look that was put off."""
    lead, [ann, bob] = await started(store, "ann", "bob")
    await store.recipients.decide(lead, [owed(lead, ann), owed(lead, bob)], now=NOW)
    first, second = await leases(store)
    await store.campaigns.move(lead.campaign.id, [RUNNING], PAUSED, now=later(1))
    off = Postponed(until=later(61), reason="paused", rule=RULE, counted=False)
    await store.outbox.end(first, off, now=later(1))
    await store.outbox.end(second, Postponed(until=later(90), reason="busy"), now=later(1))

    await store.campaigns.move(lead.campaign.id, [PAUSED], RUNNING, now=later(2), wake_at=later(2))

    assert [lease.id for lease in await leases(store, at=later(2))] == [first.id]
    assert [lease.id for lease in await leases(store, at=later(90))][-1] == second.id


async def test_cancelled_nobody_gets_any_more_but_those_whose_mail_is_being_sent(store, other):
    lead, [ann, bob, cara] = await started(store, "ann", "bob", "cara")
    await store.recipients.decide(lead, [owed(lead, ann), owed(lead, bob)], now=NOW)
    [held] = await leases(store, limit=1)

    assert await store.campaigns.cancel(lead.campaign.id, [PAUSED], now=later(1)) is None
    cancelled = await store.campaigns.cancel(lead.campaign.id, [RUNNING], now=later(1))
    assert (cancelled.campaign.state, cancelled.cancelled, cancelled.under_way) == (
        CampaignState.CANCELLED,
        2,
        1,
    )
    assert await leases(store, at=later(2)) == []
    assert await other.recipients.decide(lead, [owed(lead, cara)], now=later(2)) == 0

    # Its worker does not know, and then another is asked whether it may leave.
    standing = await store.campaigns.standing(lead.campaign.id, held.id)
    assert (standing.state, standing.is_owed) == (CampaignState.CANCELLED, True)
    await store.outbox.end(held, Sent(), now=later(2))
    taken = await other.campaigns.lead(lease_seconds=9, now=later(2))
    assert taken.campaign.id == lead.campaign.id
    assert await other.recipients.collect(lead.campaign.id, limit=9, now=later(3)) == 0
    assert await rows(store, lead.campaign.id) == {SENT: 1, CANCELLED: 2}


async def test_who_is_gathered_for_a_campaign_that_was_stopped_meanwhile_is_not_written_down(store):
    made, _ = await draft(store)
    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)
    await store.campaigns.move(made.id, [RUNNING], PAUSED, now=NOW)

    assert await store.recipients.add(made.id, [recipient()], now=NOW, gathering=True) is None
    await store.campaigns.cancel(made.id, [PAUSED], now=NOW)
    assert await store.recipients.add(made.id, [recipient()], now=NOW, gathering=True) is None
    assert await rows(store, made.id) == {}


async def test_a_mail_that_a_worker_skips_for_its_campaign_is_cancelled_and_no_other(store):
    lead, [ann, bob] = await started(store, "ann", "bob")
    await store.recipients.decide(lead, [owed(lead, ann), owed(lead, bob)], now=NOW)
    first, second = await leases(store)

    await store.outbox.end(first, Skipped(rule=RULE, reason="cancelled"), now=NOW)
    await store.outbox.end(second, Skipped(rule="unless", reason="read it"), now=NOW)
    await store.recipients.collect(lead.campaign.id, limit=9, now=NOW)

    assert await rows(store, lead.campaign.id) == {CANCELLED: 1, SKIPPED: 1}


async def test_what_a_worker_must_know_of_a_mail(store):
    lead, [ann, bob] = await started(store, "ann", "bob")
    await store.campaigns.announce(lead, "told")
    await store.recipients.decide(lead, [one := owed(lead, ann)], now=NOW)

    standing = await store.campaigns.standing(lead.campaign.id, one.obligation.id)
    assert (standing.state, standing.announced, standing.is_owed, standing.is_dead) == (
        RUNNING, "told", True, False,
    )  # fmt: skip
    assert not (await store.campaigns.standing(lead.campaign.id, bob.id)).is_owed
    assert await store.campaigns.standing("no such", one.obligation.id) is None


async def test_the_dead_are_tried_again_under_the_same_id_and_a_finished_campaign_runs(store):
    lead, [ann, bob] = await started(store, "ann", "bob")
    gone = Decided(id=bob.id, state=DEAD, reason="data do not fit")
    one = await buried(store, lead, ann, gone)
    assert await store.campaigns.finish(lead, now=NOW)

    assert await store.campaigns.retry(lead.campaign.id, now=later(5)) == 2
    found = await store.campaigns.find(lead.campaign.id)
    assert (found.state, found.ended_at) == (RUNNING, None)
    assert await states(store, lead.campaign.id) == {"ann": OWED, "bob": PENDING}
    assert [lease.id for lease in await leases(store, at=later(5))] == [one.obligation.id]
    assert await store.campaigns.retry(lead.campaign.id, now=later(5)) == 0

    await store.campaigns.cancel(lead.campaign.id, [RUNNING], now=later(6))
    assert await store.campaigns.retry(lead.campaign.id, now=later(6)) == 0


async def test_a_dead_mail_that_is_revived_by_itself_is_its_recipients_again(store):
    lead, [ann] = await started(store, "ann")
    one = await buried(store, lead, ann)
    await store.campaigns.finish(lead, now=NOW)

    await store.outbox.revive([one.obligation.id], now=later(1))
    untold = await store.campaigns.standing(lead.campaign.id, one.obligation.id)
    assert (untold.state, untold.is_owed, untold.is_dead) == (FINISHED, False, True)
    await store.campaigns.revived([one.obligation.id, "\ud800", "another"], now=later(1))

    assert await states(store, lead.campaign.id) == {"ann": OWED}
    assert (await store.campaigns.find(lead.campaign.id)).state is RUNNING
    assert await store.campaigns.next_wake() == later(1)


async def test_a_dead_mail_that_is_revived_after_its_campaign_was_cancelled_is_seen_off(store):
    lead, [ann, bob] = await started(store, "ann", "bob")
    one = await buried(store, lead, ann)
    await store.campaigns.cancel(lead.campaign.id, [RUNNING], now=later(1))
    over = await store.campaigns.lead(lease_seconds=60, now=later(1))
    await store.campaigns.rest(over, wake_at=None, now=later(1))
    assert await store.campaigns.next_wake() is None

    await store.outbox.revive([one.obligation.id], now=later(2))
    await store.campaigns.revived([one.obligation.id], now=later(2))

    assert (await store.campaigns.find(lead.campaign.id)).state is CampaignState.CANCELLED
    assert await store.campaigns.next_wake() == later(2)
    assert await store.campaigns.lead(lease_seconds=60, now=later(2)) is not None
    for lease in await leases(store, at=later(2)):
        await store.outbox.end(lease, Skipped(rule=RULE, reason="the campaign is cancelled"), now=later(2))
    assert await store.recipients.collect(lead.campaign.id, limit=9, now=later(3)) == 0
    assert await rows(store, lead.campaign.id) == {CANCELLED: 2}
    del bob


async def test_a_mail_that_is_revived_as_its_cancelled_campaign_comes_to_rest_is_seen_off(store, other):
    """Whoever leads it has found nothing under way, and does not know of the mail that is tried again since."""
    lead, [ann] = await started(store, "ann")
    one = await buried(store, lead, ann)
    await store.campaigns.cancel(lead.campaign.id, [RUNNING], now=later(1))
    over = await store.campaigns.lead(lease_seconds=60, now=later(1))

    await other.outbox.revive([one.obligation.id], now=later(2))
    await other.campaigns.revived([one.obligation.id], now=later(2))
    await store.campaigns.rest(over, wake_at=None, now=later(2))

    assert await store.campaigns.next_wake() == later(2)


async def test_a_mail_that_is_put_off_stays_owed(store):
    lead, [ann] = await started(store, "ann")
    await store.recipients.decide(lead, [owed(lead, ann)], now=NOW)
    [lease] = await leases(store)
    await store.outbox.end(lease, Postponed(until=later(60), reason="busy"), now=NOW)

    assert await store.recipients.collect(lead.campaign.id, limit=9, now=later(1)) == 1
    assert await states(store, lead.campaign.id) == {"ann": OWED}


async def test_what_has_ended_is_collected_also_behind_more_mails_that_wait(store):
    lead, recipients = await started(store, "ann", "bob", "cara")
    await store.recipients.decide(lead, [owed(lead, each) for each in recipients], now=NOW)
    held = {lease.notification.room: lease for lease in await leases(store)}
    for user in ("ann", "bob"):
        await store.outbox.end(held[f"user:{user}"], Postponed(until=later(60), reason="busy"), now=NOW)
    await store.outbox.end(held["user:cara"], Sent(), now=NOW)

    assert await store.recipients.collect(lead.campaign.id, limit=1, now=later(1)) == 2
    assert await states(store, lead.campaign.id) == {"ann": OWED, "bob": OWED, "cara": SENT}
    assert await store.recipients.collect(lead.campaign.id, limit=1, now=later(1)) == 2


async def test_who_is_owed_a_mail_that_was_never_stored_is_decided_again(mongo_url):
    """A node has died between the two writes that MongoDB takes."""
    store = MongoStore(mongo_url)
    await store.open()
    lead, [ann] = await started(store, "ann")
    await store.recipients.decide(lead, [one := owed(lead, ann)], now=NOW)
    await store._operations.collections["obligations"].delete_one({"_id": one.obligation.id})
    after = NOW + UNOWED

    assert await store.recipients.collect(lead.campaign.id, limit=9, now=later(1)) == 1
    assert await store.recipients.collect(lead.campaign.id, limit=9, now=after) == 0
    assert await store.recipients.due(lead.campaign.id, limit=9, now=after) == [ann]
    assert await store.recipients.decide(lead, [one], now=after) == 1
    await store.close()


async def test_who_dies_as_a_campaign_is_resumed_holds_none_of_its_mail(mongo_url, monkeypatch):
    """The state is written, and then the mail is let go: MongoDB takes two writes for it."""
    store = MongoStore(mongo_url)
    await store.open()
    lead, [ann] = await started(store, "ann")
    await store.recipients.decide(lead, [owed(lead, ann)], now=NOW)
    await store.campaigns.move(lead.campaign.id, [RUNNING], PAUSED, now=NOW)
    assert await leases(store, at=later(1)) == []
    move = campaign_rows.move

    async def and_die(*args, **fields):
        await move(*args, **fields)
        raise SystemError("killed")

    monkeypatch.setattr(campaign_rows, "move", and_die)
    with pytest.raises(SystemError):
        await store.campaigns.move(lead.campaign.id, [PAUSED], RUNNING, now=later(2), wake_at=later(2))

    found = await store.campaigns.find(lead.campaign.id)
    assert found is not None
    assert found.state is RUNNING
    assert len(await leases(store, at=later(3))) == 1
    await store.close()


async def test_who_is_erased_between_the_two_writes_is_sent_nothing(mongo_url, monkeypatch):
    """The row is written, the user erased, and only then the mail is owed."""
    store = MongoStore(mongo_url)
    await store.open()
    lead, [ann] = await started(store, "ann")
    owe = obligations.owe

    async def late(c, owed_):
        await store.people.erase_user("ann", "user:ann", now=NOW)
        return await owe(c, owed_)

    monkeypatch.setattr(obligations, "owe", late)
    await store.recipients.decide(lead, [one := owed(lead, ann)], now=NOW)

    assert await leases(store) == []
    [mail_] = await store._operations.collections["obligations"].find({"_id": one.obligation.id}).to_list()
    assert (mail_["mail"]["to"], mail_["mail"]["state"], "news" in mail_) == ("", "skipped", False)
    await store.recipients.collect(lead.campaign.id, limit=9, now=NOW)
    assert await rows(store, lead.campaign.id) == {SKIPPED: 1}
    await store.close()


async def test_an_erased_recipient_is_counted_still_and_nothing_is_known_of_whose_it_was(store):
    lead, [ann, bob, cara] = await started(store, "ann", "bob", "cara@example.org")
    await store.recipients.decide(lead, [owed(lead, ann)], now=NOW)
    no = Decided(id=bob.id, state=SKIPPED, rule="preferences", reason="bob does not want it")
    await store.recipients.decide(lead, [no], now=NOW)

    for user in ("ann", "bob"):
        await store.people.erase_user(user, f"user:{user}", now=later(1))
    await store.people.erase_user("x", "user:x", now=later(1), addresses=["cara@example.org"])
    await store.recipients.collect(lead.campaign.id, limit=9, now=later(1))

    page = await store.recipients.page(lead.campaign.id, state=None, after=None, limit=9)
    assert {(row.user, row.address, row.reason) for row in page.items} == {
        (None, None, "erased"),
        (None, None, None),
    }
    assert await rows(store, lead.campaign.id) == {SKIPPED: 3}
    assert (await store.recipients.counts(lead.campaign.id)).skipped == {"erased": 2, "preferences": 1}
    assert await leases(store, at=later(9)) == []
    assert await store.recipients.of_user("ann", limit=9) == []


async def test_a_users_campaigns_are_told(store):
    lead, [ann] = await started(store, "ann")
    made, _ = await draft(store, "ann", "bob", name="Winter")

    told = await store.recipients.of_user("ann", limit=9)

    assert [(each.name, row.user, row.state) for each, row in told] == [
        ("Winter", "ann", PENDING),
        ("Autumn", "ann", PENDING),
    ]
    assert await store.recipients.of_user("\ud800", limit=9) == []
    del lead, made, ann


async def test_what_ended_long_ago_is_forgotten_step_by_step_with_its_mails(store):
    lead, all_ = await started(store, "ann", "bob", "cara")
    old, _ = await draft(store, "dan")
    kept, _ = await draft(store, "eve", created_at=later(100))
    await store.recipients.decide(lead, [owed(lead, each) for each in all_], now=NOW)
    test = Subject(kind=Kind.CAMPAIGN, id=f"{TEST}{lead.campaign.id}")
    told = notification("user:me", in_app=False)
    await store.outbox.owe([Obligation(id=uuid7(), of=test, mail=mail(lane=LaneName.BULK), news=told)])
    for lease in await leases(store):
        await store.outbox.end(lease, Sent(), now=NOW)
    await store.recipients.collect(lead.campaign.id, limit=9, now=NOW)
    assert await store.campaigns.finish(lead, now=later(1))

    assert await store.campaigns.prune(before=NOW, limit=2) == 0
    pruned = [await store.campaigns.prune(before=later(50), limit=2) for _ in range(5)]

    assert sum(pruned) == 3 + 1 + 1 + 1
    assert [await store.campaigns.find(each) for each in (lead.campaign.id, old.id)] == [None, None]
    assert (await store.campaigns.find(kept.id)).name == "Autumn"
    assert sum((await store.outbox.mail_counts()).values()) == 0


async def test_all_who_are_known_are_told_page_by_page_with_their_attributes(store):
    await store.people.remember([Contact(user=user, locale="de") for user in ("bob", "ann", "Zoë")])
    await store.people.tell([Told(user="bob", fields={"attributes": {"plan": "pro"}}, at=NOW)])

    first = await store.people.known(after=None, limit=2)
    rest = await store.people.known(after=first[-1].contact.user, limit=2)

    assert [each.contact.user for each in (*first, *rest)] == ["Zoë", "ann", "bob"]
    assert [each.attributes for each in rest] == [{"plan": "pro"}]


# What it says, how fast, and to whom in which way


async def test_what_it_says_is_frozen_as_it_is_started_and_again_when_somebody_has_looked(store, other):
    made, _ = await draft(store, "ann")
    assert await store.campaigns.freeze(made.id, [DRAFT], '{"a": 1}')
    await store.campaigns.move(made.id, [DRAFT], RUNNING, now=NOW, wake_at=NOW)

    assert not await other.campaigns.freeze(made.id, [DRAFT], '{"a": 2}')
    assert not await store.campaigns.freeze("no such", [DRAFT], "{}")
    assert (await other.campaigns.find(made.id)).frozen == '{"a": 1}'
    await store.campaigns.move(made.id, [RUNNING], PAUSED, now=NOW)
    assert await other.campaigns.freeze(made.id, [PAUSED], '{"a": 3}')
    assert (await store.campaigns.find(made.id)).frozen == '{"a": 3}'


async def test_only_who_leads_it_notes_how_far_its_rate_is_taken_up(store, other):
    lead, _ = await started(store, "ann")

    await store.campaigns.pace(replace(lead, token="another's"), later(9))
    assert (await store.campaigns.find(lead.campaign.id)).paced_until is None
    await store.campaigns.pace(lead, later(5))
    assert (await other.campaigns.find(lead.campaign.id)).paced_until == later(5)


async def wait_for_a_winner(store: Any, lead: Lead, recipients: list[Recipient]) -> None:
    waiting = [Decided(id=each.id, state=PENDING, rule="experiment") for each in recipients]
    await store.recipients.decide(lead, waiting, now=NOW)


async def test_who_waits_for_a_winner_is_due_as_one_is_chosen_and_the_first_choice_stays(store, other):
    lead, recipients = await started(store, "ann", "bob", "cara")
    id_ = lead.campaign.id
    await wait_for_a_winner(store, lead, recipients[:2])
    later_on = Decided(id=recipients[2].id, state=PENDING, rule="local_time", wake_at=later(500))
    await store.recipients.decide(lead, [later_on], now=NOW)
    assert await store.recipients.due(id_, limit=9, now=later(100)) == []
    assert await store.recipients.next_due(id_) == later(500)
    assert not await store.campaigns.finish(lead, now=later(100))

    chosen = await other.campaigns.choose(id_, "b", now=later(200))

    assert (chosen.chosen, chosen.chosen_at) == ("b", later(200))
    assert await store.campaigns.next_wake() == later(200)
    assert {each.id for each in await store.recipients.due(id_, limit=9, now=later(200))} == {
        each.id for each in recipients[:2]
    }
    # Whoever led it then knew nothing of it, and comes too late to say when it is looked at again.
    await store.campaigns.rest(lead, wake_at=later(900), now=later(201))
    assert await store.campaigns.next_wake() == later(200)
    again = await store.campaigns.choose(id_, "a", now=later(300))
    assert (again.chosen, again.chosen_at) == ("b", later(200))
    assert await store.campaigns.choose("no such", "a", now=NOW) is None


async def test_who_was_decided_in_between_is_due_when_it_is_chosen_again(store):
    lead, recipients = await started(store, "ann", "bob")
    await store.campaigns.choose(lead.campaign.id, "b", now=NOW)
    await wait_for_a_winner(store, lead, recipients)
    assert await store.recipients.due(lead.campaign.id, limit=9, now=later(9)) == []

    await store.campaigns.choose(lead.campaign.id, "b", now=later(9))

    assert len(await store.recipients.due(lead.campaign.id, limit=9, now=later(9))) == 2


async def test_a_choice_wakes_nothing_of_what_is_paused(store):
    lead, recipients = await started(store, "ann")
    await wait_for_a_winner(store, lead, recipients)
    await store.campaigns.move(lead.campaign.id, [RUNNING], PAUSED, now=NOW)

    await store.campaigns.choose(lead.campaign.id, "a", now=later(1))

    assert await store.campaigns.next_wake() is None


async def test_variants_are_counted_by_who_was_sent_them_and_who_has_clicked_first(store, other):
    users = ("ann", "bob", "cara", "dan", "eve")
    lead, recipients = await started(store, *users)
    id_ = lead.campaign.id
    variants = ("a", "b", "b", "b", None)
    decided = [
        replace(owed(lead, one), variant=variant)
        for one, variant in zip(recipients[:3], variants, strict=False)
    ]
    decided += [Decided(id=recipients[3].id, state=SKIPPED, rule="preferences", variant="b")]
    decided += [owed(lead, recipients[4])]
    assert await store.recipients.decide(lead, decided, now=NOW) == 4
    for lease in await leases(store):
        await store.outbox.end(lease, Sent(), now=later(1))
    assert await store.recipients.collect(id_, limit=9, now=later(2)) == 0
    mails = [each.obligation.id for each in decided if each.obligation is not None]

    for seconds, mail_id in ((9, mails[1]), (5, mails[2]), (7, mails[0]), (99, mails[2]), (3, mails[3])):
        await other.recipients.clicked(id_, mail_id, at=later(seconds))
    await store.recipients.clicked(id_, "no such", at=NOW)

    counts = await other.recipients.variant_counts(id_)
    assert counts == {
        "a": VariantCount(assigned=1, sent=1, clicked=1), "b": VariantCount(assigned=3, sent=2, clicked=2)
    }  # fmt: skip
    assert await store.recipients.conversions(id_, Counted.CLICK, limit=9) == ["b", "a", "b"]
    assert await store.recipients.conversions(id_, Counted.CLICK, limit=1) == ["b"]
    assert await store.recipients.conversions(id_, Counted.CONVERSION, limit=9) == []
    # Up to a time, which is within it.
    assert await other.recipients.variant_counts(id_, until=later(7)) == {
        "a": VariantCount(assigned=1, sent=1, clicked=1), "b": VariantCount(assigned=3, sent=2, clicked=1)
    }  # fmt: skip
    assert await store.recipients.conversions(id_, Counted.CLICK, limit=9, until=later(7)) == ["b", "a"]
    page = await store.recipients.page(id_, state=None, after=None, limit=9)
    assert [(row.variant, row.clicked_at) for row in page.items] == [
        ("a", later(7)), ("b", later(9)), ("b", later(5)), ("b", None), (None, later(3)),
    ]  # fmt: skip
    assert await store.recipients.variant_counts("no such") == {}


async def test_who_has_clicked_or_whose_mail_came_back_is_counted_and_found_page_by_page(store, other):
    users = [f"u{number}" for number in range(7)]
    lead, recipients = await started(store, *users)
    id_ = lead.campaign.id
    decided = [owed(lead, one) for one in recipients]
    await store.recipients.decide(lead, decided, now=NOW)
    for lease in await leases(store):
        await store.outbox.end(lease, Sent(), now=later(1))
    mails = {one.user: each.obligation.id for one, each in zip(recipients, decided, strict=True)}
    # Not told of the mail yet, it is no part of the sent.
    await store.recipients.clicked(id_, mails["u6"], at=later(1))
    assert (await store.recipients.counts(id_)).clicked == 0
    await store.recipients.collect(id_, limit=9, now=later(2))
    for seconds, user in ((9, "u0"), (5, "u1"), (9, "u2"), (50, "u1")):
        await other.recipients.clicked(id_, mails[user], at=later(seconds))
    for user in ("u3", "u4", "u5"):
        await store.outbox.came_back(mails[user], MailState.BOUNCED, reason="gone", now=later(3))
    await store.outbox.came_back(mails["u5"], MailState.COMPLAINED, reason="spam", now=later(4))

    counts = await other.recipients.counts(id_)
    assert (counts.clicked, counts.mails[MailState.BOUNCED], counts.rows[SENT]) == (4, 2, 7)
    assert await _pages(other, id_, Heard.CLICKED) == ["u6", "u1", "u0", "u2"]
    by_mail = sorted(("u3", "u4"), key=mails.__getitem__)
    assert await _pages(other, id_, Heard.BOUNCED) == by_mail
    assert await _pages(store, id_, Heard.COMPLAINED) == ["u5"]
    assert await _pages(store, "no such", Heard.CLICKED) == []
    assert await _pages(store, "no such", Heard.BOUNCED) == []
    with pytest.raises(InvalidCursor):
        await store.recipients.page(id_, state=Heard.CLICKED, after="nonsense", limit=2)


async def _pages(store: Any, campaign_id: str, heard: Heard) -> list[str | None]:
    """All of them, one a page."""
    found, after = [], None
    while True:
        page = await store.recipients.page(campaign_id, state=heard, after=after, limit=1)
        found += [row.user for row in page.items]
        after = page.next
        if after is None:
            return found


async def test_who_is_said_to_have_converted_counts_once_of_those_alone_who_were_sent_a_variant_before(
    store, other
):
    users = ("ann", "bob", "$cara", "dan", "eve", "fay")
    lead, recipients = await started(store, *users)
    id_ = lead.campaign.id
    variants = ("a", "b", "b", "b", None)
    decided = [
        replace(owed(lead, one), variant=variant) for one, variant in zip(recipients, variants, strict=False)
    ]
    decided += [Decided(id=recipients[5].id, state=SKIPPED, rule="preferences", variant="b")]
    await store.recipients.decide(lead, decided, now=NOW)
    everybody = [*users, "nobody", "\ud800"]
    await store.recipients.converted(id_, everybody, at=later(1))
    assert await store.recipients.variant_counts(id_) == {
        "a": VariantCount(assigned=1),
        "b": VariantCount(assigned=4),
    }

    for lease in await leases(store):
        end = Buried(code=550, reason="no") if lease.notification.room == "user:dan" else Sent()
        await store.outbox.end(lease, end, now=later(2))
    # Before it is collected that the mails have left, and after that.
    await other.recipients.converted(id_, ["$cara"], at=later(5))
    await store.recipients.collect(id_, limit=9, now=later(6))
    await store.recipients.converted(id_, ["ann", "$cara", "dan"], at=later(7))
    await other.recipients.converted(id_, everybody, at=later(8))
    await store.recipients.converted(id_, [], at=later(9))
    await store.recipients.converted("no such", ["bob"], at=later(9))

    assert await store.recipients.conversions(id_, Counted.CONVERSION, limit=9) == ["b", "a", "b"]
    assert await other.recipients.conversions(id_, Counted.CONVERSION, limit=2) == ["b", "a"]
    assert await store.recipients.conversions(id_, Counted.CLICK, limit=9) == []
    assert await store.recipients.variant_counts(id_) == {
        "a": VariantCount(assigned=1, sent=1, converted=1), "b": VariantCount(assigned=4, sent=2, converted=2)
    }  # fmt: skip
    early = later(5)
    assert await other.recipients.conversions(id_, Counted.CONVERSION, limit=9, until=early) == ["b"]
    assert (await store.recipients.variant_counts(id_, until=early))["b"].converted == 1
    page = await other.recipients.page(id_, state=None, after=None, limit=9)
    assert [row.converted_at for row in page.items] == [later(7), later(8), later(5), None, None, None]


async def test_the_second_of_an_address_keeps_the_variant_that_has_fallen_to_it(store):
    lead, recipients = await started(store, "ann", "bob")
    first = replace(owed(lead, recipients[0]), variant="a")
    second = replace(owed(lead, recipients[1], first.obligation.id), variant="b")

    await store.recipients.decide(lead, [first], now=NOW)
    await store.recipients.decide(lead, [second], now=NOW)

    page = await store.recipients.page(lead.campaign.id, state=SKIPPED, after=None, limit=9)
    assert [(row.rule, row.variant) for row in page.items] == [(DUPLICATE, "b")]
