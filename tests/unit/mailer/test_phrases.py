"""Phrases: what short texts may hold, and that they answer a text for any data, quickly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import phrases
from mailer.filters import FILTERS, MISSING, Reader, compared
from mailer.phrases import PhraseError, phrase
from tests.unit.mailer.test_languages import ANYTHING

EN, DE = Reader("en"), Reader("de", "Europe/Berlin")
DATA = {
    "order": "1234",
    "count": 3,
    "total": "1234.5",
    "flag": True,
    "none": None,
    "list": ["a", "b"],
    "deep": {"x": {"y": "z"}, "items": "mine"},
    "at": "2026-12-06T08:00:00Z",
}


def say(source: str, reader: Reader = EN, data: object = None) -> str:
    said = phrase(source, locale=reader.locale).say(DATA if data is None else data, reader, "T")
    return said.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no more than this", "no more than this"),
        ("", ""),
        ("Order {{ data.order }} has {{ data.count }}", "Order 1234 has 3"),
        ("{{ data.deep.x.y }}{{ data['deep']['x'].y }}", "zz"),
        ("{{ data.deep.items }}", "mine"),
        ("{{ data.items }}{{ data.keys }}{{ data.order.upper }}{{ data.list.append }}", ""),
        (
            "{{ data.list[0] }}{{ data.list[1] }}{{ data.list[7] }}{{ data.list['a'] }}{{ data.deep[0] }}",
            "ab",
        ),
        ("{{ data.nothing.at.all }}{{ data.none }}{{ data.list }}{{ data.deep }}", ""),
        ("{{ type }} {{ locale }}", "T en"),
        ("{{ data.order ~ '-' ~ data.count }}", "1234-3"),
        ("{% if data.count > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% if data.nope %}a{% elif data.flag %}b{% endif %}{% if data.nope %}c{% endif %}", "b"),
        ("{{ 'yes' if data.flag and not data.nope else 'no' }}{{ 'x' if data.nope }}", "yes"),
        ("{{ data.nope or data.order }}", "1234"),
        ("{{ 1 if 1 < data.count <= 3 < 4 }}{{ 2 if 1 < data.count < 3 }}", "1"),
        ("{{ 'in' if data.order in ['1234', '5'] }}{{ 'out' if data.order not in ('1234',) }}", "in"),
        (
            "{{ data.order is defined }}{{ data.nope is defined }}{{ data.nope is undefined }}",
            "truefalsetrue",
        ),
        ("{{ data.none is none }}{{ data.count is number }}{{ data.order is string }}", "truetruetrue"),
        (
            "{{ data.flag is boolean }}{{ data.flag is true }}{{ data.flag is false }}{{ data.flag is number }}",
            "truetruefalsefalse",
        ),
        ("{{ data.total|money('EUR') }} {{ data.count|number }} {{ 0.5|percent }}", "€1,234.50 3 50%"),
        (
            "{{ data.at|date }} {{ data.at|time }} {{ data.at|datetime('short') }}",
            "Dec 6, 2026 8:00 AM 12/6/26, 8:00 AM",
        ),
        ("{{ data.count|plural(one='# thing', other='# things') }}", "3 things"),
        ("{{ 1|plural(one='a thing', other='# things') }}", "a thing"),
        ("{{ data.list|plural(one='# thing', other='# things') }}", "2 things"),
        ("{{ data.list|join }} {{ data.list|join('+') }} {{ data.order|join }}", "a, b a+b 1234"),
        ("{{ data.list|length }}{{ data.order|length }}{{ data.count|length }}", "240"),
        ("{{ data.list|first }}{{ data.list|last }}{{ data.count|first }}{{ data.nope|last }}", "ab"),
        ("{{ data.nope|default('x') }}{{ data.none|default('y') }}{{ data.order|default('z') }}", "xy1234"),
        ("{{ 'a b'|upper }}{{ 'A'|lower }}{{ 'ab'|capitalize }}{{ ' a '|trim }}", "A BaAba"),
        (
            "{{ data.order|truncate(3) }}{{ data.order|truncate }}{{ data.order|truncate('x') }}",
            "12…12341234",
        ),
        ("{# not said #}a{%- if true %} b {%- endif %}", "a b"),
    ],
)
def test_a_phrase_says(source, said):
    assert say(source) == said


def test_a_phrase_speaks_the_readers_language():
    source = "{{ data.total|money('EUR') }}, {{ data.at|datetime('short') }}"

    assert say(source, DE) == "1.234,50 €, 06.12.26, 09:00"


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("{{ data.order", 1, "is no template"),
        ("a\n{% for x in data.list %}{% endfor %}", 2, "“for”"),
        ("{% set x = 1 %}", 1, "“assign”"),
        ("{% macro m() %}{% endmacro %}", 1, "“macro”"),
        ("{% include 'x' %}", 1, "“include”"),
        ("{{ 'x' * 10 ** 9 }}", 1, "“mul”"),
        ("{{ 9 ** 9 ** 9 }}", 1, "“pow”"),
        ("{{ '%1000000000d' % 1 }}", 1, "“mod”"),
        ("{{ data.order + 'x' }}", 1, "“add”"),
        ("{{ range(10 ** 9) }}", 1, "“call”"),
        ("{{ data.order.format(1) }}", 1, "“call”"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", 1, "“call”"),
        ("{{ {'a': 1} }}", 1, "“dict”"),
        ("{{ data.list[-1] }}", 1, "“neg”"),
        ("{{ data.list[0:1] }}", 1, "slice"),
        ("{{ data.order|center(10) }}", 1, "the filter center"),
        ("{{ data|attr('x') }}", 1, "the filter attr"),
        ("{{ data.count is divisibleby(0) }}", 1, "the test divisibleby"),
        ("{{ data.count is defined(1) }}", 1, "the test defined"),
        ("{{ order }}", 1, "asks for order"),
        ("{{ self }}", 1, "asks for self"),
        ("{{ data.count|plural(one='x') }}", 1, "lacks the plural form other"),
        ("{{ data.count|plural('x') }}", 1, "an argument that it does not take"),
        ("{{ data.at|date(width='long') }}", 1, "an argument that it does not take"),
        ("{{ data.at|date('huge') }}", 1, "a width that is none of"),
        ("{{ data.at|date(data.order) }}", 1, "a width that is none of"),
        ("{{ data.at|date(*data.list) }}", 1, "the filter date"),
        ("{{ data" + ".a" * 100 + " }}", 1, "nested too deeply"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", 1, "nested too deeply"),
        ("{{ data.a }}" * 65, 1, "prints more than 64"),
        ("{{ [" + "1," * 1100 + "] }}", 1, "more than 1000 parts"),
        ("x" * 10_001, 1, "longer than 10000"),
    ],
)
def test_a_phrase_must_not_hold(source, line, problem):
    with pytest.raises(PhraseError, match=problem) as caught:
        phrase(source, locale="en")

    assert caught.value.line == line


def test_a_language_with_more_plurals_wants_them_all():
    with pytest.raises(PhraseError, match="few, many: pl tells few, many, one, other apart"):
        phrase("{{ data.n|plural(one='a', other='b') }}", locale="pl")


def test_a_value_in_a_link_leads_nowhere_else():
    link = phrase("/orders/{{ data.order }}?page={{ data.page }}", locale="en", is_link=True)

    said = link.say({"order": "../../evil?x#\r\n", "page": "a&b=\ud800é"}, EN)

    assert said == "/orders/..%2F..%2Fevil%3Fx%23%0D%0A?page=a%26b%3D%3F%C3%A9"


@pytest.mark.parametrize("index", [-1, -5, 2, 10**30, True, 0.5, "0", None, []])
def test_an_index_that_is_none_is_missing(index):
    """However it comes: no data can make a phrase fail, and none can count from the end."""
    made = phrase("{{ data.list[data.at] is defined }}", locale="en")

    assert made.say({"list": ["a", "b"], "at": index}, EN) == ("true" if index is True else "false")


def test_what_a_phrase_uses_is_known():
    used = phrase(
        "{{ data.a.b }}{% if data.c[0] == data['d'] %}{{ data.e|default(data.f) }}{% endif %}{{ locale }}{{ data.l|first }}",
        locale="en",
    ).uses

    assert [str(use) for use in used] == ["data.a.b", "data.c[0]", "data.d", "data.e", "data.f", "data.l[]"]


@pytest.mark.parametrize(
    ("left", "sign", "right", "holds"),
    [
        (1, "lt", 2, True), (2, "lt", 1, False), (1, "lteq", 1, True), (1, "gt", 2, False), (2, "gteq", 2, True),
        ("a", "lt", "b", True), ("a", "lt", 1, False), (1, "gteq", "a", False), (MISSING, "lt", 1, False),
        (1, "eq", 1.0, True), ("1", "eq", 1, False), (None, "ne", MISSING, True),
        ("a", "in", ["a"], True), ("a", "in", "cat", True), ("a", "in", {"a": 1}, True), (1, "in", "1", False),
        ("a", "notin", 5, True), ([], "in", {}, False), ("a", "notin", ["a"], False),
    ],
)  # fmt: skip
def test_a_comparison_holds_or_does_not(left, sign, right, holds):
    assert compared(left, sign, right) is holds


EVERYTHING = phrase(
    "{{ data.a }}{{ data.a.b }}{{ data.a[0] }}{{ data.a[data.b] }}{{ data.a ~ data.b }}"
    "{{ 1 if data.a < data.b }}{{ 1 if data.a in data.b }}{{ 1 if data.a == data.b and not data.a or data.b }}"
    + "".join(f"{{{{ data.a|{name} }}}}" for name in FILTERS if name != "plural")
    + "{{ data.a|plural(one='#', other='##') }}{{ data.a|money(data.b) }}{{ data.a|truncate(data.b) }}{{ data.a|join(data.b) }}",
    locale="en",
)


@given(ANYTHING, ANYTHING)
def test_a_phrase_never_fails_and_is_never_long(first, second):
    said = EVERYTHING.say({"a": first, "b": second}, Reader("en", "Europe/Berlin"))

    assert isinstance(said, str)


@given(st.text(alphabet="{}%data. |(1)'x\n<>=", max_size=60))
def test_any_text_is_a_phrase_or_is_refused(source):
    try:
        made = phrase(source, locale="en")
    except PhraseError:
        return
    assert isinstance(made.say({"a": 1}, EN), str)


def test_the_greatest_data_make_a_short_text():
    """A value is 4,000 characters at most, however long, and a phrase prints 64."""
    most = phrase("{{ data.a }}" * phrases.MOST_VALUES, locale="en")

    assert len(most.say({"a": "x" * 10**6}, EN)) == 64 * 4000


def test_a_long_chain_of_conditions_is_one_function_still():
    source = (
        "{% if data.a == 0 %}0"
        + "".join(f"{{% elif data.a == {n} %}}{n}" for n in range(1, 100))
        + "{% endif %}"
    )
    made = phrase(source, locale="en")

    assert [made.say({"a": n}, EN) for n in (0, 99, 100)] == ["0", "99", ""]


def test_an_argument_that_is_given_twice_is_refused():
    with pytest.raises(PhraseError, match="an argument twice"):
        phrase("{{ data.a|plural(one='a', other='b', one='c') }}", locale="en")
