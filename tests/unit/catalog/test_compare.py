"""A new catalog against the one in force: what was accepted stays accepted, or it is told."""

import pytest

from gateway.catalog.compare import breaks
from gateway.catalog.loading import load
from tests.unit.catalog.bad import HEAD, TYPE
from tests.unit.catalog.test_loading import write

BASE = "schema = { type = 'object', required = ['a'], properties = { a = { type = 'string' }, e = { enum = ['x', 'y'] }, l = { type = 'array', items = { type = 'number' } } } }\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (BASE, BASE, []),
        (BASE, BASE.replace("required = ['a'], ", ""), []),
        (BASE, BASE.replace("['x', 'y']", "['x', 'y', 'z']"), []),
        (BASE, "", []),
        ("", "", []),
        (BASE, BASE.replace("type = 'number'", "type = ['number', 'string']"), []),
        ("", BASE, ["T: it had no schema, and any data were accepted"]),
        (BASE, BASE.replace("['a']", "['a', 'e']"), ["T: data.e must now be there"]),
        (BASE, BASE.replace("['x', 'y']", "['x']"), ["T: data.e may no longer be 'y'"]),
        (BASE, BASE.replace("a = { type = 'string' }", "a = { type = 'integer' }"), ["T: data.a must now be of type integer"]),
        (BASE, BASE.replace("'string' }", "'string', maxLength = 5 }"), ["T: data.a has another maxLength: none before, 5 now"]),
        (BASE, BASE.replace("'number'", "'integer'"), ["T: data.l[] must now be of type integer"]),
        (BASE, BASE.replace("required", "additionalProperties = false, required"), ["T: data may no longer have properties that are not in the schema"]),
        (BASE, BASE.replace("required", "maxProperties = 2, required"), ["T: the new schema refuses data that the old one accepted"]),
        (BASE, BASE.replace("{ type = 'string' }", "false"), ["T: the new schema refuses data that the old one accepted"]),
        (BASE + "texts.en.title = 'x'\n", BASE, ["T: its texts are gone, and an emit that leaves its title to the catalog is refused"]),
        ("", "channels = { in_app = false, email = true }\n", ["T: it is not shown in the app any more, and an emit that nothing is mailed of is refused"]),
        ("channels = { in_app = false, email = true }\n", "channels = { in_app = false }\n", ["T: it is not shown in the app any more, and an emit that nothing is mailed of is refused"]),
        ("channels = { in_app = false, email = true }\n", "channels = { in_app = true }\n", []),
        ("channels = { in_app = true, email = true }\n", "", []),
    ],
)  # fmt: skip
def test_what_a_change_breaks(tmp_path, old, new, told):
    before, after = (
        load(write(tmp_path / name, {"catalog.toml": HEAD + TYPE + text}))
        for name, text in (("old", old), ("new", new))
    )

    assert list(breaks(before, after)) == told


@pytest.mark.parametrize(
    ("old", "strict", "told"),
    [
        (TYPE, "", []),
        (TYPE + "texts.en.title = 'x'\n", "", ["T: the type is gone, and an emit that leaves its title to the catalog is refused"]),
        (TYPE, "strict = true\n", ["T: the type is gone, and a strict catalog refuses it", "strict: types that the catalog has not were accepted"]),
    ],
)  # fmt: skip
def test_a_type_that_is_gone(tmp_path, old, strict, told):
    before = load(write(tmp_path / "old", {"catalog.toml": HEAD + old}))
    after = load(write(tmp_path / "new", {"catalog.toml": strict + HEAD + TYPE.replace(".T]", ".U]")}))

    assert list(breaks(before, after)) == told


def test_what_cannot_be_proven_is_refused(tmp_path):
    pattern = "schema = {{ type = 'object', properties = {{ a = {{ not = {{ pattern = '{}' }} }} }} }}\n"
    before = load(write(tmp_path / "old", {"catalog.toml": HEAD + TYPE + pattern.format("^(a|b)c?$")}))
    after = load(write(tmp_path / "new", {"catalog.toml": HEAD + TYPE + pattern.format("^[ab]c{0,1}$")}))

    [told] = breaks(before, after)

    assert told.startswith("T: ")
