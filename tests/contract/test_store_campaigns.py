"""The sentences of `storage/campaigns.py`, held against every store."""

from dataclasses import replace
from typing import Any

import pytest

from storage.campaigns import RULE, TEST, CampaignState, Lead
from storage.endings import Postponed, Sent, Skipped
from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.mongo import MongoStore, campaign_recipients, campaign_rows
from storage.obligations import Kind, Obligation, Subject
from storage.recipients import Decided, Recipient
from tests.contract.campaign_cases import (
    CANCELLED,
    DEAD,
    DRAFT,
    FINISHED,
    OWED,
    PAUSED,
    PENDING,
    RUNNING,
    SCHEDULED,
    SENT,
    buried,
    campaign,
    draft,
    leases,
    owed,
    recipient,
    rows,
    started,
    states,
)
from tests.contract.store_cases import NOW, later, mail, notification


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
