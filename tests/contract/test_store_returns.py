"""What is heard of a mail after it was sent, held against every store: `storage/outbox.py`."""

import pytest

from storage.endings import Sent
from storage.ids import uuid7
from storage.mail import AFTER_SENT, LaneName, MailState
from storage.obligations import Kind, Obligation, Subject
from storage.outbox import MailSearch
from tests.contract.store_cases import NOW, later, mail, notification, put


async def sent(store, relay_key: str | None = None) -> str:
    """A notification's own mail, which the relay took."""
    [told] = await put(store, notification("user:1", title="Hello", mail=mail()))
    await end(store, relay_key)
    return told.id


async def sent_apart(store, relay_key: str | None = None) -> str:
    """A mail that stands by itself, which the relay took."""
    news = notification("user:1", title="News", in_app=False)
    owed = Obligation(id=uuid7(), of=Subject(kind=Kind.CAMPAIGN, id="summer"), mail=mail(), news=news)
    await store.outbox.owe([owed])
    await end(store, relay_key)
    return owed.id


async def end(store, relay_key: str | None) -> None:
    [lease] = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=NOW)
    assert await store.outbox.end(lease, Sent(relay_id="queued", relay_key=relay_key), now=NOW)


async def state_of(store, id_: str) -> tuple[MailState, str | None]:
    found = await store.outbox.find(id_)
    assert found.mail is not None
    return found.mail.state, found.mail.reason


@pytest.mark.parametrize("make", [sent, sent_apart])
async def test_a_mail_is_found_by_its_id_with_what_it_told(store, make):
    id_ = await make(store)

    found = await store.outbox.find(id_)

    assert (found.id, found.title) == (id_, "Hello" if make is sent else "News")
    assert (found.mail.state, found.mail.order.to) == (MailState.SENT, "ann@example.org")


async def test_what_owes_no_mail_or_is_not_there_is_not_found(store):
    [plain] = await put(store, notification("user:1"))

    for id_ in (plain.id, uuid7(), "", "\ud800"):
        assert await store.outbox.find(id_) is None


@pytest.mark.parametrize("make", [sent, sent_apart])
async def test_a_mail_is_found_by_what_the_relay_calls_it(store, make):
    await make(store)
    id_ = await make(store, "4ABC")
    await make(store, "4abc")

    assert await store.outbox.taken_as("4ABC") == id_
    assert [await store.outbox.taken_as(key) for key in ("", "4ABD", "4AB", "queued", "\ud800")] == [None] * 5
    assert (await store.outbox.find(id_)).mail.relay_id == "queued"


async def test_a_name_that_a_relay_has_given_twice_is_nobodys(store):
    for make in (sent, sent_apart):
        await make(store, f"twice {make}")
        await make(store, f"twice {make}")
        assert await store.outbox.taken_as(f"twice {make}") is None
    await sent(store, "both")
    await sent_apart(store, "both")

    assert await store.outbox.taken_as("both") is None


@pytest.mark.parametrize("make", [sent, sent_apart])
async def test_what_is_heard_outweighs_what_was_heard_before(store, make):
    id_ = await make(store)

    async def hear(state: MailState, reason: str | None = None) -> bool:
        return await store.outbox.came_back(id_, state, reason=reason, now=later(5))

    assert not await hear(MailState.SENT)
    assert await hear(MailState.DELIVERED)
    assert not await hear(MailState.DELIVERED, "again")
    assert await hear(MailState.BOUNCED, "came back: 5.1.1")
    assert not await hear(MailState.DELIVERED)
    assert await state_of(store, id_) == (MailState.BOUNCED, "came back: 5.1.1")
    assert await hear(MailState.COMPLAINED, "abuse")
    assert not await hear(MailState.BOUNCED)
    found = await store.outbox.find(id_)
    assert (found.mail.state, found.mail.updated_at, found.mail.sent_at) == (
        MailState.COMPLAINED,
        later(5),
        NOW,
    )
    counts = await store.outbox.mail_counts()
    assert (counts[MailState.COMPLAINED], counts[MailState.SENT]) == (1, 0)
    page = await store.outbox.mail_page(MailSearch(state=MailState.COMPLAINED), before=None, limit=10)
    assert [item.id for item in page.items] == [id_]


async def test_a_mail_that_was_not_sent_stays_what_it_is(store):
    [told] = await put(store, notification("user:1", mail=mail()))

    for state in AFTER_SENT:
        assert not await store.outbox.came_back(told.id, state, reason=None, now=NOW)
        assert not await store.outbox.came_back(uuid7(), state, reason=None, now=NOW)

    assert await state_of(store, told.id) == (MailState.PENDING, None)
    [lease] = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=NOW)
    assert not await store.outbox.came_back(told.id, MailState.BOUNCED, reason=None, now=NOW)
    assert await store.outbox.end(lease, Sent(), now=NOW)


async def test_what_came_back_owes_nothing_and_is_pruned_with_its_notification(store):
    id_ = await sent(store)
    await store.outbox.came_back(id_, MailState.BOUNCED, reason=None, now=NOW)

    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None
    assert await store.outbox.revive([id_], now=NOW) == []
    assert await store.streams.prune(before=later(1), limit=10) == 1
    assert await store.outbox.find(id_) is None
