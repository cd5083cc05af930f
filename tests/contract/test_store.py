"""The sentences of `storage/store.py`, held against every store: notifications in their rooms, inboxes, contacts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from storage.connect import connect
from storage.errors import IdempotencyMismatch, InvalidCursor, StoreUnavailable, Unstorable
from storage.models import Appended, Contact, HistoryQuery, MailState, Marked, Receipt, Unless
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import (
    NOW,
    Writer,
    emission,
    fill,
    key,
    later,
    mail,
    notification,
    put,
    sequences,
)

# Appending


async def test_sequences_of_each_room_count_from_one_in_the_order_given(store):
    emissions = [
        emission(notification(room, title=str(i))) for i, room in enumerate(["a", "b", "a", "a", "b"])
    ]

    answers = await store.append(emissions)

    assert [(a.notifications[0].room, a.notifications[0].seq) for a in answers] == [
        ("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2),
    ]  # fmt: skip
    assert [n.title for n in await store.span("a", after=0, limit=10)] == ["0", "2", "3"]
    assert not any(a.duplicate for a in answers)


async def test_what_is_read_equals_what_was_appended(store):
    """Everything, to the microsecond; data is the caller's own JSON whatever it holds."""
    data = {
        "a.b": {"$set": [1, None, True, 0.1]},
        "": "é𝄞\x00",
        "big": 2**80,
        "half": "\ud800",
        "$x": -(2**63) - 1,
    }
    given = notification(
        "user:ann ü",
        title="T",
        body="B",
        link="/x",
        data=data,
        expires_at=later(60.000001),
        mail=mail(subject="S", unless=Unless.SEEN, due_at=later(5)),
    )

    [stored] = await put(store, given)

    assert await store.notification(given.id) == stored
    assert stored.data == data
    assert [stored] == await store.span("user:ann ü", after=0, limit=9, now=NOW)
    assert stored.mail == given.mail


async def test_what_is_not_shown_in_app_gets_no_sequence_and_is_in_no_history(store):
    hidden = notification("user:1", in_app=False, mail=mail())

    [stored] = await put(store, hidden)
    [shown] = await put(store, notification("user:1"))

    assert (stored.seq, shown.seq) == (None, 1)
    assert await store.notification(hidden.id) == stored
    assert (await store.unread("1", ["user:1"], now=NOW)).unread == 1
    page = await store.history(HistoryQuery(user="1", rooms=["user:1"]), now=NOW)
    assert [i.notification.id for i in page.items] == [shown.id]
    assert (await store.read("1", ["user:1"], [hidden.id], now=NOW)).changed == 0
    assert await store.receipts(hidden.id) == {}
    assert await store.receipt("1", hidden.id) == Receipt()


async def test_what_a_store_hears_of_others_changes_no_answer(store, other):
    await fill(store, "a", 2)
    await fill(other, "a", 3)
    for heard in ({"a": 4}, {"a": 1, "b": 7}, {}):
        store.learn(heard)
        await fill(store, "a", 1)

    assert await sequences(store, "a") == list(range(1, 9))
    [first] = await fill(store, "b", 1)
    assert first.seq == 1


async def test_processes_that_ask_at_once_share_one_secret(store, other):
    told = await asyncio.gather(*(each.shared_secret() for each in (store, other) * 5))

    assert {*told} == {await other.shared_secret()}
    assert len(told[0]) == 32


async def test_a_known_key_answers_as_the_first_time(store, other):
    first = emission(notification("a"), notification("b", mail=mail()), key=key())
    again = emission(notification("a"), notification("b", mail=mail()), key=key())

    [answer] = await store.append([first])
    [repeated] = await other.append([again])

    assert repeated == Appended(notifications=answer.notifications, duplicate=True)
    assert await store.heads(["a", "b"]) == {"a": 1, "b": 1}


async def test_a_known_key_with_another_content_stores_nothing(store):
    await store.append([emission(notification("a"), key=key())])

    answers = await store.append(
        [
            emission(notification("a"), notification("b"), key=key(fingerprint=b"other")),
            emission(notification("a")),
        ]
    )

    assert isinstance(answers[0], IdempotencyMismatch)
    assert answers[1].notifications[0].seq == 2
    assert await store.heads(["a", "b"]) == {"a": 2, "b": 0}


