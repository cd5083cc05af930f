"""Which language each user reads: asked once, remembered for a while, and within bounds."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify.preferences.chosen import UserPreferences
from gateway.notify.wording import languages
from gateway.notify.wording.languages import Languages
from storage.errors import StoreUnavailable
from storage.people import Contact


class Contacts:
    """What the store knows, and what it was asked."""

    def __init__(self, **locales: str | None) -> None:
        self.locales = locales
        self.asked: list[list[str]] = []
        self.away = False

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        self.asked.append(list(users))
        if self.away:
            raise StoreUnavailable("away")
        return {user: Contact(user=user, locale=self.locales[user]) for user in users if user in self.locales}


async def test_many_users_are_asked_for_once_and_then_known():
    contacts = Contacts(ann="de", bob=None)
    known = Languages(contacts)

    assert await known.of(["ann", "bob", "eve"]) == {"ann": "de", "bob": None, "eve": None}
    assert await known.of(["eve", "ann"]) == {"ann": "de", "eve": None}
    assert contacts.asked == [["ann", "bob", "eve"]]


async def test_what_a_token_says_holds_at_once():
    known = Languages(Contacts(ann="en"))
    await known.of(["ann"])

    known.note(Contact(user="ann", locale="de"))
    known.note(Contact(user="ann", name="Ann"))

    assert await known.of(["ann"]) == {"ann": "de"}


async def test_a_zone_is_the_chosen_one_then_the_told_one_then_the_gateways():
    class Told(Contacts):
        async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
            self.asked.append(list(users))
            zones = {"ann": "Asia/Tokyo", "bob": "Europe/Paris", "eve": "no/zone"}
            return {user: Contact(user=user, timezone=zones[user]) for user in users if user in zones}

    class Choices:
        in_use = True

        async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
            return {"ann": UserPreferences(document={"timezone": "Asia/Seoul"}, version=1)}

    contacts = Told()
    known = Languages(contacts, Choices(), zone="Europe/Berlin")

    assert await known.zones(["ann", "bob", "eve", "dan"]) == {
        None: "Europe/Berlin",
        "ann": "Asia/Seoul",
        "bob": "Europe/Paris",
        "eve": "Europe/Berlin",
        "dan": "Europe/Berlin",
    }
    assert await known.of(["bob"]) == {"bob": None}
    assert len(contacts.asked) == 1
    known.note(Contact(user="dan", timezone="Asia/Tokyo"))
    assert (await known.zones(["dan"]))["dan"] == "Asia/Tokyo"


def spoken(folder: Path, *locales: str) -> LiveCatalog:
    texts = "".join(f'texts.{locale}.title = "x"\n' for locale in locales)
    (folder / "catalog.toml").write_text(
        f'default_locale = "en"\n[categories.a]\nname = {{ en = "A" }}\n[types.T]\ncategory = "a"\n{texts}'
    )
    live = LiveCatalog()
    live.replace(load(folder))
    return live


async def test_a_reader_who_has_come_reads_what_was_chosen_then_what_the_token_says_then_what_was_told(
    tmp_path: Path,
):
    class Choices:
        in_use = True

        async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
            return {
                "ann": UserPreferences(document={"locale": "fr"}, version=1),
                "bob": UserPreferences(document={"timezone": "Asia/Tokyo"}, version=1),
            }

    known = Languages(Contacts(ann="es", bob="es", eve="es"), Choices(), spoken(tmp_path, "en", "de"))

    assert await known.of_reader("ann", "de") == "fr"
    assert await known.of_reader("bob", "de") == "de"
    assert await known.of_reader("eve", None) == "es"
    assert await known.of_reader("dan", None) is None


async def test_where_there_is_one_language_nobody_is_asked_for_a_readers(tmp_path: Path):
    contacts = Contacts(ann="es")

    assert await Languages(contacts, catalog=spoken(tmp_path, "en")).of_reader("ann", None) is None
    assert await Languages(contacts).of_reader("ann", "de") == "de"
    assert contacts.asked == []


async def test_it_is_asked_for_again_after_a_while(monkeypatch: pytest.MonkeyPatch):
    contacts = Contacts(ann="en")
    known = Languages(contacts)
    await known.of(["ann"])
    contacts.locales["ann"] = "de"
    monkeypatch.setattr(languages, "REMEMBERED_SECONDS", -1)

    assert await known.of(["ann"]) == {"ann": "de"}


async def test_a_store_that_is_away_leaves_what_is_known():
    contacts = Contacts(ann="en")
    known = Languages(contacts)
    await known.of(["ann"])
    contacts.away = True

    assert await known.of(["ann", "bob"]) == {"ann": "en", "bob": None}


async def test_a_question_and_the_memory_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(languages, "USERS_PER_QUERY", 2)
    monkeypatch.setattr(languages, "REMEMBERED_USERS", 4)
    contacts = Contacts(**{f"u{number}": "de" for number in range(5)})
    known = Languages(contacts)

    assert set((await known.of(list(contacts.locales))).values()) == {"de"}

    assert [len(part) for part in contacts.asked] == [2, 2, 1]


async def test_what_a_person_has_chosen_goes_before_the_token_and_is_done_without_while_it_cannot_be_had():
    class Choices:
        in_use = True
        away = False

        async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
            if self.away:
                raise StoreUnavailable("away")
            return {"ann": UserPreferences(document={"locale": "fr"}, version=1)}

    choices = Choices()
    known = Languages(Contacts(ann="de", bob="de"), choices)

    assert await known.of(["ann", "bob"]) == {"ann": "fr", "bob": "de"}
    choices.away = True
    assert await known.of(["ann", "bob"]) == {"ann": "de", "bob": "de"}
