"""How what comes in is parsed: by a marshmallow schema, into a value, or into an error that names each wrong field.

The errors are for the caller: they name fields by dotted paths, such as `"email.to"` or `"rooms.3"`, and
quote no value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from gateway.notify.requests import Unfit

NAME_CHARACTERS = 64
"""Of a caller's own name for a field: an error cannot be larger than what caused it."""

Parse = Callable[[object], Any]
"""Takes JSON, answers the value that a use case takes. Raises `Invalid`."""


class Invalid(Unfit):
    """A request that cannot be understood. It has `errors`: sentences by field, under `""` for the whole."""


def parser(schema: Schema) -> Parse:
    """What parses by this schema; the value is what the schema loads.

    It neither waits nor keeps anything, and may be called from several places at once. Raises `Invalid`.
    """

    def parse(body: object) -> Any:
        if not isinstance(body, Mapping):
            raise Invalid({"": ["Must be an object."]})
        try:
            return schema.load(body)
        # `from None`: marshmallow's error holds the data, which a log must not.
        except ValidationError as error:
            raise Invalid(dict(_flat(error.messages))) from None

    return parse


def _flat(messages: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Nested messages of marshmallow, as one list per dotted field.

    A field's own name stands in the path; marshmallow's `_schema` is the object itself.
    """
    if not isinstance(messages, dict):
        return [(path, messages if isinstance(messages, list) else [str(messages)])]
    flat = []
    for name, inner in messages.items():
        step = "" if name == "_schema" else _printable(str(name))
        flat += _flat(inner, f"{path}.{step}".strip("."))
    return flat


def _printable(name: str) -> str:
    """A caller's own name for a field, cut and without lone surrogates."""
    return name[:NAME_CHARACTERS].encode(errors="replace").decode()
