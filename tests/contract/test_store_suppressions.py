"""The sentences of `storage/suppressions.py`, held against every store."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mail import LaneName
from storage.mongo import MongoStore
from storage.people import Contact
from storage.suppressions import (
    EVERYTHING,
    Evidence,
    Reason,
    Suppression,
    category_scope,
    lane_scope,
)
from tests.contract.store_cases import NOW, later, mail, notification, put

ANN, BOB = "ann@example.org", "bob@example.org"
BULK = lane_scope(LaneName.BULK)
OFFERS = category_scope("offers")
DAY_SECONDS = 86_400


def suppression(address: str = ANN, **fields) -> Suppression:
    given = {"reason": Reason.HARD_BOUNCE, "source": "server", "created_at": NOW}
    return Suppression(id=uuid7(), address=address, **(given | fields))


async def listed(store, *, now: datetime = NOW, **fields) -> list[Suppression]:
    asked = {"address": None, "scope": None, "before": None, "limit": 100} | fields
    return list((await store.suppressions.page(**asked, now=now)).items)


async def test_what_is_suppressed_comes_back_as_it_was_given(store):
    evidence = Evidence(mail="m1", code="5.1.1", diagnostic="No such user: $x.y\u20ac")
    whole = suppression(scope=OFFERS, evidence=evidence, expires_at=later(60), source="admin:$ann")
    bare = suppression("jörg@example.org")

    assert await store.suppressions.add([whole, bare]) == 2

    assert sorted(await listed(store), key=lambda each: each.id) == [whole, bare]
    assert await store.suppressions.matching([ANN, "jörg@example.org"], now=NOW) == {
        ANN: (whole,),
        "jörg@example.org": (bare,),
    }


async def test_many_addresses_are_looked_up_in_one_question_and_each_has_all_its_scopes(store):
    given = [
        suppression(f"{n}@example.org", scope=scope)
        for n in range(600)
        for scope in (EVERYTHING, OFFERS, BULK)
    ]
    await store.suppressions.add(given)
    asked = [*(f"{n}@example.org" for n in range(400, 1700)), "\ud800@example.org", "400@example.org"]

    found = await store.suppressions.matching(asked, now=NOW)

    assert found.keys() == {f"{n}@example.org" for n in range(400, 600)}
    assert {each.scope for each in found["400@example.org"]} == {EVERYTHING, OFFERS, BULK}
    assert all(len(some) == 3 for some in found.values())
    assert await store.suppressions.matching([], now=NOW) == {}


async def test_of_two_the_one_that_lasts_longer_stays(store):
    soft = suppression(reason=Reason.SOFT_BOUNCE, expires_at=later(60))
    softer = suppression(reason=Reason.SOFT_BOUNCE, expires_at=later(30))
    hard = suppression()
    complaint = suppression(reason=Reason.COMPLAINT)

    answers = [await store.suppressions.add([each]) for each in (soft, softer, soft, hard, complaint, soft)]

    assert answers == [1, 0, 0, 1, 0, 0]
    assert await listed(store) == [hard]


async def test_of_two_that_last_equally_long_the_firm_one_stays_else_the_first(store):
    complaint, unsubscribed = suppression(reason=Reason.COMPLAINT), suppression(reason=Reason.UNSUBSCRIBE)
    hard, manual = suppression(), suppression(reason=Reason.MANUAL)
    brief = suppression(BOB, reason=Reason.MANUAL, expires_at=later(30))
    soft = suppression(BOB, reason=Reason.SOFT_BOUNCE, expires_at=later(60))

    answers = [
        await store.suppressions.add([each])
        for each in (complaint, unsubscribed, hard, manual, complaint, brief, soft, brief)
    ]

    assert answers == [1, 0, 1, 0, 0, 1, 1, 0]
    assert sorted(await listed(store), key=lambda each: each.id) == [hard, soft]
    await store.suppressions.add([replace(each, scope=OFFERS) for each in (manual, complaint, hard)])
    assert await listed(store, scope=OFFERS) == [replace(manual, scope=OFFERS)]


async def test_within_one_batch_too_what_lasts_longer_stays_and_nothing_else_is_lost(store):
    given = [
        suppression(expires_at=later(60)),
        suppression(),
        suppression(expires_at=later(90)),
        suppression("bob@example.org"),
    ]

    await store.suppressions.add(given)

    found = await store.suppressions.matching([ANN, "bob@example.org"], now=NOW)
    assert found[ANN][0].expires_at is None
    assert found["bob@example.org"] == (given[3],)
    assert await store.suppressions.add([]) == 0


async def test_what_has_expired_is_as_good_as_not_there(store):
    await store.suppressions.add([suppression(expires_at=later(60))])

    assert await store.suppressions.any(now=later(59))
    assert not await store.suppressions.any(now=later(60))
    assert await store.suppressions.matching([ANN], now=later(60)) == {}
    assert await listed(store, now=later(60)) == []
    assert await store.suppressions.lift(ANN, scope=None, now=later(60)) == 0

    renewed = suppression(created_at=later(61), expires_at=later(120))
    await store.suppressions.add([renewed])
    assert await listed(store, now=later(61)) == [renewed]


async def test_the_list_is_read_page_by_page_newest_first_by_address_and_by_scope(store):
    given = [
        suppression(f"{n}@example.org", scope=OFFERS if n % 2 else EVERYTHING, created_at=later(n // 3))
        for n in range(10)
    ]
    await store.suppressions.add(given)
    expected = sorted(given, key=lambda each: (each.created_at, each.id), reverse=True)

    read, before = [], None
    while True:
        page = await store.suppressions.page(address=None, scope=None, before=before, limit=3, now=NOW)
        read += page.items
        before = page.next
        if before is None:
            break
        assert before.isascii()

    assert read == expected
    assert await listed(store, scope=OFFERS) == [each for each in expected if each.scope == OFFERS]
    assert await listed(store, address="3@example.org") == [given[3]]
    assert await listed(store, address="3@example.org", scope=EVERYTHING) == []
    with pytest.raises(InvalidCursor):
        await listed(store, before="nonsense")


async def test_an_address_is_lifted_in_one_scope_or_in_all(store):
    await store.suppressions.add([suppression(scope=scope) for scope in (EVERYTHING, OFFERS, BULK)])
    await store.suppressions.add([suppression("bob@example.org")])

    assert await store.suppressions.lift(ANN, scope=OFFERS, now=NOW) == 1
    assert await store.suppressions.lift(ANN, scope=OFFERS, now=NOW) == 0
    assert {each.scope for each in await listed(store, address=ANN)} == {EVERYTHING, BULK}
    assert await store.suppressions.lift(ANN, scope=None, now=NOW) == 2
    assert [each.address for each in await listed(store)] == ["bob@example.org"]


async def test_soft_bounces_count_by_the_days_on_which_they_came(store):
    async def bounce(day: float) -> int:
        at = later(day * DAY_SECONDS)
        return await store.suppressions.bounced_softly(ANN, at=at, days=30)

    assert [await bounce(day) for day in (0, 0.1, 1, 2, 2.2, 20)] == [1, 1, 2, 3, 3, 4]
    assert await bounce(29) == 5
    # The first has fallen out of the thirty days.
    assert await bounce(30) == 5
    assert await bounce(90) == 1
    assert await store.suppressions.bounced_softly("bob@example.org", at=NOW, days=30) == 1


async def test_a_clock_that_was_ahead_counts_no_day_that_has_not_come(store):
    await store.suppressions.bounced_softly(ANN, at=later(3 * DAY_SECONDS), days=30)

    assert await store.suppressions.bounced_softly(ANN, at=NOW, days=30) == 1


async def test_nodes_that_count_at_once_lose_no_day(store, other):
    days = [NOW - timedelta(days=n) for n in range(10)]

    await asyncio.gather(
        *(node.suppressions.bounced_softly(ANN, at=day, days=30) for node in (store, other) for day in days)
    )

    assert await store.suppressions.bounced_softly(ANN, at=NOW, days=30) == 10


async def test_lifting_forgets_the_soft_bounces_unless_it_is_of_a_kind_of_mail(store):
    for day in range(3):
        await store.suppressions.bounced_softly(ANN, at=later(day * DAY_SECONDS), days=30)

    await store.suppressions.lift(ANN, scope=OFFERS, now=NOW)
    assert await store.suppressions.bounced_softly(ANN, at=later(3 * DAY_SECONDS), days=30) == 4
    await store.suppressions.lift(ANN, scope=EVERYTHING, now=NOW)
    assert await store.suppressions.bounced_softly(ANN, at=later(3 * DAY_SECONDS), days=30) == 1


async def test_pruning_takes_what_has_expired_and_old_soft_bounces_in_steps(store):
    await store.suppressions.add(
        [suppression(f"{n}@example.org", expires_at=later(60)) for n in range(5)] + [suppression()]
    )
    for n in range(5):
        await store.suppressions.bounced_softly(f"{n}@example.org", at=NOW, days=30)
    at = later(30 * DAY_SECONDS)

    assert await store.suppressions.prune(now=later(59), days=30, limit=10) == 0
    assert await store.suppressions.prune(now=at, days=30, limit=3) == 6
    assert await store.suppressions.prune(now=at, days=30, limit=3) == 4
    assert await store.suppressions.prune(now=at, days=30, limit=3) == 0
    assert [each.address for each in await listed(store, now=at)] == [ANN]


async def test_nodes_that_suppress_at_once_keep_one(store, other):
    given = [suppression(source=str(n)) for n in range(20)]

    counts = await asyncio.gather(
        *(node.suppressions.add([each]) for each in given for node in (store, other))
    )

    assert sum(counts) == 1
    assert len(await listed(store)) == 1


async def test_an_erased_users_addresses_are_forgotten_and_no_others(store):
    await put(
        store,
        notification("user:1", in_app=False, mail=mail(to="old@example.org")),
        notification("user:1"),
        notification("user:2", in_app=False, mail=mail(to="bob@example.org")),
    )
    await store.people.remember([Contact(user="1", email="Ann@Example.org")])
    addresses = await store.people.addresses("1", "user:1")
    assert addresses == ["Ann@Example.org", "old@example.org"]
    await store.suppressions.add(
        [suppression(each) for each in (ANN, "old@example.org", "bob@example.org")]
        + [suppression(scope=OFFERS)]
    )
    for each in (ANN, "bob@example.org"):
        await store.suppressions.bounced_softly(each, at=NOW, days=30)

    await store.people.erase_user("1", "user:1", now=NOW, addresses=(ANN, "old@example.org"))

    assert [each.address for each in await listed(store)] == ["bob@example.org"]
    later_on = later(DAY_SECONDS)
    assert await store.suppressions.bounced_softly(ANN, at=later_on, days=30) == 1
    assert await store.suppressions.bounced_softly("bob@example.org", at=later_on, days=30) == 2
    assert await store.people.addresses("1", "user:1") == []


async def test_what_is_suppressed_outlives_the_store(store, other):
    given = suppression()
    await store.suppressions.add([given])
    await store.close()

    assert await listed(other) == [given]
    assert replace(given, scope=OFFERS) not in await listed(other)


async def test_of_two_that_come_at_once_the_one_that_lasts_longer_stays(store, other):
    addresses = [f"{n}@example.org" for n in range(300)]
    full = [suppression(address, expires_at=later(600)) for address in addresses]
    gone = [suppression(address) for address in addresses]

    await asyncio.gather(
        *(
            shelf.add([each])
            for pair in zip(full, gone, strict=True)
            for shelf, each in zip((store.suppressions, other.suppressions), pair, strict=True)
        )
    )

    assert set(await listed(store, limit=1000)) == set(gone)


async def test_what_comes_to_be_known_as_an_address_is_lifted_stays(mongo_url, monkeypatch):
    """MongoDB takes two writes to lift: what is in force, and what has expired."""
    store = MongoStore(mongo_url)
    await store.open()
    await store.suppressions.add([suppression()])
    new, collection = suppression(), store._operations.collections["suppressions"]
    delete_many = collection.delete_many

    async def and_hear(chosen):
        monkeypatch.setattr(collection, "delete_many", delete_many)
        deleted = await delete_many(chosen)
        await store.suppressions.add([new])
        return deleted

    monkeypatch.setattr(collection, "delete_many", and_hear)

    assert await store.suppressions.lift(ANN, scope=EVERYTHING, now=NOW) == 1
    assert await listed(store) == [new]
    await store.close()
