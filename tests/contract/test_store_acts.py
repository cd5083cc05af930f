"""What users do with notifications beyond reading them, held against every store: `storage/inboxes.py`."""

import asyncio

from storage.histories import HistoryQuery
from storage.inboxes import Selection
from storage.notifications import Action, Entry, Words
from storage.receipts import Place, Receipt
from tests.contract.store_cases import NOW, ROOMS, fill, ids, later, notification, put


async def test_buttons_and_a_picture_come_back_as_they_were_and_go_with_a_recall(store):
    entry = Entry(
        category="orders",
        locale="en",
        catalog_version="1f",
        actions=(Action("track", "Track", "/t", "primary"), Action("no", "No")),
        image="https://shop.example/a.png",
        translations={"de": Words("Titel", actions=(Action("track", "Verfolgen"),))},
    )
    [sent] = await put(store, notification("user:1", entry=entry))
    plain = Entry(actions=(Action("yes", "Yes"),))
    [uncatalogued] = await put(store, notification("user:1", entry=plain))

    found = await store.streams.notification(sent.id)
    assert found.entry == entry
    assert (await store.streams.notification(uncatalogued.id)).entry == plain

    recalled = await store.streams.recall(sent.id, now=NOW)
    assert recalled.entry == Entry(category="orders", locale="en", catalog_version="1f")


async def test_of_all_who_press_at_once_one_is_the_first_and_all_are_told_which(store, other):
    [one] = await fill(store, "user:1", 1)

    def here(at):
        return Selection("1", ROOMS, [one.id], now=later(at))

    answers = await asyncio.gather(
        *((store if n % 2 else other).inboxes.act(here(n), f"action-{n}") for n in range(8))
    )

    [first] = [answer for answer in answers if answer.changed]
    assert {(answer.acted, answer.acted_at) for answer in answers} == {(first.acted, first.acted_at)}
    assert {answer.unread for answer in answers} == {0}
    receipt = (await store.inboxes.receipts(one.id))["1"]
    assert (receipt.acted, receipt.acted_at, receipt.is_read) == (first.acted, first.acted_at, True)
    again = await store.inboxes.act(here(9), "late")
    assert (again.changed, again.acted) == (0, first.acted)


async def test_nothing_is_pressed_of_what_the_user_is_not_shown(store):
    one, two = await fill(store, "user:1", 2)
    [foreign] = await fill(store, "user:2", 1)
    await store.inboxes.dismiss(Selection("1", ROOMS, [one.id], now=NOW))
    await store.streams.recall(two.id, now=NOW)

    for id_ in (one.id, two.id, foreign.id, "no such id", "\ud800"):
        acted = await store.inboxes.act(Selection("1", ROOMS, [id_], now=NOW), "yes")
        assert (acted.changed, acted.acted) == (0, None)
    assert await store.inboxes.receipts(foreign.id) == {}


async def test_what_was_pressed_stays_when_all_is_read(store):
    one, _ = await fill(store, "user:1", 2)
    await store.inboxes.act(Selection("1", ROOMS, [one.id], now=later(1)), "yes")

    await store.inboxes.read_all("1", ROOMS, now=later(2))

    assert (await store.inboxes.receipt("1", one.id)).acted == "yes"
    assert (await store.inboxes.receipts_of_user("1", limit=9))[one.id].acted == "yes"


async def test_archiving_counts_as_read_and_is_taken_back_as_read(store):
    one, two = await fill(store, "user:1", 2)

    archived = await store.inboxes.archive(Selection("1", ROOMS, [one.id, "unknown"], now=later(1)))
    assert (archived.changed, archived.unread, archived.turn) == (1, 1, 0)
    assert (await ids(store), await ids(store, place=Place.ARCHIVE)) == ([two.id], [one.id])
    assert await store.inboxes.receipt("1", one.id) == Receipt(read_at=later(1), archived_at=later(1))
    assert (await store.inboxes.archive(Selection("1", ROOMS, [one.id], now=later(2)))).changed == 0
    # Another's archive is not touched.
    page = await store.inboxes.history(HistoryQuery(user="2", rooms=ROOMS, place=Place.ARCHIVE), now=NOW)
    assert page.items == ()

    back = await store.inboxes.unarchive(Selection("1", ROOMS, [one.id, two.id], now=later(3)))
    assert (back.changed, back.unread) == (1, 1)
    assert await ids(store) == [two.id, one.id]


async def test_the_archive_comes_in_pages_over_all_rooms(store):
    stored = await put(store, *(notification(ROOMS[n % 2], created_at=later(n / 9)) for n in range(30)))
    await store.inboxes.archive(Selection("1", ROOMS, [n.id for n in stored[::2]], now=NOW))

    found, before = [], None
    while True:
        query = HistoryQuery(user="1", rooms=ROOMS, place=Place.ARCHIVE, limit=4, before=before)
        page = await store.inboxes.history(query, now=later(9))
        found += [item.notification.id for item in page.items]
        before = page.next
        if before is None:
            break

    assert found == [n.id for n in reversed(stored[::2])]


