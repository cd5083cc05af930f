"""The sentences of `storage/streams.py` about reading a room, taking back, expiring and pruning, held against every store."""

from msgspec import structs

from storage.endings import Sent
from storage.histories import HistoryQuery
from storage.inboxes import Selection
from storage.mail import LaneName, MailState
from storage.notifications import Entry, Words
from storage.receipts import Receipt
from tests.contract.store_cases import (
    NOW,
    fill,
    later,
    mail,
    notification,
    put,
    sequences,
)


async def test_a_span_is_ascending_and_limited(store):
    await fill(store, "a", 5)

    assert [n.seq for n in await store.streams.span("a", after=1, limit=3)] == [2, 3, 4]
    assert [n.seq for n in await store.streams.span("a", after=-5, limit=9)] == [1, 2, 3, 4, 5]
    assert await store.streams.span("a", after=5, limit=3) == []


async def test_the_latest_are_of_all_rooms_the_newest_first_without_what_is_gone(store):
    first, second, third, fourth, fifth = await put(
        store,
        notification("a"),
        notification("b", in_app=False),
        notification("a", expires_at=later(1)),
        notification("c"),
        notification("a"),
    )
    await store.streams.recall(fourth.id, now=NOW)

    assert [n.notification.id for n in await store.streams.latest(limit=9, now=later(2))] == [
        fifth.id,
        second.id,
        first.id,
    ]
    assert [n.notification.id for n in await store.streams.latest(limit=3, now=NOW)] == [fifth.id, third.id]
    assert (await store.streams.latest(limit=1, now=NOW))[0].notification == fifth


async def test_what_is_recalled_is_wiped_and_keeps_its_place(store):
    [given] = await put(
        store,
        notification("a", body="B", link="/x", data={"x": 1}, mail=mail(subject="S", due_at=later(9))),
    )
    await fill(store, "a", 1)

    recalled = await store.streams.recall(given.id, now=later(1))

    assert (recalled.title, recalled.body, recalled.link, recalled.data) == ("", "", None, {})
    assert (recalled.seq, recalled.recalled_at, recalled.type) == (1, later(1), "NOTE")
    assert (recalled.mail.state, recalled.mail.order.subject) == (MailState.SKIPPED, None)
    assert recalled.mail.reason == "recalled"
    assert (
        await store.streams.recall(given.id, now=later(2))
        == recalled
        == await store.streams.notification(given.id)
    )
    assert [n.seq for n in await store.streams.span("a", after=0, limit=9)] == [2]
    assert await store.streams.heads(["a"]) == {"a": 2}


async def test_unknown_ids_are_an_ordinary_answer(store):
    for unknown in ("nothing", "", "\ud800"):
        assert await store.streams.recall(unknown, now=NOW) is None
        assert await store.streams.notification(unknown) is None
        assert await store.inboxes.receipts(unknown) == {}
        assert await store.inboxes.receipt("1", unknown) == Receipt()
        assert (await store.inboxes.read(Selection("1", ["a"], [unknown], now=NOW))).changed == 0
        assert await store.outbox.revive([unknown], now=NOW) == []


async def test_what_has_expired_is_out_of_sight_before_and_after_it_is_wiped(store):
    kept, gone, hidden = await put(
        store,
        notification("a"),
        notification("a", expires_at=later(10), mail=mail(due_at=later(50))),
        notification("a", expires_at=later(10), in_app=False),
    )
    query = HistoryQuery(user="1", rooms=["a"])

    assert (await store.inboxes.unread("1", ["a"], now=later(9))).unread == 2
    assert await store.streams.expire(now=later(9), limit=10) == 0
    assert [n.seq for n in await store.streams.span("a", after=0, limit=9, now=later(9))] == [1, 2]
    for sweep in (False, True):
        if sweep:
            assert await store.streams.expire(now=later(10), limit=10) == 2
        assert [n.seq for n in await store.streams.span("a", after=0, limit=9, now=later(10))] == [1]
        assert [i.notification.id for i in (await store.inboxes.history(query, now=later(10))).items] == [
            kept.id
        ]
        assert (await store.inboxes.unread("1", ["a"], now=later(10))).unread == 1
        opening = await store.inboxes.opening("1", ["a"], since={"a": 0}, limit=9, now=later(10))
        assert ([n.id for n in opening.missed], opening.unread) == ([kept.id], 1)
    assert await store.streams.expire(now=later(10), limit=10) == 0
    wiped = await store.streams.notification(gone.id)
    assert (wiped.title, wiped.expires_at, wiped.recalled_at) == ("", later(10), None)
    assert (wiped.mail.state, wiped.mail.reason) == (MailState.SKIPPED, "expired")
    assert (await store.streams.notification(hidden.id)).title == ""


