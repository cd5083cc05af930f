"""Emitting, where no journey walks to its edges: each step of many, what fails alone, and what is counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.gossip import HeadGossip
from gateway.ground.clock import Timekeeper
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import Sources
from gateway.notify.delivery import fanout
from gateway.notify.delivery.fanout import Fanout
from gateway.notify.delivery.streams import ToldByFrame
from gateway.notify.emitting import emitter as module
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.emitting.owing import NoAddress
from gateway.notify.emitting.planning import Planner
from gateway.notify.people.contacts import ContactBook
from gateway.notify.preferences.chosen import UserPreferences
from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.notify.suppressions.lookup import SuppressionLookup
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Filled, Scribe
from gateway.observe.metrics import Metrics
from gateway.protocol import problems
from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.mail import Hold, MailState
from storage.notifications import Entry, Notification
from storage.people import Contact
from storage.sqlite import SQLiteStore
from storage.streams import Appended, Emission

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Nobody:
    """A node without sessions."""

    def hears(self, room: str) -> bool:
        return False

    def receive(self, room: str, seq: int, event: bytes, told: ToldByFrame | None = None) -> None:
        raise AssertionError("nobody is there")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def emitter(store: SQLiteStore) -> AsyncIterator[Emitter]:
    commit = GroupCommit(store.streams)
    bus = LocalBus()
    contacts = ContactBook(store.people)
    catalog = LiveCatalog()

    async def nobody(_: str) -> bool:
        return False

    judge = Judge(
        Sources(
            catalog=catalog,
            contacts=contacts,
            receipts=store.inboxes,
            suppressions=SuppressionLookup(store.suppressions, Timekeeper()),
            is_online=nobody,
        )
    )
    yield Emitter(
        commit=commit,
        planner=Planner(
            catalog=catalog, scribe=Scribe(catalog, Languages(contacts)), judge=judge, clock=lambda: NOW
        ),
        fanout=Fanout(receiver=Nobody(), bus=bus, gossip=HeadGossip(learns=store.streams, bus=bus)),
        wake_mailer=lambda lanes: None,
        code_of=problems.code_of,
    )
    await commit.close()


class Chosen:
    """What Ann has chosen: to be left alone at night."""

    in_use = True

    async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        night = {"quiet_hours": {"start": "22:00", "end": "07:00"}, "timezone": "UTC"}
        return {user: UserPreferences(document=night, version=1) for user in users if user == "ann"}


def mailed(user: str, **fields: object) -> EmitRequest:
    return EmitRequest(rooms=(f"user:{user}",), type="T", title="x", data={}, email=EmailRequest(**fields))


def plain(*users: str) -> EmitRequest:
    return EmitRequest(rooms=tuple(f"user:{user}" for user in users), type="T", title="x", data={})


async def test_of_what_is_emitted_later_it_is_told_until_when_it_will_be_held(
    emitter: Emitter, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    planner = emitter.planner
    planner._judge._sources = replace(planner._judge._sources, preferences=Chosen())
    night, noon = NOW + timedelta(hours=23), NOW + timedelta(hours=12)
    requests = [mailed("ann", to="a@b.example"), mailed("bob", to="a@b.example"), plain("ann")]
    vetted = [each for each in await planner.vet(requests) if isinstance(each, Filled)]

    at_night = await planner.held_of_each([(each, {each.request.rooms[0]: night}) for each in vetted])
    at_noon = await planner.held_of_each([(vetted[0], {"user:ann": noon})])

    assert [set(held) for held in (*at_night, *at_noon)] == [{"user:ann"}, set(), set(), set()]
    morning = NOW + timedelta(hours=31)
    assert morning <= at_night[0]["user:ann"] < morning + timedelta(minutes=10)

    async def away(_: object) -> dict[str, Contact]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store.people, "contacts", away)
    (unknown,) = await planner.vet([mailed("ann")])
    assert isinstance(unknown, Filled)
    with pytest.raises(StoreUnavailable):
        await planner.held_of_each([(unknown, {"user:ann": night})])


async def test_a_type_that_no_catalog_has_keeps_the_picture_that_it_is_emitted_with(emitter: Emitter):
    given = EmitRequest(
        rooms=("user:ann",), type="T", title="x", data={}, image="https://cdn.example/ann.png"
    )

    (told,) = (await emitter.emit(given, scope="shop")).notifications

    assert told.entry == Entry(image="https://cdn.example/ann.png")


async def test_a_contact_book_that_cannot_be_asked_fails_those_alone_who_need_it(
    emitter: Emitter, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    async def away(_: object) -> dict[str, Contact]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store.people, "contacts", away)

    needs, given, none = await emitter.emit_many(
        [mailed("ann"), mailed("ann", to="ann@shop.example"), plain("ann")], scope="test"
    )

    assert isinstance(needs, StoreUnavailable)
    assert isinstance(given, Appended)
    assert isinstance(none, Appended)
    with pytest.raises(StoreUnavailable):
        await emitter.planner.drafts(mailed("ann"), limit=1)


async def test_an_unknown_address_is_the_answer_of_its_item_alone(emitter: Emitter):
    unknown, left_out = await emitter.emit_many([mailed("ann"), mailed("ann", if_known=True)], scope="test")

    assert isinstance(unknown, NoAddress)
    assert isinstance(left_out, Appended)


class Hands:
    """Takes all mail, and remembers what it has heard of it since."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, MailState | None]] = []

    def take(self, notifications: Sequence[Notification]) -> tuple[Notification, ...]:
        hold = Hold(token="1d9e", until=NOW + timedelta(seconds=15))
        return tuple(
            structs.replace(each, mail=replace(each.mail, state=MailState.LEASED, hold=hold))
            for each in notifications
            if each.mail is not None
        )

    def begin(self, notifications: Sequence[Notification]) -> None:
        self.heard += [("stored", each.mail and each.mail.state) for each in notifications]

    def forgo(self, notifications: Sequence[Notification]) -> None:
        self.heard += [("not stored", each.mail and each.mail.state) for each in notifications]


