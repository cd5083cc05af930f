"""What holds of what a person has chosen: by precedence, by merge patches, and for what is critical."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.catalog import Catalog
from gateway.catalog.channels import CHANNELS, Channel
from gateway.catalog.kinds import Category, EmailRule, NotificationType
from gateway.notify.preferences.chosen import NOTHING, WEEKDAYS, Cell, CellOrigin, QuietHours, UserPreferences
from gateway.notify.preferences.patches import (
    DigestRefused,
    LockedPreference,
    UnknownPreference,
    agreeing,
    check,
    merged,
    replacing,
    speaks_of_mail,
)
from gateway.notify.preferences.sieve import Sieve

SALE = NotificationType(name="SALE", category="offers", email=EmailRule(default=False))
NEWS = NotificationType(name="NEWS", category="offers", email=EmailRule())
RESET = NotificationType(name="RESET", category="account", critical=True, email=EmailRule())
CATALOG = Catalog(
    default_locale="en",
    categories={
        "account": Category(key="account", names={"en": "Account"}, order=2),
        "offers": Category(key="offers", names={"en": "Offers"}, order=1),
        "empty": Category(key="empty", names={"en": "Empty"}),
    },
    types={"SALE": SALE, "NEWS": NEWS, "RESET": RESET},
    templates={},
    version="1",
)

flags = st.none() | st.booleans()
channels = st.dictionaries(st.sampled_from(CHANNELS), flags)
documents = st.fixed_dictionaries(
    {},
    optional={
        "channels": channels,
        "categories": st.dictionaries(st.sampled_from(["account", "offers"]), channels),
        "types": st.dictionaries(st.sampled_from(["SALE", "NEWS", "RESET"]), channels),
    },
).map(lambda patch: merged({}, patch))


def _cell(document: dict[str, Any], type_: NotificationType, channel: Channel = "email") -> Cell:
    return UserPreferences(document=document).cell(type_, type_.name, channel)


@pytest.mark.parametrize(
    ("document", "cell"),
    [
        ({}, Cell(True, CellOrigin.DEFAULT)),
        ({"categories": {"offers": {"email": False}}}, Cell(False, CellOrigin.CATEGORY)),
        (
            {"categories": {"offers": {"email": False}}, "types": {"NEWS": {"email": True}}},
            Cell(True, CellOrigin.TYPE),
        ),
        ({"types": {"NEWS": {"email": False}}, "channels": {"email": True}}, Cell(False, CellOrigin.TYPE)),
        ({"types": {"NEWS": {"email": True}}, "channels": {"email": False}}, Cell(False, CellOrigin.CHANNEL)),
        ({"types": {"NEWS": {"in_app": False}}}, Cell(True, CellOrigin.DEFAULT)),
    ],
)
def test_the_most_specific_choice_holds_below_the_off_switch(document: dict[str, Any], cell: Cell):
    assert _cell(document, NEWS) == cell


def test_mail_of_an_opt_in_category_is_off_until_its_reader_says_yes():
    offer = NotificationType(name="NEWS", category="offers", opt_in=True, email=EmailRule())

    assert _cell({}, offer) == Cell(False, CellOrigin.OPT_IN)
    assert _cell({}, offer).is_refused
    assert _cell({}, offer, "in_app") == Cell(True, CellOrigin.DEFAULT)
    assert _cell({"categories": {"offers": {"email": "weekly"}}}, offer) == Cell(
        "weekly", CellOrigin.CATEGORY
    )
    assert _cell({"types": {"NEWS": {"email": True}}}, offer) == Cell(True, CellOrigin.TYPE)
    assert _cell({"channels": {"email": True}}, offer).is_refused


def test_a_yes_from_elsewhere_counts_where_one_is_waited_for_and_nothing_was_said():
    letter = NotificationType(name="LETTER", category="letters", opt_in=True, email=EmailRule())
    for type_, patch in (
        (letter, {"categories": {"letters": {"email": True}}}),
        (SALE, {"types": {"SALE": {"email": True}}}),
    ):
        assert agreeing(NOTHING, type_) == patch
        assert _cell(merged({}, patch), type_).value is True
        assert agreeing(UserPreferences(document=merged({}, patch)), type_) is None
    assert agreeing(NOTHING, NEWS) is None
    assert agreeing(NOTHING, RESET) is None
    for said in (
        {"channels": {"email": False}},
        {"categories": {"offers": {"email": False}}},
        {"types": {"SALE": {"email": False}}},
        {"types": {"SALE": {"email": "weekly"}}},
    ):
        assert agreeing(UserPreferences(document=said), SALE) is None


@pytest.mark.parametrize(
    ("patch", "speaks"),
    [
        ({}, False),
        ({"locale": "de", "consent": {"at": "x"}}, False),
        ({"channels": {"in_app": False}, "categories": {"account": {"email": False}}}, False),
        ({"types": {"NEWS": {"email": True}}}, False),
        ({"channels": {"email": True}}, True),
        ({"channels": None}, True),
        ({"categories": {"offers": {"email": None}}}, True),
        ({"categories": {"offers": None}}, True),
        ({"categories": None}, True),
        ({"types": {"SALE": {"email": "daily"}}}, True),
    ],
)
def test_a_patch_speaks_of_mail_also_where_it_takes_a_choice_back(patch: dict[str, Any], speaks: bool):
    assert speaks_of_mail(patch, SALE) is speaks


def test_what_the_catalog_does_not_send_by_itself_was_not_refused_by_anybody():
    assert _cell({}, SALE) == Cell(False, CellOrigin.DEFAULT)
    assert not _cell({}, SALE).is_refused
    assert _cell({"types": {"SALE": {"email": True}}}, SALE) == Cell(True, CellOrigin.TYPE)


def test_of_a_type_that_the_catalog_does_not_have_the_off_switch_holds():
    assert NOTHING.cell(None, "OTHER", "email") == Cell(True, CellOrigin.DEFAULT)
    off = UserPreferences(document={"channels": {"email": False}})
    assert off.cell(None, "OTHER", "email").is_refused
    assert not off.cell(None, "OTHER", "in_app").is_refused


@given(documents)
def test_whatever_is_chosen_what_is_critical_is_not_refused(document: dict[str, Any]):
    for channel in CHANNELS:
        cell = _cell(document, RESET, channel)
        assert (cell.value, cell.is_locked, cell.is_refused) == (True, True, False)


@given(documents, documents)
def test_a_channel_that_is_turned_off_and_on_again_leaves_the_grid_as_it_was(
    document: dict[str, Any], other: dict[str, Any]
):
    before = list(UserPreferences(document=document).grid(CATALOG))
    off = merged(document, {"channels": dict.fromkeys(CHANNELS, False)})
    for row in UserPreferences(document=off).grid(CATALOG):
        assert all(not cell.value or cell.is_locked for cell in row.cells.values())

    on = merged(off, {"channels": document.get("channels") or None})
    on = merged(on, {"channels": dict.fromkeys(set(CHANNELS) - set(document.get("channels", {})))})
    assert list(UserPreferences(document=on).grid(CATALOG)) == before
    # Nor does what somebody else chooses touch it: documents are never changed in place.
    merged(document, other)
    assert list(UserPreferences(document=document).grid(CATALOG)) == before


def test_the_grid_shows_every_type_by_the_order_of_the_categories():
    rows = list(NOTHING.grid(CATALOG))

    assert [row.type.name for row in rows] == ["NEWS", "SALE", "RESET"]
    assert list(NOTHING.grid(None)) == []


@given(documents, documents)
def test_a_merge_patch_takes_what_it_names_and_is_the_same_when_repeated(
    document: dict[str, Any], patch: dict[str, Any]
):
    once = merged(document, patch)

    assert merged(once, patch) == once
    for name, inner in patch.items():
        for key, value in inner.items():
            if value != {}:
                assert once[name][key] == (
                    value
                    if not isinstance(value, dict)
                    else merged(document.get(name, {}).get(key, {}), value)
                )
    assert merged(once, dict.fromkeys(once)) == {}


def test_null_takes_a_choice_back_and_leaves_no_empty_shells():
    document = merged({}, {"types": {"NEWS": {"email": False}}, "locale": "de"})

    assert merged(document, {"types": {"NEWS": {"email": None}}}) == {"locale": "de"}
    assert merged(document, {"types": None, "locale": None}) == {}
    assert merged({"locale": "de"}, {"types": {"NEWS": {"email": None}}}) == {"locale": "de"}


def test_what_is_critical_cannot_be_chosen_and_what_is_unknown_neither():
    for patch in ({"types": {"RESET": {"email": False}}}, {"categories": {"account": {"in_app": True}}}):
        with pytest.raises(LockedPreference) as locked:
            check(patch, CATALOG)
        assert len(locked.value.places) == 1
    for patch in ({"types": {"OTHER": {"email": False}}}, {"categories": {"other": {"email": False}}}):
        with pytest.raises(UnknownPreference):
            check(patch, CATALOG)
        with pytest.raises(UnknownPreference):
            check(patch, None)
    # To take back what was chosen once is always possible.
    check({"types": {"OTHER": None, "RESET": {"email": None}}, "categories": None}, CATALOG)
    check({"categories": {"empty": {"email": False}}, "channels": {"email": False}}, CATALOG)
    check({"channels": {"email": False}}, None)


def test_mail_that_comes_in_no_digest_can_be_wanted_in_none_and_what_was_chosen_before_is_a_yes():
    letter = NotificationType(name="LETTER", category="letters", in_digests=False, email=EmailRule())
    advert = replace(letter, name="ADVERT", category="offers")
    categories = {**CATALOG.categories, "letters": Category(key="letters", names={"en": "Letters"})}
    catalog = replace(
        CATALOG, categories=categories, types={**CATALOG.types, "LETTER": letter, "ADVERT": advert}
    )

    for patch, places in (
        ({"types": {"LETTER": {"email": "daily"}, "NEWS": {"email": "daily"}}}, ["types.LETTER.email"]),
        ({"categories": {"letters": {"email": "weekly"}}}, ["categories.letters.email"]),
    ):
        with pytest.raises(DigestRefused) as refused:
            check(patch, catalog)
        assert refused.value.places == places
    # Another type of the category can be told in one.
    check({"categories": {"offers": {"email": "weekly"}, "empty": {"email": "weekly"}}}, catalog)
    check(
        {"types": {"LETTER": {"email": True}, "ADVERT": None}, "categories": {"letters": {"email": False}}},
        catalog,
    )

    assert _cell({"categories": {"offers": {"email": "weekly"}}}, advert) == Cell(True, CellOrigin.CATEGORY)
    assert _cell({"types": {"LETTER": {"email": "daily"}}}, letter) == Cell(True, CellOrigin.TYPE)
    assert _cell({"types": {"LETTER": {"email": False}}}, letter).is_refused


def test_hours_zone_and_language_are_read_from_the_document():
    chosen = UserPreferences(
        document=MappingProxyType(
            {"quiet_hours": {"start": "22:00", "end": "07:30"}, "timezone": "Europe/Berlin", "locale": "de"}
        )
    )

    hours = chosen.quiet_hours
    assert isinstance(hours, QuietHours)
    assert (hours.start.hour, hours.end.hour, hours.end.minute) == (22, 7, 30)
    assert hours.days == WEEKDAYS
    some = UserPreferences(
        document={"quiet_hours": {**chosen.document["quiet_hours"], "days": ["fri", "sat"]}}
    )
    assert some.quiet_hours == QuietHours(hours.start, hours.end, ("fri", "sat"))
    assert (chosen.timezone, chosen.locale) == ("Europe/Berlin", "de")
    assert (NOTHING.quiet_hours, NOTHING.timezone, NOTHING.locale) == (None, None, None)


@given(documents, documents)
def test_what_replaces_a_document_says_what_it_takes_back(document: dict[str, Any], wanted: dict[str, Any]):
    patch = replacing(document, wanted)

    assert merged(document, patch) == wanted
    assert {name for name, value in patch.items() if value is None} == document.keys() - wanted.keys()


@given(st.sets(st.text(max_size=20), max_size=200))
def test_a_sieve_misses_nobody_who_was_added(texts: set[str]):
    sieve = Sieve()
    for text in texts:
        sieve.add(text)

    assert all(text in sieve for text in texts)
    assert sieve.count == len(texts)


def test_a_sieve_takes_few_strangers_for_members():
    sieve = Sieve()
    for number in range(50_000):
        sieve.add(f"member-{number}")

    assert sum(f"stranger-{number}" in sieve for number in range(50_000)) < 50