async def test_expiry_is_swept_in_steps_of_the_limit(store):
    await fill(store, "a", 5, expires_at=later(1))

    assert [await store.streams.expire(now=later(2), limit=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_pruning_never_restarts_a_sequence(store, other):
    await fill(store, "a", 3, created_at=later(-100))
    await other.streams.heads(["a"])

    assert await store.streams.prune(before=NOW, limit=2) == 2
    assert await sequences(store, "a") == [3]
    assert await store.streams.prune(before=NOW, limit=10) == 1
    assert await store.streams.prune(before=NOW, limit=10) == 0

    assert await store.streams.heads(["a"]) == {"a": 3}
    assert [n.seq for n in await fill(other, "a", 2)] == [4, 5]
    assert [n.seq for n in await fill(store, "a", 1)] == [6]


async def test_pruning_takes_the_oldest_end_only_and_spares_what_is_owed(store):
    """A younger or an owed notification keeps all above it in place, so that a stream never has a hole."""
    old = later(-100)
    await put(
        store,
        notification("a", created_at=old),
        notification("a", created_at=NOW),
        notification("a", created_at=old),
        notification("b", created_at=old, mail=mail(due_at=old)),
        notification("b", created_at=old),
        notification("c", created_at=old, in_app=False, mail=mail(due_at=later(9))),
        notification("c", created_at=old, in_app=False),
    )

    assert await store.streams.prune(before=NOW, limit=100) == 2
    assert [await sequences(store, room) for room in "abc"] == [[2, 3], [1, 2], []]

    for lease in await store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=9, now=later(20)
    ):
        await store.outbox.end(lease, Sent(), now=later(20))
    assert await store.streams.prune(before=NOW, limit=100) == 3
    assert [await sequences(store, room) for room in "abc"] == [[2, 3], [], []]


async def test_pruning_looks_past_a_page_of_what_cannot_go_yet(store):
    await put(store, notification("a", created_at=later(-900), mail=mail()))
    await fill(store, "a", 150, created_at=later(-800))
    await fill(store, "b", 2, created_at=later(-700))

    assert await store.streams.prune(before=NOW, limit=10) == 2


async def test_receipts_go_with_what_is_pruned(store):
    one, two = await put(store, notification("a", created_at=later(-9)), notification("a"))
    await store.inboxes.dismiss(Selection("1", ["a"], [one.id, two.id], now=NOW))

    await store.streams.prune(before=NOW, limit=10)

    assert list(await store.inboxes.receipts_of_user("1", limit=10)) == [two.id]
    assert (await store.inboxes.unread("1", ["a"], now=NOW)).unread == 0
    assert (await store.inboxes.unread("2", ["a"], now=NOW)).unread == 1


ENTRY = Entry(
    category="orders",
    locale="en",
    catalog_version="1f",
    translations={"de": Words("Ein Titel", "Text", "/de"), "pt-BR": Words("Um título")},
    hidden_by="switch",
    hidden_why="the type is switched off",
)


async def test_what_the_catalog_made_of_a_notification_comes_back_as_it_was(store):
    plain = Entry(category="orders", locale="de", catalog_version="1f")
    [shared, own, none] = await put(
        store, notification("topic:a", entry=ENTRY), notification("a", entry=plain), notification("a")
    )

    assert (await store.streams.notification(shared.id)).entry == ENTRY
    assert [n.entry for n in await store.streams.span("a", after=0, limit=9)] == [plain, None]
    assert (own.entry, none.entry) == (plain, None)
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["topic:a"]), now=NOW)
    assert [item.notification.entry for item in page.items] == [ENTRY]


async def test_a_recall_wipes_the_words_of_every_language(store):
    [given] = await put(store, notification("topic:a", entry=ENTRY))

    recalled = await store.streams.recall(given.id, now=later(1))

    assert recalled.entry == structs.replace(ENTRY, translations={})


async def test_the_latest_pass_over_what_a_ping_has_written(store):
    await store.ping()
    [told] = await fill(store, "all", 1)

    assert [each.notification.id for each in await store.streams.latest(limit=9, now=NOW)] == [told.id]