async def test_the_same_key_twice_in_one_call_is_known_the_second_time(store):
    emissions = [
        emission(notification("a"), key=key()),
        emission(notification("a"), key=key()),
        emission(notification("a"), key=key(fingerprint=b"other")),
        emission(notification("a"), key=key(scope="another")),
    ]

    first, second, third, fourth = await store.append(emissions)

    assert second == Appended(notifications=first.notifications, duplicate=True)
    assert isinstance(third, IdempotencyMismatch)
    assert not fourth.duplicate
    assert await sequences(store, "a") == [1, 2]


async def test_a_mismatch_does_not_hide_the_true_repeat_behind_it_in_one_call(store):
    [first] = await store.append([emission(notification("a"), key=key())])

    wrong, right = await store.append(
        [
            emission(notification("a"), key=key(fingerprint=b"other")),
            emission(notification("a"), key=key()),
        ]
    )

    assert isinstance(wrong, IdempotencyMismatch)
    assert right == Appended(notifications=first.notifications, duplicate=True)


async def test_scope_and_key_are_not_run_together(store):
    answers = await store.append(
        [
            emission(notification("a"), key=key(scope="a:b", text="c")),
            emission(notification("a"), key=key(scope="a", text="b:c")),
        ]
    )

    assert [a.duplicate for a in answers] == [False, False]


async def test_the_same_ids_again_are_a_duplicate_even_without_a_key(store):
    """A caller who was told nothing may repeat the call as it was."""
    first, fresh = emission(notification("a"), notification("b")), emission(notification("a"))
    [answer] = await store.append([first])

    repeated, new = await store.append([first, fresh])

    assert repeated == Appended(notifications=answer.notifications, duplicate=True)
    assert new.notifications[0].seq == 2


async def test_an_id_taken_by_another_notification_is_refused(store):
    one = notification("a")
    await put(store, one)

    with pytest.raises(Unstorable):
        await store.append([emission(notification("b", id=one.id), key=key())])

    assert await store.heads(["b"]) == {"b": 0}


async def test_the_same_key_raced_by_two_nodes_is_one_notification(store, other):
    for number in range(10):
        emissions = [
            emission(notification("a"), notification("b"), key=key(text=str(number))) for _ in range(6)
        ]

        answers = await asyncio.gather(
            *((store if i % 2 else other).append([asked]) for i, asked in enumerate(emissions))
        )

        assert len({tuple(n.id for n in answer.notifications) for [answer] in answers}) == 1
    assert await sequences(store, "a") == await sequences(store, "b") == list(range(1, 11))


async def test_a_mismatch_raced_by_two_nodes_stores_one_of_the_two_only(store, other):
    for number in range(10):
        room = f"room-{number}"
        mine = emission(*(notification(room) for _ in range(3)), key=key(text=str(number)))
        theirs = emission(
            *(notification(room) for _ in range(3)), key=key(text=str(number), fingerprint=b"x")
        )

        [a], [b] = await asyncio.gather(store.append([mine]), other.append([theirs]))

        assert [isinstance(a, IdempotencyMismatch), isinstance(b, IdempotencyMismatch)].count(True) == 1
        winner = b if isinstance(a, IdempotencyMismatch) else a
        assert [n.id for n in await store.span(room, after=0, limit=10)] == [
            n.id for n in winner.notifications
        ]


async def test_an_emission_that_can_never_be_stored_stores_nothing_of_the_call(store):
    with pytest.raises(Unstorable):
        await store.append([emission(notification("a")), emission(notification("a", title="\ud800"))])

    assert await store.heads(["a"]) == {"a": 0}
    assert (await fill(store, "a", 1))[0].seq == 1


async def test_concurrent_calls_on_one_node_and_two_leave_no_gap(store, other):
    await asyncio.gather(
        *(fill(node, room, 3) for node in (store, other) for room in "ab" for _ in range(10))
    )

    assert await sequences(store, "a") == await sequences(other, "b") == list(range(1, 61))


async def test_concurrent_processes_leave_no_gap_and_each_keeps_its_order(store, store_url, writers):
    writers += [Writer(store_url, ["hot", f"own-{i}"], count=20) for i in range(3)]

    codes = await asyncio.gather(*(writer.finish() for writer in writers))

    assert codes == [0, 0, 0]
    answered = [answer for writer in writers for answer in writer.answered]
    assert len(answered) == 300
    assert await sequences(store, "hot") == list(range(1, 151))
    for writer in writers:
        hot = [seq for _, room, seq in writer.answered if room == "hot"]
        assert hot == sorted(hot)
    for notification_id, room, seq in answered:
        stored = await store.notification(notification_id)
        assert (stored.room, stored.seq) == (room, seq)


