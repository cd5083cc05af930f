"""What nodes know of preferences without asking for it, and how soon they know better."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.kinds import NotificationType
from gateway.cluster.commands import PreferencesChanged
from gateway.notify.preferences import book as module
from gateway.notify.preferences.book import PreferenceBook
from gateway.notify.preferences.chosen import NOTHING
from gateway.notify.preferences.suspicion import Suspicion
from storage.errors import StoreUnavailable
from storage.preferences import PreferenceChange
from storage.sqlite import SQLiteStore

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NO_MAIL = {"channels": {"email": False}}
NO_ORDERS = {"categories": {"orders": {"in_app": False}}}
ORDER = NotificationType(name="ORDER", category="orders")


class Wall:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def book(store: SQLiteStore, wall: Wall) -> AsyncIterator[PreferenceBook]:
    book = PreferenceBook(store.preferences, wall)
    yield book
    await book.stop()


async def _choose(
    store: SQLiteStore, wall: Wall, user: str, version: int = 1, document: Any = NO_MAIL
) -> None:
    change = PreferenceChange(version=version, at=wall(), by="user", asked=document)
    assert await store.preferences.put(user, document, change)


async def _until(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not told():
            await asyncio.sleep(0.001)


async def _loaded(book: PreferenceBook) -> None:
    book.start()
    await _until(lambda: book.in_use is False or book._is_loaded)


def _suspects(refusal: Suspicion, room: str) -> bool:
    return room in refusal.rooms and refusal.of(room)


def _who_may_refuse(book: PreferenceBook, users: Iterable[str]) -> list[str]:
    """Of these, as far as is known, who may have refused to be shown anything of their orders."""
    refusal = book.refusal(ORDER, "in_app")
    return [] if refusal is None else [user for user in users if _suspects(refusal, f"user:{user}")]


async def test_where_nobody_has_chosen_anything_nobody_is_asked_for(book: PreferenceBook):
    await _loaded(book)

    assert not book.in_use
    assert await book.of_many(["ann", "bob"]) == {}
    assert book.asked == 0


async def test_who_has_chosen_is_asked_for_once_and_who_has_not_never(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    await _loaded(book)

    for _ in range(3):
        found = await book.of_many([*(f"user-{number}" for number in range(1000)), "ann"])
        assert {user: chosen.document for user, chosen in found.items()} == {"ann": NO_MAIL}
    assert await book.of("bob") is NOTHING
    assert book.asked == 1


async def test_all_who_have_chosen_are_known_from_the_start_while_they_are_not_too_many(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LOAD_USERS", 2)
    users = [f"user-{number}" for number in range(5)]
    for user in users:
        await _choose(store, wall, user, document=NO_ORDERS if user == "user-3" else NO_MAIL)
    await _loaded(book)
    asked = book.asked

    assert set(await book.of_many([*users, "ann"])) == set(users)
    assert _who_may_refuse(book, [*users, "ann"]) == ["user-3"]
    assert book.asked == asked


async def test_of_too_many_who_have_chosen_nobody_is_taken_for_one_who_has_not(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    """Also when they become too many while all were known."""
    monkeypatch.setattr(module, "KEPT_USERS", 3)
    for user in ("ann", "bob"):
        await _choose(store, wall, user, document=NO_ORDERS)
    await _loaded(book)
    [carry_out] = book.commands().values()
    more = ["cid", "dan", "eve"]

    for user in more:
        await _choose(store, wall, user, document=NO_ORDERS)
        carry_out(PreferencesChanged(user))

    assert _who_may_refuse(book, ["ann", "bob", *more, "fay"]) == ["ann", "bob", *more]
    assert set(await book.of_many(["ann", "bob", *more])) == {"ann", "bob", *more}
    assert len(book._kept) == 3


async def test_a_change_that_the_bus_tells_of_is_known_at_once(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    await _loaded(book)
    await book.of("ann")
    [carry_out] = book.commands().values()

    await _choose(store, wall, "ann", 2, {"locale": "de"})
    await _choose(store, wall, "new")
    for user in ("ann", "new"):
        carry_out(PreferencesChanged(user))

    assert (await book.of("ann")).locale == "de"
    assert (await book.of("new")).document == NO_MAIL


async def test_what_is_refused_and_allowed_again_is_known_as_soon_as_it_is_read(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    await _loaded(book)
    [carry_out] = book.commands().values()
    assert book.refusal(ORDER, "in_app") is None

    known = []
    for version, document in enumerate([NO_ORDERS, NO_MAIL, NO_ORDERS, {"locale": "de"}], 2):
        await _choose(store, wall, "ann", version, document)
        carry_out(PreferencesChanged("ann"))
        assert _who_may_refuse(book, ["ann", "bob"]) == ["ann"]
        await book.of("ann")
        known.append(_who_may_refuse(book, ["ann", "bob"]))

    assert known == [["ann"], [], ["ann"], []]


async def test_a_shared_room_refuses_nothing(book: PreferenceBook, store: SQLiteStore, wall: Wall):
    await _choose(store, wall, "ann", document=NO_ORDERS)
    refusal = book.refusal(ORDER, "in_app")

    assert refusal is not None
    assert not _suspects(refusal, "topic:sale")
    assert _suspects(refusal, "user:ann")


async def test_a_change_that_the_bus_has_lost_is_known_when_the_house_is_kept(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    await _loaded(book)
    await book.of("ann")

    wall.forward(seconds=20)
    await _choose(store, wall, "ann", 2, {"locale": "de"})
    await _choose(store, wall, "new")
    wall.forward(seconds=10)
    await book.keep_house()

    assert (await book.of("ann")).locale == "de"
    assert (await book.of("new")).document == NO_MAIL


async def test_a_change_that_is_known_already_has_nobody_asked_for_again(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    for user in ("ann", "bob"):
        await _choose(store, wall, user)
    await _loaded(book)
    before = book.asked
    wall.forward(seconds=20)
    await _choose(store, wall, "bob", 2)

    await book.keep_house()

    assert (await book.of("ann")).version == 1
    assert book.asked == before
    assert (await book.of("bob")).version == 2
    assert book.asked == before + 1


async def test_more_changes_than_can_be_read_at_once_have_all_read_anew(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "CHANGES_READ", 2)
    await _choose(store, wall, "ann")
    await _loaded(book)
    await book.of("ann")
    wall.forward(seconds=20)
    await _choose(store, wall, "ann", 2, {"locale": "de"})
    for user in ("bob", "cid"):
        wall.forward(seconds=1)
        await _choose(store, wall, user)

    await book.keep_house()

    assert (await book.of("ann")).locale == "de"


async def test_an_erased_user_is_forgotten_in_the_end_also_when_the_bus_has_lost_it(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    await _loaded(book)
    await book.of("ann")
    await store.people.erase_user("ann", "user:ann", now=wall())

    wall.forward(minutes=11)
    await book.keep_house()

    assert await book.of("ann") is NOTHING


async def test_what_is_changed_while_it_is_read_is_read_again(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    """The answer was on its way when the change came: it must not be kept."""
    await _choose(store, wall, "ann")
    await _loaded(book)
    book.commands()[PreferencesChanged](PreferencesChanged("ann"))
    of_users = store.preferences.of_users

    async def slow(users: Sequence[str]) -> Any:
        answer = await of_users(users)
        await _choose(store, wall, "ann", 2, {"locale": "de"})
        book.commands()[PreferencesChanged](PreferencesChanged("ann"))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(store.preferences, "of_users", slow)
        await book.of("ann")

    assert (await book.of("ann")).locale == "de"


async def test_no_more_is_kept_than_may_be(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "KEPT_USERS", 3)
    users = [f"user-{number}" for number in range(5)]
    for user in users:
        await _choose(store, wall, user)
    await _loaded(book)

    assert set(await book.of_many(users)) == set(users)
    assert len(book._kept) == 3
    assert set(await book.of_many(users)) == set(users)


async def test_who_has_chosen_alike_shares_one_object(book: PreferenceBook, store: SQLiteStore, wall: Wall):
    """However the document's keys are ordered; not across versions, since a change is told by the version."""
    documents = {
        "ann": {"channels": {"email": False}, "locale": "de"},
        "bob": {"locale": "de", "channels": {"email": False}},
        "cid": {"channels": {"email": False}},
    }
    for user, document in documents.items():
        await _choose(store, wall, user, document=document)
    await _loaded(book)

    found = await book.of_many(list(documents))

    assert found["ann"] is found["bob"]
    assert found["cid"] is not found["ann"]
    assert {user: chosen.document for user, chosen in found.items()} == documents


async def test_while_the_store_is_away_at_the_start_everybody_is_asked_for(
    book: PreferenceBook, store: SQLiteStore, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(module, "LOAD_USERS", 1)
    for user in ("ann", "bob"):
        await _choose(store, wall, user)
    tried = asyncio.Event()

    async def away(**options: Any) -> Any:
        tried.set()
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(store.preferences, "users", away)
        book.start()
        async with asyncio.timeout(20):
            await tried.wait()
        assert book.in_use
        assert (await book.of("ann")).document == NO_MAIL
        assert await book.of("cid") is NOTHING
        assert book.asked == 2
    await _until(lambda: book._is_loaded)

    assert set(await book.of_many(["ann", "bob", "dan"])) == {"ann", "bob"}


async def test_a_book_that_hears_of_no_changes_keeps_nothing(
    book: PreferenceBook, store: SQLiteStore, wall: Wall
):
    await _choose(store, wall, "ann")
    assert (await book.of("ann")).document == NO_MAIL

    await _choose(store, wall, "ann", 2, {"locale": "de"})

    assert (await book.of("ann")).locale == "de"
