"""Requests as the query of a URL has them, where everything is text: numbers, flags, and lists by repetition.

Both HTTP and the OpenAPI document read a GET or a DELETE by it, so the two cannot differ.
"""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from gateway.protocol.fields import Items, StrictBoolean


class WholeText(fields.Integer):
    """A whole number as the query of a URL has it: digits.

    Nine digits at most: no limit is as large.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> int:
        if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) is None:
            raise ValidationError("Must be a whole number.")
        return super()._deserialize(value, attr, data, **options)


class FlagText(StrictBoolean):
    """`true` or `false` in the query of a URL."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> bool:
        del attr, data, options
        if value not in ("true", "false"):
            raise ValidationError("Must be true or false.")
        return bool(value == "true")


def in_query(schema: type[Schema]) -> type[Schema]:
    """The same request as the query of a URL has it: with texts for numbers and flags.

    For GET and DELETE, whose parameters are texts. The schema keeps its name, by which the OpenAPI document
    refers to it.
    """
    as_text: dict[str, Any] = {}
    for name, field in schema().fields.items():
        if isinstance(field, fields.Integer):
            as_text[name] = WholeText(load_default=field.load_default, validate=field.validate)
        elif isinstance(field, StrictBoolean):
            as_text[name] = FlagText(load_default=field.load_default)
    return schema.from_dict(as_text, name=schema.__name__)


def lists_of(schema: type[Schema]) -> frozenset[str]:
    """The fields that hold several values. In a query these may be repeated."""
    return frozenset(name for name, field in schema().fields.items() if isinstance(field, Items))
