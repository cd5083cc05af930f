"""Of a room's notifications under one key the newest alone is shown, counted and mailed: `storage/collapsing.py`."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.collapsing import LONGEST_WAIT
from storage.connect import connect
from storage.endings import Gathered, Postponed, Sent
from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.histories import HistoryQuery
from storage.ids import uuid7
from storage.inboxes import Count, Selection
from storage.mail import LaneName, MailState
from storage.mongo import collapsing
from storage.notifications import Collapse
from storage.obligations import Digest
from storage.outbox import MailSearch
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

ROOM = "user:ann"


def told(title: str, seconds: float, room: str = ROOM, *, under: str | None = "order", **fields):
    collapse = None if under is None else Collapse(under)
    return notification(room, title=title, created_at=later(seconds), collapse=collapse, **fields)


async def history(store, *rooms: str, user: str = "ann", now: float = 9_000) -> list[tuple[str, int]]:
    """Titles, newest first, with how many each stands for."""
    page = await store.inboxes.history(HistoryQuery(user=user, rooms=rooms or [ROOM]), now=later(now))
    return [
        (n.title, 0 if n.collapse is None else n.collapse.count)
        for n in (item.notification for item in page.items)
    ]


async def unread(store, *rooms: str, user: str = "ann") -> int:
    return (await store.inboxes.unread(user, rooms or [ROOM], now=later(9_000))).unread


async def lease(store, at: float):
    return await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=later(at))


async def mail_of(store, notification_id: str):
    return (await store.streams.notification(notification_id)).mail


async def test_the_newest_takes_the_place_of_the_one_before_it(store, other):
    one, between, two, three = await put(
        store,
        told("placed", 0),
        told("else", 1, under=None),
        told("packed", 2),
        told("shipped", 3),
    )

    for node in (store, other):
        assert await history(node) == [("shipped", 3), ("else", 0)]
        assert await node.inboxes.unread("ann", [ROOM], now=later(9)) == Count(unread=2, heads={ROOM: 4})
        assert await sequences(node, ROOM) == [2, 4]
    assert [one.seq, between.seq, two.seq, three.seq] == [1, 2, 3, 4]
    assert three.collapse == Collapse("order", 3)
    opening = await other.inboxes.opening("ann", [ROOM], since={ROOM: 0}, limit=2, now=later(9))
    assert ([n.seq for n in opening.missed], opening.resync) == ([2, 4], ())
    kept = await other.streams.notification(one.id)
    assert (kept.title, kept.superseded_by, kept.collapse, kept.recalled_at) == ("placed", two.id, None, None)


async def test_keys_are_of_their_room_and_apart_from_each_other(store):
    await put(
        store,
        told("one", 0),
        told("two", 1, under="other"),
        told("three", 2, "all"),
        told("four", 3, "all"),
        told("five", 4, under="a key: Größe, 100 % — ✓"),
        told("six", 5, under="a key: Größe, 100 % — ✓"),
    )

    assert await history(store, ROOM, "all") == [("six", 2), ("four", 2), ("two", 1), ("one", 1)]
    assert await unread(store, ROOM, "all") == 4


async def test_the_newer_one_is_unread_whatever_was_done_with_the_older(store):
    [one] = await put(store, told("one", 0))
    await store.inboxes.read(Selection("ann", [ROOM], [one.id], now=later(1)))
    await put(store, told("two", 2))
    assert await unread(store) == 1
    await store.inboxes.read_all("ann", [ROOM], now=later(3))
    [three] = await put(store, told("three", 4))
    assert await unread(store) == 1

    # A mark of what is not shown any more changes nothing.
    assert (await store.inboxes.read(Selection("ann", [ROOM], [one.id], now=later(5)))).changed == 0
    assert (await store.inboxes.dismiss(Selection("ann", [ROOM], [three.id], now=later(6)))).unread == 0
    assert await history(store) == []
    await put(store, told("four", 7))
    assert await history(store) == [("four", 4)]
    assert await unread(store) == 1


async def test_one_emission_to_many_rooms_takes_its_place_in_each(store):
    rooms = [f"user:{number}" for number in range(130)]
    for seconds in range(3):
        await store.streams.append([emission(*(told(f"at {seconds}", seconds, room) for room in rooms))])

    assert await history(store, *rooms) == [("at 2", 3)] * 20
    assert await unread(store, *rooms) == 130


async def test_the_mail_of_the_older_is_skipped_by_a_rule_and_that_of_the_newer_goes_out(store):
    one, two = await put(
        store, told("one", 0, mail=mail(due_at=later(600))), told("two", 300, mail=mail(due_at=later(900)))
    )

    skipped = await mail_of(store, one.id)
    assert (skipped.state, skipped.decided_by) == (MailState.SKIPPED, "superseded")
    assert skipped.order.to == "ann@example.org"
    assert await lease(store, 899) == []
    assert [taken.id for taken in await lease(store, 900)] == [two.id]


async def test_a_newer_one_without_mail_ends_the_older_mail_all_the_same(store):
    one, _ = await put(store, told("one", 0, mail=mail(due_at=later(600))), told("two", 300))

    assert (await mail_of(store, one.id)).state is MailState.SKIPPED
    assert await lease(store, 9_000) == []


async def test_a_mail_under_way_is_sent_and_one_that_comes_back_is_not_tried_again(store):
    one, other_one = await put(store, told("one", 0, mail=mail()), told("x", 0, under="x", mail=mail()))
    first, second = sorted(await lease(store, 1), key=lambda taken: taken.id != one.id)
    await put(
        store,
        told("two", 2, mail=mail(due_at=later(700))),
        told("y", 2, under="x", mail=mail(due_at=later(700))),
    )

    assert await store.outbox.end(first, Sent(), now=later(3))
    assert await store.outbox.end(second, Postponed(until=later(60), reason="greylisted"), now=later(3))

    assert (await mail_of(store, one.id)).state is MailState.SENT
    assert await lease(store, 61) == []
    ended = await mail_of(store, other_one.id)
    assert (ended.state, ended.decided_by) == (MailState.SKIPPED, "superseded")


async def test_what_a_digest_has_gathered_is_out_of_it(store):
    one, _ = await put(store, told("one", 0, mail=mail()), told("else", 0, under=None, mail=mail()))
    daily = Digest(id=uuid7(), room=ROOM, key="daily", rule="digest", opened_at=NOW, closes_at=later(3_600))
    for taken in await lease(store, 1):
        ending = Gathered(digest=daily, rule="digest", reason="once a day")
        assert await store.outbox.end(taken, ending, now=later(2))
    await put(store, told("two", 3, mail=mail(due_at=later(600))))

    gone = await mail_of(store, one.id)
    assert (gone.state, gone.decided_by) == (MailState.SKIPPED, "superseded")
    items = await store.digests.items(daily.id, before=None, limit=9)
    assert [item.title for item in items] == ["else"]


async def test_a_chain_that_does_not_end_does_not_starve_its_mail(store):
    """One every five minutes whose mail waits for ten: after an hour the newest goes out all the same."""
    due = {}
    for minute in range(0, 130, 5):
        seconds = minute * 60
        for taken in await lease(store, seconds):
            await store.outbox.end(taken, Sent(), now=later(seconds))
        [stored] = await put(store, told(f"at {minute}", seconds, mail=mail(due_at=later(seconds + 600))))
        due[minute] = stored.mail.due_at

    sent = [
        n.title
        for n in (await store.outbox.mail_page(MailSearch(state=MailState.SENT), before=None, limit=9)).items
    ]
    # The first hour is from the first one, the second from the first that was not mailed.
    assert sent == ["at 115", "at 55"]
    assert due[0] == later(600)
    assert due[50] == due[55] == NOW + LONGEST_WAIT
    assert due[60] == later(70 * 60)


async def test_mail_that_waits_longer_by_itself_is_hastened_to_that_wait_and_no_shorter(store):
    day = timedelta(days=1)
    for hour in range(0, 48, 12):
        [stored] = await put(store, told("x", hour * 3600, mail=mail(due_at=later(hour * 3600) + day)))
        if hour == 24:
            assert stored.mail.due_at == NOW + day
    assert (await mail_of(store, stored.id)).due_at == NOW + day


async def test_what_a_rule_holds_is_due_by_that_rule(store):
    held = replace(mail(due_at=later(30_000)), decided_by="quiet_hours", reason="is left alone")
    await put(store, told("one", 0, mail=mail(due_at=later(600))), told("two", 300, mail=held))
    [three] = await put(store, told("three", 3_900, mail=mail(due_at=later(4_500))))

    page = await store.outbox.mail_page(MailSearch(), before=None, limit=9)
    assert {n.title: n.mail.order.due_at for n in page.items}["two"] == later(30_000)
    assert three.mail.due_at == NOW + LONGEST_WAIT


@pytest.mark.parametrize("how", ["recalled", "expired", "expired and swept"])
async def test_what_is_gone_stands_for_nothing_and_the_next_begins_anew(store, how):
    expires = None if how == "recalled" else later(10)
    _, two = await put(store, told("one", 0), told("two", 1, expires_at=expires))
    if how == "recalled":
        await store.streams.recall(two.id, now=later(5))
    elif how == "expired and swept":
        await store.streams.expire(now=later(20), limit=9)

    assert await history(store) == []
    await put(store, told("three", 30), told("four", 31))

    assert await history(store) == [("four", 2)]
    assert await unread(store) == 1


async def test_the_words_of_the_older_are_kept_unless_they_would_expire_and_go_with_a_recall_or_its_user(
    store,
):
    fields = {"body": "A body", "link": "/x", "data": {"a": 1}}
    one, two, _ = await put(
        store,
        told("one", 0, **fields),
        told("two", 1, expires_at=later(9_999), mail=mail(due_at=later(600), subject="Two"), **fields),
        told("three", 2),
    )
    kept, blank = [await store.streams.notification(n.id) for n in (one, two)]
    assert (kept.title, kept.body, kept.link, kept.data) == ("one", "A body", "/x", {"a": 1})
    assert (blank.title, blank.body, blank.link, blank.data) == ("", "", None, {})
    assert [n.title for n in await store.streams.of_room(ROOM, limit=9)] == ["three", "", "one"]

    assert (await store.streams.recall(one.id, now=later(3))).title == ""
    await put(store, told("four", 4))
    assert await store.people.erase_user("ann", ROOM, now=later(5)) == 3

    assert await store.streams.of_room(ROOM, limit=9) == []
    await put(store, told("five", 6))
    assert await history(store) == [("five", 1)]


async def test_a_repetition_takes_no_place(store, other):
    asked = emission(told("one", 0), key=key())
    [first] = await store.streams.append([asked])
    await put(store, told("two", 1))

    [again] = await other.streams.append([asked])
    [within, mismatch] = await store.streams.append(
        [asked, emission(told("else", 2), key=key(fingerprint=b"else"))]
    )

    assert isinstance(mismatch, IdempotencyMismatch)
    for answer in (again, within):
        assert isinstance(answer, Appended)
        assert answer.duplicate
        assert answer.notifications[0].id == first.notifications[0].id
    assert await history(store) == [("two", 2)]
    assert await unread(store) == 1


async def test_what_is_for_mail_only_takes_its_place_too(store):
    one, two = await put(
        store,
        told("one", 0, in_app=False, mail=mail(due_at=later(600))),
        told("two", 1, in_app=False, mail=mail(due_at=later(700))),
    )
    await put(store, told("shown", 2))

    assert (one.seq, two.seq) == (None, None)
    assert [(await mail_of(store, n.id)).state for n in (one, two)] == [MailState.SKIPPED] * 2
    assert await history(store) == [("shown", 3)]
    await put(store, told("hidden", 3, in_app=False))
    assert await history(store) == []
    assert await unread(store) == 0


async def test_nodes_that_append_under_one_key_at_once_leave_one_that_counts_all(store, other):
    answers = await asyncio.gather(
        *(
            node.streams.append([emission(told(f"{number}", number), told(f"all {number}", number, "all"))])
            for number in range(20)
            for node in (store, other)
        )
    )

    assert len(answers) == 40
    for room in (ROOM, "all"):
        assert [count for _, count in await history(store, room)] == [40]
        assert await unread(store, room) == 1
        assert (await store.streams.heads([room]))[room] == 40


async def test_a_long_chain_costs_who_reads_it_no_more_than_its_newest(store):
    """Beside one that is shown below it, and read: counts go by what is unread, not by what was superseded."""
    first = await fill(store, ROOM, 1)
    await store.inboxes.read_all("ann", [ROOM], now=later(1))
    for part in range(3):
        await put(store, *(told(f"{number}", part * 1_000 + number) for number in range(300)))

    assert await history(store) == [("299", 900), (first[0].title, 0)]
    assert await unread(store) == 1
    assert (await store.inboxes.read_all("ann", [ROOM], now=later(9_000))).changed == 1
    assert await unread(store) == 0


async def test_a_process_that_is_killed_leaves_one_that_is_shown(store_url, store, writers):
    """Each is newer than the one before it: what was answered last, or something after it, is shown alone."""
    writer = Writer(store_url, ["a", "b"], count=10_000, collapse_key="progress")
    writers.append(writer)
    for _ in range(20):
        assert await writer.line()
    writer.kill()
    await writer.finish()

    for room in ("a", "b"):
        head = (await store.streams.heads([room]))[room]
        page = await store.inboxes.history(HistoryQuery(user="ann", rooms=[room]), now=later(1e9))
        [item] = page.items
        answered = max(seq for _, where, seq in writer.answered if where == room)
        assert item.notification.seq == item.notification.collapse.count >= head >= answered
        assert await unread(store, room) == 1


async def die_over(monkeypatch, store, asked) -> None:
    """Append it, and die between what is stored and what is hidden."""

    async def die(*_):
        raise StoreUnavailable("died")

    with monkeypatch.context() as dying:
        dying.setattr(collapsing, "finish", die)
        with pytest.raises(StoreUnavailable, match="died"):
            await store.streams.append([asked])


class TestHalfDone:
    """MongoDB has two documents where SQLite has one transaction: a crash between them is seen by nobody."""

    @pytest.fixture
    def asked(self):
        """What is under way as the node dies."""
        return emission(
            told("two", 3, mail=mail(due_at=later(700))), told("another", 4, under="other"), key=key()
        )

    @pytest.fixture
    async def crashed(self, mongo_url, monkeypatch, asked):
        """A second node on the store, after the first has stored the newer ones and has not hidden the older."""
        store, other = connect(mongo_url), connect(mongo_url)
        await store.open()
        await other.open()
        await put(
            store,
            told("one", 0, mail=mail(due_at=later(600))),
            told("other", 1, under="other"),
            told("x", 2, under=None),
        )
        await die_over(monkeypatch, store, asked)
        yield other
        await store.close()
        await other.close()

    async def test_a_count_sees_one(self, crashed):
        assert await unread(crashed) == 3
        assert await history(crashed) == [("another", 2), ("two", 2), ("x", 0)]

    async def test_a_page_shows_one_and_so_does_the_page_behind_it(self, crashed):
        first = await crashed.inboxes.history(HistoryQuery(user="ann", rooms=[ROOM], limit=2), now=later(9))
        rest = await crashed.inboxes.history(
            HistoryQuery(user="ann", rooms=[ROOM], limit=2, before=first.next), now=later(9)
        )

        titles = [item.notification.title for page in (first, rest) for item in page.items]
        assert titles == ["another", "two", "x"]

    async def test_a_page_of_a_type_that_the_newer_is_not_of_shows_none(self, crashed, monkeypatch):
        await put(crashed, told("typed", 5, under="typed", type="OLD"))
        await die_over(monkeypatch, crashed, emission(told("newer", 6, under="typed", type="NEW")))

        query = HistoryQuery(user="ann", rooms=[ROOM], types=["OLD"])
        assert (await crashed.inboxes.history(query, now=later(9))).items == ()

    async def test_a_connect_counts_and_misses_one(self, crashed):
        opening = await crashed.inboxes.opening("ann", [ROOM], since={ROOM: 0}, limit=9, now=later(9))

        assert (opening.unread, [n.seq for n in opening.missed]) == (3, [3, 4, 5])

    async def test_the_mail_of_the_older_is_not_sent(self, crashed):
        assert [taken.notification.title for taken in await lease(crashed, 5_000)] == ["two"]
        counts = await crashed.outbox.mail_counts()
        assert (counts[MailState.SKIPPED], counts[MailState.LEASED]) == (1, 1)

    async def test_the_next_under_the_key_takes_the_place_of_both(self, crashed):
        await put(crashed, told("three", 5))

        assert await history(crashed) == [("three", 3), ("another", 2), ("x", 0)]
        assert await unread(crashed) == 3

    async def test_a_repetition_of_what_was_under_way_does_the_rest(self, crashed, asked):
        [answer] = await crashed.streams.append([asked])

        assert isinstance(answer, Appended)
        assert answer.duplicate
        assert await sequences(crashed, ROOM) == [3, 4, 5]
        assert await history(crashed) == [("another", 2), ("two", 2), ("x", 0)]

    @pytest.mark.parametrize("how", ["recalled", "expired"])
    async def test_what_is_gone_brings_nothing_back_that_it_stood_for(self, crashed, monkeypatch, how):
        await put(crashed, told("typed", 5, under="typed", mail=mail(due_at=later(600))))
        newer = told("newer", 6, under="typed", expires_at=later(60))
        await die_over(monkeypatch, crashed, emission(newer))

        if how == "recalled":
            await crashed.streams.recall(newer.id, now=later(7))
        else:
            await crashed.streams.expire(now=later(61), limit=9)

        assert await history(crashed) == [("another", 2), ("two", 2), ("x", 0)]
        assert await unread(crashed) == 3
        assert "typed" not in [taken.notification.title for taken in await lease(crashed, 5_000)]
