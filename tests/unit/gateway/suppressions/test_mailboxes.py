"""People are told once that their mailbox refuses us, and only as long as it does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.notify.suppressions import mailboxes as module
from gateway.notify.suppressions.listing import LiftRequest, SuppressionList
from gateway.notify.suppressions.mailboxes import Hints, RefusalBook
from mailer.bounces import Bounce
from storage.errors import StoreUnavailable
from storage.mailboxes import RefusingMailbox
from storage.people import Contact
from storage.sqlite import SQLiteStore
from tests.unit.gateway.suppressions.listing import HARD, SOFT, HeldClock

ANN = "Ann@Example.org"
DEADLINE_SECONDS = 30


class World:
    """A node's hints over a real store; what people are told is written down."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.clock = HeldClock()
        self.book = RefusalBook(store.mailboxes)
        self.suppressed = SuppressionList(store.suppressions, self.clock, note_refusal=self.book.note)  # type: ignore[arg-type]
        self.told: list[RefusingMailbox] = []
        self.taken_back: list[str] = []
        self.changed = asyncio.Event()
        self.failure: Exception | None = None
        self.hints = Hints(
            store.mailboxes,
            contacts=store.people,
            suppressions=self.suppressed.lookup,
            tell=self._tell,
            take_back=self._take_back,
        )
        self.book.listeners.append(self.hints.look)

    async def _tell(self, refusal: RefusingMailbox) -> str:
        self.changed.set()
        if self.failure is not None:
            raise self.failure
        self.told.append(refusal)
        return f"n{len(self.told)}"

    async def _take_back(self, notification: str) -> None:
        self.taken_back.append(notification)
        self.changed.set()

    async def refuse(self, user: str = "ann", address: str = ANN, bounce: Bounce = HARD) -> None:
        await self.suppressed.refused(address, bounce, mail="m1", room=f"user:{user}", source="report")

    async def until_told(self, *addresses: str) -> None:
        await self._until(lambda: [refusal.address for refusal in self.told] == list(addresses))

    async def until_taken_back(self, *notifications: str) -> None:
        await self._until(lambda: self.taken_back == list(notifications))

    async def _until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def settled(self) -> list[RefusingMailbox]:
        """After all rows were looked at."""
        await self.hints.keep_house()
        return list(await self.store.mailboxes.page(after=None, limit=100))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    made = World(store)
    made.hints.start()
    yield made
    await made.hints.stop()
    await store.close()


async def test_who_is_refused_again_and_again_is_told_once(world: World) -> None:
    for _ in range(3):
        await world.refuse()
    await world.until_told("ann@example.org")

    await world.settled()

    assert len(world.told) == 1
    assert [row.told for row in await world.settled()] == ["n1"]


async def test_a_full_mailbox_is_told_of_when_it_is_suppressed_and_not_before(world: World) -> None:
    await world.refuse(bounce=SOFT)

    assert await world.settled() == []
    assert world.told == []


async def test_what_was_for_no_single_person_is_told_to_nobody(world: World) -> None:
    await world.suppressed.refused(ANN, HARD, mail="m1", room="topic:deals", source="report")

    assert await world.settled() == []


async def test_a_new_address_takes_the_hint_away_at_once(world: World) -> None:
    await world.store.people.remember([Contact(user="ann", email=ANN)])
    await world.refuse()
    await world.until_told("ann@example.org")

    await world.store.people.remember([Contact(user="ann", email="ann@home.example")])
    world.hints.moved(["ann", "bob"])

    await world.until_taken_back("n1")
    assert await world.settled() == []


async def test_an_address_that_is_told_anew_and_is_the_same_takes_nothing_away(world: World) -> None:
    await world.store.people.remember([Contact(user="ann", email=ANN)])
    await world.refuse()
    await world.until_told("ann@example.org")

    world.hints.moved(["ann"])
    await world.refuse("bob", "bob@example.org")
    await world.until_told("ann@example.org", "bob@example.org")

    assert world.taken_back == []


async def test_an_address_that_is_lifted_takes_the_hint_away_and_the_next_refusal_is_told_anew(
    world: World,
) -> None:
    await world.refuse()
    await world.until_told("ann@example.org")
    await world.suppressed.lift(LiftRequest(address=ANN))

    assert await world.settled() == []
    assert world.taken_back == ["n1"]
    await world.refuse()
    await world.until_told("ann@example.org", "ann@example.org")


async def test_of_an_address_that_is_not_the_users_the_user_is_not_told(world: World) -> None:
    """Mail may go to an address that was given in the emit."""
    await world.store.people.remember([Contact(user="ann", email="ann@home.example")])
    await world.refuse()

    assert await world.settled() == []
    assert world.told == []


async def test_what_another_process_has_noted_is_found_by_the_sweep(world: World) -> None:
    world.book.listeners.clear()
    await world.refuse()

    await world.settled()

    assert [refusal.user for refusal in world.told] == ["ann"]


async def test_many_are_looked_at_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        await world.refuse(f"u{number}", f"u{number}@example.org")
    await world.until_told(*(f"u{number}@example.org" for number in range(5)))
    for number in range(5):
        await world.suppressed.lift(LiftRequest(address=f"u{number}@example.org"))

    for _ in range(3):
        await world.hints.keep_house()

    assert world.taken_back == [f"n{number}" for number in range(1, 6)]


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), RuntimeError("a defect")])
async def test_what_could_not_be_told_is_told_later(world: World, failure: Exception) -> None:
    world.failure = failure
    await world.refuse()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await world.changed.wait()
    world.failure = None

    world.hints.look()

    await world.until_told("ann@example.org")


async def test_one_who_cannot_be_told_keeps_nobody_else_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they fill a page: nothing goes round and round."""
    monkeypatch.setattr(module, "PAGE", 2)
    asked: list[str] = []

    async def tell(refusal: RefusingMailbox) -> str:
        asked.append(refusal.user)
        world.changed.set()
        if refusal.user in ("a", "b"):
            raise RuntimeError("its catalog refuses it")
        return "n1"

    monkeypatch.setattr(world.hints, "_tell", tell)
    for user in ("a", "z"):
        await world.refuse(user, f"{user}@example.org")
    await world._until(lambda: "z" in asked)
    await world.refuse("b", "b@example.org")
    await world._until(lambda: "b" in asked)
    count = len(asked)
    await asyncio.sleep(0.05)

    assert len(asked) <= count + 2


async def test_more_moves_than_are_kept_are_left_to_the_sweep(world: World) -> None:
    world.hints.moved([str(number) for number in range(module.MOVED_MAX + 1)])
    await world.refuse()

    await world.until_told("ann@example.org")
