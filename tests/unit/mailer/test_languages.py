"""Languages: which one a reader gets, and that formatting answers a text for whatever it is given."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import languages, locales

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TAGS = st.sampled_from(["en", "de", "de-AT", "ar", "pl", "ja", "pt-BR", "no such"])


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("de", ["en", "de"], "de"),
        ("de-AT", ["en", "de"], "de"),
        ("de-AT", ["en", "de-AT", "de"], "de-AT"),
        ("de_AT", ["en", "de"], "de"),
        ("DE-at", ["en", "de"], "de"),
        ("zh-Hant-CN-x-private1", ["en", "zh-Hant"], "zh-Hant"),
        ("zh-Hant-x-a", ["en", "zh"], "zh"),
        ("de", ["en", "de-AT"], "en"),
        ("fr", ["en", "de"], "en"),
        (None, ["en", "de"], "en"),
        ("", ["en", "de"], "en"),
        ("-" * 10_000, ["en", "de"], "en"),
    ],
)
def test_a_reader_gets_the_nearest_language_that_there_is(wanted, available, found):
    assert locales.lookup(wanted, available, "en") == found


def test_a_single_letter_goes_together_with_what_follows_it():
    assert locales.ranges("zh-Hant-x-a") == ["zh-Hant-x-a", "zh-Hant", "zh"]


@pytest.mark.parametrize("tag", ["en", "de", "pt-BR", "zh-Hant-TW", "sr-Latn"])
def test_a_language_of_the_world_is_one(tag):
    assert languages.is_language(tag)


@pytest.mark.parametrize("tag", ["", "xx", "english", "de_DE", "de-", "de-XX-YY-ZZ", "../de", "e" * 300])
def test_what_is_no_language_is_none(tag):
    assert not languages.is_language(tag)


def test_the_forms_of_a_plural_are_the_languages_own():
    assert languages.plural_forms("de") == ("one", "other")
    assert languages.plural_forms("ja") == ("other",)
    assert languages.plural_forms("pl") == ("few", "many", "one", "other")
    assert [languages.plural(number, "pl") for number in (1, 2, 5, 22)] == ["one", "few", "many", "few"]
    assert languages.plural("many", "pl") == "other"


@pytest.mark.parametrize("written", [1.0, "1.0", "1.00", 1])
def test_the_form_of_a_number_is_that_of_how_it_is_written_out_whatever_was_asked_before(written: object):
    """A backend that says 1.0 gets the words for 1, and changes those of nobody else."""
    languages._plural.cache_clear()

    assert (languages.number(written, "en"), languages.plural(written, "en")) == ("1", "one")
    assert languages.plural(1, "en") == "one"
    assert (languages.plural(1.5, "en"), languages.plural(20.0, "pl"), languages.plural(2.0, "pl")) == (
        "other",
        "many",
        "few",
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (languages.money("1234.50", "EUR", "de"), "1.234,50 €"),
        (languages.money(1234.5, "usd", "en"), "$1,234.50"),
        (languages.money(1234.5, "JPY", "ja"), "￥1,234"),
        (languages.money(1234.5, None, "de"), "1.234,5"),
        (languages.money(1234.5, "money", "de"), "1.234,5"),
        (languages.money("on request", "EUR", "de"), "on request"),
        (languages.number(12345.678, "pt-BR"), "12.345,678"),
        (languages.number(None, "de"), ""),
        (languages.percent(0.2, "de"), "20 %"),
        (languages.percent("a lot", "de"), "a lot"),
        (languages.day("2026-12-06", "de", "long"), "6. Dezember 2026"),
        (languages.day("2026-12-06T23:30:00Z", "en"), "Dec 6, 2026"),
        (languages.day("soon", "en"), "soon"),
        (languages.hour("2026-12-06T08:00:00Z", "de", zone="Europe/Berlin"), "09:00"),
        (languages.hour("2026-12-06T08:00:00", "de", zone="Europe/Berlin"), "08:00"),
        (languages.hour("2026-12-06T08:00:00Z", "de", zone="No/Where"), "08:00"),
        (languages.hour("2026-12-06T08:00:00+02:00", "de"), "06:00"),
        (languages.hour("noon", "de"), "noon"),
        (languages.moment("2026-12-06T08:00:00Z", "de", "short"), "06.12.26, 08:00"),
        (languages.moment(datetime(2026, 12, 6, 8, tzinfo=UTC), "de", "no width"), "06.12.2026, 08:00:00"),
        (languages.moment("9999-12-31T23:59:59Z", "de", "short", "Asia/Tokyo"), "31.12.99, 23:59"),
        (languages.moment([], "de"), ""),
    ],
)
def test_money_dates_and_numbers_are_written_as_the_language_writes_them(said, expected):
    assert said.replace("\u00a0", " ").replace("\u202f", " ") == expected


def test_what_a_template_prints_of_a_value():
    given = ["a", True, False, 7, 1.5, None, [], {}, 10**30, Decimal(1)]

    assert [languages.text(value) for value in given] == [
        "a",
        "true",
        "false",
        "7",
        "1.5",
        "",
        "",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "value", [True, "9" * 41, "1e99", "1e-30", "nan", "inf", "x", 10**30, float("inf"), []]
)
def test_what_is_no_number_to_show_is_none(value):
    assert languages.number_of(value) is None


@given(ANYTHING, ANYTHING, TAGS)
def test_every_format_answers_a_text_for_anything(value, other, tag):
    said = [
        languages.number(value, tag),
        languages.percent(value, tag),
        languages.money(value, other, tag),
        languages.day(value, tag),
        languages.hour(value, tag, "full", other),
        languages.moment(value, tag, "full", other),
        languages.plural(value, tag),
    ]

    assert all(isinstance(each, str) and len(each) <= languages.LONGEST_TEXT for each in said)
