"""The sentences of `storage/recipients.py`, held against every store."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from storage.campaigns import RULE
from storage.endings import Buried, Postponed, Sent, Skipped
from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mail import MailState
from storage.mongo import MongoStore, obligations
from storage.recipients import DUPLICATE, UNOWED, Counted, Decided, Heard, VariantCount
from tests.contract.campaign_cases import (
    CANCELLED,
    DEAD,
    DRAFT,
    FINISHED,
    OWED,
    PAUSED,
    PENDING,
    RUNNING,
    SENT,
    SKIPPED,
    draft,
    leases,
    owed,
    recipient,
    rows,
    started,
    states,
)
from tests.contract.store_cases import NOW, later


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


async def test_a_mail_that_is_put_off_stays_owed(store):
    lead, [ann] = await started(store, "ann")
    await store.recipients.decide(lead, [owed(lead, ann)], now=NOW)
    [lease] = await leases(store)
    await store.outbox.end(lease, Postponed(until=later(60), reason="busy"), now=NOW)

    assert await store.recipients.collect(lead.campaign.id, limit=9, now=later(1)) == 1
    assert await states(store, lead.campaign.id) == {"ann": OWED}


async def test_a_mail_that_a_rule_holds_till_later_is_taken_back_and_its_recipient_decided_again_then(store):
    """So it is not among those that are owed, for as long as it waits."""
    lead, all_ = await started(store, "ann", "bob", "cara", "dan")
    decided = {each.user: owed(lead, each) for each in all_}
    await store.recipients.decide(lead, list(decided.values()), now=NOW)
    held = {lease.notification.room: lease for lease in await leases(store)}
    night = Postponed(until=later(600), reason="quiet", rule="quiet_hours", counted=False)
    for user, ending in {
        "ann": night,
        "bob": replace(night, rule=RULE),
        "cara": replace(night, counted=True),
        "dan": replace(night, until=later(1)),
    }.items():
        assert await store.outbox.end(held[f"user:{user}"], ending, now=NOW)

    assert await store.recipients.collect(lead.campaign.id, limit=9, now=later(1)) == 3

    page = await store.recipients.page(lead.campaign.id, state=PENDING, after=None, limit=9)
    assert [(row.user, row.rule, row.reason, row.mail) for row in page.items] == [
        ("ann", "quiet_hours", "quiet", None)
    ]
    assert await store.recipients.next_due(lead.campaign.id) == later(600)
    assert await store.outbox.subject(decided["ann"].obligation.id) is None
    assert [each.user for each in await store.recipients.due(lead.campaign.id, limit=9, now=later(600))] == [
        "ann"
    ]
    assert await store.recipients.decide(lead, [decided["ann"]], now=later(600)) == 1
    assert len(await leases(store, at=later(600))) == 4


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
