"""What `Streams.append` promises, held against every store."""

import asyncio

import pytest

from storage.errors import IdempotencyMismatch, Unstorable
from storage.inboxes import HistoryQuery, Receipt, Selection
from storage.mail import Unless
from storage.streams import Appended
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


async def test_sequences_of_each_room_count_from_one_in_the_order_given(store):
    emissions = [
        emission(notification(room, title=str(i))) for i, room in enumerate(["a", "b", "a", "a", "b"])
    ]

    answers = await store.streams.append(emissions)

    assert [(a.notifications[0].room, a.notifications[0].seq) for a in answers] == [
        ("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2),
    ]  # fmt: skip
    assert [n.title for n in await store.streams.span("a", after=0, limit=10)] == ["0", "2", "3"]
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

    assert await store.streams.notification(given.id) == stored
    assert stored.data == data
    assert [stored] == await store.streams.span("user:ann ü", after=0, limit=9, now=NOW)
    assert stored.mail == given.mail


async def test_what_is_not_shown_in_app_gets_no_sequence_and_is_in_no_history(store):
    hidden = notification("user:1", in_app=False, mail=mail())

    [stored] = await put(store, hidden)
    [shown] = await put(store, notification("user:1"))

    assert (stored.seq, shown.seq) == (None, 1)
    assert await store.streams.notification(hidden.id) == stored
    assert (await store.inboxes.unread("1", ["user:1"], now=NOW)).unread == 1
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=["user:1"]), now=NOW)
    assert [i.notification.id for i in page.items] == [shown.id]
    assert (await store.inboxes.read(Selection("1", ["user:1"], [hidden.id], now=NOW))).changed == 0
    assert await store.inboxes.receipts(hidden.id) == {}
    assert await store.inboxes.receipt("1", hidden.id) == Receipt()


async def test_what_a_store_hears_of_others_changes_no_answer(store, other):
    await fill(store, "a", 2)
    await fill(other, "a", 3)
    for heard in ({"a": 4}, {"a": 1, "b": 7}, {}):
        store.streams.learn(heard)
        await fill(store, "a", 1)

    assert await sequences(store, "a") == list(range(1, 9))
    [first] = await fill(store, "b", 1)
    assert first.seq == 1


async def test_a_known_key_answers_as_the_first_time(store, other):
    first = emission(notification("a"), notification("b", mail=mail()), key=key())
    again = emission(notification("a"), notification("b", mail=mail()), key=key())

    [answer] = await store.streams.append([first])
    [repeated] = await other.streams.append([again])

    assert repeated == Appended(notifications=answer.notifications, duplicate=True)
    assert await store.streams.heads(["a", "b"]) == {"a": 1, "b": 1}


async def test_a_known_key_with_another_content_stores_nothing(store):
    await store.streams.append([emission(notification("a"), key=key())])

    answers = await store.streams.append(
        [
            emission(notification("a"), notification("b"), key=key(fingerprint=b"other")),
            emission(notification("a")),
        ]
    )

    assert isinstance(answers[0], IdempotencyMismatch)
    assert answers[1].notifications[0].seq == 2
    assert await store.streams.heads(["a", "b"]) == {"a": 2, "b": 0}


async def test_the_same_key_twice_in_one_call_is_known_the_second_time(store):
    emissions = [
        emission(notification("a"), key=key()),
        emission(notification("a"), key=key()),
        emission(notification("a"), key=key(fingerprint=b"other")),
        emission(notification("a"), key=key(scope="another")),
    ]

    first, second, third, fourth = await store.streams.append(emissions)

    assert second == Appended(notifications=first.notifications, duplicate=True)
    assert isinstance(third, IdempotencyMismatch)
    assert not fourth.duplicate
    assert await sequences(store, "a") == [1, 2]


async def test_a_mismatch_does_not_hide_the_true_repeat_behind_it_in_one_call(store):
    [first] = await store.streams.append([emission(notification("a"), key=key())])

    wrong, right = await store.streams.append(
        [
            emission(notification("a"), key=key(fingerprint=b"other")),
            emission(notification("a"), key=key()),
        ]
    )

    assert isinstance(wrong, IdempotencyMismatch)
    assert right == Appended(notifications=first.notifications, duplicate=True)


async def test_scope_and_key_are_not_run_together(store):
    answers = await store.streams.append(
        [
            emission(notification("a"), key=key(scope="a:b", text="c")),
            emission(notification("a"), key=key(scope="a", text="b:c")),
        ]
    )

    assert [a.duplicate for a in answers] == [False, False]


async def test_the_same_ids_again_are_a_duplicate_even_without_a_key(store):
    """A caller who was told nothing may repeat the call as it was."""
    first, fresh = emission(notification("a"), notification("b")), emission(notification("a"))
    [answer] = await store.streams.append([first])

    repeated, new = await store.streams.append([first, fresh])

    assert repeated == Appended(notifications=answer.notifications, duplicate=True)
    assert new.notifications[0].seq == 2


async def test_an_id_taken_by_another_notification_is_refused(store):
    one = notification("a")
    await put(store, one)

    with pytest.raises(Unstorable):
        await store.streams.append([emission(notification("b", id=one.id), key=key())])

    assert await store.streams.heads(["b"]) == {"b": 0}


async def test_the_same_key_raced_by_two_nodes_is_one_notification(store, other):
    for number in range(10):
        emissions = [
            emission(notification("a"), notification("b"), key=key(text=str(number))) for _ in range(6)
        ]

        answers = await asyncio.gather(
            *((store if i % 2 else other).streams.append([asked]) for i, asked in enumerate(emissions))
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

        [a], [b] = await asyncio.gather(store.streams.append([mine]), other.streams.append([theirs]))

        assert [isinstance(a, IdempotencyMismatch), isinstance(b, IdempotencyMismatch)].count(True) == 1
        winner = b if isinstance(a, IdempotencyMismatch) else a
        assert [n.id for n in await store.streams.span(room, after=0, limit=10)] == [
            n.id for n in winner.notifications
        ]


async def test_an_emission_that_can_never_be_stored_stores_nothing_of_the_call(store):
    with pytest.raises(Unstorable):
        await store.streams.append([emission(notification("a")), emission(notification("a", title="\ud800"))])

    assert await store.streams.heads(["a"]) == {"a": 0}
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
        stored = await store.streams.notification(notification_id)
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
        stored = await store.streams.notification(notification_id)
        assert (stored.room, stored.seq) == (room, seq)
    for room in "ab":
        (before,) = (await store.streams.heads([room])).values()
        assert await sequences(store, room) == list(range(1, before + 1))
        assert (await fill(store, room, 1))[0].seq == before + 1


async def test_a_cancelled_append_leaves_all_or_nothing_and_no_gap(store):
    for number in range(10):
        task = asyncio.create_task(
            store.streams.append([emission(notification("a"), notification("a"), key=key(str(number)))])
        )
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    [answer] = await store.streams.append([emission(notification("a"), notification("a"), key=key("0"))])

    assert len(answer.notifications) == 2
    (head,) = (await store.streams.heads(["a"])).values()
    assert await sequences(store, "a") == list(range(1, head + 1))
    assert head % 2 == 0


async def test_heads_of_more_rooms_than_one_query_takes(store):
    await put(store, *(notification(f"room-{i}") for i in range(0, 1200, 7)))

    heads = await store.streams.heads([f"room-{i}" for i in range(1200)])

    assert heads == {f"room-{i}": int(i % 7 == 0) for i in range(1200)}
    assert await store.streams.heads([]) == {}
