"""The sentences of `storage/outbox.py` about lanes, about what stands by itself, and about crashes between the two."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage.connect import connect
from storage.endings import Buried, Postponed, Released, Sent, Skipped
from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mail import HASTENED, LaneName, Mail, MailState
from storage.obligations import Kind, Lease, Obligation, Subject
from storage.outbox import ANY, ORPHAN_AGE, MailSearch
from tests.contract.store_cases import NOW, ROOT, later, mail, notification, put

TRANSACTIONAL, BULK = LaneName


def obligation(of: str, *, kind: Kind = Kind.NOTIFICATION, **fields) -> Obligation:
    fields.setdefault("mail", mail())
    return Obligation(**{"id": uuid7(), "of": Subject(kind=kind, id=of), **fields})


def recipient(room: str = "user:ann", **fields) -> Obligation:
    """One of a campaign."""
    news = notification(room, title="News", data={"of": "summer"}, in_app=False)
    return obligation("summer", kind=Kind.CAMPAIGN, news=news, **fields)


async def leased(store, *, lane: LaneName = TRANSACTIONAL, at: float = 0) -> list[Lease]:
    return await store.outbox.lease(lane=lane, limit=10, lease_seconds=60, now=later(at))


# Lanes


async def test_each_lane_is_leased_for_itself(store):
    bulk, urgent = await put(
        store, notification("user:1", mail=mail(lane=BULK)), notification("user:1", mail=mail())
    )

    [of_bulk], [of_urgent] = await leased(store, lane=BULK), await leased(store)

    assert (of_bulk.id, of_bulk.mail.order.lane) == (bulk.id, BULK)
    assert (of_urgent.id, of_urgent.mail.order.lane) == (urgent.id, TRANSACTIONAL)
    assert await leased(store, lane=BULK) == await leased(store) == []


async def test_when_a_lane_is_next_due_is_told_of_each(store):
    assert await store.outbox.next_due(lane=BULK) is None
    await put(
        store,
        notification("user:1", mail=mail(due_at=later(7), lane=BULK)),
        notification("user:1", mail=mail(due_at=later(5))),
    )
    await store.outbox.owe([recipient(mail=mail(due_at=later(3), lane=BULK))])

    assert await store.outbox.next_due(lane=BULK) == later(3)
    assert await store.outbox.next_due(lane=TRANSACTIONAL) == later(5)


# What became of it


@pytest.mark.parametrize("alone", [False, True])
async def test_an_ending_is_kept_with_its_rule_or_the_relays_words(store, alone):
    async def after(ending, at=0):
        if alone:
            await store.outbox.owe([recipient()])
        else:
            await put(store, notification("user:1", mail=mail()))
        [lease] = await leased(store, at=at)
        assert await store.outbox.end(lease, ending, now=later(1))
        page = await store.outbox.mail_page(ANY, before=None, limit=10)
        return next(item.mail for item in page.items if item.id == lease.id)

    sent = await after(Sent(relay_id="queued as 4ABC"))
    skipped = await after(Skipped(rule="unless", reason="ann read it at 10:02 UTC"))
    held = await after(Postponed(until=later(90), reason="quiet hours", rule="quiet", counted=False))
    dead = await after(Buried(reason="no such user", code=550), at=2)

    assert (sent.state, sent.relay_id, sent.sent_at) == (MailState.SENT, "queued as 4ABC", later(1))
    assert (skipped.state, skipped.decided_by) == (MailState.SKIPPED, "unless")
    assert skipped.reason == "ann read it at 10:02 UTC"
    assert (held.state, held.decided_by, held.attempts) == (MailState.PENDING, "quiet", 0)
    assert (dead.state, dead.code, dead.decided_by) == (MailState.DEAD, 550, None)


async def test_several_are_ended_together_each_as_it_would_be_alone(store):
    """What is no longer held is told apart, and is left as it is."""
    own = await put(store, *(notification("user:1", mail=mail(due_at=later(n))) for n in range(3)))
    apart = [recipient(mail=mail(due_at=later(3 + n))) for n in range(3)]
    await store.outbox.owe(apart)
    [late] = await store.outbox.lease(lane=TRANSACTIONAL, limit=1, lease_seconds=1, now=later(10))
    held = {lease.id: lease for lease in await leased(store, at=12)}
    ids = [each.id for each in (*own, *apart)]
    assert late.id == ids[0]
    assert held.keys() == set(ids)
    # In the same moment as ours: not by its time can the one be told from the other.
    assert await store.outbox.end(held[late.id], Sent(relay_id="another's"), now=later(20))

    endings = [
        (late, Sent(relay_id="ours")),
        (held[ids[1]], Sent(relay_id="r", relay_key="k")),
        (held[ids[2]], Buried(reason="no such user", code=550)),
        (held[ids[3]], Skipped(rule="unless", reason="read")),
        (held[ids[4]], Postponed(until=later(100), reason="busy", code=451)),
        (held[ids[5]], Released()),
    ]
    assert await store.outbox.end_together(endings, now=later(20)) == [False, *[True] * 5]

    mails = [(await store.outbox.find(id_)).mail for id_ in ids]
    assert [(each.state.value, each.reason, each.relay_id, each.attempts) for each in mails] == [
        ("sent", None, "another's", 2),
        ("sent", None, "r", 1),
        ("dead", "no such user", None, 1),
        ("skipped", "read", None, 1),
        ("pending", "busy", None, 1),
        ("pending", None, None, 0),
    ]
    assert await store.outbox.taken_as("k") == ids[1]
    assert await store.outbox.end_together(endings, now=later(21)) == [False] * 6
    assert await store.outbox.end_together([], now=later(21)) == []
    assert [lease.id for lease in await leased(store, at=200)] == [ids[5], ids[4]]


async def test_what_is_sent_at_last_is_held_by_no_rule_any_more(store):
    [kept] = await put(store, notification("user:1", mail=mail()))
    [lease] = await leased(store)
    await store.outbox.end(lease, Postponed(until=NOW, reason="quiet hours", rule="quiet"), now=NOW)

    [lease] = await leased(store)
    await store.outbox.end(lease, Sent(), now=NOW)

    stored = (await store.streams.notification(kept.id)).mail
    assert (stored.decided_by, stored.reason, stored.relay_id) == (None, None, None)


# What stands by itself


async def test_an_obligation_of_a_notification_is_leased_with_it_beside_its_own_mail(store):
    [told] = await put(store, notification("user:ann", mail=mail(due_at=later(-1))))
    other = obligation(told.id, mail=mail("other@example.org"))

    assert await store.outbox.owe([other]) == 1

    own, apart = await leased(store)
    assert (own.id, own.is_own, own.notification.id) == (told.id, True, told.id)
    assert (apart.id, apart.is_own, apart.of) == (other.id, False, other.of)
    assert (apart.notification.id, apart.notification.title) == (told.id, told.title)
    assert apart.mail.order.to == "other@example.org"
    assert apart.mail.state is MailState.LEASED


async def test_a_recipient_of_a_campaign_is_told_what_it_carries(store):
    owed = recipient(mail=mail("ann@example.org", lane=BULK))
    await store.outbox.owe([owed])

    [lease] = await leased(store, lane=BULK)

    assert lease.of == Subject(kind=Kind.CAMPAIGN, id="summer")
    told = lease.notification
    assert (told.id, told.room, told.title, told.data) == (owed.id, "user:ann", "News", {"of": "summer"})
    assert (told.seq, told.in_app) == (None, False)
    assert await store.outbox.prolong(lease, lease_seconds=600, now=later(1))
    assert await store.outbox.end(lease, Released(), now=later(2))
    [again] = await leased(store, lane=BULK, at=3)
    assert again.mail.attempts == 1
    assert not await store.outbox.end(lease, Sent(), now=later(4))
    assert await store.outbox.end(again, Sent(), now=later(4))


async def test_what_is_owed_twice_is_stored_once_and_left_as_it_is(store):
    first = recipient()
    assert await store.outbox.owe([first, recipient()]) == 2
    [lease, _] = await leased(store)
    await store.outbox.end(lease, Sent(), now=NOW)

    assert await store.outbox.owe([first, recipient(), first]) == 1
    assert await store.outbox.owe([]) == 0

    counts = await store.outbox.mail_counts()
    assert sum(counts.values()) == 3


async def test_the_oldest_due_is_leased_first_whatever_it_is_of(store):
    [told] = await put(store, notification("user:1", mail=mail(due_at=later(-5))))
    early, late = recipient(mail=mail(due_at=later(-9))), recipient(mail=mail(due_at=later(-1)))
    await store.outbox.owe([late, early])

    assert [lease.id for lease in await leased(store)] == [early.id, told.id, late.id]


async def test_workers_that_race_never_lease_the_same(store, other):
    await store.outbox.owe([recipient() for _ in range(40)])

    taken = await asyncio.gather(*(leased(node) for node in (store, other) for _ in range(4)))

    ids = [lease.id for leases in taken for lease in leases]
    assert len(ids) == len(set(ids)) == 40


async def test_pages_and_counts_know_what_stands_by_itself(store):
    [told] = await put(store, notification("user:1", mail=mail(), created_at=later(-10)))
    owed = [recipient(mail=replace(mail(), updated_at=later(second))) for second in range(3)]
    await store.outbox.owe(owed)

    pages, before = [], None
    while not pages or before is not None:
        page = await store.outbox.mail_page(MailSearch(state=MailState.PENDING), before=before, limit=2)
        pages.append([item.id for item in page.items])
        before = page.next

    assert pages == [[owed[2].id, owed[1].id], [owed[0].id, told.id]]
    assert (await store.outbox.mail_counts())[MailState.PENDING] == 4


async def test_what_is_dead_is_revived_wherever_it_stands(store):
    [told] = await put(store, notification("user:1", mail=mail()))
    owed = recipient()
    await store.outbox.owe([owed])
    for lease in await leased(store):
        await store.outbox.end(lease, Buried(reason="x"), now=NOW)

    assert await store.outbox.revive([owed.id, "nobody's", told.id], now=NOW) == [owed.id, told.id]
    assert {lease.id for lease in await leased(store)} == {owed.id, told.id}


# What it is of is gone, or not there yet


async def test_of_a_recalled_or_expired_notification_nothing_more_is_sent(store):
    recalled, expiring, pruned = await put(
        store,
        notification("user:1"),
        notification("user:2", expires_at=later(5)),
        notification("user:3", created_at=later(-100)),
    )
    first, second, third = (obligation(n.id, mail=mail(subject="s")) for n in (recalled, expiring, pruned))
    await store.outbox.owe([first, second, third])

    await store.streams.recall(recalled.id, now=later(1))

    assert [lease.id for lease in await leased(store, at=6)] == [third.id]
    counts = await store.outbox.mail_counts()
    assert (counts[MailState.SKIPPED], counts[MailState.LEASED]) == (2, 1)


async def test_erasing_a_user_reaches_what_stands_by_itself(store):
    [told] = await put(store, notification("user:ann"))
    mine, of_mine, others = recipient(), obligation(told.id), recipient("user:bob")
    await store.outbox.owe([mine, of_mine, others])

    await store.people.erase_user("ann", "user:ann", now=later(1))

    assert [lease.id for lease in await leased(store, at=2)] == [others.id]
    page = await store.outbox.mail_page(MailSearch(state=MailState.SKIPPED), before=None, limit=10)
    assert all(item.mail.order.to == "" for item in page.items)
    assert not [item for item in page.items if item.title == "News"]


async def test_what_is_erased_while_it_is_leased_is_not_leased_again(store):
    await store.outbox.owe([recipient()])
    [lease] = await leased(store)

    await store.people.erase_user("ann", "user:ann", now=later(1))

    assert await store.outbox.end(lease, Postponed(until=later(2), reason="x"), now=later(1))
    assert await leased(store, at=3) == []
    assert await store.outbox.next_due(lane=TRANSACTIONAL) is None
    assert (await store.outbox.mail_counts())[MailState.SKIPPED] == 1


async def test_an_obligation_stored_before_its_notification_waits_for_it(store):
    told = notification("user:1")
    owed = obligation(told.id)
    await store.outbox.owe([owed])
    assert await leased(store) == []

    await put(store, told)

    assert [lease.id for lease in await leased(store, at=61)] == [owed.id]


async def test_an_obligation_whose_notification_never_comes_is_given_up(store):
    await store.outbox.owe([obligation(uuid7())])
    hour = ORPHAN_AGE / timedelta(seconds=1)
    assert await leased(store, at=hour - 1) == []
    assert (await store.outbox.mail_counts())[MailState.PENDING] == 1

    assert await leased(store, at=hour + 61) == []

    assert (await store.outbox.mail_counts())[MailState.SKIPPED] == 1
    assert await store.outbox.next_due(lane=TRANSACTIONAL) is None


# Crashes


class Emitter:
    """A process that owes mails and then appends the notifications that they are of, and prints what was answered."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.obligation_writer", url],
            cwd=ROOT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
        )
        self.answered: list[str] = []

    async def line(self) -> bool:
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        if not line.endswith(b"\n"):
            return False
        self.answered.append(line.decode().strip())
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def emitter(store_url, store) -> Iterator[Emitter]:
    started = Emitter(store_url)
    yield started
    started.close()


