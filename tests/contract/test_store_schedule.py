"""The sentences of `storage/schedule.py`, held against every store."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.mongo import MongoStore, schedule
from storage.schedule import TOMBSTONE, Added, Cancelled, Missed, Scheduled
from tests.contract.store_cases import NOW, later

NEW = Added(True, True, False)


def item(seconds: float = 60, **fields: Any) -> Scheduled:
    return Scheduled(
        **{
            "id": uuid7(),
            "due_at": later(seconds),
            "room": "user:ann",
            "scope": "shop",
            "request": '{"$a.b": 1}',
            "created_at": NOW,
            **fields,
        }
    )


async def _leased(store: Any, at: Any, *, limit: int = 100, seconds: float = 10) -> list[str]:
    _, items = await store.schedule.lease(limit=limit, lease_seconds=seconds, now=at)
    return [each.id for each in items]


async def test_what_is_due_is_leased_once_oldest_first_and_what_is_not_is_not(store, other):
    early, middle, late = (
        item(10),
        item(20),
        item(30, fingerprint=b"\x00f", latest_at=later(99), cancel_key="k"),
    )
    assert await store.schedule.add([late, early, middle], now=NOW) == [NEW, NEW, NEW]
    assert await other.schedule.next_due() == early.due_at

    assert await _leased(other, later(9)) == []
    token, [first] = await other.schedule.lease(limit=1, lease_seconds=10, now=later(30))
    assert first == early
    _, rest = await store.schedule.lease(limit=5, lease_seconds=10, now=later(30))
    assert rest == [middle, late]
    assert await _leased(other, later(30)) == []
    await other.schedule.end([early.id, middle.id], token=token, now=later(31))

    # The leases of the others run out, and whoever comes next has them.
    assert await _leased(other, later(39)) == []
    assert await _leased(other, later(41)) == [middle.id, late.id]


async def test_a_thousand_that_are_due_at_once_are_leased_by_several_each_once(store, other):
    items = [item(10) for _ in range(1000)]
    await store.schedule.add(items, now=NOW)

    async def take(one: Any) -> list[str]:
        taken: list[str] = []
        idle = 0
        while idle < 5:
            found = await _leased(one, later(20), limit=64, seconds=1000)
            idle = 0 if found else idle + 1
            taken += found
        return taken

    taken = [id_ for ids in await asyncio.gather(take(store), take(other), take(store)) for id_ in ids]

    assert sorted(taken) == sorted(each.id for each in items)


async def test_what_has_ended_comes_no_more_and_is_pruned_in_its_time(store):
    first, second = item(10), item(20)
    await store.schedule.add([first, second], now=NOW)
    token, [_] = await store.schedule.lease(limit=1, lease_seconds=10, now=later(15))

    await store.schedule.end([first.id], token="another's", now=later(16))
    assert await store.schedule.next_due() == later(20)
    await store.schedule.end([first.id], token=token, now=later(16))

    assert await store.schedule.next_due() == later(20)
    assert await _leased(store, later(60)) == [second.id]
    assert await store.schedule.prune(before=later(16), limit=10) == 0
    assert await store.schedule.prune(before=later(17), limit=10) == 1
    assert await store.schedule.add([first], now=later(70)) == [NEW]


async def test_an_id_that_is_known_is_left_as_it_is(store):
    first = item(10, fingerprint=b"one")
    await store.schedule.add([first], now=NOW)

    again = await store.schedule.add(
        [item(99, id=first.id, fingerprint=b"one"), item(99, id=first.id, fingerprint=b"two")], now=NOW
    )

    assert again == [Added(False, True, False), Added(False, False, False)]
    assert await store.schedule.next_due() == later(10)
    assert await store.schedule.add([], now=NOW) == []


async def test_what_is_cancelled_is_emitted_no_more_and_what_is_under_way_is_too_late(store):
    ann, bob, cid = (item(10 * n, room=f"user:{n}", cancel_key="cart") for n in (1, 2, 3))
    foreign, other_key = item(40, scope="other", cancel_key="cart"), item(50, cancel_key="k2")
    await store.schedule.add([ann, bob, cid, foreign, other_key], now=NOW)
    token, [leased] = await store.schedule.lease(limit=1, lease_seconds=99, now=later(10))
    assert leased == ann

    one = await store.schedule.cancel("shop", "cart", room="user:2", now=later(11))
    assert one == Cancelled(cancelled=1, too_late=0)
    every = await store.schedule.cancel("shop", "cart", room=None, now=later(11))
    assert every == Cancelled(cancelled=1, too_late=1)
    await store.schedule.end([ann.id], token=token, now=later(12))
    assert await store.schedule.cancel("shop", "cart", room=None, now=later(13)) == Cancelled(
        cancelled=0, too_late=1
    )

    assert await _leased(store, later(60)) == [foreign.id, other_key.id]
    assert await store.schedule.cancel("shop", "unknown", room=None, now=NOW) == Cancelled(
        cancelled=0, too_late=0
    )


async def test_a_cancellation_also_meets_what_comes_a_moment_after_it(store):
    await store.schedule.cancel("shop", "cart", room="user:ann", now=NOW)

    mine, others, unkeyed = (
        item(99, cancel_key="cart"),
        item(99, cancel_key="cart", room="user:bob"),
        item(99),
    )
    soon = later(TOMBSTONE.total_seconds() - 1)
    assert await store.schedule.add([mine, others, unkeyed], now=soon) == [
        Added(True, True, True),
        NEW,
        NEW,
    ]
    assert await store.schedule.add(
        [item(99, cancel_key="cart")], now=NOW + TOMBSTONE + timedelta(seconds=1)
    ) == [NEW]
    assert len(await _leased(store, later(99))) == 3
    await store.schedule.cancel("shop", "all", room=None, now=later(100))
    assert await store.schedule.add([item(99, cancel_key="all")], now=later(101)) == [Added(True, True, True)]


async def test_what_is_emitted_at_once_asks_whether_it_was_cancelled_a_moment_before(store):
    await store.schedule.cancel("shop", "cart", room="user:ann", now=NOW)
    await store.schedule.cancel("shop", "all", room=None, now=NOW)
    await store.schedule.cancel("other", "theirs", room=None, now=NOW)
    asked = {
        ("cart", "user:ann"), ("cart", "user:bob"), ("all", "user:ann"), ("all", "topic:x"), ("theirs", "user:ann"), ("none", "user:ann")
    }  # fmt: skip
    soon, late = later(TOMBSTONE.total_seconds() - 1), later(TOMBSTONE.total_seconds())

    assert await store.schedule.cancelled("shop", asked, now=soon) == {
        ("cart", "user:ann"), ("all", "user:ann"), ("all", "topic:x")
    }  # fmt: skip
    assert await store.schedule.cancelled("shop", asked, now=late) == set()
    assert await store.schedule.cancelled("shop", set(), now=NOW) == set()


async def test_single_ones_are_dropped_or_hastened_while_they_wait(store):
    first, second, third = item(100), item(200), item(300)
    await store.schedule.add([first, second, third], now=NOW)

    assert await store.schedule.drop([first.id, "unknown", "\ud800"], now=later(1)) == [first.id]
    assert await store.schedule.drop([first.id], now=later(1)) == []
    assert await store.schedule.hasten([third.id, first.id, "\ud800"], now=later(2)) == [third.id]

    assert await store.schedule.next_due() == later(2)
    assert await _leased(store, later(2)) == [third.id]
    assert await store.schedule.hasten([third.id], now=later(3)) == []


async def test_what_is_still_to_come_is_read_by_pages_and_by_room(store):
    items = [item(10 + n // 2, room=f"user:{n % 2}") for n in range(7)]
    await store.schedule.add(items, now=NOW)
    await store.schedule.drop([items[3].id], now=NOW)
    expected = sorted(
        (each for each in items if each is not items[3]), key=lambda each: (each.due_at, each.id)
    )

    found: list[Scheduled] = []
    after = None
    while True:
        page = await store.schedule.page(after=after, limit=2)
        found += page.items
        after = page.next
        if after is None:
            break

    assert found == expected
    assert (
        list(await store.schedule.of_room("user:1", limit=2))
        == [e for e in expected if e.room == "user:1"][:2]
    )
    with pytest.raises(InvalidCursor):
        await store.schedule.page(after="nonsense", limit=2)


async def test_nothing_is_emitted_to_an_erased_user_any_more(store):
    await store.schedule.add([item(10), item(20, room="user:bob")], now=NOW)

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert await store.schedule.of_room("user:ann", limit=9) == ()
    assert len(await _leased(store, later(60))) == 1


async def test_what_is_missed_waits_for_somebody_who_decides(store, other):
    late, gone, taken_back = (
        item(10, latest_at=later(20), epoch="one", cancel_key="k"),
        item(11, room="user:bob"),
        item(12, cancel_key="cart"),
    )
    await store.schedule.add([late, gone, taken_back], now=NOW)
    token, leased = await store.schedule.lease(limit=9, lease_seconds=10, now=later(30))
    assert leased == [late, gone, taken_back]

    why = {late.id: Missed.LATE, gone.id: Missed.RESTORED, taken_back.id: Missed.LATE}
    await store.schedule.miss(why, token="another's", now=later(31))
    assert (await store.schedule.page(after=None, limit=9, missed=True)).items == ()
    await store.schedule.miss(why, token=token, now=later(31))

    assert await store.schedule.next_due() is None
    assert (await store.schedule.page(after=None, limit=9)).items == ()
    first = await other.schedule.page(after=None, limit=2, missed=True)
    rest = await other.schedule.page(after=first.next, limit=2, missed=True)
    assert (*first.items, *rest.items) == tuple(
        dataclasses.replace(each, missed=why[each.id]) for each in (late, gone, taken_back)
    )
    assert [each.id for each in await store.schedule.of_room("user:bob", limit=9)] == [gone.id]

    assert await store.schedule.cancel("shop", "cart", room=None, now=later(32)) == Cancelled(
        cancelled=1, too_late=0
    )
    assert await store.schedule.drop([gone.id], now=later(33)) == [gone.id]
    assert await store.schedule.hasten([late.id, gone.id, taken_back.id], now=later(34)) == [late.id]
    assert (await store.schedule.page(after=None, limit=9, missed=True)).items == ()
    _, [again] = await store.schedule.lease(limit=9, lease_seconds=10, now=later(34))
    assert again == dataclasses.replace(late, due_at=later(34), latest_at=None)


async def test_what_was_missed_is_pruned_in_its_time(store):
    await store.schedule.add([item(10)], now=NOW)
    token, [leased] = await store.schedule.lease(limit=1, lease_seconds=10, now=later(15))
    await store.schedule.miss({leased.id: Missed.LATE}, token=token, now=later(16))

    assert await store.schedule.prune(before=later(16), limit=10) == 0
    assert await store.schedule.prune(before=later(17), limit=10) == 1
    assert await store.schedule.hasten([leased.id], now=later(18)) == []


async def test_who_dies_between_adding_and_heeding_a_cancellation_is_made_whole_by_adding_again(
    mongo_url, monkeypatch
):
    """MongoDB takes two writes for it. What another has scheduled under the id of one of them is left as it is."""
    store = MongoStore(mongo_url)
    await store.open()
    await store.schedule.cancel("shop", "k", room=None, now=NOW)
    one, others = item(cancel_key="k", fingerprint=b"one"), item(cancel_key="another", fingerprint=b"others")
    await store.schedule.add([others], now=later(1))
    heed = schedule._heed

    async def and_die(*_):
        raise SystemError("killed")

    monkeypatch.setattr(schedule, "_heed", and_die)
    with pytest.raises(SystemError):
        await store.schedule.add([one], now=later(1))
    monkeypatch.setattr(schedule, "_heed", heed)

    asked = [one, dataclasses.replace(one, id=others.id)]
    assert await store.schedule.add(asked, now=later(2)) == [
        Added(False, True, True),
        Added(False, False, False),
    ]
    await store.close()
