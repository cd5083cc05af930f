"""Types for a backend, in TypeScript and Python: so that it fails to compile, and not to deliver.

Only what can be said in those type systems is said: a pattern or a bound is for the gateway to check. Names
that are no identifiers are quoted.
"""

import json
import keyword
import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import NotificationType
from gateway.catalog.shapes import Schema, resolved

_DEEPEST = 12
"""Levels that are written out; what is deeper is anything."""
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
"""What may be a property without quotes."""
_TS = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
"""Names of types, by JSON Schema's."""
_PY = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None"}
"""The same for Python."""


_TS_COMMON = """\
export interface Email {
  to?: string;
  subject?: string;
  after?: number;
  unless?: "read" | "seen" | "online";
  if_known?: boolean;
}

export interface Action {
  id: string;
  label: string;
  link?: string;
  style?: "default" | "primary" | "danger";
}

interface Common {
  to: string | string[];
  body?: string;
  link?: string;
  locale?: string;
  email?: boolean | Email;
  expires_in?: number | null;
  in_app?: boolean;
  send_at?: string | { local: string; date: string };
  cancel_key?: string;
  max_lateness?: number;
  collapse_key?: string;
  digest?: { every: number | string; sliding?: number | string; max?: number | string; leading?: boolean; key?: string };
  throttle?: { limit: number; per: number | string; then?: "digest" | "drop"; key?: string };
  actions?: Action[];
  image?: string;
  store?: boolean;
  event?: string;
  /** Of one in a batch; else it is a header. */
  idempotency_key?: string;
}
"""
"""What an emit may say beside type, data and title, whatever its type."""
_PY_COMMON = (
    ("Email", {
        "to": "NotRequired[str]", "subject": "NotRequired[str]", "after": "NotRequired[float]",
        "unless": 'NotRequired[Literal["read", "seen", "online"]]', "if_known": "NotRequired[bool]",
    }),
    ("Action", {
        "id": "str", "label": "str", "link": "NotRequired[str]",
        "style": 'NotRequired[Literal["default", "primary", "danger"]]',
    }),
    ("LocalTime", {"local": "str", "date": "str"}),
    ("Digest", {
        "every": "float | str", "sliding": "NotRequired[float | str]", "max": "NotRequired[float | str]",
        "leading": "NotRequired[bool]", "key": "NotRequired[str]",
    }),
    ("Throttle", {
        "limit": "int", "per": "float | str", "then": 'NotRequired[Literal["digest", "drop"]]',
        "key": "NotRequired[str]",
    }),
    ("Common", {
        "to": "str | list[str]", **dict.fromkeys(("body", "link", "locale"), "NotRequired[str]"),
        "email": "NotRequired[bool | Email]", "expires_in": "NotRequired[float | None]",
        "in_app": "NotRequired[bool]", "send_at": "NotRequired[str | LocalTime]",
        "cancel_key": "NotRequired[str]", "max_lateness": "NotRequired[float]",
        "collapse_key": "NotRequired[str]", "digest": "NotRequired[Digest]",
        "throttle": "NotRequired[Throttle]", "actions": "NotRequired[list[Action]]",
        "image": "NotRequired[str]", "store": "NotRequired[bool]", "event": "NotRequired[str]",
        "idempotency_key": "NotRequired[str]",
    }),
)  # fmt: skip
"""The same for Python, each class before those that use it."""
_IMPORTED = ("Any", "Literal", "NotRequired", "TypedDict")
"""What such a module takes of `typing`."""


def typescript(catalog: Catalog) -> str:
    """A module with `Data`, the shape of each type's data, and `Emit`, the body of an emit.

    Deterministic: a backend may keep the file, and compare.
    """
    lines = [f"// Made by `bellhop catalog types --lang ts` of catalog {catalog.version}. Do not edit.", ""]
    lines.append("export interface Data {")
    lines += [
        f"  {kind.name}: {_typescript(_schema(kind), _schema(kind), 1)};" for kind in catalog.types.values()
    ]
    lines += [
        "}", "",
        "export type NotificationType = keyof Data;", "",
        _TS_COMMON,
        "export type Emit = {",
        "  [T in NotificationType]: Common & { type: T } & Titled<T> & ({} extends Data[T] ? { data?: Data[T] } : { data: Data[T] });",
        "}[NotificationType];", "",
        "/** The types that have no words of their own: their emits bring a title. */",
        f"export type Untitled = {' | '.join(json.dumps(name) for name in _untitled(catalog)) or 'never'};", "",
        "type Titled<T> = T extends Untitled ? { title: string } : { title?: string };", "",
    ]  # fmt: skip
    return "\n".join(lines)


def python(catalog: Catalog) -> str:
    """A module with a TypedDict for each type's data, one for its emit, and `Emit`, any of these.

    Classes stand before those that use them.
    """
    made = _Python({name for name, _ in _PY_COMMON} | {"Emit", *_IMPORTED})
    made.blocks += [_typed_dict(name, fields) for name, fields in _PY_COMMON]
    blocks: list[str] = []
    names: list[str] = []
    for kind in catalog.types.values():
        name = "".join(part.capitalize() for part in kind.name.split("_"))
        data = made.type_of(_schema(kind), _schema(kind), f"{name}Data", 0)
        optional = not kind.payload or not kind.payload.schema.get("required")
        fields = {
            "type": f'Literal["{kind.name}"]',
            "data": f"NotRequired[{data}]" if optional else data,
            "title": "NotRequired[str]" if kind.wordings else "str",
        }
        names.append(made.free(f"{name}Emit"))
        blocks.append(_typed_dict(names[-1], fields, base="Common"))
    head = (
        f'"""Made by `bellhop catalog types --lang py` of catalog {catalog.version}. Do not edit."""\n\n'
        f"from typing import {', '.join(_IMPORTED)}"
    )
    return "\n\n\n".join([head, *made.blocks, *blocks]) + f"\n\n\nEmit = {' | '.join(names)}\n"


