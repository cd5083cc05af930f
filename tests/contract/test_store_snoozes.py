"""The sentences of `storage/snoozes.py`, held against every store."""

import asyncio

from storage.histories import RETURNED_MAX, HistoryQuery
from storage.inboxes import Selection
from storage.receipts import Place, Receipt
from storage.snoozes import Returned
from tests.contract.store_cases import NOW, ROOMS, fill, ids, later


async def test_what_is_snoozed_is_gone_and_comes_back_once_as_unread(store, other):
    one, two = await fill(store, "user:1", 2)
    await store.inboxes.read_all("1", ROOMS, now=NOW)

    asleep = await store.inboxes.snooze(Selection("1", ROOMS, [one.id], now=later(1)), until=later(5))
    assert (asleep.changed, asleep.unread) == (1, 0)
    assert (await ids(store), await ids(store, place=Place.SNOOZED)) == ([two.id], [one.id])
    await store.inboxes.read_all("1", ROOMS, now=later(2))
    assert await store.snoozes.next_due() == later(5)
    _, early = await store.snoozes.bring_back(limit=9, lease_seconds=1, now=later(4.9))
    assert early == []

    both = await asyncio.gather(
        *(node.snoozes.bring_back(limit=9, lease_seconds=2, now=later(5)) for node in (store, other))
    )

    back = [each for _, some in both for each in some]
    assert back == [Returned(user="1", room="user:1", seq=1, id=one.id)]
    count = await store.inboxes.unread("1", ROOMS, now=later(5))
    assert (count.unread, count.turn > 0) == (1, True)
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=ROOMS), now=later(5))
    assert [item.notification.id for item in page.returned] == [one.id]
    assert page.returned[0].receipt == Receipt(seen_at=None, returned_at=later(5))
    for token, some in both:
        await store.snoozes.end(some, token=token)
    assert await store.snoozes.next_due() is None
    await store.inboxes.read(Selection("1", ROOMS, [one.id], now=later(6)))
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=ROOMS), now=later(6))
    assert (page.returned, len(page.items)) == ((), 2)


async def test_what_was_brought_back_and_not_told_is_told_by_another_and_is_unread_no_second_time(
    store, other
):
    """Whoever brought it back has died over it."""
    one, two = await fill(store, "user:1", 2)
    for n in (one, two):
        await store.inboxes.snooze(Selection("1", ROOMS, [n.id], now=later(1)), until=later(5))
    _, back = await store.snoozes.bring_back(limit=9, lease_seconds=2, now=later(5))
    assert {each.id for each in back} == {one.id, two.id}
    await store.inboxes.read(Selection("1", ROOMS, [one.id], now=later(6)))

    _, leased = await other.snoozes.bring_back(limit=9, lease_seconds=2, now=later(6.9))
    token, again = await other.snoozes.bring_back(limit=9, lease_seconds=2, now=later(7.1))

    assert (leased, [each.id for each in again]) == ([], [two.id])
    assert (await store.inboxes.unread("1", ROOMS, now=later(7))).unread == 1
    await other.snoozes.end(again, token=token)
    assert await other.snoozes.next_due() is None


async def test_what_is_dismissed_archived_or_made_unread_does_not_come_back(store):
    stored = await fill(store, "user:1", 3)
    for n in stored:
        await store.inboxes.snooze(Selection("1", ROOMS, [n.id], now=later(1)), until=later(5))

    await store.inboxes.dismiss(Selection("1", ROOMS, [stored[0].id], now=later(2)))
    await store.inboxes.archive(Selection("1", ROOMS, [stored[1].id], now=later(2)))
    woken = await store.inboxes.mark_unread(Selection("1", ROOMS, [stored[2].id], now=later(2)))

    assert woken.unread == 1
    assert await store.snoozes.next_due() is None
    assert await ids(store, place=Place.SNOOZED) == []
    assert await ids(store, place=Place.ARCHIVE) == [stored[1].id]


async def test_what_came_back_of_a_type_is_told_behind_more_of_others_that_came_back_later(store):
    """A tab that shows one category asks so."""
    [wanted] = await fill(store, "user:1", 1, type="ORDER")
    others = await fill(store, "user:1", RETURNED_MAX + 2)
    for some, until in (([wanted], 5), (others, 6)):
        chosen = Selection("1", ROOMS, [each.id for each in some], now=later(1))
        await store.inboxes.snooze(chosen, until=later(until))
        await store.snoozes.bring_back(limit=99, lease_seconds=2, now=later(until))

    async def returned(**asked) -> list[str]:
        page = await store.inboxes.history(HistoryQuery(user="1", rooms=ROOMS, **asked), now=later(8))
        return [item.notification.id for item in page.returned]

    assert await returned(types=["ORDER"]) == [wanted.id]
    assert len(await returned()) == RETURNED_MAX
