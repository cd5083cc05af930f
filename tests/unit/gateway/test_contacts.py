"""The contact book writes behind, and forgets nothing on the way."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.notify.people.contacts import PENDING_LIMIT, ContactBook
from storage.errors import StoreUnavailable
from storage.people import Contact

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Shelf:
    """A store of contacts that can be away, or slow."""

    def __init__(self) -> None:
        self.kept: dict[str, Contact] = {}
        self.away = False
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def remember(self, contacts: Sequence[Contact]) -> None:
        self.asked.set()
        await self.go_on.wait()
        if self.away:
            raise StoreUnavailable("away")
        self.kept |= {contact.user: contact for contact in contacts}

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        return {user: self.kept[user] for user in users if user in self.kept}

    async def forget(self, users: Sequence[str]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        for user in users:
            self.kept.pop(user, None)


async def on_their_way(shelf: Shelf, *contacts: Contact) -> ContactBook:
    """A book that has asked the store to keep these; the store does not answer until it may go on."""
    shelf.go_on.clear()
    book = ContactBook(shelf)
    book.start()
    for contact in contacts:
        book.remember(contact)
    await shelf.asked.wait()
    return book


async def test_what_was_just_remembered_is_found_before_it_is_stored():
    book = ContactBook(Shelf())

    book.remember(Contact(user="ann", email="ann@shop.example"))

    assert (await book.contact("ann")) == Contact(user="ann", email="ann@shop.example")
    assert await book.contact("bob") is None


async def test_an_address_that_no_mail_can_go_to_takes_nothing_from_what_is_known():
    """IDNA 2008 knows no such domain: that is found out now, and not by a dead letter."""
    shelf = Shelf()
    shelf.kept["ann"] = Contact(user="ann", email="ann@shop.example")
    book = ContactBook(shelf)

    for email in ("ann@☃.net", "ann@a..b", "ann@example.org."):
        book.remember(Contact(user="ann", email=email, name="Ann"))
        book.remember(Contact(user="bob", email=email, name="Bob"))

    assert await book.contact("ann") == Contact(user="ann", email="ann@shop.example", name="Ann")
    assert await book.contact("bob") == Contact(user="bob", name="Bob")


async def test_what_is_on_its_way_to_the_store_is_found():
    """Between the collecting and the storing there is no moment in which it is nowhere."""
    shelf = Shelf()
    book = await on_their_way(shelf, Contact(user="ann", name="Ann"))

    assert (await book.contact("ann")) == Contact(user="ann", name="Ann")
    shelf.go_on.set()
    await book.stop()
    assert shelf.kept["ann"].name == "Ann"


async def test_news_adds_to_what_is_known_and_a_none_takes_nothing_away():
    shelf = Shelf()
    shelf.kept["ann"] = Contact(user="ann", email="ann@shop.example", last_seen=NOW)
    book = ContactBook(shelf)

    book.remember(Contact(user="ann", name="Ann"))
    book.remember(Contact(user="ann", last_seen=None))

    assert (await book.contact("ann")) == Contact(
        user="ann", email="ann@shop.example", name="Ann", last_seen=NOW
    )


async def test_a_store_that_is_away_gets_the_news_when_it_is_back():
    shelf = Shelf()
    shelf.away = True
    book = ContactBook(shelf)
    book.start()
    book.remember(Contact(user="ann", name="Ann"))
    await shelf.asked.wait()

    book.remember(Contact(user="ann", email="ann@shop.example"))
    shelf.away = False
    await book.stop()

    assert shelf.kept["ann"] == Contact(user="ann", name="Ann", email="ann@shop.example")


async def test_the_forgotten_are_not_stored():
    shelf = Shelf()
    book = ContactBook(shelf)
    book.start()
    book.remember(Contact(user="ann", name="Ann"))

    book.forget("ann")
    await book.stop()

    assert shelf.kept == {}


async def test_the_forgotten_do_not_arrive_who_were_on_their_way():
    shelf = Shelf()
    book = await on_their_way(shelf, Contact(user="ann", name="Ann"), Contact(user="bob", name="Bob"))

    book.forget("ann")

    assert await book.contact("ann") is None
    shelf.go_on.set()
    await book.stop()
    assert list(shelf.kept) == ["bob"]


async def test_a_store_that_fails_on_the_way_keeps_nothing_of_the_forgotten():
    """Whether it was stored is not known then: it is taken out when the store is back, before anything newer goes in."""
    shelf = Shelf()
    ann = Contact(user="ann", name="Ann", email="ann@shop.example")
    book = await on_their_way(shelf, ann)
    shelf.kept["ann"] = ann
    shelf.away = True

    book.forget("ann")
    shelf.go_on.set()
    await asyncio.sleep(0)
    book.remember(Contact(user="ann", name="Another Ann"))
    shelf.away = False
    await book.stop()

    assert shelf.kept == {"ann": Contact(user="ann", name="Another Ann")}


async def test_only_so_many_users_wait_for_the_store():
    book = ContactBook(Shelf())
    for number in range(PENDING_LIMIT + 1):
        book.remember(Contact(user=str(number), name="N"))

    assert await book.contact("0") is not None
    assert await book.contact(str(PENDING_LIMIT)) is None


async def test_many_are_asked_for_at_once_with_what_is_news_of_them():
    shelf = Shelf()
    book = await on_their_way(shelf, Contact(user="ann", email="ann@shop.example"))
    book.remember(Contact(user="bob", name="Bob"))
    shelf.kept["bob"] = Contact(user="bob", email="bob@shop.example", name="Robert")

    assert await book.contacts(["ann", "bob", "nobody"]) == {
        "ann": Contact(user="ann", email="ann@shop.example"),
        "bob": Contact(user="bob", email="bob@shop.example", name="Bob"),
    }
    shelf.go_on.set()
    await book.stop()


async def test_the_same_words_heard_again_are_not_written_again():
    shelf = Shelf()
    book = ContactBook(shelf)
    book.start()
    told = Contact(user="ann", email="ann@shop.example")

    book.hear(told)
    await book.stop()
    shelf.kept.clear()
    book.start()
    book.hear(told)
    book.hear(Contact(user="bob", email="bob@shop.example"))
    await book.stop()

    assert set(shelf.kept) == {"bob"}


async def test_other_words_and_those_of_the_forgotten_are_written():
    shelf = Shelf()
    book = ContactBook(shelf)
    book.start()

    book.hear(Contact(user="ann", email="ann@shop.example"))
    book.hear(Contact(user="ann", email="ann@new.example"))
    book.hear(Contact(user="bob", email="bob@shop.example"))
    book.forget("bob")
    book.hear(Contact(user="bob", email="bob@shop.example"))
    await book.stop()

    assert shelf.kept["ann"].email == "ann@new.example"
    assert shelf.kept["bob"].email == "bob@shop.example"


async def test_what_is_noted_of_requests_is_bounded():
    shelf = Shelf()
    book = ContactBook(shelf)
    book.start()

    for number in range(PENDING_LIMIT + 1):
        book.hear(Contact(user=str(number), name="N"))

    assert len(book._heard) == 1  # noqa: SLF001 - what is bounded shows nowhere else
    await book.stop()
