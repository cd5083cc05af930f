"""The types that are made of schemas, where these are less plain than the shop's."""

from gateway.catalog.emitters import python, typescript
from gateway.catalog.loading import load
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


def test_typescript_has_a_type_for_each_shape(tmp_path):
    made = typescript(load(write(tmp_path, {"catalog.toml": TEXT})))

    for line in (
        '"a-b": string | null;', "class?: 5;", "any?: unknown;", "off?: unknown;", 'mixed?: "x" | 1 | true;', "list?: Array<unknown>;",
        "none?: Record<string, never>;", 'export type Untitled = "ALL" | "BARE";',
    ):  # fmt: skip
        assert line in made
