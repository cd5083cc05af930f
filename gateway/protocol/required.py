"""The fields that every answer has, by what they hold: what a schema of answers is mostly made of.

All are required, so that a reader need not ask whether a member is there; what may be absent is no field of
these.
"""

from typing import Any

from marshmallow import fields


def text(**options: Any) -> fields.String:
    """A text; null only with `allow_none`."""
    return fields.String(required=True, **options)


def number(**options: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True, **options)


def flag(**options: Any) -> fields.Boolean:
    """True or false."""
    return fields.Boolean(required=True, **options)


def time(**options: Any) -> fields.DateTime:
    """A time, as `gateway.ground.encoding.time` writes it."""
    return fields.DateTime(required=True, **options)
