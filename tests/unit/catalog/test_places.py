"""The lines of a TOML or JSON file."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.places import Places, paths_of

TEXT = '''# a comment = 1
a = 1
"b.c" . d = [1, # ]
 { e = "]}", 'f' = [ """x
"", y""""" ] },
]
[t.u]
x = { y = { z = 1 } }
n.m = 'q' # k
"tab\\t" = """
content"""
[[arr]]
k = 1
[[arr]]
k = 2020-01-01T00:00:00Z
[arr.sub]
j = -1.5e3
[[arr.deep]]
[[arr.deep]]
z = []
[ "q q" ]
w = {}
'''


def test_each_key_and_element_has_its_line():
    places = Places(TEXT)

    assert places.line(("a",)) == 2
    assert places.line(("b.c", "d", 1, "f", 0)) == 4
    assert places.line(("t", "u", "x", "y", "z")) == 8
    assert places.line(("arr", 1, "sub", "j")) == 17
    assert places.line(("arr", 1, "deep", 1, "z")) == 20
    assert places.line_of_text(("t", "u", "tab\t")) == 11
    assert places.line_of_text(("t", "u", "n", "m")) == 9


def test_what_is_not_there_has_the_line_of_what_is_around_it():
    assert Places(TEXT).line(("t", "u", "x", "nowhere", 1)) == 8
    assert Places(TEXT).line(("nowhere",)) == 1
    assert Places("").line(()) == 1


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n"), "", "a=1", "[a]", "x.y=[[],[[1]]]#"])
def test_it_finds_what_the_parser_finds(text):
    assert Places(text).paths() == set(paths_of(tomllib.loads(text)))


KEYS = st.text(min_size=1, max_size=6).filter(lambda key: key.isprintable())
VALUES = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_it_finds_all_of_any_json(value):
    text = json.dumps(value, indent=1)

    assert Places(text, is_json=True).paths() == set(paths_of(value))


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(inline, value)) + "\n]"
    return json.dumps(value)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_it_finds_all_of_any_toml(value):
    text = "".join(f"{json.dumps(key)} = {inline(inner)}\n" for key, inner in value.items())
    if "\\u007f" in text or "\x7f" in text or "\\ud" in text:
        return  # TOML wants these escaped otherwise, or not at all

    assert Places(text).paths() == set(paths_of(tomllib.loads(text)))