@pytest.mark.parametrize("lines", [1, 7, 30])
async def test_a_crash_between_the_two_loses_no_mail_and_sends_none_of_what_was_not_stored(
    store_url, store, emitter, lines
):
    for _ in range(lines):
        assert await emitter.line()
    emitter.process.kill()
    while await emitter.line():
        pass

    after = connect(store_url)
    await after.open()
    leases: dict[str, Lease] = {}
    # Twice: what was passed over as its notification was on its way is looked at again.
    for at in (0, 120):
        while found := await after.outbox.lease(
            lane=TRANSACTIONAL, limit=100, lease_seconds=1000, now=later(at)
        ):
            leases |= {lease.id: lease for lease in found}

    # Each notification that was answered owes its own mail and the one beside it.
    for id_ in emitter.answered:
        assert leases[id_].is_own
        assert leases[f"{id_}-2"].of.id == id_
    # And of what is owed, each notification is there.
    for lease in leases.values():
        assert await after.streams.notification(lease.of.id) is not None
    await after.close()


# What is held, sent before its time, and cancelled


def _held(seconds: float, **fields: Any) -> Mail:
    return replace(mail(due_at=later(seconds), **fields), decided_by="quiet_hours")


async def _all_held(store, *, limit: int = 1) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await store.outbox.held(after=after, limit=limit)
        found += [item.id for item in page.items]
        if (after := page.next) is None:
            return found


