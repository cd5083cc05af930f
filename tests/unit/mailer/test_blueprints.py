"""What the source of a mail template tells: the data it uses, the files it needs, and its flaws, without running it."""

import pytest

from mailer.blueprints import LONGEST_SOURCE, Flaw, closure, read


def uses(source: str) -> list[str]:
    return [str(use) for use in read(source, ()).uses]


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("{{ data.order.number }}", ["data.order.number"]),
        ("{{ data }}", []),
        ("{{ data['order']['a b'] }}", ["data.order.a b"]),
        ("{{ data.list[0].x }}", ["data.list[0].x"]),
        ("{{ data.list[data.index].x }}", ["data.list[].x", "data.index"]),
        ("{{ data.list[1:3] }}", ["data.list"]),
        ("{% for item in data.items %}{{ item.name }}{{ loop.index }}{% endfor %}", ["data.items", "data.items[].name"]),
        ("{% for item in data.items|sort if item.shown %}{{ item.x }}{% else %}{{ data.none }}{% endfor %}",
         ["data.items", "data.items[].shown", "data.items[].x", "data.none"]),
        ("{% for key, value in data.map.items() %}{{ value.x }}{% endfor %}", ["data.map.items"]),
        ("{% for key, value in data.map|items %}{{ key }}{{ value.x }}{% endfor %}", ["data.map", "data.map[].x"]),
        ("{% for a, b in [1, 2]|items %}{{ b.x }}{% endfor %}", []),
        ("{% for a, b in data.pairs %}{{ b.x }}{% endfor %}", ["data.pairs"]),
        ("{% for x in [1] %}{{ x.y }}{% endfor %}", []),
        ("{% set order = data.order %}{{ order.number }}", ["data.order", "data.order.number"]),
        ("{% set data = 1 %}{{ data.order }}", []),
        ("{% set a, b = data.x, data.y %}{{ a.z }}", ["data.x", "data.y"]),
        ("{% set text %}{{ data.x }}{% endset %}{{ text }}", ["data.x"]),
        ("{% with order = data.order, b = 1 %}{{ order.number }}{{ b.c }}{% endwith %}", ["data.order", "data.order.number"]),
        ("{% macro m(a, b=data.x) %}{{ a.y }}{{ data.z }}{% endmacro %}{{ m(data.q) }}", ["data.x", "data.z", "data.q"]),
        ("{% call(user) dump(data.people) %}{{ user.name }}{{ data.n }}{% endcall %}", ["data.people", "data.n"]),
        ("{% block a %}{{ data.x }}{% endblock %}", ["data.x"]),
        ("{% if data.a %}{{ data.b }}{% elif data.c %}{{ data.d }}{% else %}{{ data.e }}{% endif %}",
         ["data.a", "data.b", "data.c", "data.d", "data.e"]),
        ("{{ (data.list|first).name }}{{ data.list|map(attribute='x')|join }}", ["data.list[].name", "data.list"]),
        ("{{ (data.a or data.b).c }}", ["data.a", "data.b"]),
        ("{{ data.x|default(data.y) }}", ["data.x", "data.y"]),
        ("{{ (data.x ~ 'a')[data.y] }}", ["data.x", "data.y"]),
        ("{% filter upper %}{{ data.x }}{% endfilter %}", ["data.x"]),
        ("{% autoescape true %}{{ data.x }}{% endautoescape %}", ["data.x"]),
        ("{{ title }}{{ foo.bar }}", []),
    ],
)  # fmt: skip
def test_the_paths_of_data_that_a_template_uses(source, used):
    assert uses(source) == used


def test_a_use_has_its_line():
    assert [use.line for use in read("\n\n{{ data.x }}\n{{ data.y }}", ()).uses] == [3, 4]


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("\n{% if x %}", 2, "Unexpected end of template"),
        ("\n\n{{ nobody }}", 3, "there is no nobody; a mail has body, brand"),
        ("{{ range(9) }}", 1, "there is no range"),
        ("{{ cycler(9) }}", 1, "there is no cycler"),
        ("{{ data.x|monney }}", 1, "there is no filter monney"),
        ("{{ 1 if data.x is odder }}", 1, "there is no test odder"),
        ("{% extends 'nowhere.mjml' %}", 1, "there is no template nowhere.mjml"),
        ("{% include ['a.html', 'b.html'] %}", 1, "there is no template b.html"),
        ("{% include data.x %}", 1, "names another template by what only a mail will tell"),
        ("{% include 'x' * 10 ** 9 %}", 1, "names another template by what only a mail will tell"),
        ("{{ " + "(" * 5000 + ")" * 5000 + " }}", 1, "nested too deeply"),
        ("x" * (LONGEST_SOURCE + 1), 1, "longer than"),
    ],
)
def test_a_flaw_is_told_with_its_line(source, line, problem):
    flaws = read(source, ("a.html",)).flaws

    assert [flaw.line for flaw in flaws] == [line]
    assert problem in flaws[0].problem


def test_what_a_template_names_itself_is_no_flaw():
    source = (
        "{% import 'parts.html' as parts %}{% from 'parts.html' import heading as h, prose %}"
        "{% set a = 1 %}{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}"
        "{% for i, j in data.x|dictsort %}{{ i }}{{ j }}{{ loop.last }}{% endfor %}"
        "{{ parts.action(link, path, a) }}{{ h(title) }}{{ prose(paragraphs) }}{{ m(1) }}{{ namespace(b=1).b }}"
        "{{ data.total|money('EUR')|upper }}{{ 1 if data.x is odd }}"
    )

    blueprint = read(source, ())

    assert blueprint.flaws == ()
    assert blueprint.needs == ("parts.html",)


def test_reading_does_not_work_anything_out():
    """A compiler folds constants: this one would take the memory."""
    assert read("{{ 'x' * 10 ** 10 }}{{ 9 ** 9 ** 9 ** 9 }}", ()).flaws == ()


def test_the_files_that_a_template_is_made_of():
    names = ("a", "b", "c")
    read_ = {
        "a": read("{% extends 'b' %}", names),
        "b": read("{% include 'c' %}{% include 'base.html' %}", names),
        "c": read("{% include 'a' %}", names),
        "d": read("", names),
    }

    assert closure("a", read_) == {"a", "b", "c"}
    assert closure("base.html", read_) == set()


def test_a_flaw_is_a_value():
    assert Flaw(1, "x") == Flaw(1, "x")