async def test_every_answered_append_survives_the_killing_of_its_process(store, store_url, writers):
    writer = Writer(store_url, ["a", "b"], count=100_000)
    writers.append(writer)
    for _ in range(10):
        assert await writer.line()

    writer.kill()
    await writer.finish()

    assert writer.process.returncode == -9
    assert len(writer.answered) >= 50
    for notification_id, room, seq in writer.answered:
        stored = await store.notification(notification_id)
        assert (stored.room, stored.seq) == (room, seq)
    for room in "ab":
        (before,) = (await store.heads([room])).values()
        assert await sequences(store, room) == list(range(1, before + 1))
        assert (await fill(store, room, 1))[0].seq == before + 1


async def test_a_cancelled_append_leaves_all_or_nothing_and_no_gap(store):
    for number in range(10):
        task = asyncio.create_task(
            store.append([emission(notification("a"), notification("a"), key=key(str(number)))])
        )
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    [answer] = await store.append([emission(notification("a"), notification("a"), key=key("0"))])

    assert len(answer.notifications) == 2
    (head,) = (await store.heads(["a"])).values()
    assert await sequences(store, "a") == list(range(1, head + 1))
    assert head % 2 == 0


async def test_heads_of_more_rooms_than_one_query_takes(store):
    await put(store, *(notification(f"room-{i}") for i in range(0, 1200, 7)))

    heads = await store.heads([f"room-{i}" for i in range(1200)])

    assert heads == {f"room-{i}": int(i % 7 == 0) for i in range(1200)}
    assert await store.heads([]) == {}


# Reading a room, taking back, expiring, pruning


async def test_a_span_is_ascending_and_limited(store):
    await fill(store, "a", 5)

    assert [n.seq for n in await store.span("a", after=1, limit=3)] == [2, 3, 4]
    assert [n.seq for n in await store.span("a", after=-5, limit=9)] == [1, 2, 3, 4, 5]
    assert await store.span("a", after=5, limit=3) == []


async def test_what_is_recalled_is_wiped_and_keeps_its_place(store):
    [given] = await put(
        store,
        notification("a", body="B", link="/x", data={"x": 1}, mail=mail(subject="S", due_at=later(9))),
    )
    await fill(store, "a", 1)

    recalled = await store.recall(given.id, now=later(1))

    assert (recalled.title, recalled.body, recalled.link, recalled.data) == ("", "", None, {})
    assert (recalled.seq, recalled.recalled_at, recalled.type) == (1, later(1), "NOTE")
    assert (recalled.mail.state, recalled.mail.order.subject) == (MailState.SKIPPED, None)
    assert recalled.mail.reason == "recalled"
    assert await store.recall(given.id, now=later(2)) == recalled == await store.notification(given.id)
    assert [n.seq for n in await store.span("a", after=0, limit=9)] == [2]
    assert await store.heads(["a"]) == {"a": 2}


async def test_unknown_ids_are_an_ordinary_answer(store):
    for unknown in ("nothing", "", "\ud800"):
        assert await store.recall(unknown, now=NOW) is None
        assert await store.notification(unknown) is None
        assert await store.receipts(unknown) == {}
        assert await store.receipt("1", unknown) == Receipt()
        assert (await store.read("1", ["a"], [unknown], now=NOW)).changed == 0
        assert await store.revive([unknown], now=NOW) == []


async def test_what_has_expired_is_out_of_sight_before_and_after_it_is_wiped(store):
    kept, gone, hidden = await put(
        store,
        notification("a"),
        notification("a", expires_at=later(10), mail=mail(due_at=later(50))),
        notification("a", expires_at=later(10), in_app=False),
    )
    query = HistoryQuery(user="1", rooms=["a"])

    assert (await store.unread("1", ["a"], now=later(9))).unread == 2
    assert await store.expire(now=later(9), limit=10) == 0
    assert [n.seq for n in await store.span("a", after=0, limit=9, now=later(9))] == [1, 2]
    for sweep in (False, True):
        if sweep:
            assert await store.expire(now=later(10), limit=10) == 2
        assert [n.seq for n in await store.span("a", after=0, limit=9, now=later(10))] == [1]
        assert [i.notification.id for i in (await store.history(query, now=later(10))).items] == [kept.id]
        assert (await store.unread("1", ["a"], now=later(10))).unread == 1
        opening = await store.opening("1", ["a"], since={"a": 0}, limit=9, now=later(10))
        assert ([n.id for n in opening.missed], opening.unread) == ([kept.id], 1)
    assert await store.expire(now=later(10), limit=10) == 0
    wiped = await store.notification(gone.id)
    assert (wiped.title, wiped.expires_at, wiped.recalled_at) == ("", later(10), None)
    assert (wiped.mail.state, wiped.mail.reason) == (MailState.SKIPPED, "expired")
    assert (await store.notification(hidden.id)).title == ""