async def test_what_is_held_is_told_the_earliest_due_first(store):
    late, early = await put(
        store, notification("user:1", mail=_held(90)), notification("user:1", mail=_held(30))
    )
    alone = recipient(mail=_held(60))
    await store.outbox.owe([alone])
    await put(store, notification("user:1", mail=mail(due_at=later(10))))

    assert await _all_held(store) == await _all_held(store, limit=9) == [early.id, alone.id, late.id]
    with pytest.raises(InvalidCursor):
        await store.outbox.held(after="nonsense", limit=1)


async def test_what_is_hastened_is_due_and_held_by_nothing_at_its_next_attempt(store):
    (own,) = await put(store, notification("user:1", mail=_held(90)))
    alone = recipient(mail=_held(60))
    await store.outbox.owe([alone])

    ids = [own.id, alone.id, "nobody", own.id]
    assert await store.outbox.hasten(ids, now=NOW) == [own.id, alone.id]

    assert await _all_held(store) == []
    assert await store.outbox.next_due(lane=TRANSACTIONAL) == NOW
    leases = {lease.id: lease for lease in await leased(store)}
    assert {lease.mail.decided_by for lease in leases.values()} == {HASTENED}
    assert await store.outbox.hasten([own.id], now=NOW) == []
    await store.outbox.end(leases[own.id], Sent(), now=NOW)
    found = await store.outbox.find(own.id)
    assert (found.mail.state, found.mail.decided_by) == (MailState.SENT, None)


