"""The use cases that no journey walks to their edges."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from gateway.cluster.bus.local import LocalBus
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.presence.local import LocalPresence
from gateway.notify import notifier as use_cases
from gateway.notify.contacts import ContactBook
from gateway.notify.decide import Judge
from gateway.notify.notifier import EmailRequest, EmitRequest, NoAddress, Notifier
from gateway.notify.verdicts import Sources
from storage.endings import Buried
from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.mail import LaneName
from storage.people import Contact
from storage.sqlite import SQLiteStore
from storage.streams import Appended, Emission

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Nobody:
    """A node without sessions."""

    def hears(self, room: str) -> bool:
        return False

    def receive(self, room: str, seq: int, event: bytes) -> None:
        raise AssertionError("nobody is there")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def notifier(store: SQLiteStore) -> AsyncIterator[Notifier]:
    commit = GroupCommit(store.streams)
    contacts = ContactBook(store.people)

    async def nobody(_: str) -> bool:
        return False

    yield Notifier(
        store=store,
        commit=commit,
        receiver=Nobody(),
        bus=LocalBus(),
        gossip=HeadGossip(learns=store.streams, bus=LocalBus()),
        presence=LocalPresence(),
        contacts=contacts,
        judge=Judge(Sources(contacts=contacts, receipts=store.inboxes, is_online=nobody)),
        clock=lambda: NOW,
        wake_mailer=lambda lanes: None,
    )
    await commit.close()


async def emit_and_bury(notifier: Notifier, store: SQLiteStore, count: int) -> None:
    for number in range(count):
        email = EmailRequest(to="ann@shop.example")
        await notifier.emit(
            EmitRequest(rooms=("user:ann",), type="T", title=str(number), data={}, email=email), scope="test"
        )
    for lease in await store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=count, lease_seconds=60, now=NOW
    ):
        assert await store.outbox.end(lease, Buried(reason="no such mailbox", code=550), now=NOW)


async def test_all_dead_mail_is_revived_page_by_page_up_to_a_bound(
    notifier: Notifier, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    """One order never grows with the number of dead letters; what is left is said."""
    monkeypatch.setattr(use_cases, "REVIVE_PAGES", 2)
    monkeypatch.setattr(use_cases, "REVIVE_PAGE", 1)
    await emit_and_bury(notifier, store, 3)

    assert await notifier.revive_all() == (2, True)
    assert await notifier.revive_all() == (1, False)
    assert await notifier.revive_all() == (0, False)


def mailed(user: str, **fields: object) -> EmitRequest:
    return EmitRequest(rooms=(f"user:{user}",), type="T", title="x", data={}, email=EmailRequest(**fields))


def plain(*users: str) -> EmitRequest:
    return EmitRequest(rooms=tuple(f"user:{user}" for user in users), type="T", title="x", data={})


async def test_a_contact_book_that_cannot_be_asked_fails_those_alone_who_need_it(
    notifier: Notifier, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    async def away(_: object) -> dict[str, Contact]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store.people, "contacts", away)

    needs, given, none = await notifier.emit_many(
        [mailed("ann"), mailed("ann", to="ann@shop.example"), plain("ann")], scope="test"
    )

    assert isinstance(needs, StoreUnavailable)
    assert isinstance(given, Appended)
    assert isinstance(none, Appended)


async def test_an_unknown_address_is_the_answer_of_its_item_alone(notifier: Notifier):
    unknown, left_out = await notifier.emit_many([mailed("ann"), mailed("ann", if_known=True)], scope="test")

    assert isinstance(unknown, NoAddress)
    assert isinstance(left_out, Appended)


class Failing:
    """Appends that fail from the given call on."""

    def __init__(self, store: SQLiteStore, calls: int) -> None:
        self._store = store
        self._calls = calls

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        if not self._calls:
            raise StoreUnavailable("away")
        self._calls -= 1
        return await self._store.streams.append(emissions)

    async def append_many(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        return await self.append(emissions)


async def test_a_store_that_goes_away_between_two_steps_is_the_answer_of_what_was_not_stored(
    notifier: Notifier, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(use_cases, "STEP_NOTIFICATIONS", 2)
    monkeypatch.setattr(notifier, "_commit", Failing(store, 2))

    answers = await notifier.emit_many(
        [plain("1"), plain("2", "3"), plain("4"), plain("5"), plain("6")], scope="test"
    )

    assert [type(answer) for answer in answers] == [Appended, Appended, *[StoreUnavailable] * 3]


async def test_a_store_that_is_away_from_the_beginning_takes_nothing(
    notifier: Notifier, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notifier, "_commit", Failing(store, 0))

    with pytest.raises(StoreUnavailable):
        await notifier.emit_many([plain("1")], scope="test")


async def test_others_have_their_turn_between_the_steps_of_many(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
):
    """Counted in turns of the loop: also what is not stored, and waits for nobody, lets others go on."""
    monkeypatch.setattr(use_cases, "STEP_NOTIFICATIONS", 1)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    requests = [structs.replace(plain(str(number)), store=False) for number in range(50)]

    await notifier.emit_many(requests, scope="test")

    counting.cancel()
    assert turns >= 50


async def test_a_frame_that_nobody_hears_is_never_made(notifier: Notifier, monkeypatch: pytest.MonkeyPatch):
    """Most notifications are for users who are out."""

    def fail(*_: object) -> bytes:
        raise AssertionError("a frame was made")

    monkeypatch.setattr(use_cases.events, "encode", fail)

    emitted = await notifier.emit(
        EmitRequest(rooms=("user:ann",), type="T", title="x", data={}), scope="test"
    )

    assert emitted.notifications[0].seq == 1
