"""Whatever passes a type's schema has words in every locale, and a mail; whatever does not is told of."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gateway.catalog
from gateway.catalog.loading import load
from gateway.catalog.proofs import BRAND
from gateway.catalog.shapes import resolved
from mailer.composed import Composition, context
from mailer.designs import Designs
from tests.support.amounts import amount
from tests.unit.mailer.test_languages import ANYTHING

SHOP = load(Path(gateway.catalog.__file__).parent / "shop")
DESIGNS = Designs(SHOP.templates)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def values(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    """What fits a schema, as far as it is one of the shop's kind."""
    if "$ref" in schema:
        return values(resolved(schema["$ref"], root), root)
    if "anyOf" in schema:
        return st.one_of([values(one, root) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    if "format" in schema:
        return {
            "date": st.dates().map(str),
            "date-time": st.datetimes().map(lambda when: f"{when.isoformat()}Z"),
        }[schema["format"]]
    kind = schema.get("type")
    if kind == "object":
        named = {name: values(inner, root) for name, inner in schema.get("properties", {}).items()}
        required = {name: named.pop(name) for name in schema.get("required", [])}
        return st.fixed_dictionaries(required, optional={**named, "other": ANYTHING})
    if kind == "array":
        return st.lists(values(schema["items"], root), min_size=schema.get("minItems", 0), max_size=4)
    if kind == "string":
        return TEXT.filter(lambda text: len(text) >= schema.get("minLength", 0))
    if kind == "integer":
        return st.integers(schema.get("minimum", -(2**63)), 2**63 - 1)
    assert kind == "number"
    return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)


LOCALES = st.sampled_from(["en", "de", "de-AT", "fr", "zh-Hant-TW", "", "x" * 300])


@pytest.mark.parametrize("type_", SHOP.types)
@settings(
    max_examples=amount(10, long=25),
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(drawn=st.data(), locale=LOCALES)
def test_what_passes_the_schema_has_words_and_a_mail_in_every_locale(type_, drawn, locale):
    kind = SHOP.types[type_]
    data = drawn.draw(
        values(kind.payload.schema, kind.payload.schema).filter(lambda data: not kind.payload.problems(data))
    )

    planned = SHOP.plan(type_, data, locale)

    assert planned.problems == ()
    assert 1 <= len(planned.title) <= 200
    assert len(planned.body) <= 4000
    assert planned.link.startswith("/")
    assert planned.link.isprintable()
    assert " " not in planned.link
    told = context(
        title=planned.title, body=planned.body, link=planned.link, subject=planned.subject or planned.title, data=data,
        locale=planned.locale, type_=type_, category=kind.category, brand=BRAND,
    )  # fmt: skip
    made = DESIGNS.compose(Composition(type=type_, context=told))
    assert BRAND in made.html
    assert BRAND in made.text


@pytest.mark.parametrize("type_", SHOP.types)
@settings(max_examples=amount(10, long=40), deadline=None)
@given(
    data=st.dictionaries(
        st.sampled_from(["order", "status", "items", "total", "name", "issue", "text"]) | st.text(max_size=4),
        ANYTHING,
        max_size=5,
    )
)
def test_whatever_data_come_there_is_an_answer(type_, data):
    planned = SHOP.plan(type_, data, "de")

    assert (planned.title is None) == bool(planned.problems)
    assert all(pointer.startswith("/data") for pointer, _ in planned.problems)
