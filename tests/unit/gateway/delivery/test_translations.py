"""Notifications in several languages: who reads which, in a history, in a replay, and in one frame for all."""

import json
from datetime import UTC, datetime

import pytest

from gateway.engine import Packet
from gateway.notify.delivery import events
from gateway.notify.delivery.translations import MARK, Variants, page_spoken, spoken
from storage.histories import HistoryPage, InboxItem
from storage.notifications import Entry, Notification, Words
from storage.receipts import Receipt

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def notification(**fields: object) -> Notification:
    entry = Entry(
        category="offers",
        locale="en",
        catalog_version="1f",
        translations={"de": Words("Alles\n muss raus", "Nur heute", "/de"), "pt-BR": Words("Liquidação")},
    )
    given = {
        "id": "1", "room": "topic:deals", "seq": 7, "type": "SALE", "title": "Sale", "body": "Today", "link": "/sale",
        "data": {}, "created_at": NOW, "entry": entry,
    }  # fmt: skip
    return Notification(**given | fields)


@pytest.mark.parametrize(
    ("locale", "title", "said"),
    [
        ("de", "Alles\n muss raus", "de"),
        ("de-AT", "Alles\n muss raus", "de"),
        ("DE", "Alles\n muss raus", "de"),
        ("pt-br", "Liquidação", "pt-BR"),
        ("pt", "Sale", "en"),
        ("en-GB", "Sale", "en"),
        ("fr", "Sale", "en"),
        (None, "Sale", "en"),
    ],
)
def test_a_reader_gets_the_best_language_that_there_is(locale: str | None, title: str, said: str):
    found = spoken(notification(), locale)

    assert found.title == title
    assert found.entry is not None
    assert found.entry.locale == said


def test_all_words_are_of_one_language():
    found = spoken(notification(), "pt-BR")

    assert (found.body, found.link) == ("", None)


def test_what_has_one_language_is_left_as_it_is():
    plain = notification(entry=None)
    own = notification(entry=Entry(category="offers", locale="en", catalog_version="1f"))

    assert spoken(plain, "de") is plain
    assert spoken(own, "de") is own
    assert events.frame("notification", own) == events.notification_event(own)


def test_a_page_is_in_the_readers_language():
    page = HistoryPage(items=(InboxItem(notification=notification(), receipt=Receipt()),), next="x")

    found = page_spoken(page, "de")

    assert [item.notification.title for item in found.items] == ["Alles\n muss raus"]
    assert found.next == "x"


def test_one_frame_holds_the_event_in_every_language_and_gives_each_session_its_own():
    frame = events.frame("notification", notification())
    assert frame[0] == MARK
    of = {"ann": "de-AT", "bob": "en", "eve": "fr", "guest": None}

    variants = Variants("/", frame, of.get)

    read = {sid: json.loads(variants.of(sid).text[2:]) for sid in of}
    assert [payload["title"] for _, payload in read.values()] == ["Alles\n muss raus", "Sale", "Sale", "Sale"]
    assert [payload["locale"] for _, payload in read.values()] == ["de", "en", "en", "en"]
    assert read["ann"][1]["seq"] == 7
    assert variants.of("bob") is variants.of("guest")


def test_a_frame_of_an_event_with_a_name_of_its_own():
    frame = events.frame("sale", notification(seq=None))

    packet = Variants("/", frame, lambda _: "de").of("x")

    assert isinstance(packet, Packet)
    assert packet.text.startswith(b'42["sale",')


def test_readers_see_what_the_catalog_says_of_it_and_nothing_where_it_says_nothing():
    assert events.notification(notification())["category"] == "offers"
    assert events.notification(notification())["catalog_version"] == "1f"
    assert "category" not in events.notification(notification(entry=None))
