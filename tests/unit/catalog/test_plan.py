"""What an emit of a type becomes: a table of types, data and locales."""

from pathlib import Path

import pytest

import gateway.catalog
from gateway.catalog.loading import load
from gateway.catalog.words import LONGEST_BODY, LONGEST_TITLE, PlannedAction
from tests.unit.catalog.bad import HEAD, TYPE
from tests.unit.catalog.test_loading import write

SHOP = load(Path(gateway.catalog.__file__).parent / "shop")
PLACED = {"order": "1234", "status": "placed"}


@pytest.mark.parametrize(
    ("type_", "data", "locale", "spoken", "title", "body"),
    [
        ("ORDER_UPDATE", PLACED, "en", "en", "Order 1234 is placed", "We will tell you when it leaves."),
        ("ORDER_UPDATE", PLACED, "de", "de", "Bestellung 1234 ist eingegangen", "Wir melden uns, sobald sie unser Lager verlässt."),
        ("ORDER_UPDATE", PLACED, "de-CH-1996", "de", "Bestellung 1234 ist eingegangen", "Wir melden uns, sobald sie unser Lager verlässt."),
        ("ORDER_UPDATE", PLACED, "fr", "en", "Order 1234 is placed", "We will tell you when it leaves."),
        ("ORDER_UPDATE", PLACED, None, "en", "Order 1234 is placed", "We will tell you when it leaves."),
        ("ORDER_UPDATE", {**PLACED, "status": "delivered"}, "en", "en", "Order 1234 was delivered", ""),
        ("ORDER_UPDATE", {**PLACED, "status": "shipped", "arrives": "2026-12-03"}, "de", "de", "Bestellung 1234 ist unterwegs", "Sie kommt voraussichtlich am 3. Dezember 2026."),
        ("SALE_OFFER", {"name": "Lamps", "discount": 0.2, "slug": "l"}, "de", "de", "20\u00a0% Rabatt: Lamps", "Solange der Vorrat reicht."),
        ("COMPLAINT_RESPONSE", {"complaint": "1", "answer": " One.\r\n\r\n\r\nTwo\x07. "}, "en", "en", "Our customer service has answered you", "One.\n\nTwo ."),
    ],
)  # fmt: skip
def test_the_words_of_a_type(type_, data, locale, spoken, title, body):
    planned = SHOP.plan(type_, data, locale)

    assert (planned.locale, planned.body, planned.problems) == (spoken, body, ())
    assert planned.title.replace("\u00a0", " ") == title.replace("\u00a0", " ")
    assert planned.catalog_version == SHOP.version


def test_what_else_a_type_says():
    order = SHOP.plan("ORDER_UPDATE", PLACED)
    confirmation = SHOP.plan("ORDER_CONFIRMATION", SHOP.types["ORDER_CONFIRMATION"].examples[1], "de")
    offer = SHOP.plan("SALE_OFFER", {"name": "Lamps", "discount": 0.2, "slug": "lamps"})

    assert (order.category, order.link, order.subject, order.collapse) == (
        "orders",
        "/orders/1234",
        None,
        "order:1234",
    )
    assert (confirmation.subject, confirmation.body) == (
        "Ihre Bestellung 1235",
        "1 Artikel für 25,00\u00a0$. Wir packen schon.",
    )
    assert (offer.link, offer.expires_in, offer.collapse) == ("/offers/lamps", 14 * 86400, None)


def test_data_that_do_not_fit_are_told_by_pointer():
    planned = SHOP.plan("ORDER_UPDATE", {"order": 5, "status": "placed"}, "de")

    assert planned.problems == (("/data/order", 'it is not of type "string"'),)
    assert planned.title is None


def test_a_time_is_the_readers():
    data = {"complaint": "1", "customer": "Ann", "text": "x", "received": "2026-11-22T23:30:00Z"}

    assert SHOP.plan("NEW_COMPLAINT", data, "de", timezone="Europe/Berlin").body == "„x“ (23.11.26, 00:30)"
    assert SHOP.plan("NEW_COMPLAINT", data, "de").body == "„x“ (22.11.26, 23:30)"


def test_a_type_that_the_catalog_has_not(tmp_path):
    lax = SHOP.plan("OTHER", {"a": 1}, "de")
    strict = load(write(tmp_path, {"catalog.toml": "strict = true\n" + HEAD + TYPE})).plan("OTHER", {})

    assert (lax.title, lax.category, lax.locale, lax.problems) == (None, None, "de", ())
    assert strict.problems == (("/type", "the catalog has no such type"),)


def test_a_type_without_words_leaves_them_to_the_emit(tmp_path):
    planned = load(write(tmp_path, {"catalog.toml": HEAD + TYPE + "expires_in = 5\n"})).plan(
        "T", {"any": 1}, "de"
    )

    assert (planned.title, planned.body, planned.link, planned.expires_in, planned.problems) == (
        None,
        "",
        None,
        5,
        (),
    )


def test_words_are_cut_to_what_a_notification_holds(tmp_path):
    text = HEAD + TYPE + "schema = { type = 'object', properties = { a = {} } }\n[types.T.texts.en]\n"
    text += "title = 'a  {{ data.a }}'\nbody = '{{ data.a }}{{ data.a }}'\nlink = '/x/{{ data.a }}/{{ data.a }}/{{ data.a }}'\nsubject = '{{ data.a }}'\n"
    catalog = load(write(tmp_path, {"catalog.toml": text}))

    long = catalog.plan("T", {"a": "é" * 5000})
    nothing = catalog.plan("T", {"a": "\r\n\x00"})
    blank = catalog.plan("T", {"a": ""})

    assert long.title == "a " + "é" * (LONGEST_TITLE - 3) + "…"
    assert len(long.body) == LONGEST_BODY
    assert long.body.endswith("…")
    assert long.link is None
    assert (nothing.title, nothing.body, nothing.subject) == ("a", "", None)
    assert (blank.title, blank.body, blank.link) == ("a", "", "/x///")


def test_actions_and_a_picture_are_made_of_the_data_in_each_language(tmp_path):
    text = HEAD + TYPE + "schema = { type = 'object', properties = { a = {} } }\n"
    for locale, label in (("en", "Track {{ data.a }}"), ("de", "{{ data.a }} verfolgen")):
        text += f"[types.T.texts.{locale}]\ntitle = 'x'\nimage = 'https://a.example/{{{{ data.a }}}}.png'\n"
        text += f"actions = [{{ id = 'track', label = '{label}', link = '/t/{{{{ data.a }}}}', style = 'primary' }}, {{ id = 'no', label = '{{{{ data.a }}}}' }}]\n"
    catalog = load(write(tmp_path, {"catalog.toml": text}))

    german = catalog.plan("T", {"a": "7 b"}, "de")
    bare = catalog.plan("T", {}, "en")
    long = catalog.plan("T", {"a": "x" * 90}, "en")

    assert german.image == "https://a.example/7%20b.png"
    assert german.actions == (
        PlannedAction("track", "7 b verfolgen", "/t/7%20b", "primary"),
        PlannedAction("no", "7 b", None, "default"),
    )
    assert bare.actions[1].label == "no"
    assert long.actions[0].label == "Track " + "x" * 33 + "…"


def test_a_title_of_nothing_is_the_types_name(tmp_path):
    text = (
        HEAD
        + TYPE
        + "schema = { type = 'object', properties = { a = {} } }\ntexts.en.title = '{{ data.a }}'\n"
    )

    assert load(write(tmp_path, {"catalog.toml": text})).plan("T", {}).title == "T"
