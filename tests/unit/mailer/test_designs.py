"""The mail templates of a catalog: which files are chosen, what is made of them, and that their cost is bounded."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psutil
import pytest
from selectolax.lexbor import LexborHTMLParser

from mailer import printer
from mailer.choice import chosen
from mailer.composed import LARGE_BYTES, Composition, context
from mailer.designs import Designs
from mailer.errors import TemplateFailure
from mailer.press import CONDEMNED_SECONDS, Press
from tests.unit.mailer.letters import LETTERHEAD

MJML = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
LAYOUT = MJML.format("<mj-text>{{ title }}</mj-text>{% block content %}{% endblock %}")


def asked(type_: str = "T", locale: str = "en", /, **data: Any) -> Composition:
    told = context(
        title="Title", body="One.\n\nTwo.", link="/a", subject="Subject", data=data, locale=locale, type_=type_,
        base_url="https://shop.example",
    )  # fmt: skip
    return Composition(type=type_, context=told)


@pytest.mark.parametrize(
    ("names", "html", "text"),
    [
        ("T.de.mjml T.mjml", "T.de.mjml", None),
        ("T.de-AT.html T.de.mjml", "T.de-AT.html", None),
        ("T.html T.mjml", "T.mjml", None),
        ("T.mjml default.de-AT.mjml", "T.mjml", None),
        ("default.mjml default.de.mjml", "default.de.mjml", None),
        ("T.mjml T.txt", "T.mjml", "T.txt"),
        ("T.mjml T.de.txt", "T.mjml", "T.de.txt"),
        ("T.de.mjml T.txt default.txt", "T.de.mjml", None),
        ("default.html default.txt T.txt", "default.html", "T.txt"),
        ("T.txt", "default.html", "T.txt"),
        ("OTHER.mjml", "default.html", "default.txt"),
        ("", "default.html", "default.txt"),
    ],
)
def test_the_first_file_that_is_there_is_chosen(names, html, text):
    """A text of further down the list would say less than the HTML does."""
    found = chosen(dict.fromkeys(names.split()), "T", "de-AT")

    assert (found["html"], found.get("txt")) == (html, text)


def test_a_mail_is_made_of_mjml_with_its_layout_its_styles_and_a_text():
    head = "<mjml><mj-head><mj-style>.a { color: red } @media (max-width: 9px) { .a { color: blue } }</mj-style></mj-head>"
    layout = (
        head
        + "<mj-body><mj-section><mj-column>{% block content %}{% endblock %}</mj-column></mj-section></mj-body></mjml>"
    )
    designs = Designs({
        "layout.mjml": layout,
        "T.mjml": "{% extends 'layout.mjml' %}{% block content %}<mj-text><p class='a'>{{ data.items|length }}: "
        "{{ data.total|money('EUR') }}</p></mj-text><mj-table>{% for item in data.items %}<tr><td>{{ item }}</td></tr>{% endfor %}"
        "</mj-table><mj-button href='{{ link }}'>Go</mj-button>{% endblock %}",
    })  # fmt: skip

    made = designs.compose(asked("T", "de", items=["Lamp", "<b>Rug"], total="12.5"))

    assert made.templates == ("T.mjml",)
    assert "2: 12,50" in made.html
    assert re.search('class="a" style="[^"]*color: ?red', made.html)
    assert "@media" in made.html
    assert "&lt;b&gt;Rug" in made.html
    assert made.html.count("<tr><td") + made.html.count("<tr><td>") >= 2
    assert made.text.split() == ["2:", "12,50", "€", "Lamp", "<b>Rug", "Go", "<https://shop.example/a>"]
    assert made.bytes == len(made.html.encode())
    assert made.warnings == ()


@pytest.mark.parametrize(
    "value",
    [
        '"><script>alert(1)</script>',
        "{{ 7 * 7 }}",
        "<mj-raw>",
        "</mj-text></mjml>",
        "a & b",
        "a\x00\x08\x1f\x7fb",
    ],
)
def test_no_value_gets_out_of_its_place(value):
    source = MJML.format(
        "<mj-text>{{ data.x }}</mj-text><mj-button href='https://x/{{ data.x }}' title='{{ data.x }}'>B</mj-button>"
    )

    made = Designs({"T.mjml": source}).compose(asked(x=value))

    assert LexborHTMLParser(made.html).css("script") == []
    assert "49" not in made.text
    assert re.sub(r"[\x00-\x1f\x7f]", "", value) in made.text


def test_without_templates_the_built_in_ones_are_used():
    made = Designs({}).compose(asked("NONE", "de"))

    assert made.templates == ("default.html", "default.txt")
    assert made.text.startswith("Title\n\nOne.\n\nTwo.\n\nhttps://shop.example/a")
    assert "Title" in made.html


def test_a_text_of_its_own_is_taken():
    made = Designs({"T.html": "<p>{{ title }}</p>", "T.txt": "{{ title }} & <more>"}).compose(asked())

    assert (made.text, made.html) == ("Title & <more>", "<p>Title</p>")


def test_html_of_the_data_is_printed_without_what_could_do_harm():
    hostile = "<b>Bold</b><script>x()</script><img src=x onerror=x()><a href='javascript:x()'>a</a><p style='x'>p</p>"

    made = Designs({"T.html": "{{ data.x|sanitize }}{{ data.x }}"}).compose(asked(x=hostile))

    clean, escaped = made.html.split("&lt;b&gt;", 1)
    assert clean == '<b>Bold</b><img src="x"><a>a</a><p>p</p>'
    assert "<" not in escaped


def test_a_large_mail_is_warned_of():
    made = Designs({"T.html": "<p>{{ data.x }}</p>"}).compose(asked(x="a" * LARGE_BYTES))

    assert made.warnings == (f"{LARGE_BYTES + 7} bytes: Gmail shows the first 102 KB of a mail",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<mjml><mj-foo/></mjml>", "T.mjml: after rendering this is no sound MJML: unexpected element"),
        ("<mjml>", "T.mjml: after rendering this is no sound MJML"),
        ("\n{{ 1 / 0 }}", "T.mjml, line 2: ZeroDivisionError"),
        ("{% extends 'nowhere' %}", "T.mjml, line 1: nowhere is not there"),
        ("{{ range(9) }}", "T.mjml, line 1: 'range' is undefined"),
        ("\n{% if %}", "T.mjml, line 2: Expected an expression"),
        ("{{ ''.__class__.__mro__ }}{{ ''.__class__.__mro__[1].__subclasses__() }}", "T.mjml"),
        ("{{ data.__class__.__init__.__globals__() }}", "T.mjml"),
        ("{{ self.__init__.__globals__.x }}", "T.mjml"),
        ("{{ title.format.__func__ }}{{ namespace.__init__.__globals__.os() }}", "T.mjml"),
        (
            "<mjml><mj-head><mj-include path='/etc/passwd'/></mj-head><mj-body></mj-body></mjml>",
            "unable to load included",
        ),
    ],
)
def test_a_template_that_fails_is_told_of(source, reason):
    with pytest.raises(TemplateFailure, match=reason):
        Designs({"T.mjml": source}).compose(asked(x=1))


def test_a_style_sheet_of_elsewhere_is_not_fetched():
    source = "<html><style>p { color: red }</style><link rel=stylesheet href='file:///etc/passwd'><link rel=stylesheet href='http://127.0.0.1:1/'><p>x</p></html>"

    made = Designs({"T.html": source}).compose(asked())

    assert "root:" not in made.html
    assert 'style="color: red' in made.html


def test_of_data_only_members_can_be_reached():
    made = Designs(
        {
            "T.txt": "{{ data.items }}|{{ data.keys }}|{{ data['items'] }}|{{ data.list.append }}|{{ data.list[0] }}|{{ data.n.real }}|{{ data.s.upper }}|{{ data.s.x }}"
        }
    )

    assert made.compose(asked(items="mine", list=["a"], n=1, s="t")).text == "mine||mine||a|||"


# --- in the process of their own


@asynccontextmanager
async def press(sources: dict[str, str]) -> AsyncIterator[Press]:
    made = Press(replace(LETTERHEAD), sources)
    try:
        async with asyncio.timeout(60):
            yield made
    finally:
        await made.close()


async def test_a_mail_is_the_same_wherever_it_is_made():
    sources = {"T.mjml": LAYOUT, "U.html": "<style>p { color: red }</style><p>{{ data.x }}</p>"}
    async with press(sources) as apart:
        for one in (asked("T"), asked("U", x={"a": [1.5, None]})):
            assert await apart.compose(one) == Designs(sources).compose(one)


async def test_without_a_catalog_nothing_is_composed():
    made = Press(LETTERHEAD)
    try:
        with pytest.raises(TemplateFailure, match="no catalog was adopted"):
            await made.compose(asked())
    finally:
        await made.close()


@pytest.mark.parametrize(
    "template",
    [
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% for a in data.l %}{% for b in data.l %}{% for c in data.l %}{% for d in data.l %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ data.n ** data.n }}",
    ],
)
async def test_a_design_that_never_ends_is_ended(template):
    async with press({"T.txt": template, "GOOD.txt": "good"}) as apart:
        with pytest.raises(TemplateFailure, match="the template of T does not come to an end") as caught:
            await apart.compose(asked(n=10**9, l=[0] * 1000))

        assert caught.value.retry_after == CONDEMNED_SECONDS
        assert (await apart.compose(asked("GOOD"))).text == "good"


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10 ** 9 }}",
        "{% for a in data.l %}{{ 'x' * 100000 }}{% endfor %}",  # 100 MB
        "{{ title|center(10 ** 9) }}",
        "{{ range(10 ** 9)|list }}",
        "{% set s = namespace(t='x') %}{% for i in data.l %}{% set s.t = s.t ~ s.t %}{% endfor %}{{ s.t }}",
        "{% for a in data.l %}{% for b in data.l %}<mj-body>{% endfor %}{% endfor %}",
    ],
)
@pytest.mark.parametrize("kind", ["txt", "mjml"])
async def test_a_design_that_wants_all_the_memory_gets_little(template, kind):
    async with press({f"T.{kind}": template, "GOOD.txt": "good"}) as apart:
        with pytest.raises(TemplateFailure):
            await apart.compose(asked(l=[0] * 1000))

        assert (await apart.compose(asked("GOOD"))).text == "good"
        [process] = [child for child in psutil.Process().children() if "mailer.printer" in child.cmdline()]
        assert process.memory_info().rss < 1.5 * printer.MEMORY_BYTES
