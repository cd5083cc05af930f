"""The sentences of `storage/inboxes.py`, held against every store: opening, history, marking."""

import asyncio

import pytest

from storage.errors import InvalidCursor
from storage.histories import HistoryQuery
from storage.inboxes import Marked, Selection
from storage.notifications import Entry
from storage.outbox import ANY
from storage.receipts import Receipt
from tests.contract.store_cases import (
    NOW,
    fill,
    later,
    notification,
    put,
)

# Opening


async def test_an_opening_tells_heads_unread_and_what_was_missed(store):
    await fill(store, "all", 5)
    await fill(store, "user:1", 2)
    await fill(store, "topic:x", 4)
    await fill(store, "secret", 4)

    opening = await store.inboxes.opening(
        "1",
        ["user:1", "all", "topic:x", "empty"],
        since={"all": 3, "user:1": 0, "secret": 0},
        limit=3,
        now=NOW,
    )

    assert opening.heads == {"user:1": 2, "all": 5, "topic:x": 4, "empty": 0}
    assert opening.unread == 11
    assert [(n.room, n.seq) for n in opening.missed] == [("user:1", 1), ("user:1", 2), ("all", 4), ("all", 5)]
    assert opening.resync == ()


@pytest.mark.parametrize(
    ("since", "resync"),
    [(0, True), (1, True), (2, False), (5, False), (6, True), (-1, True)],
    ids=["too far behind", "one too far", "at the limit", "at the head", "beyond the head", "impossible"],
)
async def test_a_room_too_far_behind_or_ahead_is_resynced(store, since, resync):
    await fill(store, "a", 5)

    opening = await store.inboxes.opening("1", ["a"], since={"a": since}, limit=3, now=NOW)

    assert opening.resync == (("a",) if resync else ())
    assert [n.seq for n in opening.missed] == ([] if resync else list(range(since + 1, 6)))


async def test_a_room_is_replayed_whatever_was_missed_in_the_others(store):
    """Much of which is not shown any more, so that there is less to be told than sequences."""
    for room in ("much", "more", "gone"):
        await fill(store, room, 8)
    await fill(store, "gone", 6, expires_at=later(-1))
    (last,) = await fill(store, "gone", 1)

    opening = await store.inboxes.opening(
        "1", ["much", "gone", "more", "new"], since=dict.fromkeys(("much", "gone", "more"), 2) | {"gone": 8}, limit=3,
        now=NOW,
    )  # fmt: skip

    assert opening.resync == ("much", "more")
    assert opening.missed == (last,)


async def test_a_since_before_what_is_kept_is_resynced(store):
    await fill(store, "a", 3, created_at=later(-9))
    await fill(store, "a", 2)
    await store.streams.prune(before=NOW, limit=10)

    below = await store.inboxes.opening("1", ["a"], since={"a": 2}, limit=10, now=NOW)
    at = await store.inboxes.opening("1", ["a"], since={"a": 3}, limit=10, now=NOW)

    assert (below.resync, [n.seq for n in at.missed], at.resync) == (("a",), [4, 5], ())


async def test_recalled_ones_do_not_count_as_missed_also_for_who_has_read_everything(store):
    stored = await fill(store, "a", 6)
    await store.inboxes.read_all("1", ["a"], now=NOW)
    for n in stored[1:4]:
        await store.streams.recall(n.id, now=NOW)

    opening = await store.inboxes.opening("1", ["a"], since={"a": 0}, limit=3, now=NOW)

    assert [n.seq for n in opening.missed] == [1, 5, 6]
    assert opening.unread == 0


async def test_recalled_ones_at_the_oldest_end_do_not_count_as_missed_either(store):
    stored = await fill(store, "a", 3)
    await store.streams.recall(stored[0].id, now=NOW)

    opening = await store.inboxes.opening("1", ["a"], since={"a": 0}, limit=2, now=NOW)

    assert ([n.seq for n in opening.missed], opening.resync) == ([2, 3], ())


async def test_many_openings_at_once_are_each_answered_as_if_alone(store):
    await fill(store, "all", 10)
    for i in range(5):
        await fill(store, f"user:{i}", i)
        await store.inboxes.read_all(str(i), ["all"] if i % 2 else [], now=NOW)

    openings = await asyncio.gather(
        *(
            store.inboxes.opening(
                str(i), [f"user:{i}", "all"], since={"all": 10 - i, f"user:{i}": 0}, limit=3, now=NOW
            )
            for i in range(5)
            for _ in range(30)
        )
    )

    for index, opening in enumerate(openings):
        i = index // 30
        assert opening.heads == {f"user:{i}": i, "all": 10}
        assert opening.unread == i + (0 if i % 2 else 10)
        too_far = i > 3
        assert opening.resync == ((f"user:{i}", "all") if too_far else ())
        assert len(opening.missed) == (0 if too_far else 2 * i)


