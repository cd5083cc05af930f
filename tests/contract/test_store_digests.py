"""The sentences of `storage/digests.py`, and of `storage/outbox.py` about what is gathered and what is counted."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from unittest.mock import ANY

import pytest

from storage import digests as shelf
from storage.endings import Gathered, Postponed, Sent, Skipped
from storage.ids import uuid7
from storage.inboxes import Selection
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Collapse, Notification
from storage.obligations import Digest, Kind, Lease, Obligation, Subject
from storage.outbox import MailSearch
from tests.contract.store_cases import NOW, later, mail, notification, put

ROOM = "user:ann"


def digest(*, room: str = ROOM, key: str = "daily", closes: float = 60, **fields) -> Digest:
    return Digest(
        **{
            "id": uuid7(), "room": room, "key": key, "rule": "digest", "opened_at": NOW, "closes_at": later(closes),
            **fields,
        }
    )  # fmt: skip


def gathered(opens: Digest | None = None, *, silence: float | None = None) -> Gathered:
    return Gathered(
        digest=opens or digest(),
        silence=None if silence is None else timedelta(seconds=silence),
        rule="digest",
        reason="once a day",
    )


def told(of: Digest) -> Obligation:
    """The mail of a digest."""
    order = MailOrder(to="ann@example.org", due_at=NOW)
    return Obligation(
        id=of.id,
        of=Subject(kind=Kind.DIGEST, id=of.id),
        mail=Mail(order=order, state=MailState.PENDING, due_at=NOW, updated_at=NOW),
        news=notification(of.room, id=of.id, type="DIGEST", in_app=False),
    )


async def leased(store, *, limit: int = 100, at: float = 0) -> list[Lease]:
    return await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=limit, lease_seconds=60, now=later(at))


async def gather(
    store, count: int = 1, *, room: str = ROOM, at: float = 0, ending=None, **fields
) -> list[Lease]:
    """Have so many notifications gathered; answers what their leases were."""
    await put(store, *(notification(room, mail=mail(), **fields) for _ in range(count)))
    leases = await leased(store, at=at)
    for lease in leases:
        assert await store.outbox.end(lease, ending or gathered(digest(room=room)), now=later(at))
    return leases


async def close_due(store, at: float = 60, *, lease_seconds: float = 60) -> tuple[str, list[Digest]]:
    return await store.digests.lease(limit=10, lease_seconds=lease_seconds, now=later(at))


async def ids_in(store, of: Digest) -> list[str]:
    return [item.id for item in await store.digests.items(of.id, before=None, limit=1000)]


async def mail_of(store, id_: str) -> Mail:
    found = (await store.streams.notification(id_)).mail
    assert found is not None
    return found


# Gathering


async def test_the_first_mail_opens_a_digest_and_those_after_it_join(store):
    first, second, third = await gather(store, 3)

    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert (opened.key, opened.rule, opened.gathered) == ("daily", "digest", 3)
    assert (opened.opened_at, opened.closes_at, opened.latest_at, opened.lead) == (NOW, later(60), None, None)
    assert sorted(await ids_in(store, opened)) == sorted([first.id, second.id, third.id])
    kept = await mail_of(store, first.id)
    assert (kept.state, kept.digest, kept.decided_by) == (MailState.GATHERED, opened.id, "digest")
    assert (kept.reason, kept.attempts) == ("once a day", 0)
    assert await leased(store, at=10_000) == []


async def test_digests_of_others_and_of_other_keys_are_others(store):
    await gather(store)
    await gather(store, ending=gathered(digest(key="type:NEWS")))
    await gather(store, room="user:bob")

    assert {each.key for each in await store.digests.of_room(ROOM, limit=10)} == {"daily", "type:NEWS"}
    assert len(await store.digests.of_room("user:bob", limit=10)) == 1
    assert await store.digests.open_count() == 3


async def test_a_worker_whose_lease_is_another_s_gathers_nothing(store):
    await put(store, notification(ROOM, mail=mail()))
    [old] = await leased(store)
    [new] = await leased(store, at=61)

    assert not await store.outbox.end(old, gathered(), now=later(61))
    assert await store.digests.of_room(ROOM, limit=10) == ()
    assert await store.outbox.end(new, gathered(), now=later(61))
    assert not await store.outbox.end(new, gathered(), now=later(61))
    assert [each.gathered for each in await store.digests.of_room(ROOM, limit=10)] == [1]


async def test_of_many_that_gather_at_once_none_is_lost_and_one_digest_is_opened(store, other):
    await put(store, *(notification(ROOM, mail=mail()) for _ in range(24)))
    leases = await leased(store)

    ended = await asyncio.gather(
        *(
            (store, other)[number % 2].outbox.end(lease, gathered(), now=NOW)
            for number, lease in enumerate(leases)
        )
    )

    assert all(ended)
    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert opened.gathered == 24
    assert sorted(await ids_in(store, opened)) == sorted(lease.id for lease in leases)


async def test_silence_puts_the_end_off_within_its_bound(store):
    sliding = gathered(digest(closes=60, latest_at=later(100)), silence=50)
    await gather(store, ending=sliding)

    async def closes_at(at: float):
        await gather(store, ending=sliding, at=at)
        [opened] = await store.digests.of_room(ROOM, limit=10)
        return opened.closes_at

    # never sooner than it was to close, then ever later, and never later than its bound
    assert await closes_at(5) == later(60)
    assert await closes_at(20) == later(70)
    assert await closes_at(59) == later(100)
    assert await store.digests.next_due() == later(100)


async def test_a_digest_that_is_full_is_due_at_once(store, monkeypatch):
    for name in ("sqlite", "mongo"):
        monkeypatch.setattr(f"storage.{name}.digests.FULL", 3)
    await gather(store, 2)
    assert (await close_due(store, at=1))[1] == []

    await gather(store, 1, at=1)

    _, [full] = await close_due(store, at=1)
    assert full.gathered == 3
    await gather(store, 1, at=1)
    [another] = await store.digests.of_room(ROOM, limit=10)
    assert (another.gathered, another.id != full.id) == (1, True)


async def test_the_mail_that_begins_a_digest_is_known_again(store):
    begun = digest(lead="first")

    assert await store.digests.lead(begun)
    assert await store.digests.lead(digest(lead="first")), "after a crash it is the same"
    assert not await store.digests.lead(digest(lead="second"))

    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert (opened.id, opened.lead, opened.gathered) == (begun.id, "first", 0)
    await gather(store)
    assert [each.gathered for each in await store.digests.of_room(ROOM, limit=10)] == [1]


async def test_of_two_mails_that_would_begin_a_digest_at_once_one_does(store, other):
    begun = await asyncio.gather(
        *((store, other)[number % 2].digests.lead(digest(lead=str(number))) for number in range(8))
    )

    assert sum(begun) == 1


# Closing


async def test_what_is_due_is_leased_once_and_given_no_more_items(store, other):
    [before] = await gather(store)
    assert (await close_due(store, at=59))[1] == []
    assert await store.digests.next_due() == later(60)

    _, [closing] = await close_due(store)
    assert (await close_due(other))[1] == []
    assert await store.digests.next_due() == later(120)
    [after] = await gather(store, ending=gathered(digest(closes=120)))

    assert await ids_in(store, closing) == [before.id]
    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert (opened.id != closing.id, await ids_in(store, opened)) == (True, [after.id])


async def test_closing_owes_one_mail_under_the_digest_s_id_and_counts_its_items_as_told(store):
    items = await gather(store, 2)
    token, [closing] = await close_due(store)

    assert await store.digests.settle(closing.id, told(closing), token=token, now=later(60))
    assert not await store.digests.settle(closing.id, told(closing), token=token, now=later(60))

    [lease] = await leased(store, at=60)
    assert (lease.id, lease.is_own, lease.of) == (closing.id, False, Subject(kind=Kind.DIGEST, id=closing.id))
    assert lease.notification.type == "DIGEST"
    assert await store.outbox.end(lease, Sent(), now=later(61))
    assert (await store.outbox.find(closing.id)).mail.state is MailState.SENT
    for item in items:
        kept = await mail_of(store, item.id)
        assert (kept.state, kept.digest) == (MailState.MERGED, closing.id)
    assert await store.digests.next_due() is None
    assert await store.digests.open_count() == 0
    assert await store.digests.of_room(ROOM, limit=10) == ()


async def test_what_is_left_out_is_skipped_with_its_rule_and_comes_no_more(store):
    read, unread = await gather(store, 2)
    token, [closing] = await close_due(store)
    why = {read.id: Skipped(rule="unless", reason="ann read it")}

    assert await store.digests.leave_out(closing.id, why, token=token, now=later(60))

    kept = await mail_of(store, read.id)
    assert (kept.state, kept.decided_by, kept.reason) == (MailState.SKIPPED, "unless", "ann read it")
    assert await ids_in(store, closing) == [unread.id]


async def test_with_nothing_left_nothing_is_owed(store):
    [item] = await gather(store)
    token, [closing] = await close_due(store)
    await store.digests.leave_out(
        closing.id, {item.id: Skipped(rule="unless", reason="read")}, token=token, now=later(60)
    )

    assert await store.digests.settle(closing.id, None, token=token, now=later(60))

    assert await leased(store, at=1_000) == []
    assert await store.outbox.find(closing.id) is None


async def test_whoever_closes_after_the_lease_is_over_changes_nothing(store, other):
    [item] = await gather(store)
    late, [closing] = await close_due(store, lease_seconds=10)
    token, [again] = await close_due(other, at=71)
    assert again.id == closing.id

    why = {item.id: Skipped(rule="unless", reason="read")}
    assert not await store.digests.leave_out(closing.id, why, token=late, now=later(71))
    assert not await store.digests.settle(closing.id, told(closing), token=late, now=later(71))
    assert await leased(store, at=71) == []

    assert (await mail_of(store, item.id)).state is MailState.GATHERED
    assert await other.digests.settle(closing.id, told(closing), token=token, now=later(71))


async def test_whoever_works_on_one_prolongs_its_lease_for_as_long_as_nobody_else_has_it(store, other):
    await gather(store)
    token, [mine] = await close_due(store, at=60)

    assert await store.digests.prolong(mine.id, token=token, lease_seconds=60, now=later(110))
    assert await close_due(other, at=150) == (ANY, [])
    assert await store.digests.next_due() == later(170)
    # Too late, and nobody was faster.
    assert await store.digests.prolong(mine.id, token=token, lease_seconds=60, now=later(180))

    _, [theirs] = await close_due(other, at=240)
    assert not await store.digests.prolong(mine.id, token=token, lease_seconds=600, now=later(241))
    assert await store.digests.next_due() == later(300)
    assert theirs == mine
    assert not await store.digests.prolong("none", token=token, lease_seconds=60, now=later(241))


async def test_what_is_put_off_is_open_until_then_and_what_comes_meanwhile_joins(store):
    """Also beyond the bound of its sliding, which is raised with it."""
    sliding = gathered(digest(closes=60, latest_at=later(60)), silence=50)
    [first] = await gather(store, ending=sliding)
    token, [closing] = await close_due(store)

    assert await store.digests.put_off(closing.id, later(600), token=token)
    [second] = await gather(store, ending=sliding, at=90)

    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert (opened.id, opened.gathered) == (closing.id, 2)
    assert (opened.closes_at, opened.latest_at) == (later(600), later(600))
    assert await store.digests.next_due() == later(600)
    assert (await close_due(store, at=599))[1] == []
    again, [due] = await close_due(store, at=600)
    assert sorted(await ids_in(store, due)) == sorted([first.id, second.id])
    assert await store.digests.settle(due.id, told(due), token=again, now=later(600))
    assert [lease.id for lease in await leased(store, at=600)] == [closing.id]


async def test_whoever_puts_off_after_the_lease_is_over_changes_nothing(store, other):
    await gather(store)
    late, [closing] = await close_due(store, lease_seconds=10)
    token, [_] = await close_due(other, at=71)

    assert not await store.digests.put_off(closing.id, later(600), token=late)
    assert await other.digests.put_off(closing.id, later(600), token=token)
    assert not await other.digests.settle(closing.id, None, token=token, now=later(71))


async def test_what_is_put_off_takes_nothing_more_where_it_is_full_or_another_is_open(store, monkeypatch):
    for name in ("sqlite", "mongo"):
        monkeypatch.setattr(f"storage.{name}.digests.FULL", 2)
    full = await gather(store, 2)
    [overtaken] = await gather(store, room="user:bob")
    token, closing = await close_due(store)
    [joined] = await gather(store, room="user:bob", ending=gathered(digest(room="user:bob", closes=700)))

    for each in closing:
        assert await store.digests.put_off(each.id, later(600), token=token)

    assert await store.digests.of_room(ROOM, limit=10) == ()
    [opened] = await store.digests.of_room("user:bob", limit=10)
    assert await ids_in(store, opened) == [joined.id]
    assert (await close_due(store, at=599))[1] == []
    again, due = await close_due(store, at=600)
    assert {each.id for each in due} == {each.id for each in closing}
    assert {id_ for each in due for id_ in await ids_in(store, each)} == {
        *(lease.id for lease in full),
        overtaken.id,
    }
    for each in due:
        assert await store.digests.settle(each.id, told(each), token=again, now=later(600))


async def test_items_come_in_pages_newest_first(store):
    for number in range(5):
        await gather(store, created_at=later(number - 10))
    _, [closing] = await close_due(store)
    pages: list[Notification] = []

    while page := await store.digests.items(closing.id, before=pages[-1] if pages else None, limit=2):
        pages += page

    assert [item.created_at for item in pages] == [later(number - 10) for number in reversed(range(5))]
    assert all(item.mail is not None and item.mail.state is MailState.GATHERED for item in pages)


# What else happens to what is gathered


async def test_what_is_recalled_leaves_its_digest(store):
    recalled, other_one = await gather(store, 2)

    await store.streams.recall(recalled.id, now=NOW)

    kept = await mail_of(store, recalled.id)
    assert (kept.state, kept.reason) == (MailState.SKIPPED, "recalled")
    [opened] = await store.digests.of_room(ROOM, limit=10)
    assert await ids_in(store, opened) == [other_one.id]


async def test_what_is_gathered_is_not_pruned_before_it_is_told(store):
    [item] = await gather(store, created_at=later(-1000))
    assert await store.streams.prune(before=NOW, limit=10) == 0

    token, [closing] = await close_due(store)
    await store.digests.settle(closing.id, told(closing), token=token, now=later(60))

    assert await store.streams.prune(before=NOW, limit=10) == 1
    assert await store.streams.notification(item.id) is None


async def test_digests_that_ended_are_forgotten_with_their_mail_once_it_is_not_owed(store):
    for room in ("user:ann", "user:bob"):
        await gather(store, room=room)
    token, closing = await close_due(store)
    for each in closing:
        await store.digests.settle(each.id, told(each), token=token, now=later(60))
    closed = [each.id for each in closing]
    sent, owed = closed
    [lease] = [each for each in await leased(store, at=60) if each.id == sent]
    await store.outbox.end(lease, Sent(), now=later(61))

    assert await store.digests.prune(before=later(60), limit=10) == 0
    assert await store.digests.prune(before=later(61), limit=10) == 1

    assert await store.outbox.find(sent) is None
    assert await store.outbox.find(owed) is not None
    [lease] = await leased(store, at=121)
    await store.outbox.end(lease, Sent(), now=later(122))
    assert await store.digests.prune(before=later(123), limit=10) == 1
    assert await store.outbox.find(owed) is None


async def test_the_mail_of_a_digest_goes_though_its_user_was_erased(store):
    await gather(store)
    token, [due] = await close_due(store)
    assert await store.digests.settle(due.id, told(due), token=token, now=later(60))

    await store.people.erase_user("ann", ROOM, now=later(61))
    assert await store.digests.of_room(ROOM, limit=9) == ()
    await store.digests.prune(before=later(62), limit=10)

    assert await store.outbox.subject(due.id) is None


async def test_what_is_superseded_or_recalled_under_a_lease_is_not_gathered(store):
    order = Collapse("order")
    await put(store, notification(ROOM, mail=mail(), collapse=order))
    [recalled] = await put(store, notification(ROOM, mail=mail()))
    leases = await leased(store)
    [newer] = await put(store, notification(ROOM, mail=mail(), collapse=order, created_at=later(1)))
    await store.streams.recall(recalled.id, now=later(1))

    opens = digest()
    for each in [*leases, *await leased(store, at=2)]:
        assert await store.outbox.end(each, gathered(opens), now=later(2))

    assert await ids_in(store, opens) == [newer.id]
    found = await store.outbox.find(recalled.id)
    assert found is not None
    assert found.mail is not None
    assert found.mail.state is MailState.SKIPPED


async def test_who_is_erased_has_no_digest_and_gets_none(store):
    [item] = await gather(store)
    await gather(store, ending=gathered(digest(key="type:NEWS", closes=0)))
    token, [closing] = await close_due(store, at=0)
    await store.digests.settle(closing.id, told(closing), token=token, now=NOW)

    await store.people.erase_user("ann", ROOM, now=NOW)

    assert await store.digests.of_room(ROOM, limit=10) == ()
    assert await leased(store, at=1_000) == []
    assert (await close_due(store, at=1_000))[1] == []
    kept = await mail_of(store, item.id)
    assert (kept.state, kept.order.to) == (MailState.SKIPPED, "")


async def test_an_erasure_in_the_middle_of_a_closing_sends_nothing(store):
    await gather(store)
    token, [closing] = await close_due(store)

    await store.people.erase_user("ann", ROOM, now=later(60))

    assert not await store.digests.settle(closing.id, told(closing), token=token, now=later(60))
    assert await leased(store, at=1_000) == []


async def test_mail_that_is_gathered_or_told_is_counted_and_listed_by_its_state(store):
    await gather(store, 2)

    counts = await store.outbox.mail_counts()
    page = await store.outbox.mail_page(MailSearch(state=MailState.GATHERED), before=None, limit=10)

    assert Counter(counts) == Counter({MailState.GATHERED: 2})
    assert len(page.items) == 2


# What counts against a throttle


async def claim(store, lease: Lease, *, limit: int = 2, at: float = 0, per: float = 60) -> bool:
    return await store.outbox.claim(lease, "NOTE\0ann", limit=limit, since=later(at - per), now=later(at))


async def test_so_many_may_be_sent_and_no_more(store):
    await put(store, *(notification(ROOM, mail=mail()) for _ in range(3)))
    leases = await leased(store)

    claims = [await claim(store, lease) for lease in leases]

    assert claims == [True, True, False]
    assert await store.outbox.counted("NOTE\0ann", since=later(-60)) == 2
    assert await store.outbox.counted("NOTE\0bob", since=later(-60)) == 0


async def test_what_was_not_sent_does_not_count_and_what_was_does_until_the_window_is_over(store):
    await put(store, *(notification(ROOM, mail=mail()) for _ in range(2)))
    failed, sent = await leased(store)
    assert await claim(store, failed, limit=1)
    assert not await claim(store, sent, limit=1)
    await store.outbox.end(failed, Postponed(until=later(10), reason="busy"), now=NOW)

    assert await claim(store, sent, limit=1, at=1)
    await store.outbox.end(sent, Sent(), now=later(1))

    [again] = await leased(store, at=10)
    assert not await claim(store, again, limit=1, at=10)
    assert await claim(store, again, limit=1, at=62)


async def test_a_mail_that_claims_again_does_not_count_against_itself(store):
    await put(store, notification(ROOM, mail=mail()))
    [lease] = await leased(store)
    assert await claim(store, lease, limit=1)

    [again] = await leased(store, at=61)

    assert await store.outbox.counted("NOTE\0ann", since=later(-60)) == 1
    assert await store.outbox.counted("NOTE\0ann", since=later(-60), besides=again.id) == 0
    assert not await claim(store, lease, limit=1, at=61), "another has it"
    assert await claim(store, again, limit=1, at=61)


async def test_of_many_that_claim_at_once_no_more_than_the_limit_may(store, other):
    await put(store, *(notification(ROOM, mail=mail()) for _ in range(12)))
    leases = await leased(store)

    claims = await asyncio.gather(
        *(claim((store, other)[number % 2], lease, limit=3) for number, lease in enumerate(leases))
    )

    assert sum(claims) == 3


async def test_of_many_that_claim_in_one_millisecond_no_more_than_the_limit_may(store, other, monkeypatch):
    """A store may take a write that changes nothing for none."""

    class Still(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            del tz
            return NOW

    monkeypatch.setattr("storage.mongo.outbox.datetime", Still)
    await put(store, *(notification(ROOM, mail=mail()) for _ in range(13)))
    first, *leases = await leased(store)
    assert await claim(store, first, limit=1)

    claims = await asyncio.gather(
        *(claim((store, other)[number % 2], lease, limit=3) for number, lease in enumerate(leases))
    )

    assert sum(claims) == 2


@pytest.mark.parametrize("count", [0, 3])
async def test_what_a_user_did_with_several_is_told_at_once(store, count):
    kept = await put(store, *(notification(ROOM) for _ in range(count)))
    ids = [each.id for each in kept]
    if ids:
        await store.inboxes.read(Selection("ann", [ROOM], ids[:1], now=NOW))
        await store.inboxes.seen(Selection("ann", [ROOM], ids[1:2], now=later(1)))

    found = await store.inboxes.receipts_of("ann", [*ids, "unknown"])

    assert list(found) == [*ids, "unknown"]
    for id_ in ids:
        assert found[id_] == await store.inboxes.receipt("ann", id_)
    assert found["unknown"].read_at is None


def test_a_digest_may_hold_what_a_store_closes_in_one_step():
    assert shelf.FULL == 10_000


async def test_a_mail_that_was_held_has_company_where_another_was_or_a_digest_is_open(store):
    held = replace(mail(), decided_by="quiet_hours")
    await put(
        store,
        *(notification(ROOM, id=id_, mail=held) for id_ in ("1", "2")),
        notification("user:bob", id="3", mail=held),
        notification("user:cid", id="4", mail=held),
        notification("user:cid", id="5", mail=replace(held, due_at=later(99))),
        notification("user:cid", id="6", mail=replace(held, decided_by="pause")),
    )

    async def has_company(room: str, besides: str, key: str = "quiet") -> bool:
        return await store.digests.has_company(
            room, key=key, rule="quiet_hours", besides=besides, now=later(10)
        )

    assert await has_company(ROOM, "1")
    assert not await has_company("user:bob", "3")
    assert not await has_company("user:cid", "4")
    for lease in await leased(store, at=10):
        if lease.id == "1":
            await store.outbox.end(lease, gathered(digest(key="quiet")), now=later(10))
    # The other is under way still, and joins it when there is none left to wait.
    assert await has_company(ROOM, "2")
    assert await has_company(ROOM, "1")
    assert not await has_company("user:bob", "3", "daily")
