"""The types that are made of schemas, where these are less plain than the shop's."""

from typing import Literal, get_type_hints

import pytest

from gateway.catalog.emitters import python, typescript
from gateway.catalog.loading import load
from gateway.protocol.actions import ActionSchema
from gateway.protocol.emit import ItemSchema
from gateway.protocol.emit_mail import EmailSchema
from gateway.protocol.rhythms import DigestSchema, ThrottleSchema
from tests.unit.catalog.bad import HEAD
from tests.unit.catalog.test_loading import write

TEXT = (
    HEAD
    + """
[types.ALL]
category = "orders"
[types.ALL.schema]
type = "object"
required = ["a-b", "tree"]
additionalProperties = false
[types.ALL.schema.properties]
"a-b" = { type = ["string", "null"] }
class = { const = 5 }
any = {}
off = false
mixed = { enum = ["x", 1, true] }
odd = { enum = [[1], "x"] }
either = { oneOf = [{ type = "boolean" }, { type = "object", properties = { x = { type = "integer" } } }] }
open = { anyOf = [{ type = "string" }, {}] }
map = { type = "object" }
none = { type = "object", additionalProperties = false }
list = { type = "array" }
tree = { "$ref" = "#/$defs/tree" }
"a-c" = { type = "object", properties = { y = {} } }
"a c" = { type = "object", properties = { z = {} } }
both = { type = "object", properties = { q = { type = "string" } }, anyOf = [{ required = ["q"] }, {}] }
[types.ALL.schema."$defs".tree]
type = "object"
properties = { children = { type = "array", items = { "$ref" = "#/$defs/tree" } } }

[types.BARE]
category = "orders"
"""
)


def test_python_has_a_type_for_each_shape(tmp_path):
    made = python(load(write(tmp_path, {"catalog.toml": TEXT})))

    namespace: dict = {}
    exec(compile(made, "made.py", "exec"), namespace)
    assert namespace["AllData"].__required_keys__ == {"a-b", "tree"}
    assert namespace["AllData"].__optional_keys__ >= {"class", "any"}
    assert '"class": NotRequired[Literal[5]]' in made
    assert 'Literal["x", 1, True]' in made
    assert '"odd": NotRequired[Any]' in made
    assert '"open": NotRequired[Any]' in made
    assert '"list": NotRequired[list[Any]]' in made
    assert '"a-b": str | None' in made
    assert namespace["BareEmit"].__required_keys__ == {"to", "type", "title"}
    assert {"AllAC", "AllAC_"} <= set(namespace)
    assert '"both": NotRequired[AllBoth]' in made


def test_python_has_what_lies_beyond_sixteen_bits_as_it_is(tmp_path):
    """JSON escapes it as two halves, which are two characters to Python, and equal to nothing."""
    text = TEXT.replace("any = {}", 'any = { enum = ["👍", "\\"", "é"] }\n"👎" = {}')
    namespace: dict = {}
    exec(compile(python(load(write(tmp_path, {"catalog.toml": text}))), "made.py", "exec"), namespace)

    made = get_type_hints(namespace["AllData"])
    assert made["any"] == Literal["👍", '"', "é"]
    assert "👎" in made


def test_types_whose_names_are_alike_in_python_stay_apart(tmp_path):
    text = "".join(f'[types.{name}]\ncategory = "orders"\n' for name in ("A_1X", "A1X", "ANY", "EMIT"))

    namespace: dict = {}
    exec(compile(python(load(write(tmp_path, {"catalog.toml": HEAD + text}))), "made.py", "exec"), namespace)

    types = [emit.__annotations__["type"].__args__[0] for emit in namespace["Emit"].__args__]
    assert types == ["A_1X", "A1X", "ANY", "EMIT"]


@pytest.mark.parametrize(("schema", "name"), [(ItemSchema, "Common"), (EmailSchema, "Email"), (ActionSchema, "Action"), (DigestSchema, "Digest"), (ThrottleSchema, "Throttle")])  # fmt: skip
def test_an_emit_may_say_all_that_the_gateway_takes(tmp_path, schema, name):
    catalog = load(write(tmp_path, {"catalog.toml": TEXT}))
    taken = set(schema().fields) - ({"type", "data", "title"} if schema is ItemSchema else set())

    namespace: dict = {}
    exec(compile(python(catalog), "made.py", "exec"), namespace)
    assert set(namespace[name].__annotations__) == taken
    assert all(
        f" {field}: " in typescript(catalog) or f" {field}?: " in typescript(catalog) for field in taken
    )


def test_typescript_has_a_type_for_each_shape(tmp_path):
    made = typescript(load(write(tmp_path, {"catalog.toml": TEXT})))

    for line in (
        '"a-b": string | null;', "class?: 5;", "any?: unknown;", "off?: unknown;", 'mixed?: "x" | 1 | true;', "list?: Array<unknown>;",
        "none?: Record<string, never>;", "both?: {\n      q?: string;", 'export type Untitled = "ALL" | "BARE";',
    ):  # fmt: skip
        assert line in made
