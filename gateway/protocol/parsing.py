"""How what comes in is parsed: by a marshmallow schema, into a value, or into an error that names each wrong field."""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from gateway.notify.requests import Unfit

NAME_CHARACTERS = 64
"""Of a caller's own name for a field: an error cannot be larger than what caused it."""

Parse = Callable[[object], Any]
"""Takes JSON, answers the value that a use case takes. Raises `Invalid`."""


class Invalid(Unfit):
    """A request that cannot be understood."""


def parser(schema: Schema) -> Parse:
    """What parses by this schema; the value is what the schema loads."""

    def parse(body: object) -> Any:
        if not isinstance(body, Mapping):
            raise Invalid({"": ["Must be an object."]})
        try:
            return schema.load(body)
        except ValidationError as error:
            raise Invalid(dict(_flat(error.messages))) from None

    return parse


def _flat(messages: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Nested messages of marshmallow, as one list per dotted field."""
    if not isinstance(messages, dict):
        return [(path, messages if isinstance(messages, list) else [str(messages)])]
    flat = []
    for name, inner in messages.items():
        step = "" if name == "_schema" else _printable(str(name))
        flat += _flat(inner, f"{path}.{step}".strip("."))
    return flat


def _printable(name: str) -> str:
    return name[:NAME_CHARACTERS].encode(errors="replace").decode()