# History


async def test_history_pages_newest_first_over_rooms_with_equal_times(store):
    rooms = ["user:1", "all", "topic:x"]
    stored = await put(store, *(notification(rooms[i % 3], created_at=later(i // 10)) for i in range(35)))
    await fill(store, "elsewhere", 3)
    expected = [n.id for n in sorted(stored, key=lambda n: (n.created_at, n.id), reverse=True)]

    found: list[str] = []
    cursor = None
    pages = 0
    while cursor is not None or not pages:
        page = await store.inboxes.history(
            HistoryQuery(user="1", rooms=rooms, before=cursor, limit=7), now=NOW
        )
        found += [item.notification.id for item in page.items]
        cursor = page.next
        pages += 1

    assert (found, pages) == (expected, 5)


async def test_history_leaves_out_recalled_dismissed_and_of_other_types(store):
    stored = await fill(store, "a", 4)
    [news] = await put(store, notification("a", type="NEWS"))
    await store.streams.recall(stored[0].id, now=NOW)
    await store.inboxes.dismiss(Selection("1", ["a"], [stored[1].id], now=NOW))

    async def ids(user, **fields):
        page = await store.inboxes.history(HistoryQuery(user=user, rooms=["a"], **fields), now=NOW)
        return [item.notification.id for item in page.items]

    assert await ids("1") == [news.id, stored[3].id, stored[2].id]
    assert await ids("2") == [news.id, stored[3].id, stored[2].id, stored[1].id]
    assert await ids("1", types=["NEWS", "OLD"]) == [news.id]
    assert await ids("1", types=["OLD"]) == []


async def test_unread_history_leaves_out_what_was_read_either_way(store):
    first = await fill(store, "a", 3)
    await store.inboxes.read_all("1", ["a"], now=NOW)
    second = await fill(store, "a", 3)
    await store.inboxes.read(Selection("1", ["a"], [second[1].id], now=NOW))

    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"], unread_only=True), now=NOW)
    whole = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)

    assert [i.notification.id for i in page.items] == [second[2].id, second[0].id]
    assert [i.receipt.is_read for i in whole.items] == [False, True, False, True, True, True]
    assert whole.items[-1].notification.id == first[0].id


async def test_history_looks_past_any_number_of_dismissed_ones(store):
    stored = await fill(store, "a", 60)
    await store.inboxes.dismiss(Selection("1", ["a"], [n.id for n in stored[5:]], now=NOW))

    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"], limit=3), now=NOW)

    assert [i.notification.seq for i in page.items] == [5, 4, 3]
    assert page.next is not None


async def test_history_of_no_rooms_and_of_very_many(store):
    await fill(store, "room-7", 2)
    rooms = [f"room-{i}" for i in range(230)]

    assert (await store.inboxes.history(HistoryQuery(user="1", rooms=[]), now=NOW)).items == ()
    assert len((await store.inboxes.history(HistoryQuery(user="1", rooms=rooms), now=NOW)).items) == 2


@pytest.mark.parametrize("cursor", ["", "x", "12", "~", "x~y", "9" * 30 + "~y", "1~\ud800"])
async def test_a_cursor_that_no_page_gave_is_refused(store, cursor):
    with pytest.raises(InvalidCursor):
        await store.inboxes.history(HistoryQuery(user="1", rooms=["a"], before=cursor), now=NOW)
    with pytest.raises(InvalidCursor):
        await store.outbox.mail_page(ANY, before=cursor, limit=3)


# Marking


async def test_reading_is_idempotent_and_only_in_the_users_rooms(store):
    one, two = await fill(store, "a", 2)
    [elsewhere] = await fill(store, "b", 1)

    first = await store.inboxes.read(Selection("1", ["a"], [one.id, elsewhere.id, one.id], now=NOW))
    again = await store.inboxes.read(Selection("1", ["a"], [one.id], now=later(5)))

    assert first == Marked(changed=1, unread=1, heads={"a": 2})
    assert again == Marked(changed=0, unread=1, heads={"a": 2})
    assert await store.inboxes.receipt("1", one.id) == Receipt(read_at=NOW)
    assert await store.inboxes.receipt("1", two.id) == Receipt()
    assert await store.inboxes.receipt("1", elsewhere.id) == Receipt()


async def test_reading_all_one_by_one_keeps_the_time_of_each(store):
    """That the store then remembers less does not show."""
    one, two = await fill(store, "a", 2)
    await store.inboxes.seen(Selection("1", ["a"], [one.id], now=later(1)))
    await store.inboxes.read(Selection("1", ["a"], [one.id], now=later(2)))
    marked = await store.inboxes.read(Selection("1", ["a"], [two.id], now=later(3)))

    assert marked.unread == 0
    assert await store.inboxes.receipt("1", one.id) == Receipt(seen_at=later(1), read_at=later(2))
    assert await store.inboxes.receipt("1", two.id) == Receipt(read_at=later(3))
    assert await store.inboxes.read_upto("1") == {"a": 2}
    assert (await store.inboxes.read(Selection("1", ["a"], [one.id], now=later(4)))).changed == 0


async def test_reading_everything_covers_this_moment_and_not_what_follows(store):
    stored = await fill(store, "a", 3)
    await fill(store, "b", 1)
    await store.inboxes.dismiss(Selection("1", ["a"], [stored[0].id], now=later(1)))
    await store.inboxes.read(Selection("1", ["a"], [stored[1].id], now=later(2)))

    marked = await store.inboxes.read_all("1", ["a", "b"], now=later(3))
    [fresh] = await fill(store, "a", 1)

    assert marked == Marked(changed=2, unread=0, heads={"a": 3, "b": 1}, read_from={"a": 0, "b": 0})
    assert (await store.inboxes.read_all("1", ["b", "c"], now=later(4))) == Marked(
        changed=0, unread=0, heads={"b": 1, "c": 0}
    )
    assert (await store.inboxes.unread("1", ["a", "b"], now=NOW)).unread == 1
    assert await store.inboxes.receipt("1", stored[0].id) == Receipt(dismissed_at=later(1), read_at=later(1))
    assert await store.inboxes.receipt("1", stored[2].id) == Receipt(read_at=later(3))
    assert await store.inboxes.receipt("1", fresh.id) == Receipt()
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)
    assert [i.notification.seq for i in page.items] == [4, 3, 2]


async def test_seeing_changes_nothing_that_is_unread(store):
    one, two = await fill(store, "a", 2)
    await store.inboxes.read(Selection("1", ["a"], [two.id], now=NOW))

    first = await store.inboxes.seen(Selection("1", ["a"], [one.id, two.id], now=later(1)))
    again = await store.inboxes.seen(Selection("1", ["a"], [one.id], now=later(2)))

    assert (first.changed, first.unread, again.changed) == (1, 1, 0)
    assert await store.inboxes.receipt("1", one.id) == Receipt(seen_at=later(1))
    assert (await store.inboxes.receipt("1", two.id)).is_seen


async def test_dismissing_counts_as_read_also_after_reading_everything(store):
    one, two = await fill(store, "a", 2)
    first = await store.inboxes.dismiss(Selection("1", ["a"], [one.id], now=later(1)))
    await store.inboxes.read_all("1", ["a"], now=later(2))
    second = await store.inboxes.dismiss(Selection("1", ["a"], [one.id, two.id], now=later(3)))

    assert (first.changed, first.unread, second.changed) == (1, 1, 1)
    assert await store.inboxes.receipt("1", two.id) == Receipt(read_at=later(2), dismissed_at=later(3))
    assert (await store.inboxes.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)).items == ()


async def test_what_was_recalled_can_not_be_marked(store):
    [one] = await fill(store, "a", 1)
    await store.streams.recall(one.id, now=NOW)

    assert (await store.inboxes.read(Selection("1", ["a"], [one.id], now=NOW))).changed == 0


async def test_what_was_taken_back_unread_was_read_by_nobody_who_had_read_all_before_it_was_made(store):
    """Its place is read as the rest of the room is, one by one."""
    [before] = await put(store, notification())
    await store.inboxes.read_all("1", ["all"], now=later(1))
    seen, unseen, after = await fill(store, "all", 3, created_at=later(2))
    await store.inboxes.seen(Selection("1", ["all"], [seen.id], now=later(3)))
    for each in (before, seen, unseen):
        await store.streams.recall(each.id, now=later(3))
    marked = await store.inboxes.read(Selection("1", ["all"], [after.id], now=later(5)))
    assert (marked.changed, marked.unread) == (1, 0)

    receipts = [await store.inboxes.receipts(each.id) for each in (before, seen, unseen, after)]

    assert receipts == [
        {"1": Receipt(read_at=later(1))}, {"1": Receipt(seen_at=later(3))}, {}, {"1": Receipt(read_at=later(5))},
    ]  # fmt: skip


async def test_receipts_tell_of_every_user_who_did_something(store):
    one, two = await fill(store, "a", 2)
    await store.inboxes.seen(Selection("seer", ["a"], [one.id], now=later(1)))
    await store.inboxes.read(Selection("reader", ["a"], [one.id], now=later(2)))
    await store.inboxes.read_all("thorough", ["a"], now=later(3))
    await store.inboxes.read(Selection("other", ["a"], [two.id], now=later(4)))

    assert await store.inboxes.receipts(one.id) == {
        "seer": Receipt(seen_at=later(1)),
        "reader": Receipt(read_at=later(2)),
        "thorough": Receipt(read_at=later(3)),
    }


async def test_users_whose_marks_race_lose_none(store, other):
    stored = await fill(store, "a", 20)

    await asyncio.gather(
        *(
            (store if i % 2 else other).inboxes.read(Selection("1", ["a"], [n.id], now=NOW))
            for i, n in enumerate(stored)
        )
    )

    assert (await store.inboxes.unread("1", ["a"], now=NOW)).unread == 0


async def test_history_of_some_categories(store):
    def of(category: str) -> Entry:
        return Entry(category=category, locale="en", catalog_version="1f")

    order, offer, _, other = await put(
        store,
        notification("user:1", entry=of("orders")),
        notification("all", entry=of("offers")),
        notification("user:1"),
        notification("user:1", entry=of("service")),
    )

    async def found(*categories: str) -> list[str]:
        query = HistoryQuery(user="1", rooms=["user:1", "all"], categories=categories)
        return [item.notification.id for item in (await store.inboxes.history(query, now=NOW)).items]

    assert await found("offers", "orders") == [offer.id, order.id]
    assert await found("service") == [other.id]
    assert await found("none") == []
    assert len(await found()) == 4


# Clicks


async def test_a_click_reads_counts_and_stays_the_first(store, other):
    stored = await fill(store, "a", 3)

    clicked = await store.inboxes.click(Selection("1", ["a"], [stored[1].id, "unknown"], now=later(1)))
    again = await other.inboxes.click(Selection("1", ["a"], [stored[1].id], now=later(2)))
    elsewhere = await store.inboxes.click(Selection("1", ["b"], [stored[0].id], now=later(3)))

    assert (clicked.changed, clicked.unread, clicked.heads) == (1, 2, {"a": 3})
    assert (again.changed, again.unread) == (0, 2)
    assert (elsewhere.changed, elsewhere.unread) == (0, 0)
    assert await store.inboxes.receipt("1", stored[1].id) == Receipt(read_at=later(1), clicked_at=later(1))
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"]), now=later(4))
    assert [item.receipt.clicked_at for item in page.items] == [None, later(1), None]


async def test_what_was_read_already_is_clicked_and_stays_read_as_it_was(store):
    stored = await fill(store, "a", 2)
    await store.inboxes.read(Selection("1", ["a"], [stored[0].id], now=later(1)))
    await store.inboxes.read_all("1", ["a"], now=later(2))

    clicked = await store.inboxes.click(Selection("1", ["a"], [each.id for each in stored], now=later(3)))

    assert (clicked.changed, clicked.unread) == (2, 0)
    found = await store.inboxes.receipts_of("1", [each.id for each in stored])
    assert {receipt.clicked_at for receipt in found.values()} == {later(3)}
    assert {receipt.read_at for receipt in found.values()} == {later(2)}


async def test_reading_all_leaves_what_was_clicked_and_the_last_click_reads_a_room(store):
    stored = await fill(store, "a", 2)
    await store.inboxes.click(Selection("1", ["a"], [stored[0].id], now=later(1)))
    last = await store.inboxes.click(Selection("1", ["a"], [stored[1].id], now=later(2)))
    more = await fill(store, "a", 1)

    assert (last.unread, (await store.inboxes.unread("1", ["a"], now=later(3))).unread) == (0, 1)
    await store.inboxes.read_all("1", ["a"], now=later(4))
    assert (await store.inboxes.receipt("1", stored[0].id)).clicked_at == later(1)
    assert (await store.inboxes.receipts(stored[1].id))["1"].clicked_at == later(2)
    assert (await store.inboxes.receipt("1", more[0].id)).clicked_at is None
