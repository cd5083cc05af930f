"""With a read preference in its URL the store reads old pages and statistics from a secondary, and nothing else.

The secondary lags in these tests as far as it can: it takes no writes at all, and answers what it had.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from pymongo import AsyncMongoClient

from storage.connect import connect
from storage.events import Event, Outcome, Series, key_of_one
from storage.histories import HistoryPage, HistoryQuery
from storage.inboxes import Selection
from storage.mail import LaneName
from storage.notifications import Notification
from storage.people import Contact
from storage.preferences import PreferenceChange
from storage.stats import Bucket, StatsQuery, Step
from storage.store import Store
from storage.streams import Appended
from tests.contract.store_cases import NOW, emission, fill, key, later, mail, notification, put, sequences
from tests.support.members import Members, replica_set

ANN, BEN, CLEO = "user:ann", "user:ben", "user:cleo"
ORDER = Series("ORDER", "in_app")
BY_TYPE = StatsQuery(step=Step.DAY, since=later(-90_000), until=later(90_000), by=("type",))


@pytest.fixture(scope="module")
def members() -> Iterator[Members]:
    with replica_set() as started:
        yield started


@pytest.fixture
def url(members: Members) -> str:
    """The URL of the database that all of these have, without a read preference: take names of your own."""
    return members.url.replace("/?", "/replicas?")


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = connect(f"{url}&readPreference=secondaryPreferred")
    await store.open()
    yield store
    await store.close()


@asynccontextmanager
async def behind(members: Members) -> AsyncIterator[None]:
    """The secondary has all that was written, and nothing of what is written within."""
    secondary = f"mongodb://127.0.0.1:{members.secondary.port}/?directConnection=true"
    async with AsyncMongoClient(members.url, w=3) as all_of_them, AsyncMongoClient(secondary) as alone:
        await all_of_them["began"]["began"].insert_one({})
        await alone.admin.command("fsync", lock=True)
        try:
            yield
        finally:
            await alone.admin.command("fsyncUnlock")


async def page(store: Store, room: str, *, limit: int, before: str | None = None) -> HistoryPage:
    return await store.inboxes.history(
        HistoryQuery(user=room[5:], rooms=[room, "all"], limit=limit, before=before), now=later(9)
    )


def ids(found: HistoryPage) -> list[str]:
    return [item.notification.id for item in found.items]


async def test_old_pages_come_from_the_secondary_and_the_newest_from_the_primary(store, members):
    """What a client has been told of heads is in the page that it fetches; no page has a hole behind the one before."""
    old = await fill(store, ANN, 4)
    async with behind(members):
        new = await fill(store, ANN, 4)
        await store.streams.recall(old[1].id, now=later(1))
        await store.inboxes.dismiss(Selection("ann", [ANN, "all"], [old[2].id], now=later(2)))

        first = await page(store, ANN, limit=3)
        second = await page(store, ANN, limit=2, before=first.next)
        third = await page(store, ANN, limit=9, before=second.next)

    told = [n.id for n in (*old, *new)]
    assert ids(first) == told[7:4:-1]
    # The secondary does not have what the first page ended with, and is passed over.
    assert ids(second) == [told[4], told[3]]
    # Now it has: what was recalled since is still there, and what was dismissed is not, which is asked of the primary.
    assert ids(third) == [told[1], told[0]]


async def test_statistics_come_from_the_secondary_and_are_counted_on_the_primary(store, members):
    async def count(outcome: Outcome) -> None:
        event = Event(key=key_of_one(outcome, outcome), at=NOW, series=ORDER, outcome=outcome)
        await store.stats.note([event])
        turn = await store.stats.lead("one", lease_seconds=900, now=NOW)
        assert turn is not None
        for step in Step:
            bucket = Bucket(step, step.start(NOW))
            counts = await store.stats.recount(bucket, of=step.below)
            assert counts[ORDER][outcome] == 1
            assert await store.stats.replace(bucket, counts, of=[], turn=turn)

    await count(Outcome.SEEN)
    async with behind(members):
        await count(Outcome.READ)
        (seen,) = await store.stats.sums(BY_TYPE)

    assert seen.counts == {Outcome.SEEN: 1}


async def test_a_type_is_switched_whatever_the_read_preference(store):
    """A transaction is the primary's, and says so itself: the server refuses one that would read elsewhere."""
    await store.switches.change("NEWS", {"mail": False}, by="user:ann", now=NOW)

    assert (await store.switches.all()).types["NEWS"].settings == {"mail": False}


async def test_whatever_decides_is_asked_of_the_primary(url, store, members):
    """Sequences, unread counts, replay, idempotency, outbox, preferences, contacts, switches, leases."""
    (old,) = await fill(store, CLEO, 1)
    async with behind(members):
        asked = emission(notification(CLEO, mail=mail()), key=key())
        (answer,) = await store.streams.append([asked])
        assert isinstance(answer, Appended)
        new: Notification = answer.notifications[0]
        another = connect(f"{url}&readPreference=secondary")
        await another.open()
        for each in (store, another):
            (again,) = await each.streams.append([emission(notification(CLEO), key=key())])
            assert isinstance(again, Appended)
            assert (again.duplicate, again.notifications[0].id) == (True, new.id)
            assert await each.streams.heads([CLEO]) == {CLEO: 2}
            assert await sequences(each, CLEO) == [1, 2]
            count = await each.inboxes.unread("cleo", [CLEO], now=later(1))
            assert (count.unread, count.heads) == (2, {CLEO: 2})
            opening = await each.inboxes.opening("cleo", [CLEO], since={CLEO: 1}, limit=9, now=later(1))
            assert [n.id for n in opening.missed] == [new.id]
            assert await each.streams.notification(new.id) is not None
        marked = await another.inboxes.read(Selection("cleo", [CLEO], [old.id, new.id], now=later(2)))
        assert (marked.changed, marked.unread) == (2, 0)
        assert (await store.inboxes.receipts_of("cleo", [new.id]))[new.id].is_read
        (lease,) = await another.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=NOW)
        assert lease.notification.id == new.id
        assert await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=NOW) == []
        change = PreferenceChange(version=1, at=NOW, by="user", asked={"tracking": True})
        await store.preferences.put("cleo", {"tracking": True}, change)
        held = await another.preferences.of_users(["cleo"])
        assert held
        await store.people.remember([Contact(user="cleo", email="cleo@example.org", last_seen=NOW)])
        contact = await another.people.contact("cleo")
        assert contact is not None
        assert contact.email == "cleo@example.org"
        turn = await store.archive.lead("one", lease_seconds=60, now=NOW)
        assert turn is not None
        assert await another.archive.lead("two", lease_seconds=60, now=NOW) is None
        assert (await store.archive.keys(["cleo"]))["cleo"] == await another.archive.key_of("cleo")
        (third,) = await put(another, notification(CLEO))
        assert third.seq == 3
        await another.close()


async def test_without_a_read_preference_every_page_is_the_primarys(url, store, members):
    told = await fill(store, BEN, 4)
    plain = connect(url)
    await plain.open()
    async with behind(members):
        await plain.streams.recall(told[0].id, now=later(1))
        first = await page(plain, BEN, limit=2)
        second = await page(plain, BEN, limit=2, before=first.next)
    await plain.close()

    assert ids(second) == [told[1].id]
