"""The fields that every answer has, by what they hold: what a schema of answers is mostly made of."""

from typing import Any

from marshmallow import fields


def text(**options: Any) -> fields.String:
    return fields.String(required=True, **options)


def number(**options: Any) -> fields.Integer:
    return fields.Integer(required=True, **options)


def flag(**options: Any) -> fields.Boolean:
    return fields.Boolean(required=True, **options)


def time(**options: Any) -> fields.DateTime:
    return fields.DateTime(required=True, **options)
