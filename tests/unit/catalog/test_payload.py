"""Payload schemas: what they refuse, what they tell of it, and that nothing about them is without bound."""

import pytest

from gateway.catalog import payload, shapes
from gateway.catalog.payload import Payload, SchemaError

ORDER = {
    "type": "object",
    "required": ["order", "status"],
    "additionalProperties": False,
    "properties": {
        "order": {"type": "string", "pattern": "^[0-9]+$"},
        "status": {"enum": ["placed", "shipped"]},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "items": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "a/b~c": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ({"order": "1", "status": "placed"}, {}),
        ({"order": "1", "status": "placed", "at": "2026-12-01T08:00:00Z", "items": [{"name": 1}]}, {}),
        ({}, {"/data/order": "it is missing", "/data/status": "it is missing"}),
        ({"order": 1, "status": "placed"}, {"/data/order": 'it is not of type "string"'}),
        ({"order": "hunter2", "status": "placed"}, {"/data/order": 'it does not match "^[0-9]+$"'}),
        ({"order": "1", "status": "lost"}, {"/data/status": 'it is not one of "placed" or "shipped"'}),
        ({"order": "1", "status": "placed", "at": "today"}, {"/data/at": 'it is not a "date-time"'}),
        ({"order": "1", "status": "placed", "mail": "me"}, {"/data/mail": 'it is not a "email"'}),
        ({"order": "1", "status": "placed", "items": [{"name": 1}, {}]}, {"/data/items/1/name": "it is missing"}),
        ({"order": "1", "status": "placed", "x": 1, "y": 2}, {"/data/x": "it is not in the schema", "/data/y": "it is not in the schema"}),
        ({"order": "1", "status": "placed", "a/b~c": 1}, {"/data/a~1b~0c": 'it is not of type "string"'}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_json_pointer(data, problems):
    assert dict(Payload(ORDER).problems(data)) == problems


def test_no_value_is_quoted():
    secret = "hunter2-hunter2"
    schema = {"type": "object", "properties": dict(enumerate_rules())}

    told = str(Payload(schema).problems({name: secret for name, _ in enumerate_rules()}))

    assert told.count("/data/") == len(enumerate_rules())
    assert secret not in told


def enumerate_rules():
    rules = [
        {"type": "number"}, {"const": 1}, {"enum": ["a"]}, {"pattern": "^a$"}, {"format": "date"}, {"maxLength": 3}, {"minLength": 99},
        {"anyOf": [{"type": "null"}, {"type": "number"}]}, {"oneOf": [{}, {}]}, {"not": {}}, False,
    ]  # fmt: skip
    return [(f"p{index}", rule) for index, rule in enumerate(rules)]


def test_only_so_many_problems_are_told():
    schema = {"type": "object", "properties": {f"p{n}": {"type": "null"} for n in range(100)}}

    assert len(Payload(schema).problems({f"p{n}": 1 for n in range(100)})) == payload.MOST_PROBLEMS


def test_as_many_are_told_of_properties_that_nobody_knows():
    """All of them are one error to the validator."""
    schema = {"type": "object", "properties": {"known": {}}, "additionalProperties": False}

    told = Payload(schema).problems({f"p{n:03}": 1 for n in range(100)})

    assert told == tuple((f"/data/p{n:03}", "it is not in the schema") for n in range(payload.MOST_PROBLEMS))


def test_a_pattern_takes_no_longer_for_a_text_that_is_made_for_it():
    """Engines that backtrack take for ever for this one."""
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}

    assert Payload(schema).problems({"a": "a" * 50_000 + "!"})


@pytest.mark.parametrize(
    "reference",
    [
        "https://evil.example/s.json",
        "file:///etc/passwd",
        "other.json",
        "#anchor",
        "#/$defs/none",
        "#/type",
        5,
    ],
)
def test_a_reference_leads_nowhere_else(reference):
    schema = {"type": "object", "properties": {"a": {"$ref": reference}}, "$defs": {"l": {"allOf": [{}]}}}

    with pytest.raises(SchemaError, match="a part of the same schema") as caught:
        Payload(schema)
    assert caught.value.path == ("properties", "a", "$ref")


def test_a_reference_may_lead_into_a_list_and_through_escapes():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x~1y/allOf/0"}},
        "$defs": {"x/y": {"allOf": [{"type": "string"}]}},
    }

    assert Payload(schema).problems({"a": 1})
    with pytest.raises(SchemaError, match="a part of the same schema"):
        Payload({**schema, "properties": {"a": {"$ref": "#/$defs/x~1y/allOf/7"}}})


@pytest.mark.parametrize(
    "word", ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "definitions", "propertys"]
)
def test_words_that_reach_out_or_mean_nothing_are_refused(word):
    with pytest.raises(SchemaError, match="JSON Schema has no keyword"):
        Payload({"type": "object", word: {}})


