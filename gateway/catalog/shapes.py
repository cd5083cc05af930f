"""A payload schema as a shape to walk: which paths it declares, what it must not hold, and what it costs at most.

It walks schemas as values and compiles nothing. `payload` asks it before a schema is used, and `texts` and
`mails` ask which paths of `data` there are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Schema = Mapping[str, Any]
"""JSON Schema as a value."""
_ANY, _EACH = None, -1
_LISTS = ("allOf", "anyOf", "oneOf")
"""Keywords whose value is a list of schemas for the same value."""
_IN_PLACE = ("if", "then", "else", "not")
"""Keywords whose schema judges the same value."""
_KEYED = ("properties", "patternProperties", "dependentSchemas", "$defs")
"""Keywords whose value has schemas by name."""
_BELOW = ("additionalProperties", "items", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems")  # fmt: skip
"""Keywords whose schema judges what is below."""
_PLAIN = (
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
    "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties", "required",
    "dependentRequired", "format", "title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples",
    "contentEncoding", "contentMediaType", "$comment", "$schema", "$ref",
)  # fmt: skip
"""Keywords without a schema in them."""
_KEYWORDS = frozenset((*_LISTS, *_IN_PLACE, *_KEYED, *_BELOW, *_PLAIN, "prefixItems"))
"""All that may be used."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The only one."""
DEEPEST_DATA = 32
"""Levels of data that are reckoned with; an emit has no more."""
MOST_VISITS = 5000
"""How often one part of a payload may be looked at, all ways together."""
_DEEPEST_SCHEMA = 64
"""Levels of a schema."""


@dataclass(frozen=True, slots=True)
class SchemaFlaw:
    """Something that a schema must not hold."""

    path: tuple[str | int, ...]
    """The keys down to the place."""
    problem: str


def flaws(schema: Schema) -> Iterator[SchemaFlaw]:
    """What a payload schema must not hold, although JSON Schema lets it.

    Unknown keywords are flaws too: JSON Schema passes over them, so a typing error would check nothing.
    """
    yield from _flaws(schema, schema, ())
    if schema.get("type") != "object":
        yield SchemaFlaw((), 'a payload is an object: the schema begins with type = "object"')


def too_dear(schema: Schema) -> str | None:
    """Why a payload could keep a check by this sound schema busy for very long, if it could.

    A bound, not a measure: it reckons with the worst payload. Asked once for each schema.
    """
    cost = _Cost(schema)
    if cost.is_endless():
        return "a reference leads back to itself, and a check would never end"
    if cost.visits(schema, DEEPEST_DATA) > MOST_VISITS:
        return "its references multiply: a payload could keep a check busy for very long"
    return None


def _flaws(schema: Any, root: Schema, path: tuple[str | int, ...]) -> Iterator[SchemaFlaw]:
    """The flaws of a schema and of those in it."""
    if len(path) > _DEEPEST_SCHEMA:
        yield SchemaFlaw(path, "the schema is nested too deeply")
    elif not isinstance(schema, Mapping):
        if not isinstance(schema, bool):
            yield SchemaFlaw(path, "a schema is a table, true or false")
    else:
        for word in schema:
            if word not in _KEYWORDS and not word.startswith("x-"):
                near = get_close_matches(word, _KEYWORDS, 1)
                meant = f"; is {near[0]} meant?" if near else ""
                yield SchemaFlaw(
                    (*path, word), f"JSON Schema has no keyword {word} that can be used here{meant}"
                )
        if str(schema.get("$schema", _DIALECT)).rstrip("#") != _DIALECT:
            yield SchemaFlaw((*path, "$schema"), f"a schema is of {_DIALECT}")
        reference = schema.get("$ref")
        if reference is not None and resolved(reference, root) is None:
            yield SchemaFlaw(
                (*path, "$ref"), "a reference leads to a part of the same schema, as #/$defs/name does"
            )
        for step, inner in _parts(schema):
            yield from _flaws(inner, root, (*path, *step))


