"""What a digest tells when it closes, and what it leaves out, whatever fails meanwhile."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.notify.digests.news import BODY_CHARACTERS, LISTED
from storage.endings import Gathered, Sent
from storage.errors import StoreUnavailable
from storage.inboxes import Selection
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from tests.unit.gateway.digests.office import HOUR, NOW, Office


async def test_mail_of_a_type_with_a_digest_is_gathered_and_told_in_one_mail(office: Office):
    ids = [
        await office.emit(title=f"No. {number}", body="text", link=f"/news/{number}") for number in range(3)
    ]

    endings = await office.work()
    assert [type(ending) for ending in endings] == [Gathered] * 3
    [opened] = await office.open()
    assert (opened.key, opened.gathered, opened.closes_at) == ("type:NEWS", 3, NOW + HOUR)
    await office.close_due()
    assert await office.told() == []

    office.now = NOW + HOUR
    await office.close_due()

    [lease] = await office.told()
    assert (lease.id, lease.of.id) == (opened.id, opened.id)
    assert office.woken == [LaneName.TRANSACTIONAL]
    news = lease.notification
    assert (news.type, news.room, news.title) == (
        "DIGEST",
        "user:ann",
        "3 notifications that you have not seen",
    )
    assert (news.data["total"], news.data["more"], news.data["more_words"]) == (3, 0, "")
    assert [each["title"] for each in news.data["notifications"]] == ["No. 2", "No. 1", "No. 0"]
    assert news.data["notifications"][0]["link"] == "https://shop.example/news/2"
    assert lease.mail.order.to == "ann@example.org"
    assert {(await office.mail(id_)).state for id_ in ids} == {MailState.MERGED}
    assert (office.digester.closed, office.digester.items) == (
        {"mailed": 1, "empty": 0},
        {"told": 3, "left_out": 0},
    )
    assert await office.departures.decide(lease, office.now) is None, "it is not gathered again"


async def test_what_was_seen_read_recalled_or_has_expired_or_is_not_wanted_any_more_is_left_out(
    office: Office,
):
    read, seen, recalled, expired, off, left = [
        await office.emit("TIP" if number == 4 else "NEWS", title=str(number), expires_at=NOW + HOUR if number == 3 else None)
        for number in range(6)
    ]  # fmt: skip
    office.chosen["ann"] = {"types": {"TIP": {"email": "daily"}, "NEWS": {"email": "daily"}}}
    await office.work()
    rooms = ["user:ann"]
    await office.store.inboxes.read(Selection("ann", rooms, [read], now=NOW))
    await office.store.inboxes.seen(Selection("ann", rooms, [seen], now=NOW))
    await office.store.streams.recall(recalled, now=NOW)
    office.chosen["ann"] = {"types": {"TIP": {"email": False}, "NEWS": {"email": "daily"}}}
    [opened] = await office.open()

    [preview] = await office.shown.of_user("ann")
    office.now = opened.closes_at
    await office.close_due()

    assert {each.notification.id: each.why.rule for each in preview.left_out} == {
        read: "unless", seen: "unless", off: "preferences",
    }  # fmt: skip
    assert [each.id for each in preview.newest] == [left, expired]
    assert (preview.total, preview.left_out_total, preview.is_whole) == (2, 3, True)
    [lease] = await office.told()
    assert [each["id"] for each in lease.notification.data["notifications"]] == [left]
    assert lease.notification.title == "5", "one alone has its own title"
    mails = {id_: await office.mail(id_) for id_ in (read, seen, recalled, expired, off)}
    assert {id_: (mail.state, mail.decided_by) for id_, mail in mails.items()} == {
        read: (MailState.SKIPPED, "unless"),
        seen: (MailState.SKIPPED, "unless"),
        recalled: (MailState.SKIPPED, "digest"),
        expired: (MailState.SKIPPED, "expired"),
        off: (MailState.SKIPPED, "preferences"),
    }
    assert mails[read].digest == opened.id


async def test_with_nothing_left_nothing_is_sent(office: Office):
    read = await office.emit()
    await office.work()
    await office.store.inboxes.read(Selection("ann", ["user:ann"], [read], now=NOW))

    office.now = NOW + HOUR
    await office.close_due()

    assert await office.lease() == []
    assert await office.open() == []
    assert (await office.mail(read)).decided_by == "unless"
    assert (office.digester.closed, office.woken) == ({"mailed": 0, "empty": 1}, [])


async def test_the_newest_twenty_are_listed_and_all_are_counted(office: Office, monkeypatch):
    monkeypatch.setattr("gateway.notify.digests.items.PAGE", 7)
    for number in range(LISTED + 5):
        await office.emit(title=str(number), created_at=NOW + timedelta(seconds=number), body="x" * 1000)
    await office.work()

    office.now = NOW + HOUR
    [preview] = await office.shown.of_user("ann")
    await office.close_due()

    [lease] = await office.told()
    data = lease.notification.data
    assert [each["title"] for each in data["notifications"]] == [str(number) for number in range(24, 4, -1)]
    assert (data["total"], data["more"], data["more_words"]) == (25, 5, "And 5 more.")
    assert len(data["notifications"][0]["body"]) == BODY_CHARACTERS
    assert (len(preview.newest), preview.total) == (LISTED, 25)


async def test_of_a_digest_that_is_long_the_newest_are_looked_at_to_tell_what_it_would_be(
    office: Office, monkeypatch
):
    monkeypatch.setattr("gateway.notify.digests.items.PAGE", 2)
    monkeypatch.setattr("gateway.notify.digests.opened.DECIDED_AT_MOST", 4)
    for _ in range(5):
        await office.emit()
    await office.work()

    [preview] = await office.shown.of_user("ann")

    assert (preview.total, preview.is_whole, preview.digest.gathered) == (4, False, 5)


async def test_a_node_that_dies_while_it_closes_has_sent_nothing_and_another_closes(
    office: Office, monkeypatch
):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR

    async def dies(*_: Any, **__: Any) -> bool:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(office.store.digests, "settle", dies)
        await office.digester.close_due()
    assert await office.told() == []

    office.now += timedelta(minutes=2)
    await office.close_due()

    assert len(await office.told()) == 1


async def test_a_defect_in_one_digest_keeps_no_other(office: Office, monkeypatch, caplog):
    await office.emit(user="ann")
    await office.emit(user="bob")
    await office.work()
    office.now = NOW + HOUR
    real = office.store.digests.items

    async def items(digest_id: str, **options: Any) -> Sequence[Notification]:
        found = await real(digest_id, **options)
        if found and found[0].room == "user:ann":
            raise ValueError("odd")
        return found

    monkeypatch.setattr(office.store.digests, "items", items)
    await office.close_due()

    [lease] = await office.told()
    assert lease.notification.room == "user:bob"
    assert [record.levelname for record in caplog.records if record.message == "digest not closed"] == [
        "ERROR"
    ]


async def test_facts_that_cannot_be_looked_up_leave_the_digest_for_later(office: Office, monkeypatch):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR

    async def away(*_: Any) -> dict[str, Any]:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(office.store.inboxes, "receipts_of", away)
        with pytest.raises(StoreUnavailable):
            await office.shown.of_user("ann")
        await office.digester.close_due()
    assert await office.told() == []

    office.now += timedelta(minutes=2)
    await office.close_due()
    assert len(await office.told()) == 1


async def test_whoever_lost_the_lease_meanwhile_tells_nothing(office: Office, monkeypatch):
    read = await office.emit()
    await office.work()
    await office.store.inboxes.read(Selection("ann", ["user:ann"], [read], now=NOW))
    office.now = NOW + HOUR

    async def lost(*_: Any, **__: Any) -> bool:
        return False

    for method in ("leave_out", "settle"):
        with monkeypatch.context() as patched:
            patched.setattr(office.store.digests, method, lost)
            await office.digester.close_due()
        office.now += timedelta(minutes=2)

    assert (office.digester.closed["empty"], office.digester.items["left_out"]) == (0, 0)
    await office.close_due()
    assert office.digester.closed["empty"] == 1


async def test_a_digest_that_takes_longer_than_a_lease_is_closed_once_and_taken_by_nobody_else(
    office: Office, monkeypatch
):
    monkeypatch.setattr("gateway.notify.digests.items.PAGE", 2)
    for _ in range(9):
        await office.emit()
    await office.work()
    office.now = NOW + HOUR
    real, others = office.store.digests.items, []
    another = office.another_digester()

    async def slow(digest_id: str, **options: Any) -> Sequence[Notification]:
        """A page takes most of a lease, and another node looks meanwhile."""
        office.now += timedelta(seconds=45)
        others.append(await another.close_due())
        return await real(digest_id, **options)

    monkeypatch.setattr(office.store.digests, "items", slow)
    await office.digester.close_due()

    assert (office.digester.closed["mailed"], another.closed["mailed"]) == (1, 0)
    assert office.digester.items["told"] == 9
    # Five pages, and nobody began anew.
    assert len(others) == 5
    assert len(await office.told()) == 1


async def test_whoever_finds_a_long_digest_taken_by_another_leaves_it(office: Office, monkeypatch):
    monkeypatch.setattr("gateway.notify.digests.items.PAGE", 2)
    for _ in range(4):
        await office.emit()
    await office.work()
    office.now = NOW + HOUR
    real = office.store.digests.items
    another = office.another_digester()

    async def held_up(digest_id: str, **options: Any) -> Sequence[Notification]:
        monkeypatch.setattr(office.store.digests, "items", real)
        office.now += timedelta(minutes=2)
        await another.close_due()
        return await real(digest_id, **options)

    monkeypatch.setattr(office.store.digests, "items", held_up)
    await office.digester.close_due()

    assert (office.digester.closed["mailed"], another.closed["mailed"]) == (0, 1)
    assert len(await office.told()) == 1


async def test_in_quiet_hours_a_digest_stays_open_and_what_its_reader_says_meanwhile_counts(office: Office):
    """Told at their end, it is what is wanted and unread then, and not what was when the hours began."""
    early, unwanted = await office.emit("NEWS"), await office.emit("NEWS")
    bobs = await office.emit("NEWS", user="bob")
    await office.work()
    quiet = {"quiet_hours": {"start": "11:00", "end": "15:00"}}
    office.chosen["ann"] = office.chosen["bob"] = quiet

    office.now = NOW + HOUR
    await office.close_due()

    [waiting] = await office.open()
    assert NOW + timedelta(hours=4.5) <= waiting.closes_at < NOW + timedelta(hours=4.7)
    assert office.digester.closed == {"mailed": 0, "empty": 0}
    assert await office.lease() == []
    await office.store.inboxes.seen(Selection("ann", ["user:ann"], [unwanted], now=office.now))
    office.chosen["bob"] = {"types": {"NEWS": {"email": False}}}
    office.now = waiting.closes_at - timedelta(seconds=1)
    office.chosen.pop("ann")
    late = await office.emit("NEWS")
    await office.work()

    office.now = NOW + timedelta(hours=5)
    await office.close_due()

    [lease] = await office.told()
    assert lease.notification.room == "user:ann"
    assert [each["id"] for each in lease.notification.data["notifications"]] == [late, early]
    assert (await office.mail(bobs)).decided_by == "preferences"
    assert office.digester.closed == {"mailed": 1, "empty": 1}


async def test_the_house_counts_what_is_open_and_forgets_what_is_long_closed(office: Office):
    await office.emit(user="ann")
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()
    await office.store.outbox.end(lease, Sent(), now=office.now)
    await office.emit(user="bob")
    await office.work()

    office.now += timedelta(days=91)
    await office.another_digester(kept_days=0).keep_house()
    assert await office.store.outbox.find(lease.id) is not None
    await office.digester.keep_house()

    assert office.digester.open == 1
    assert await office.store.outbox.find(lease.id) is None


async def test_what_is_left_out_by_a_rule_is_told_with_it(office: Office):
    """Who counts what becomes of mail hears of nobody else that it was skipped."""
    told: list[tuple[str, str]] = []
    office.digester.left_out = lambda item, why: told.append((item.id, why.rule))
    seen, _ = [await office.emit() for _ in range(2)]
    await office.work()
    await office.store.inboxes.seen(Selection("ann", ["user:ann"], [seen], now=office.now))

    office.now += HOUR
    await office.close_due()

    assert told == [(seen, "unless")]