async def test_expiry_is_swept_in_steps_of_the_limit(store):
    await fill(store, "a", 5, expires_at=later(1))

    assert [await store.expire(now=later(2), limit=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_pruning_never_restarts_a_sequence(store, other):
    await fill(store, "a", 3, created_at=later(-100))
    await other.heads(["a"])

    assert await store.prune(before=NOW, limit=2) == 2
    assert await sequences(store, "a") == [3]
    assert await store.prune(before=NOW, limit=10) == 1
    assert await store.prune(before=NOW, limit=10) == 0

    assert await store.heads(["a"]) == {"a": 3}
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

    assert await store.prune(before=NOW, limit=100) == 2
    assert [await sequences(store, room) for room in "abc"] == [[2, 3], [1, 2], []]

    for lease in await store.lease(limit=10, lease_seconds=9, now=later(20)):
        await store.settle(lease, now=later(20))
    assert await store.prune(before=NOW, limit=100) == 3
    assert [await sequences(store, room) for room in "abc"] == [[2, 3], [], []]


async def test_pruning_looks_past_a_page_of_what_cannot_go_yet(store):
    await put(store, notification("a", created_at=later(-900), mail=mail()))
    await fill(store, "a", 150, created_at=later(-800))
    await fill(store, "b", 2, created_at=later(-700))

    assert await store.prune(before=NOW, limit=10) == 2


async def test_receipts_go_with_what_is_pruned(store):
    one, two = await put(store, notification("a", created_at=later(-9)), notification("a"))
    await store.dismiss("1", ["a"], [one.id, two.id], now=NOW)

    await store.prune(before=NOW, limit=10)

    data = await store.user_data("1", "user:1", limit=10)
    assert list(data.receipts) == [two.id]
    assert (await store.unread("1", ["a"], now=NOW)).unread == 0
    assert (await store.unread("2", ["a"], now=NOW)).unread == 1


# Opening


async def test_an_opening_tells_heads_unread_and_what_was_missed(store):
    await fill(store, "all", 5)
    await fill(store, "user:1", 2)
    await fill(store, "topic:x", 4)
    await fill(store, "secret", 4)

    opening = await store.opening(
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

    opening = await store.opening("1", ["a"], since={"a": since}, limit=3, now=NOW)

    assert opening.resync == (("a",) if resync else ())
    assert [n.seq for n in opening.missed] == ([] if resync else list(range(since + 1, 6)))


async def test_a_since_before_what_is_kept_is_resynced(store):
    await fill(store, "a", 3, created_at=later(-9))
    await fill(store, "a", 2)
    await store.prune(before=NOW, limit=10)

    below = await store.opening("1", ["a"], since={"a": 2}, limit=10, now=NOW)
    at = await store.opening("1", ["a"], since={"a": 3}, limit=10, now=NOW)

    assert (below.resync, [n.seq for n in at.missed], at.resync) == (("a",), [4, 5], ())


async def test_recalled_ones_do_not_count_as_missed_also_for_who_has_read_everything(store):
    stored = await fill(store, "a", 6)
    await store.read_all("1", ["a"], now=NOW)
    for n in stored[1:4]:
        await store.recall(n.id, now=NOW)

    opening = await store.opening("1", ["a"], since={"a": 0}, limit=3, now=NOW)

    assert [n.seq for n in opening.missed] == [1, 5, 6]
    assert opening.unread == 0


async def test_recalled_ones_at_the_oldest_end_do_not_count_as_missed_either(store):
    stored = await fill(store, "a", 3)
    await store.recall(stored[0].id, now=NOW)

    opening = await store.opening("1", ["a"], since={"a": 0}, limit=2, now=NOW)

    assert ([n.seq for n in opening.missed], opening.resync) == ([2, 3], ())


async def test_many_openings_at_once_are_each_answered_as_if_alone(store):
    await fill(store, "all", 10)
    for i in range(5):
        await fill(store, f"user:{i}", i)
        await store.read_all(str(i), ["all"] if i % 2 else [], now=NOW)

    openings = await asyncio.gather(
        *(
            store.opening(
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
        page = await store.history(HistoryQuery(user="1", rooms=rooms, before=cursor, limit=7), now=NOW)
        found += [item.notification.id for item in page.items]
        cursor = page.next
        pages += 1

    assert (found, pages) == (expected, 5)


async def test_history_leaves_out_recalled_dismissed_and_of_other_types(store):
    stored = await fill(store, "a", 4)
    [news] = await put(store, notification("a", type="NEWS"))
    await store.recall(stored[0].id, now=NOW)
    await store.dismiss("1", ["a"], [stored[1].id], now=NOW)

    async def ids(user, **fields):
        page = await store.history(HistoryQuery(user=user, rooms=["a"], **fields), now=NOW)
        return [item.notification.id for item in page.items]

    assert await ids("1") == [news.id, stored[3].id, stored[2].id]
    assert await ids("2") == [news.id, stored[3].id, stored[2].id, stored[1].id]
    assert await ids("1", types=["NEWS", "OLD"]) == [news.id]
    assert await ids("1", types=["OLD"]) == []


async def test_unread_history_leaves_out_what_was_read_either_way(store):
    first = await fill(store, "a", 3)
    await store.read_all("1", ["a"], now=NOW)
    second = await fill(store, "a", 3)
    await store.read("1", ["a"], [second[1].id], now=NOW)

    page = await store.history(HistoryQuery(user="1", rooms=["a"], unread_only=True), now=NOW)
    whole = await store.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)

    assert [i.notification.id for i in page.items] == [second[2].id, second[0].id]
    assert [i.receipt.is_read for i in whole.items] == [False, True, False, True, True, True]
    assert whole.items[-1].notification.id == first[0].id


async def test_history_looks_past_any_number_of_dismissed_ones(store):
    stored = await fill(store, "a", 60)
    await store.dismiss("1", ["a"], [n.id for n in stored[5:]], now=NOW)

    page = await store.history(HistoryQuery(user="1", rooms=["a"], limit=3), now=NOW)

    assert [i.notification.seq for i in page.items] == [5, 4, 3]
    assert page.next is not None


async def test_history_of_no_rooms_and_of_very_many(store):
    await fill(store, "room-7", 2)
    rooms = [f"room-{i}" for i in range(230)]

    assert (await store.history(HistoryQuery(user="1", rooms=[]), now=NOW)).items == ()
    assert len((await store.history(HistoryQuery(user="1", rooms=rooms), now=NOW)).items) == 2


@pytest.mark.parametrize("cursor", ["", "x", "12", "~", "x~y", "9" * 30 + "~y", "1~\ud800"])
async def test_a_cursor_that_no_page_gave_is_refused(store, cursor):
    with pytest.raises(InvalidCursor):
        await store.history(HistoryQuery(user="1", rooms=["a"], before=cursor), now=NOW)
    with pytest.raises(InvalidCursor):
        await store.mail_page(state=None, before=cursor, limit=3)


# Marking


async def test_reading_is_idempotent_and_only_in_the_users_rooms(store):
    one, two = await fill(store, "a", 2)
    [elsewhere] = await fill(store, "b", 1)

    first = await store.read("1", ["a"], [one.id, elsewhere.id, one.id], now=NOW)
    again = await store.read("1", ["a"], [one.id], now=later(5))

    assert first == Marked(changed=1, unread=1, heads={"a": 2})
    assert again == Marked(changed=0, unread=1, heads={"a": 2})
    assert await store.receipt("1", one.id) == Receipt(read_at=NOW)
    assert await store.receipt("1", two.id) == Receipt()
    assert await store.receipt("1", elsewhere.id) == Receipt()


async def test_reading_all_one_by_one_keeps_the_time_of_each(store):
    """That the store then remembers less does not show."""
    one, two = await fill(store, "a", 2)
    await store.seen("1", ["a"], [one.id], now=later(1))
    await store.read("1", ["a"], [one.id], now=later(2))
    marked = await store.read("1", ["a"], [two.id], now=later(3))

    assert marked.unread == 0
    assert await store.receipt("1", one.id) == Receipt(seen_at=later(1), read_at=later(2))
    assert await store.receipt("1", two.id) == Receipt(read_at=later(3))
    assert (await store.user_data("1", "user:1", limit=9)).read_upto == {"a": 2}
    assert (await store.read("1", ["a"], [one.id], now=later(4))).changed == 0


async def test_reading_everything_covers_this_moment_and_not_what_follows(store):
    stored = await fill(store, "a", 3)
    await fill(store, "b", 1)
    await store.dismiss("1", ["a"], [stored[0].id], now=later(1))
    await store.read("1", ["a"], [stored[1].id], now=later(2))

    marked = await store.read_all("1", ["a", "b"], now=later(3))
    [fresh] = await fill(store, "a", 1)

    assert marked == Marked(changed=2, unread=0, heads={"a": 3, "b": 1})
    assert (await store.read_all("1", ["b", "c"], now=later(4))) == Marked(
        changed=0, unread=0, heads={"b": 1, "c": 0}
    )
    assert (await store.unread("1", ["a", "b"], now=NOW)).unread == 1
    assert await store.receipt("1", stored[0].id) == Receipt(dismissed_at=later(1), read_at=later(1))
    assert await store.receipt("1", stored[2].id) == Receipt(read_at=later(3))
    assert await store.receipt("1", fresh.id) == Receipt()
    page = await store.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)
    assert [i.notification.seq for i in page.items] == [4, 3, 2]


async def test_seeing_changes_nothing_that_is_unread(store):
    one, two = await fill(store, "a", 2)
    await store.read("1", ["a"], [two.id], now=NOW)

    first = await store.seen("1", ["a"], [one.id, two.id], now=later(1))
    again = await store.seen("1", ["a"], [one.id], now=later(2))

    assert (first.changed, first.unread, again.changed) == (1, 1, 0)
    assert await store.receipt("1", one.id) == Receipt(seen_at=later(1))
    assert (await store.receipt("1", two.id)).is_seen


async def test_dismissing_counts_as_read_also_after_reading_everything(store):
    one, two = await fill(store, "a", 2)
    first = await store.dismiss("1", ["a"], [one.id], now=later(1))
    await store.read_all("1", ["a"], now=later(2))
    second = await store.dismiss("1", ["a"], [one.id, two.id], now=later(3))

    assert (first.changed, first.unread, second.changed) == (1, 1, 1)
    assert await store.receipt("1", two.id) == Receipt(read_at=later(2), dismissed_at=later(3))
    assert (await store.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)).items == ()


async def test_what_was_recalled_can_not_be_marked(store):
    [one] = await fill(store, "a", 1)
    await store.recall(one.id, now=NOW)

    assert (await store.read("1", ["a"], [one.id], now=NOW)).changed == 0


async def test_receipts_tell_of_every_user_who_did_something(store):
    one, two = await fill(store, "a", 2)
    await store.seen("seer", ["a"], [one.id], now=later(1))
    await store.read("reader", ["a"], [one.id], now=later(2))
    await store.read_all("thorough", ["a"], now=later(3))
    await store.read("other", ["a"], [two.id], now=later(4))

    assert await store.receipts(one.id) == {
        "seer": Receipt(seen_at=later(1)),
        "reader": Receipt(read_at=later(2)),
        "thorough": Receipt(read_at=later(3)),
    }


async def test_users_whose_marks_race_lose_none(store, other):
    stored = await fill(store, "a", 20)

    await asyncio.gather(
        *((store if i % 2 else other).read("1", ["a"], [n.id], now=NOW) for i, n in enumerate(stored))
    )

    assert (await store.unread("1", ["a"], now=NOW)).unread == 0


# Contacts


async def test_contacts_keep_what_was_known_and_take_what_is_newer(store):
    await store.remember([])
    await store.remember(
        [
            Contact(user="1", email="old@example.org", name="$Ann", last_seen=later(1)),
            Contact(user="1", email="new@example.org", last_seen=later(2)),
            Contact(user="2", name="Bob"),
        ]
    )

    assert await store.contact("1") == Contact(
        user="1", email="new@example.org", name="$Ann", last_seen=later(2)
    )
    await store.remember([Contact(user="1", email="late@example.org", last_seen=later(-1))])
    await store.remember([Contact(user="2", email="bob@example.org", last_seen=NOW)])
    assert await store.contact("1") == Contact(
        user="1", email="new@example.org", name="$Ann", last_seen=later(2)
    )
    assert await store.contact("2") == Contact(user="2", name="Bob", email="bob@example.org", last_seen=NOW)
    await store.remember([Contact(user="1", name="Anna")])
    assert (await store.contact("1")).name == "Anna"
    assert await store.contact("3") is None


async def test_many_contacts_are_had_in_one_question(store):
    await store.remember([Contact(user=str(n), email=f"{n}@example.org", last_seen=NOW) for n in range(3000)])

    found = await store.contacts([*map(str, range(1000, 2500)), "nobody", "\ud800", "1000"])

    assert found == {
        str(n): Contact(user=str(n), email=f"{n}@example.org", last_seen=NOW) for n in range(1000, 2500)
    }
    assert await store.contacts([]) == {}


async def test_a_forgotten_contact_is_not_known_and_the_others_are(store):
    await store.remember([Contact(user=user, name="N") for user in ("1", "2", "3")])

    await store.forget(["1", "3", "nobody"])
    await store.forget([])

    assert [await store.contact(user) is None for user in ("1", "2", "3")] == [True, False, True]


async def test_all_that_is_held_about_a_user_is_told_and_then_forgotten(store):
    [hidden, own] = await put(
        store, notification("user:1", in_app=False, mail=mail()), notification("user:1", body="B")
    )
    [shared] = await fill(store, "all", 1)
    await fill(store, "all", 1)
    await store.remember([Contact(user="1", email="ann@example.org")])
    await store.read("1", ["all"], [shared.id], now=NOW)
    await store.read_all("1", ["user:1"], now=NOW)
    await store.read("2", ["all"], [shared.id], now=NOW)

    data = await store.user_data("1", "user:1", limit=10)
    assert data.contact == Contact(user="1", email="ann@example.org")
    assert [n.id for n in data.notifications] == [own.id, hidden.id]
    assert data.receipts == {shared.id: Receipt(read_at=NOW)}
    assert data.read_upto == {"user:1": 1}
    assert len((await store.user_data("1", "user:1", limit=1)).notifications) == 1

    assert await store.erase_user("1", "user:1", now=later(1)) == 2
    assert await store.erase_user("1", "user:1", now=later(2)) == 0
    empty = await store.user_data("1", "user:1", limit=10)
    assert (empty.contact, empty.notifications, dict(empty.receipts), dict(empty.read_upto)) == (
        None,
        (),
        {},
        {},
    )
    wiped = await store.notification(hidden.id)
    assert (wiped.mail.state, wiped.mail.reason, wiped.mail.order.to) == (MailState.SKIPPED, "erased", "")
    assert await store.heads(["user:1", "all"]) == {"user:1": 1, "all": 2}
    assert await store.receipts(shared.id) == {"2": Receipt(read_at=NOW)}


# Its life


async def test_opening_twice_and_closing_twice_is_well(store, other):
    await store.open()
    await store.ping()
    await fill(store, "a", 1)
    await store.close()
    await store.close()

    for attempt in (store.ping(), store.heads(["a"]), store.append([emission(notification("a"))])):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert await other.heads(["a"]) == {"a": 1}


async def test_what_is_stored_outlives_the_store(store_url):
    for seq in (1, 2):
        store = connect(store_url)
        await store.open()
        [stored] = await fill(store, "a", 1)
        await store.close()
        assert stored.seq == seq


async def test_several_nodes_may_open_a_new_store_at_once(store_url):
    stores = [connect(store_url) for _ in range(4)]

    await asyncio.gather(*(node.open() for node in stores))

    await asyncio.gather(*(fill(node, "a", 5) for node in stores))
    assert await sequences(stores[0], "a") == list(range(1, 21))
    for node in stores:
        await node.close()


async def test_a_store_with_a_clock_of_its_own_tells_it(store):
    before = datetime.now(UTC)
    told = await store.time()
    after = datetime.now(UTC)

    assert told is None or before - timedelta(seconds=1) <= told <= after + timedelta(seconds=1)
    assert (told is None) == isinstance(store, SQLiteStore)


async def test_a_ping_writes_and_leaves_nothing_to_be_found(store):
    await fill(store, "a", 1)
    for size in (1, 70_000, 1):
        await store.ping(size=size)

    assert await sequences(store, "a") == [1]
    assert await store.prune(before=later(10_000), limit=100) == 1
    assert (await store.mail_page(state=None, before=None, limit=10)).items == ()
