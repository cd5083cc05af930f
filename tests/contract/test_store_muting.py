"""What a user has muted is counted, shown and replayed nowhere but in the user's own room, and stays in its stream."""

import asyncio

from storage.inboxes import HistoryQuery, Muted, Selection
from tests.contract.store_cases import NOW, fill, later, notification, put, sequences

OWN, SHARED = "user:ann", "topic:deals"
ROOMS = [OWN, SHARED, "all"]
MUTED = Muted(types=frozenset({"OFFER", "TIP"}), own=OWN)


async def history(store, muted=MUTED, **fields) -> list[str]:
    query = HistoryQuery(user="ann", rooms=ROOMS, muted=muted, **fields)
    return [item.notification.title for item in (await store.inboxes.history(query, now=later(9))).items]


async def unread(store, muted=MUTED, rooms=ROOMS) -> int:
    return (await store.inboxes.unread("ann", rooms, now=later(9), muted=muted)).unread


async def say(store, *told):
    """Append (room, type, title), a second apart."""
    return await put(
        store,
        *(
            notification(room, type=type_, title=title, created_at=later(number))
            for number, (room, type_, title) in enumerate(told)
        ),
    )


async def test_it_is_out_of_history_and_counts_of_shared_rooms_and_back_when_unmuted(store):
    await say(
        store,
        (OWN, "OFFER", "own"),
        (SHARED, "OFFER", "offer"),
        ("all", "NOTE", "note"),
        ("all", "TIP", "tip"),
        (SHARED, "NOTE", "second"),
    )

    assert await history(store) == ["second", "note", "own"]
    assert await history(store, types=("OFFER",)) == ["own"]
    assert await history(store, unread_only=True) == ["second", "note", "own"]
    assert await unread(store) == 3
    assert await unread(store, rooms=[SHARED]) == 1

    assert await history(store, None) == ["second", "tip", "note", "offer", "own"]
    assert await unread(store, None) == 5
    assert await sequences(store, SHARED) == [1, 2]


async def test_pages_of_what_is_left_follow_each_other_without_a_gap(store):
    await say(store, *(("all", "OFFER" if n % 3 else "NOTE", str(n)) for n in range(30)))

    titles, before = [], None
    while True:
        query = HistoryQuery(user="ann", rooms=ROOMS, muted=MUTED, limit=3, before=before)
        page = await store.inboxes.history(query, now=later(99))
        titles += [int(item.notification.title) for item in page.items]
        if (before := page.next) is None:
            break

    assert titles == list(range(27, -1, -3))


async def test_what_was_read_of_it_or_is_gone_is_not_taken_off_twice(store):
    """The count is of what is shown, whatever was done with the rest."""
    offers = await fill(store, "all", 4, type="OFFER")
    notes = await fill(store, "all", 3)
    await store.inboxes.read(Selection("ann", ROOMS, [offers[0].id, notes[0].id], now=later(1)))
    await store.streams.recall(offers[1].id, now=later(2))
    await put(store, notification("all", type="OFFER", expires_at=later(5)))

    assert (await unread(store), await unread(store, None)) == (2, 4)


async def test_marks_answer_what_is_left_and_keep_what_was_marked(store):
    [offer] = await fill(store, "all", 1, type="OFFER")
    one, two = await fill(store, "all", 2)

    read = await store.inboxes.read(Selection("ann", ROOMS, [one.id, offer.id], now=later(1), muted=MUTED))
    assert (read.changed, read.unread) == (2, 1)
    dismissed = await store.inboxes.dismiss(Selection("ann", ROOMS, [two.id], now=later(2), muted=MUTED))
    assert (dismissed.changed, dismissed.unread) == (1, 0)
    await fill(store, "all", 2, type="TIP")
    assert (
        await store.inboxes.seen(Selection("ann", ROOMS, [one.id], now=later(3), muted=MUTED))
    ).unread == 0

    assert await unread(store, None) == 2
    assert (await store.inboxes.read_all("ann", ROOMS, now=later(4))).changed == 2
    assert await unread(store, None) == 0


async def test_an_opening_replays_and_counts_what_is_left_beside_others_who_get_all(store):
    """Many openings are answered together: each by its own mutes."""
    await say(store, *(("all", "OFFER" if n % 2 else "NOTE", str(n)) for n in range(6)))

    def opening(user, muted):
        return store.inboxes.opening(user, ["all"], since={"all": 1}, limit=9, now=NOW, muted=muted)

    ann, bob = await asyncio.gather(opening("ann", MUTED), opening("bob", None))

    assert ([n.seq for n in ann.missed], ann.unread, ann.heads) == ([3, 5], 3, {"all": 6})
    assert ([n.seq for n in bob.missed], bob.unread) == ([2, 3, 4, 5, 6], 6)


async def test_rooms_without_end_and_types_that_nobody_uses_are_asked_in_parts(store):
    rooms = [f"topic:t{number}" for number in range(120)]
    await put(store, *(notification(room, type="OFFER") for room in rooms), notification(rooms[0]))
    many = Muted(types=frozenset({"OFFER", *(f"T{number}" for number in range(300))}), own=OWN)

    assert (await store.inboxes.unread("ann", rooms, now=NOW, muted=many)).unread == 1