def _parts(schema: Schema) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The schemas that stand in a schema."""
    for word in (*_LISTS, "prefixItems"):
        if isinstance(schema.get(word), list):
            yield from (((word, index), inner) for index, inner in enumerate(schema[word]))
    for word in (*_IN_PLACE, *_BELOW):
        if word in schema:
            yield (word,), schema[word]
    for word in _KEYED:
        if isinstance(schema.get(word), Mapping):
            yield from (((word, name), inner) for name, inner in schema[word].items())


def resolved(reference: Any, root: Schema) -> Any:
    """The part of the schema that a reference names, or None."""
    if not isinstance(reference, str) or not reference.startswith("#") or reference[1:2] not in ("", "/"):
        return None
    found: Any = root
    for escaped in reference[1:].split("/")[1:]:
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, Mapping) and step in found:
            found = found[step]
        else:
            return None
    return found if isinstance(found, (Mapping, bool)) else None


def _beside(schema: Schema, root: Schema) -> Iterator[Any]:
    """The schemas that judge the same value as this one. A check by this one asks them in any case."""
    if "$ref" in schema:
        yield resolved(schema["$ref"], root)
    for word in _LISTS:
        yield from schema.get(word, ())
    yield from (schema[word] for word in _IN_PLACE if word in schema)
    yield from schema.get("dependentSchemas", {}).values()


def _below(schema: Schema) -> Iterator[Any]:
    """The schemas that judge one and the same member or element of the value, at worst."""
    yield from schema.get("properties", {}).values()
    yield from schema.get("patternProperties", {}).values()
    yield from (schema[word] for word in _BELOW if word in schema)
    yield from schema.get("prefixItems", ())


class _Cost:
    """How often one part of a value is looked at, at most.

    One for a schema. Parts are known by identity, since references lead to the same objects.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}
        """Visits by part and depth."""

    def is_endless(self) -> bool:
        """Whether a check of any value could go round without going deeper."""
        waiting: list[Any] = [self._root]
        seen: set[int] = set()
        while waiting:
            schema = waiting.pop()
            if isinstance(schema, Mapping) and id(schema) not in seen:
                seen.add(id(schema))
                if self._leads_back(schema):
                    return True
                waiting.extend(inner for _, inner in _parts(schema))
        return False

    def _leads_back(self, schema: Schema) -> bool:
        """Whether a schema is asked for again before anything of the value was left behind."""
        waiting, seen = list(_beside(schema, self._root)), set()
        while waiting:
            one = waiting.pop()
            if one is schema:
                return True
            if isinstance(one, Mapping) and id(one) not in seen:
                seen.add(id(one))
                waiting.extend(_beside(one, self._root))
        return False

    def visits(self, schema: Any, depth: int) -> int:
        """How often one part of a value is looked at by this schema and those below it, at most."""
        if not isinstance(schema, Mapping):
            return 1
        key = (id(schema), depth)
        if key not in self._known:
            beside = sum(self.visits(one, depth) for one in _beside(schema, self._root))
            below = [self.visits(one, depth - 1) for one in _below(schema)] if depth else []
            # Members are judged by one property each, mostly: the dearest counts, and patterns beside it.
            extra = sum(sorted(below)[-1 - len(schema.get("patternProperties", ())) :])
            # Bounded, so that no number grows beyond what is asked.
            self._known[key] = min(1 + beside + extra, MOST_VISITS * 10)
        return self._known[key]


def declares(schema: Schema, path: tuple[str | int | None, ...]) -> bool:
    """Whether a schema says that a payload may have this path: by name, not by leaving it open.

    None in a path is any step, -1 each element. `additionalProperties: true` declares nothing.
    """
    at: list[Any] = [schema]
    for step in path:
        at = [inner for one in _spread(at, schema) for inner in _members(one, step)]
    return bool(at)


def names_at(schema: Schema, path: tuple[str | int | None, ...]) -> list[str]:
    """The properties that are declared at a path.

    For the sentence that tells what is meant.
    """
    at: list[Any] = [schema]
    for step in path:
        at = [inner for one in _spread(at, schema) for inner in _members(one, step)]
    return sorted({name for one in _spread(at, schema) for name in one.get("properties", {})})


def _spread(schemas: list[Any], root: Schema) -> list[Schema]:
    """These schemas and those that judge the same value."""
    found: dict[int, Schema] = {}
    waiting = list(schemas)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping) and id(one) not in found:
            found[id(one)] = one
            waiting.extend(_beside(one, root))
    return list(found.values())


def _members(schema: Schema, step: str | int | None) -> Iterator[Any]:
    """The schemas of what a step leads to."""
    if step is _ANY or isinstance(step, str):
        named = schema.get("properties", {})
        if step is _ANY:
            yield from named.values()
        elif step in named:
            yield named[step]
        yield from schema.get("patternProperties", {}).values()
        others = schema.get("additionalProperties")
        if isinstance(others, Mapping):
            yield others
    if not isinstance(step, str):
        prefix = schema.get("prefixItems", [])
        yield from prefix if step in (_ANY, _EACH) else prefix[step : (step or 0) + 1]
        items = schema.get("items")
        if isinstance(items, Mapping):
            yield items
