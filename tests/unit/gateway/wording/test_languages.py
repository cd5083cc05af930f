"""Each reader gets the own language, by the own clock, and the store is asked once."""

from gateway.catalog.live import LiveCatalog
from gateway.notify.trials.wording import TrialScribe
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Filled, Scribe
from tests.unit.gateway.wording.catalog import Known, asked, filled

CALL = {"at": "2026-11-26T10:30:00Z"}


async def test_each_reader_gets_the_own_language_and_the_store_is_asked_once(scribe: Scribe, known: Known):
    one, two = await scribe.fill([asked("user:ann", "user:bob", "user:eve"), asked("user:ann")])

    assert isinstance(one, Filled)
    assert isinstance(two, Filled)
    assert {room: text.words.title for room, text in one.texts.items()} == {
        "user:ann": "Bestellung 7 ist unterwegs",
        "user:bob": "Order 7 has shipped",
        "user:eve": "Order 7 has shipped",
    }
    assert [text.entry.locale for text in one.texts.values()] == ["de", "en", "en"]
    assert two.texts["user:ann"].entry.category == "orders"
    assert known.questions == 1


async def test_the_language_of_the_emit_goes_before_the_readers(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("user:ann", "topic:x", locale="en-GB"))

    assert [text.entry.locale for text in found.texts.values()] == ["en", "en"]
    assert found.texts["topic:x"].entry.translations == {}
    assert known.questions == 0


async def test_a_room_of_many_has_the_words_of_all_languages(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("topic:x"))

    entry = found.texts["topic:x"].entry
    assert entry.locale == "en"
    assert {locale: words.title for locale, words in entry.translations.items()} == {
        "de": "Bestellung 7 ist unterwegs"
    }
    assert known.questions == 0


async def test_a_time_is_told_by_each_readers_clock_and_to_a_room_of_many_by_the_gateways(
    live: LiveCatalog, known: Known
):
    known.zones = {"ann": "Asia/Tokyo", "bob": "no/zone"}
    scribe = Scribe(live, Languages(known, zone="Europe/Berlin"))

    found = await filled(scribe, asked("user:ann", "user:bob", "user:eve", "topic:x", type="CALL", data=CALL))

    said = {room: text.words.title.replace("\u202f", " ") for room, text in found.texts.items()}
    assert said == {
        "user:ann": "Wir rufen um 19:30 an",
        "user:bob": "We call you at 11:30 AM",
        "user:eve": "We call you at 11:30 AM",
        "topic:x": "We call you at 11:30 AM",
    }
    assert [text.entry.timezone for text in found.texts.values()] == [
        "Asia/Tokyo", "Europe/Berlin", "Europe/Berlin", "Europe/Berlin",
    ]  # fmt: skip
    assert found.texts["topic:x"].entry.translations["de"].title == "Wir rufen um 11:30 an"
    assert known.questions == 1


async def test_the_language_of_an_emit_is_told_by_each_readers_clock(live: LiveCatalog, known: Known):
    known.zones = {"ann": "Asia/Tokyo"}
    scribe = Scribe(live, Languages(known))

    one, two = await scribe.fill(
        [
            asked("user:ann", "topic:x", type="CALL", data=CALL, locale="de"),
            asked("user:bob", "user:ann", type="CALL", data=CALL, locale="de"),
        ]
    )

    assert isinstance(one, Filled)
    assert isinstance(two, Filled)
    assert [text.words.title for text in (*one.texts.values(), *two.texts.values())] == [
        "Wir rufen um 19:30 an", "Wir rufen um 10:30 an", "Wir rufen um 10:30 an", "Wir rufen um 19:30 an",
    ]  # fmt: skip
    assert one.texts["topic:x"].entry.translations == {}


async def test_a_variant_tells_the_time_by_its_readers_clock(live: LiveCatalog, known: Known):
    known.zones = {"eve": "Asia/Tokyo"}

    found = await filled(
        TrialScribe(live, Languages(known)), asked("user:eve", "topic:x", type="VISIT", data=CALL)
    )

    eve, shared = found.texts["user:eve"], found.texts["topic:x"]
    assert "7:30" in eve.words.title
    assert eve.entry.variant is not None
    assert (eve.entry.timezone, shared.words.title) == ("Asia/Tokyo", "We come")


async def test_what_tells_no_time_has_no_zone_and_asks_for_none(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("user:ann", locale="de"))

    assert found.texts["user:ann"].entry.timezone is None
    assert known.questions == 0