def test_words_of_ones_own_begin_with_x():
    assert Payload({"type": "object", "x-form": {"rows": 3}}).problems({}) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": 5}},
        {"type": "object", "properties": 5},
        {"type": "object", "allOf": 5},
        {"type": "object", "dependentSchemas": []},
        {"type": "object", "required": "a"},
        {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"},
        {"type": "object", "$schema": 5},
        {"type": "object", "properties": {"a": {"pattern": "(a{1000}){1000}"}}},
    ],
)
def test_an_unsound_schema_is_refused(schema):
    with pytest.raises(SchemaError):
        Payload(schema)


def nested(levels: int) -> dict:
    schema: dict = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_a_schema_has_a_depth():
    Payload(nested(20))
    with pytest.raises(SchemaError, match="nested too deeply"):
        Payload(nested(200))


def test_a_tree_of_data_may_be_described_by_a_schema_that_names_itself():
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
        "additionalProperties": False,
    }

    made = Payload(tree)

    assert made.problems({"children": [{"children": []}]}) == ()
    assert made.problems({"children": [{"x": 1}]})


def test_a_reference_that_doubles_at_each_level_is_refused():
    node = {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}}

    with pytest.raises(SchemaError, match="its references multiply"):
        Payload({"type": "object", "$defs": {"a": node}, "$ref": "#/$defs/a"})


def test_a_reference_in_a_part_that_is_named_by_no_one_leads_back_too():
    with pytest.raises(SchemaError, match="leads back"):
        Payload(
            {
                "type": "object",
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}},
            }
        )


@pytest.mark.parametrize(
    ("path", "declared"),
    [
        (("order",), True), (("ordre",), False), (("items",), True), (("items", -1, "name"), True), (("items", 0, "name"), True),
        (("items", "name"), False), (("tuple", 0, "x"), True), (("tuple", 1, "x"), False), (("tuple", -1, "x"), True), (("tuple", 2, "y"), True),
        (("map", "any", "v"), True), (("map", None, "v"), True), (("map", None, "w"), False), (("open", "x"), False), (("patterns", "a1", "z"), True),
        (("either", "a"), True), (("either", "b"), True), (("either", "c"), False), (("order", "x"), False), (("free",), True),
        (("free", "x"), False), (("depends",), True), ((None, "name"), True), ((None, "a", "b"), False), (("items", None, "name"), True),
    ],
)  # fmt: skip
def test_a_path_is_declared_by_name(path, declared):
    schema = {
        "type": "object",
        "properties": {
            "order": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "tuple": {"prefixItems": [{"properties": {"x": {}}}, True], "items": {"properties": {"y": {}}}},
            "map": {"additionalProperties": {"properties": {"v": {}}}},
            "open": {"type": "object", "additionalProperties": True},
            "patterns": {"patternProperties": {"^a": {"properties": {"z": {}}}}},
            "either": {"anyOf": [{"properties": {"a": {}}}, {"allOf": [{"$ref": "#/$defs/b"}]}]},
            "free": {},
        },
        "dependentSchemas": {"order": {"properties": {"depends": {}}}},
        "$defs": {"item": {"properties": {"name": {}}}, "b": {"properties": {"b": {}}}},
    }

    assert shapes.declares(schema, path) is declared