async def test_what_is_made_unread_again_counts_below_what_was_read_and_is_a_turn(store, other):
    one, two, _ = await fill(store, "user:1", 3)
    await store.inboxes.read_all("1", ROOMS, now=later(1))

    again = await store.inboxes.mark_unread(Selection("1", ROOMS, [one.id, two.id], now=later(2)))
    assert (again.changed, again.unread, again.turn) == (2, 2, 1)
    assert (await other.inboxes.unread("1", ROOMS, now=later(3))).turn == 1
    opening = await other.inboxes.opening("1", ROOMS, since={}, limit=9, now=later(3))
    assert (opening.unread, opening.turn) == (2, 1)
    assert await ids(store, unread_only=True) == [two.id, one.id]
    assert await store.inboxes.receipt("1", one.id) == Receipt(seen_at=later(2))

    assert (await store.inboxes.read(Selection("1", ROOMS, [one.id], now=later(4)))).unread == 1
    assert (await store.inboxes.receipt("1", one.id)).read_at == later(4)
    assert (await store.inboxes.dismiss(Selection("1", ROOMS, [two.id], now=later(5)))).unread == 0
    assert (await store.inboxes.mark_unread(Selection("1", ROOMS, [two.id], now=later(6)))).changed == 0
    await store.inboxes.mark_unread(Selection("1", ROOMS, [one.id], now=later(7)))
    assert (await store.inboxes.read_all("1", ROOMS, now=later(8))).unread == 0


async def test_what_is_unread_already_changes_nothing(store):
    [one] = await fill(store, "user:1", 1)

    assert (await store.inboxes.mark_unread(Selection("1", ROOMS, [one.id], now=later(1)))).changed == 0
    assert await store.inboxes.receipt("1", one.id) == Receipt()


async def test_a_click_reads_again_what_was_made_unread_and_stays_the_first(store):
    [one] = await fill(store, "user:1", 1)
    await store.inboxes.click(Selection("1", ROOMS, [one.id], now=later(1)))
    await store.inboxes.mark_unread(Selection("1", ROOMS, [one.id], now=later(2)))

    clicked = await store.inboxes.click(Selection("1", ROOMS, [one.id], now=later(3)))

    assert (clicked.changed, clicked.unread) == (1, 0)
    receipt = await store.inboxes.receipt("1", one.id)
    assert (receipt.clicked_at, receipt.is_read) == (later(1), True)


async def test_what_was_dismissed_is_taken_back_as_read_where_it_was_and_once(store):
    one, two, _ = await fill(store, "user:1", 3)
    await store.inboxes.archive(Selection("1", ROOMS, [two.id], now=later(1)))
    await store.inboxes.dismiss(Selection("1", ROOMS, [one.id, two.id], now=later(2)))
    assert (len(await ids(store)), await ids(store, place=Place.ARCHIVE)) == (1, [])

    back = await store.inboxes.undismiss(Selection("1", ROOMS, [one.id, two.id, "unknown"], now=later(3)))

    assert (back.changed, back.unread, back.turn) == (2, 1, 0)
    assert (len(await ids(store)), await ids(store, place=Place.ARCHIVE)) == (2, [two.id])
    assert await store.inboxes.receipt("1", one.id) == Receipt(read_at=later(2))
    assert (await store.inboxes.undismiss(Selection("1", ROOMS, [one.id], now=later(4)))).changed == 0
    assert (await store.inboxes.mark_unread(Selection("1", ROOMS, [one.id], now=later(5)))).unread == 2
    await store.inboxes.dismiss(Selection("1", ROOMS, [one.id], now=later(6)))
    assert (await store.inboxes.receipt("1", one.id)).dismissed_at == later(6)


async def test_what_is_done_names_what_it_was_done_with_and_nothing_that_is_not_shown(store):
    one, recalled, foreign = *await fill(store, "user:1", 2), *await fill(store, "user:2", 1)
    asked = Selection("1", ROOMS, [recalled.id, one.id, "unknown", foreign.id, one.id], now=later(3))
    await store.inboxes.dismiss(asked)
    await store.streams.recall(recalled.id, now=later(2))

    inboxes = store.inboxes
    for do in (inboxes.undismiss, inboxes.archive, inboxes.unarchive, inboxes.mark_unread):
        marked = await do(asked)
        assert (marked.changed, marked.ids) == (1, (one.id,))


async def test_what_is_done_does_not_name_what_was_dismissed(store):
    one, dismissed = await fill(store, "user:1", 2)
    await store.inboxes.dismiss(Selection("1", ROOMS, [dismissed.id], now=later(1)))

    inboxes = store.inboxes
    for do in (inboxes.archive, inboxes.unarchive, inboxes.mark_unread):
        marked = await do(Selection("1", ROOMS, [dismissed.id, one.id], now=later(2)))
        assert (marked.changed, marked.ids) == (1, (one.id,))


async def test_what_was_never_dismissed_has_nothing_to_be_taken_back(store):
    one, two = await fill(store, "user:1", 2)
    await store.inboxes.read_all("1", ROOMS, now=later(1))
    await store.inboxes.dismiss(Selection("1", ROOMS, [two.id], now=later(2)))

    assert (await store.inboxes.undismiss(Selection("1", ROOMS, [one.id], now=later(3)))).changed == 0
    # Nor what the user has not dismissed, but another.
    assert (await store.inboxes.undismiss(Selection("2", ROOMS, [two.id], now=later(3)))).changed == 0
    assert (await store.inboxes.undismiss(Selection("1", ["all"], [two.id], now=later(3)))).changed == 0
    assert await ids(store) == [one.id]
    assert (await store.inboxes.undismiss(Selection("1", ROOMS, [two.id], now=later(3)))).unread == 0
    assert await store.inboxes.receipt("1", two.id) == Receipt(read_at=later(1))