async def test_what_is_cancelled_is_skipped_and_what_is_under_way_is_not(store):
    waiting, leaving = await put(
        store, notification("user:1", mail=_held(90)), notification("user:1", mail=mail())
    )
    alone = recipient(mail=_held(60))
    await store.outbox.owe([alone])
    assert [lease.id for lease in await leased(store)] == [leaving.id]

    ids = [waiting.id, leaving.id, alone.id]
    dropped = await store.outbox.drop(ids, rule="cancelled", reason="cancelled by ann", now=NOW)

    assert dropped == [waiting.id, alone.id]
    for each in dropped:
        found = (await store.outbox.find(each)).mail
        assert (found.state, found.decided_by, found.reason) == (
            MailState.SKIPPED, "cancelled", "cancelled by ann",
        )  # fmt: skip
    assert await _all_held(store) == []
    assert [lease.id for lease in await leased(store, at=100)] == [leaving.id]


async def test_what_stands_by_itself_is_told_of_the_user_it_is_owed_to(store):
    (told,) = await put(store, notification("user:ann"))
    second, campaign, foreign = obligation(told.id), recipient(), recipient("user:bob")
    await store.outbox.owe([second, campaign, foreign])

    assert {item.id for item in await store.outbox.of_room("user:ann", limit=9)} == {second.id, campaign.id}
    assert len(await store.outbox.of_room("user:ann", limit=1)) == 1
    assert [item.title for item in await store.outbox.of_room("user:bob", limit=9)] == ["News"]
    await store.people.erase_user("ann", "user:ann", now=NOW)
    told_of = [item.mail.order.to for item in await store.outbox.of_room("user:ann", limit=9)]
    assert set(told_of) <= {""}