async def test_mail_is_begun_where_it_was_stored(emitter: Emitter):
    emitter._hands = hands = Hands()

    await emitter.emit(plain("ann"), scope="test")
    await emitter.emit(mailed("ann", to="ann@shop.example"), scope="test")

    assert hands.heard == [("stored", MailState.LEASED)]


async def test_mail_is_forgone_that_was_stored_before_or_not_at_all(emitter: Emitter, store: SQLiteStore):
    emitter._hands = hands = Hands()
    request = structs.replace(mailed("ann", to="ann@shop.example"), idempotency_key="k", fingerprint=b"same")
    await emitter.emit(request, scope="test")

    assert (await emitter.emit(request, scope="test")).duplicate
    emitter._commit = GroupCommit(Failing(store, 0))
    with pytest.raises(StoreUnavailable):
        await emitter.emit(request, scope="test")
    await emitter._commit.close()

    assert [heard for heard, _ in hands.heard] == ["stored", "not stored", "not stored"]


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
    emitter: Emitter, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "STEP_NOTIFICATIONS", 2)
    monkeypatch.setattr(emitter, "_commit", Failing(store, 2))

    answers = await emitter.emit_many(
        [plain("1"), plain("2", "3"), plain("4"), plain("5"), plain("6")], scope="test"
    )

    assert [type(answer) for answer in answers] == [Appended, Appended, *[StoreUnavailable] * 3]


async def test_a_store_that_is_away_from_the_beginning_takes_nothing(
    emitter: Emitter, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(emitter, "_commit", Failing(store, 0))

    with pytest.raises(StoreUnavailable):
        await emitter.emit_many([plain("1")], scope="test")


async def test_others_have_their_turn_between_the_steps_of_many(
    emitter: Emitter, monkeypatch: pytest.MonkeyPatch
):
    """Counted in turns of the loop: also what is not stored, and waits for nobody, lets others go on."""
    monkeypatch.setattr(module, "STEP_NOTIFICATIONS", 1)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    requests = [structs.replace(plain(str(number)), store=False) for number in range(50)]

    await emitter.emit_many(requests, scope="test")

    counting.cancel()
    assert turns >= len(requests) - 1


async def test_a_frame_that_nobody_hears_is_never_made(emitter: Emitter, monkeypatch: pytest.MonkeyPatch):
    """Most notifications are for users who are out."""

    def fail(*_: object) -> bytes:
        raise AssertionError("a frame was made")

    monkeypatch.setattr(fanout.events, "encode", fail)

    emitted = await emitter.emit(EmitRequest(rooms=("user:ann",), type="T", title="x", data={}), scope="test")

    assert emitted.notifications[0].seq == 1


async def test_each_request_is_counted_once_by_what_became_of_it(emitter: Emitter):
    metrics = Metrics()
    emitter.measure(metrics)
    once = structs.replace(plain("ann"), idempotency_key="k", fingerprint=b"1")
    another = structs.replace(once, title="y", fingerprint=b"2")

    await emitter.emit(once, scope="test")
    await emitter.emit(once, scope="test")
    with pytest.raises(IdempotencyMismatch):
        await emitter.emit(another, scope="test")
    with pytest.raises(NoAddress):
        await emitter.emit(mailed("ann"), scope="test")
    await emitter.emit_many([once, another, plain("1", "2"), mailed("bob")], scope="test")

    assert emitter.outcomes == {
        "accepted": 2, "duplicate": 2, "idempotency_mismatch": 2, "validation_failed": 2
    }  # fmt: skip
    assert metrics.registry.get_sample_value("bellhop_emits_total", {"outcome": "duplicate"}) == 2


async def test_a_batch_of_which_nothing_was_stored_is_counted_by_nobody(
    emitter: Emitter, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    """Its caller asks again: what is counted are requests that have an answer."""
    monkeypatch.setattr(emitter, "_commit", Failing(store, 0))

    with pytest.raises(StoreUnavailable):
        await emitter.emit_many([plain("1")], scope="test")

    assert not emitter.outcomes


async def test_of_a_batch_who_listens_hears_of_each_that_is_new_in_order(emitter: Emitter):
    heard: list[list[str]] = []
    emitter.listeners.append(lambda notifications, _: heard.append([each.room for each in notifications]))
    once = structs.replace(plain("ann"), idempotency_key="k", fingerprint=b"1")
    passing = structs.replace(plain("eve"), store=False)
    unfit = structs.replace(plain("mallory"), title=None)

    outcomes = await emitter.emit_many([once, plain("bob", "cem"), unfit, once, passing], scope="shop")

    assert heard == [["user:ann"], ["user:bob", "user:cem"], ["user:eve"]]
    assert [getattr(outcome, "duplicate", None) for outcome in outcomes] == [False, False, None, True, False]


async def test_who_listens_hears_of_what_is_new_alone(emitter: Emitter):
    heard: list[tuple[str, str]] = []
    emitter.listeners.append(lambda notifications, scope: heard.append((notifications[0].title, scope)))
    once = structs.replace(plain("ann"), idempotency_key="k", fingerprint=b"1")

    await emitter.emit(once, scope="shop")
    await emitter.emit(once, scope="shop")

    assert heard == [("x", "shop")]
