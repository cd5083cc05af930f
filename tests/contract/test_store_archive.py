"""The sentences of `storage/archive.py`, held against every store."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace as changed

from gateway.ground.rooms import membership, user_of
from storage.archive import ArchivedNotification, Piece, PieceState
from storage.endings import Buried, Sent
from storage.histories import HistoryQuery, Muted
from storage.inboxes import Selection
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from storage.obligations import Lease
from storage.people import Contact
from storage.store import Store
from tests.contract.store_cases import NOW, fill, later, mail, notification, put, sequences
from tests.contract.test_store_beginnings import come

ANN = "user:ann"
TOMORROW = later(86_400)
JUNE, JULY = datetime(2026, 6, 20, tzinfo=NOW.tzinfo), datetime(2026, 7, 1, tzinfo=NOW.tzinfo)


async def leads(store: Store, holder: str = "one", at: float = 0) -> int:
    turn = await store.archive.lead(holder, lease_seconds=30, now=later(at))
    assert turn is not None
    return turn


async def begun(store: Store, turn: int, *, before: datetime = TOMORROW, limit: int = 100) -> Piece:
    piece = await store.archive.begin(before=before, limit=limit, turn=turn)
    assert piece is not None
    return piece


async def put_away(store: Store, turn: int, *, limit: int = 100) -> list[ArchivedNotification]:
    """Have all of a piece leave the store; answers what it was."""
    piece = await begun(store, turn, limit=limit)
    recalled = await store.archive.recalled(piece.ids)
    kept = await store.archive.contents(piece.ids, user_of)
    assert await store.archive.keep(piece, turn=turn)
    while await store.archive.release(piece, limit=3, recalled=recalled):
        pass
    return kept


async def test_one_puts_away_at_a_time_and_whose_turn_is_over_changes_nothing(store, other):
    await fill(store, ANN, 3)
    first = await leads(store, "one")
    piece = await begun(store, first)

    assert await other.archive.lead("two", lease_seconds=30, now=later(29)) is None
    second = await leads(other, "two", at=31)

    assert second > first
    assert await store.archive.begin(before=TOMORROW, limit=9, turn=first) is None
    assert not await store.archive.keep(piece, turn=first)
    assert not await store.archive.abandon(piece, turn=first)
    assert await other.archive.begin(before=TOMORROW, limit=9, turn=second) == piece


async def test_the_same_piece_is_begun_until_it_is_closed_and_the_next_has_the_next_number(store, other):
    told = await fill(store, ANN, 5)
    turn = await leads(store)

    piece = await begun(store, turn, limit=4)
    await fill(store, "all", 2)
    again = await begun(other, turn, limit=9)
    assert await store.archive.keep(piece, turn=turn)
    kept = await begun(other, turn)
    left = await other.archive.release(kept, limit=3)
    halfway = await begun(store, turn)

    assert again == piece
    assert (piece.month, piece.number, piece.state) == ("2026-11", 1, PieceState.OPEN)
    assert piece.ids == tuple(n.id for n in told[:4])
    assert (kept.state, left) == (PieceState.KEPT, 1)
    assert halfway.ids == piece.ids[3:]
    assert await sequences(store, ANN) == [4, 5]
    assert await store.archive.release(halfway, limit=3) == 0
    assert await store.archive.release(halfway, limit=3) == 0
    following = await begun(store, turn)
    assert (following.month, following.number) == ("2026-11", 2)
    assert following.ids[0] == told[4].id


async def test_of_what_is_not_kept_nothing_goes(store):
    await fill(store, ANN, 2)
    turn = await leads(store)
    piece = await begun(store, turn)

    assert await store.archive.release(piece, limit=9) == 0
    assert await sequences(store, ANN) == [1, 2]
    assert await store.archive.abandon(piece, turn=turn)
    assert not await store.archive.keep(piece, turn=turn)
    assert (await begun(store, turn)).number == 2


async def test_a_piece_is_of_one_month_and_of_what_may_go(store):
    """What owes mail stays, with all that follows it in its room; and no stream is left with a hole."""
    old = await fill(store, ANN, 2, created_at=JUNE)
    (next_month,) = await fill(store, ANN, 1, created_at=JULY)
    await put(store, notification("user:ben", mail=mail(), created_at=JUNE))
    await fill(store, "user:ben", 1, created_at=JUNE)
    mails_only = await fill(store, "all", 1, created_at=JUNE, in_app=False)
    turn = await leads(store)

    assert await store.archive.is_due(before=JULY)
    assert not await store.archive.is_due(before=JUNE)
    june = await put_away(store, turn)
    july = await put_away(store, turn)

    assert {each.notification.id for each in june} == {n.id for n in (*old, *mails_only)}
    assert [each.notification.id for each in july] == [next_month.id]
    assert await sequences(store, "user:ben") == [1, 2]
    assert await store.archive.begin(before=TOMORROW, limit=9, turn=turn) is None
    assert await store.streams.heads([ANN]) == {ANN: 3}


async def test_what_became_owed_again_meanwhile_stays(store):
    (owing,) = await put(store, notification(ANN, mail=mail()))
    (after,) = await fill(store, ANN, 1)
    turn = await leads(store)
    assert await store.archive.begin(before=TOMORROW, limit=9, turn=turn) is None
    (lease,) = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=NOW)
    assert await store.outbox.end(lease, Buried(reason="refused"), now=later(62))
    piece = await begun(store, turn)
    assert piece.ids == (owing.id, after.id)
    assert await store.archive.keep(piece, turn=turn)

    await store.outbox.revive([owing.id], now=later(63))
    while await store.archive.release(piece, limit=1):
        pass

    assert await sequences(store, ANN) == [1, 2]


async def test_what_was_taken_back_meanwhile_stays_and_goes_with_a_later_piece(store):
    before, since, after = await fill(store, ANN, 3)
    apart = notification(ANN, in_app=False)
    await put(store, apart)
    await store.streams.recall(before.id, now=later(1))
    turn = await leads(store)
    piece = await begun(store, turn)
    recalled = await store.archive.recalled(piece.ids)
    assert await store.archive.keep(piece, turn=turn)
    for each in (since, apart):
        await store.streams.recall(each.id, now=later(2))

    while await store.archive.release(piece, limit=3, recalled=recalled):
        pass

    left = [await store.streams.notification(each.id) for each in (before, since, after, apart)]
    assert [each is not None for each in left] == [False, True, True, True]
    later_piece = {each.notification.id for each in await put_away(store, turn)}
    assert later_piece == {since.id, after.id, apart.id}
    assert await store.archive.begin(before=TOMORROW, limit=9, turn=turn) is None


async def test_what_is_put_away_comes_back_as_it_was_and_counts_as_read(store):
    rooms = [ANN, "all"]
    await store.inboxes.begin("ann", rooms, membership=membership("ann"), now=NOW)
    full = notification(
        ANN,
        body="words",
        link="/orders/1",
        data={"a.b": 2**70, "$c": None},
        expires_at=later(9e6),
        mail=mail(),
    )
    first, read, dismissed, of_all = await put(
        store, full, notification(ANN), notification(ANN), notification("all")
    )
    (lease,) = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=NOW)
    assert await store.outbox.end(lease, Sent(relay_id="250 as 7"), now=later(1))
    await store.inboxes.read(Selection("ann", rooms, [read.id], now=later(2)))
    await store.inboxes.dismiss(Selection("ann", rooms, [dismissed.id], now=later(3)))
    before = await page(store, rooms)
    turn = await leads(store)

    kept = await put_away(store, turn)
    (newest,) = await fill(store, ANN, 1)
    gone = await page(store, rooms)
    restored = await store.archive.restore(kept, user_of, now=later(10))
    again = await store.archive.restore(kept, user_of, now=later(11))

    assert [each.notification.id for each in kept] == [first.id, read.id, dismissed.id, of_all.id]
    assert kept[0].notification.mail is not None
    assert kept[0].notification.mail.state is MailState.SENT
    assert set(gone) == {newest.id}
    assert (restored, again) == (4, 0)
    back = await page(store, rooms)
    assert {id_: n for id_, n in back.items() if id_ != newest.id} == before
    assert await sequences(store, ANN) == [1, 2, 3, 4]
    count = await store.inboxes.unread("ann", rooms, now=later(12))
    assert (count.unread, count.heads) == (1, {ANN: 4, "all": 1})
    unread = HistoryQuery(user="ann", rooms=rooms, unread_only=True)
    shown = await store.inboxes.history(unread, now=later(12))
    assert [item.notification.id for item in shown.items] == [newest.id]
    assert (await store.inboxes.receipts_of("ann", [read.id]))[read.id].read_at == later(2)
    kept_again = await put_away(store, turn)
    assert {each.notification.id for each in kept_again} == {*before, dismissed.id, newest.id}


async def page(store: Store, rooms: list[str]) -> dict[str, Notification]:
    found = await store.inboxes.history(HistoryQuery(user="ann", rooms=rooms), now=later(5))
    return {item.notification.id: item.notification for item in found.items}


async def test_what_was_taken_back_or_superseded_comes_back_hidden(store):
    recalled, superseded = await put(store, notification(ANN), notification(ANN))
    await store.streams.recall(recalled.id, now=later(1))
    await fill(store, ANN, 1)
    turn = await leads(store)
    kept = await put_away(store, turn)
    kept[1] = replace(kept[1], notification=changed(kept[1].notification, superseded_by="another"))

    assert await store.archive.restore(kept, user_of, now=later(2)) == 3

    assert await sequences(store, ANN) == [3]
    found = await store.streams.notification(recalled.id)
    assert found is not None
    assert found.recalled_at == later(1)
    hidden = await store.streams.notification(superseded.id)
    assert hidden is not None
    assert (hidden.superseded_by, hidden.title) == ("another", "A title")


async def test_into_a_store_that_never_had_it_nothing_with_a_sequence_comes_back(store):
    kept = ArchivedNotification(notification=notification(ANN, seq=7))

    assert await store.archive.restore([kept], user_of, now=NOW) == 0
    assert await store.streams.heads([ANN]) == {ANN: 0}


async def test_a_user_has_one_key_until_erased_and_then_another(store, other):
    one, two = await asyncio.gather(store.archive.keys(["ann", "ben"]), other.archive.keys(["ben", "ann"]))
    await store.people.erase_user("ann", ANN, now=NOW)
    anew = (await store.archive.keys(["ann"]))["ann"]

    assert one == two
    assert len({one["ann"].secret, one["ben"].secret, anew.secret}) == 3
    assert len(anew.secret) == 32
    assert await other.archive.keys_by_id([one["ann"].id, one["ben"].id, "\ud800"]) == {
        one["ben"].id: one["ben"]
    }
    assert await other.archive.key_of("ann") == anew
    assert await other.archive.key_of("cleo") is None
    assert repr(anew.secret) not in repr(anew)


@pytest.mark.parametrize("days", [0, 400])
async def test_whatever_the_age_only_what_is_older_goes(store, days):
    await fill(store, ANN, 2, created_at=NOW - timedelta(days=days))
    await fill(store, ANN, 1, created_at=NOW)
    turn = await leads(store)

    piece = await store.archive.begin(before=NOW, limit=9, turn=turn)

    assert (piece is None) == (days == 0)


async def test_what_came_back_is_in_the_history_behind_all_else_page_by_page(store):
    """It is as old as ever, also in a store that goes by the order of appending."""
    rooms = [ANN, "all"]
    for room in rooms:
        await fill(store, room, 3)
    kept = await put_away(store, await leads(store))
    for room in rooms:
        await fill(store, room, 2, created_at=later(100))
    assert await store.archive.restore(kept, user_of, now=later(101)) == 6

    found, before = [], None
    while before is not None or not found:
        query = HistoryQuery(user="ann", rooms=rooms, before=before, limit=3)
        page = await store.inboxes.history(query, now=later(102))
        found += [(item.notification.room, item.notification.seq) for item in page.items]
        before = page.next

    assert sorted(found) == [(room, seq) for room in sorted(rooms) for seq in range(1, 6)]
    assert {seq for _, seq in found[:4]} == {4, 5}
    assert [seq for room, seq in found if room == ANN] == [5, 4, 3, 2, 1]


async def test_mail_that_was_put_away_while_it_was_owed_is_not_sent_again(store):
    """A dead one is revived as its piece is written: it stays in the store, and a later piece has how it ended."""
    (owing,) = await put(store, notification(ANN, mail=mail()))
    (held,) = await leased(store, at=0)
    assert await store.outbox.end(held, Buried(reason="refused"), now=later(1))
    turn = await leads(store)
    piece = await begun(store, turn)
    await store.outbox.revive([owing.id], now=later(2))
    first = await store.archive.contents(piece.ids, user_of)
    assert await store.archive.keep(piece, turn=turn)
    assert await store.archive.release(piece, limit=9) == 0
    (held,) = await leased(store, at=3)
    assert await store.outbox.end(held, Sent(relay_id="250 as 7"), now=later(4))
    second = await put_away(store, turn)

    assert await store.archive.restore(first, user_of, now=later(50)) == 0
    assert await store.archive.restore(second, user_of, now=later(50)) == 1

    assert await leased(store, at=60) == []


async def leased(store: Store, *, at: float) -> list[Lease]:
    lane = LaneName.TRANSACTIONAL
    return [*await store.outbox.lease(lane=lane, limit=9, lease_seconds=60, now=later(at))]


async def test_what_came_back_counts_as_read_for_whoever_comes_first_then(store):
    await store.people.remember([Contact(user="ann", email="ann@example.org", last_seen=later(0))])
    await fill(store, "all", 5, created_at=later(1))
    kept = await put_away(store, await leads(store))
    assert await store.archive.restore(kept, user_of, now=later(50)) == 5
    await come(store, [ANN, "all"], at=later(60))
    (newest,) = await fill(store, "all", 1, type="OTHER")

    muted = Muted(types=frozenset({"NOTE"}), own=ANN)
    count = await store.inboxes.unread("ann", [ANN, "all"], now=later(99), muted=muted)
    unread = HistoryQuery(user="ann", rooms=["all"], unread_only=True)
    page = await store.inboxes.history(unread, now=later(100))

    assert count.unread == 1
    assert [item.notification.id for item in page.items] == [newest.id]
    again = Selection("ann", ["all"], [kept[0].notification.id], now=later(101))
    assert (await store.inboxes.read(again)).changed == 0


async def test_what_came_back_makes_nobody_older_than_they_are(store):
    """Whoever has never been there is told of a topic from then on, as ever."""
    await put(store, notification(ANN))
    kept = await put_away(store, await leads(store))
    await fill(store, "topic:deals", 3, created_at=later(10))

    assert await store.archive.restore(kept, user_of, now=later(50)) == 1

    assert (await come(store, [ANN, "topic:deals", "all"], at=later(60))).unread == 0


async def test_what_comes_back_in_part_leaves_the_head_where_it_was(store):
    """Of a room that has nothing else: what is emitted next must not have a sequence that was told before."""
    await fill(store, ANN, 3)
    kept = await put_away(store, await leads(store))

    assert await store.archive.restore(kept[:1], user_of, now=later(1)) == 1

    assert await store.streams.heads([ANN]) == {ANN: 3}
    (after,) = await fill(store, ANN, 1)
    assert after.seq == 4
    assert await sequences(store, ANN) == [1, 4]
