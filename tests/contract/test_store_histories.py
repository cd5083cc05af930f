"""Pages of rooms that hold much, turned to their end: what is picked is picked from all, held against every store."""

from dataclasses import replace

import pytest

from storage.histories import HistoryQuery, InboxItem, Muted
from storage.inboxes import Selection
from storage.notifications import Notification
from storage.store import Store
from tests.contract.store_cases import NOW, later, notification, put

LARGE = "user:1"
LOOKED_THROUGH = 2200
"""More of a room than any store looks through for a type."""
RARE_IN = 97


async def turned(store: Store, query: HistoryQuery) -> list[InboxItem]:
    """What is on the pages."""
    found: list[InboxItem] = []
    while True:
        page = await store.inboxes.history(query, now=later(1))
        assert len(page.items) == query.limit or page.next is None
        found += page.items
        if page.next is None:
            return found
        query = replace(query, before=page.next)


async def furnish(store: Store, rooms: list[str]) -> list[Notification]:
    """Several rooms, of which one holds much; of what is read some was read with its room, some by itself."""

    def told(number: int) -> Notification:
        room = rooms[1 + number % (len(rooms) - 1)] if number % 9 == 0 and len(rooms) > 1 else LARGE
        type_ = "RARE" if number % RARE_IN == 0 else f"TYPE_{number % 5}"
        return notification(room, type=type_, created_at=later(number - 10_000))

    # Its node's clock was ahead: the first of the room has the latest time.
    odd = notification(LARGE, type="RARE", created_at=later(-5000))
    first = await put(store, odd, *(told(number) for number in range(LOOKED_THROUGH)))
    await store.inboxes.read_all("1", rooms[1:3], now=NOW)
    return [*first, *await put(store, *(told(number) for number in range(LOOKED_THROUGH, 2700)))]


@pytest.mark.parametrize("room_count", [1, 3, 7])
async def test_what_is_picked_of_large_rooms_is_all_that_was_to_be_picked(store, room_count):
    rooms = [LARGE, *(f"topic:{number}" for number in range(room_count - 1))]
    told = await furnish(store, rooms)
    ids = [n.id for n in told]
    await store.inboxes.read(Selection("1", rooms, ids[::11], now=NOW))
    await store.inboxes.dismiss(Selection("1", rooms, ids[5::13], now=NOW))
    await store.inboxes.archive(Selection("1", rooms, ids[7::17], now=NOW))
    await store.inboxes.mark_unread(Selection("1", rooms, ids[::45], now=NOW))
    everything = HistoryQuery(user="1", rooms=rooms, limit=100)

    whole = await turned(store, everything)
    away = {*ids[5::13], *ids[7::17]}
    assert {item.notification.id for item in whole} >= {id_ for id_ in ids if id_ not in away}
    assert not {item.notification.id for item in whole} & set(ids[5::13])
    small = replace(everything, limit=17)
    for types in ((), ("RARE",), ("RARE", "TYPE_3"), ("TYPE_1",), ("NONE",), ("\ud800",)):
        for is_unread in (False, True):
            for muted in (None, Muted(types=frozenset({"RARE", "TYPE_1"}), own=LARGE)):
                query = replace(small, types=types, unread_only=is_unread, muted=muted)
                assert await turned(store, query) == [
                    item
                    for item in whole
                    if (not types or item.notification.type in types)
                    and not (is_unread and item.receipt.is_read)
                    and not (muted and muted.hides(item.notification))
                ]


@pytest.mark.parametrize("behind", [1, 3, 1200])
async def test_what_came_after_all_was_read_is_unread(store, behind):
    """Little and much of it, and after it what was made unread again."""
    told = await put(store, *(notification(LARGE, created_at=later(n - 10_000)) for n in range(50)))
    await store.inboxes.read_all("1", [LARGE], now=NOW)
    since = await put(store, *(notification(LARGE, created_at=later(n - 9000)) for n in range(behind)))
    await store.inboxes.mark_unread(Selection("1", [LARGE], [told[9].id], now=NOW))

    unread = await turned(store, HistoryQuery(user="1", rooms=[LARGE, "empty"], unread_only=True, limit=90))

    assert [item.notification for item in unread] == [*reversed(since), told[9]]


async def test_of_very_many_rooms_none_is_passed_over_for_having_much_that_is_newer(store):
    """More rooms than a store asks for at once; of the type the busy room has the newest, far down in it."""
    rooms = [f"topic:{number}" for number in range(102)]
    (rare,) = await put(store, notification(rooms[0], type="RARE", created_at=later(-7000)))
    await put(store, *(notification(rooms[0], type="NOTE", created_at=later(n - 6000)) for n in range(5101)))
    older = await put(
        store, *(notification(rooms[101], type="RARE", created_at=later(n - 8000)) for n in range(30))
    )

    found = await turned(store, HistoryQuery(user="1", rooms=rooms, types=("RARE",), limit=20))

    # By the order of appending, or by the times: which of the two is for the store.
    assert {item.notification.id for item in found} == {rare.id, *(each.id for each in older)}
