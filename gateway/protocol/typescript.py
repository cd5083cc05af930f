"""The types of the web's pages, written from the table of operations: `python -m gateway.protocol.typescript`.

What a page is answered and told is an interface of the name that its schema has here and in the OpenAPI document. The
files are kept beside the pages that use them; a test says when they are not what the table says.

The docstring of a schema is the comment of its interface: what is written there is read by those who write
pages. It raises `TypeError` for a field that it has no type for, rather than write a wrong one.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from gateway.protocol import campaigns, telling
from gateway.protocol.fields import WISHES, Wish
from gateway.protocol.operation import USER
from gateway.protocol.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
"""The sources; an installed package has no `web`."""
LINE_MAX = 110
"""As the pages' formatter has it."""
HEAD = """/**
 * The shapes that the gateway answers and tells, written by `python -m gateway.protocol.typescript`.
 *
 * Not to be edited: what is wrong here is wrong in `gateway/protocol`.
 */
"""
"""The beginning of each file."""


def client_shapes() -> str:
    """What a user's page is told and answered.

    No more than a client needs: the file is part of a package that others install.
    """
    answers = [operation.answers for operation in OPERATIONS if operation.scope == USER]
    return module([*telling.EVENTS.values(), *answers])


def dashboard_shapes() -> str:
    """What an admin's page is told, and answered over a socket.

    What the dashboard asks over HTTP is not in it.
    """
    answers = [
        operation.answers
        for operation in OPERATIONS
        if operation.event is not None and operation.scope != USER
    ]
    return module([*telling.ADMIN_EVENTS.values(), *answers])


def files() -> Mapping[Path, str]:
    """The files that are kept, and what they should hold.

    Compared by a test, written by `main`.
    """
    return {
        ROOT / "web/client/src/shapes.ts": client_shapes(),
        ROOT / "web/dashboard/src/shapes.ts": dashboard_shapes(),
    }


def module(roots: Iterable[type[Schema]]) -> str:
    """The interfaces of these schemas, and of those within them.

    Deterministic: the order is that in which the roots name them.
    """
    schemas: dict[type[Schema], None] = {}
    for root in roots:
        _gather(root, schemas)
    enums = {field.enum: None for schema in schemas for field in _enums(schema().fields.values())}
    parts = [HEAD, *map(_union, enums), *map(_interface, schemas)]
    return "\n".join(parts)


def _gather(schema: type[Schema], schemas: dict[type[Schema], None]) -> None:
    """Note the schema and those within it, these first.

    An interface stands before those that use it, each once.
    """
    for field in schema().fields.values():
        for inner in _within(field):
            if isinstance(inner, fields.Nested):
                _gather(type(inner.schema), schemas)
    schemas.setdefault(schema)


def _within(field: fields.Field[Any]) -> Iterator[fields.Field[Any]]:
    """The field, and those that its values are made of."""
    yield field
    inner: list[Any] = []
    if isinstance(field, fields.List):
        inner = [field.inner]
    elif isinstance(field, fields.Mapping):
        inner = [each for each in (field.key_field, field.value_field) if each is not None]
    for each in inner:
        yield from _within(each)


def _enums(of: Iterable[fields.Field[Any]]) -> list[fields.Enum[Any]]:
    """The fields that have one of a few values, at any depth."""
    return [inner for field in of for inner in _within(field) if isinstance(inner, fields.Enum)]


def _union(enum: Any) -> str:
    """The values of an enum, as a list for the program and as a type."""
    values = [f'"{member.value}"' for member in enum]
    name, listed = enum.__name__, _constant(enum.__name__)
    constant = f"export const {listed} = [{', '.join(values)}] as const;"
    if len(constant) > LINE_MAX:
        constant = "\n".join(
            [f"export const {listed} = [", *(f"  {value}," for value in values), "] as const;"]
        )
    return f"{constant}\nexport type {name} = (typeof {listed})[number];\n"


def _constant(name: str) -> str:
    """MailState is listed as MAIL_STATE_VALUES."""
    # The first letter is a capital, so the joined text begins with `_`.
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in f"{name}Values")[1:]


def _interface(schema: type[Schema]) -> str:
    """One schema as an interface; one without fields is an object with nothing in it."""
    lines = [*_comment(schema.__doc__ if schema.__doc__ != Schema.__doc__ else None, "")]
    if not schema().fields:
        return "\n".join([*lines, f"export type {schema.__name__} = Readonly<Record<string, never>>;\n"])
    lines.append(f"export interface {schema.__name__} {{")
    for name, field in schema().fields.items():
        lines += _comment(field.metadata.get("description"), "  ")
        optional = "" if field.required else "?"
        lines.append(f"  readonly {field.data_key or name}{optional}: {_type(field)};")
    return "\n".join([*lines, "}\n"])


def _comment(text: str | None, indent: str) -> list[str]:
    """A comment on one line."""
    return [] if text is None else [f"{indent}/** {text} */"]


def _type(field: fields.Field[Any]) -> str:
    """The type of a field, null included."""
    return f"{_plain(field)} | null" if field.allow_none else _plain(field)


def _plain(field: fields.Field[Any]) -> str:
    """The type of a field's values. The order of the cases matters: a `Wish` is no text, and a flag no number."""
    match field:
        case fields.Nested():
            return type(field.schema).__name__
        case fields.Enum():
            return str(field.enum.__name__)
        case fields.List():
            inner = _type(field.inner)
            return f"readonly ({inner})[]" if "|" in inner else f"readonly {inner}[]"
        case fields.Mapping():
            key = "string" if field.key_field is None else _type(field.key_field)
            value = "unknown" if field.value_field is None else _type(field.value_field)
            return f"Readonly<Record<{key}, {value}>>"
        case Wish():
            return " | ".join(["boolean", *(f'"{wish}"' for wish in WISHES)])
        case fields.Boolean():
            return "boolean"
        case fields.Number():
            return "number"
        case fields.String() | fields.DateTime():
            return "string"
        case campaigns.AudienceField():
            return '"import" | Readonly<Record<string, unknown>>'
        case _:
            raise TypeError(f"no type is known for {type(field).__name__}")


def main() -> int:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))  # noqa: T201 - it is a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
