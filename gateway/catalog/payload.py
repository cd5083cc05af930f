"""Payload schemas (JSON Schema 2020-12): what the `data` of a type may be.

A schema is compiled once. It asserts formats, asks nobody for anything (there is no reference but to its own parts), matches
patterns in linear time, and its cost is bounded before it is used: a few references can make a validator go round for ever.

`shapes` says what a schema may hold and cost; `jsonschema_rs` checks data by it.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import jsonschema_rs

from gateway.catalog import shapes
from gateway.catalog.tables import not_json

LARGEST_BYTES = 32 * 1024
"""Of a schema, written as JSON."""
_DEEPEST = 128
"""Levels of a schema as a value; as a schema it has half of it at most."""
MOST_PROBLEMS = 20
"""How many are told of one payload."""
OPTIONS: dict[str, Any] = {
    "validate_formats": True,
    "offline": True,
    "pattern_options": jsonschema_rs.RegexOptions(),
}
"""Formats are asserted, nothing is fetched, and patterns cannot run away."""
Problems = tuple[tuple[str, str], ...]
"""JSON Pointers (RFC 6901) from the emit, such as `/data/order`, with what is wrong there; no value is quoted."""


class SchemaError(ValueError):
    """What is wrong with a schema, and where in it."""

    def __init__(self, problem: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(problem)
        self.path = path
        """The keys down to the place, from the schema's own top."""


class Payload:
    """A compiled schema. Raises `SchemaError`.

    Made when a catalog is loaded, and never changed. Compiling costs far more than checking.
    """

    __slots__ = ("_fits", "_validator", "schema")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = dict(schema)
        """As it was given."""
        if not_json(self.schema, deepest=_DEEPEST):
            raise SchemaError("it holds what JSON has not, such as a date, or is nested too deeply")
        size = len(json.dumps(self.schema))
        if size > LARGEST_BYTES:
            raise SchemaError(f"it is larger than {LARGEST_BYTES} bytes")
        for flaw in shapes.flaws(self.schema):
            raise SchemaError(flaw.problem, flaw.path)
        try:
            # Its own shape first: what its references cost can be told of a sound schema only, and before it is compiled.
            jsonschema_rs.meta.validate(self.schema)
            if (dear := shapes.too_dear(self.schema)) is not None:
                raise SchemaError(dear)
            self._validator = jsonschema_rs.Draft202012Validator(
                self.schema, ignore_unknown_formats=False, mask="it", **OPTIONS
            )
        except jsonschema_rs.ValidationError as error:
            raise SchemaError(_told(error), tuple(error.instance_path)) from error
        self._fits = self._validator.is_valid

    def problems(self, data: Mapping[str, Any]) -> Problems:
        """What is wrong with a payload; nothing for one that fits.

        Never raises. The first `MOST_PROBLEMS` are told; each place once.
        """
        # The common answer first, which takes a fraction of the time.
        if self._fits(data):
            return ()
        found: dict[str, str] = {}
        for pointer, problem in chain.from_iterable(map(_problems, self._validator.iter_errors(data))):
            found.setdefault(pointer, problem)
            # One error may be of thousands of properties.
            if len(found) >= MOST_PROBLEMS:
                break
        return tuple(found.items())


def _problems(error: jsonschema_rs.ValidationError) -> Iterator[tuple[str, str]]:
    """A property that is missing, or should not be there, is told by its own name.

    Each with its pointer.
    """
    kind = error.kind
    path = list(error.instance_path)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        yield pointer([*path, kind.property]), "it is missing"
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        for name in kind.unexpected:
            yield pointer([*path, name]), "it is not in the schema"
    else:
        yield pointer(path), error.message


def pointer(path: list[str | int]) -> str:
    """The JSON Pointer of a path within the data."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in ("data", *steps))


def _told(error: jsonschema_rs.ValidationError) -> str:
    """What a schema's own mistake is, in words without the library's advice."""
    message = error.message
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Format) and error.kind.format == "regex":
        return f"{message}: a pattern has no look-around and no back-reference, and a bounded size"
    return message.removesuffix(" Adjust configuration to ignore unrecognized formats").rstrip(".")