def _untitled(catalog: Catalog) -> list[str]:
    """Types without words."""
    return [kind.name for kind in catalog.types.values() if not kind.wordings]


def _schema(kind: NotificationType) -> Schema:
    """The schema of a type's data; any object where it has none."""
    return kind.payload.schema if kind.payload is not None else {"type": "object"}


def _alternatives(schema: Schema, root: Schema) -> list[Any] | None:
    """The schemas of which one holds, where a schema is no more than that. None for a schema that says something itself."""
    if schema.keys() & {"type", "properties"}:
        return None
    if "$ref" in schema:
        return [resolved(schema["$ref"], root)]
    return next((schema[word] for word in ("anyOf", "oneOf") if word in schema), None)


def _types(schema: Schema) -> list[str]:
    """The types that a schema allows; none where it does not say."""
    given = schema.get("type", "object" if "properties" in schema else [])
    return [given] if isinstance(given, str) else list(given)


def _typescript(schema: Any, root: Schema, depth: int) -> str:
    """A schema as a type, at this depth of indentation."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return "unknown"
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    if (several := _alternatives(schema, root)) is not None:
        return " | ".join(dict.fromkeys(_typescript(one, root, depth + 1) for one in several))
    return " | ".join(_typescript_of(name, schema, root, depth) for name in _types(schema)) or "unknown"


def _typescript_of(name: str, schema: Schema, root: Schema, depth: int) -> str:
    """One of the types that a schema allows."""
    if name == "array":
        inner = _typescript(schema.get("items", True), root, depth + 1)
        return f"Array<{inner}>"
    if name != "object":
        return _TS[name]
    required = schema.get("required", [])
    pad = "  " * (depth + 1)
    lines = [
        f"{pad}{key if _NAME.fullmatch(key) else json.dumps(key)}{'' if key in required else '?'}: {_typescript(inner, root, depth + 1)};"
        for key, inner in schema.get("properties", {}).items()
    ]
    if schema.get("additionalProperties") is not False:
        lines.append(f"{pad}[key: string]: unknown;")
    return "\n".join(["{", *lines, "  " * depth + "}"]) if lines else "Record<string, never>"


class _Python:
    """Collects the classes that a type needs before its own. One for a module: names of classes must differ in it."""

    def __init__(self, taken: set[str]) -> None:
        self.blocks: list[str] = []
        """The classes so far, in the order in which they must stand."""
        self._taken = taken

    def free(self, name: str) -> str:
        """The name, or one like it that nothing else has; it is taken from then on."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def type_of(self, schema: Any, root: Schema, name: str, depth: int) -> str:
        """A schema as a type; `name` is that of the class, where it needs one."""
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return "Any"
        if "const" in schema or "enum" in schema:
            return _literal(schema.get("enum", [schema.get("const")]))
        if (several := _alternatives(schema, root)) is not None:
            found = [
                self.type_of(one, root, f"{name}{at or ''}", depth + 1) for at, one in enumerate(several)
            ]
            return "Any" if "Any" in found else " | ".join(dict.fromkeys(found))
        return " | ".join(self._type(one, schema, root, name, depth) for one in _types(schema)) or "Any"

    def _type(self, type_: str, schema: Schema, root: Schema, name: str, depth: int) -> str:
        """One of the types that a schema allows; makes a class for an object with properties."""
        if type_ == "array":
            return f"list[{self.type_of(schema.get('items', True), root, f'{name}Item', depth + 1)}]"
        if type_ != "object":
            return _PY[type_]
        if not schema.get("properties"):
            return "dict[str, Any]"
        required = schema.get("required", [])
        fields = {}
        for key, inner in schema["properties"].items():
            told = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", key))
            made = self.type_of(inner, root, f"{name.removesuffix('Data')}{told}", depth + 1)
            fields[key] = made if key in required else f"NotRequired[{made}]"
        name = self.free(name)
        self.blocks.append(_typed_dict(name, fields))
        return name


def _literal(values: list[Any]) -> str:
    """Values as a `Literal`; anything where one of them can be none."""
    if not all(isinstance(value, (str, int, bool, type(None))) for value in values):
        return "Any"
    return f"Literal[{', '.join(_quoted(v) if isinstance(v, str) else repr(v) for v in values)}]"


def _typed_dict(name: str, fields: Mapping[str, str], base: str = "TypedDict") -> str:
    """A TypedDict as a class, or by a call where a key is no name in Python."""
    if all(key.isidentifier() and not keyword.iskeyword(key) for key in fields):
        return "\n".join([f"class {name}({base}):", *(f"    {key}: {made}" for key, made in fields.items())])
    inner = ", ".join(f"{_quoted(key)}: {made}" for key, made in fields.items())
    return f'{name} = TypedDict("{name}", {{{inner}}})'


def _quoted(text: str) -> str:
    """A text as Python has it: JSON's escapes, but for those that are two halves of one character."""
    return json.dumps(text, ensure_ascii=False)
