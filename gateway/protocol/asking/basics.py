"""What many nouns ask alike: nothing, one value, one of something, several.

All else that is asked in one field is made of `OneFieldSchema`.
"""

from typing import Any

from marshmallow import Schema, post_load, validate

from gateway.protocol.fields import Items, Text

IDS_MAX = 1000
"""Ids in one request; more would make one transaction too long."""


class NothingSchema(Schema):
    """Asked by its name alone.

    Loads None. Any field is one too many.
    """

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> None:
        del data


class OneFieldSchema(Schema):
    """Loads the value of its only field.

    A subclass that has more fields has a `_parse` of its own.
    """

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Any:
        (value,) = data.values()
        return value


def id_field(**options: Any) -> Text:
    """An id of any kind; whether there is something of that id, the store says."""
    return Text(r"[!-~]*", "an id", longest=64, **options)


def ids_field(**options: Any) -> Items:
    """One id or more, `IDS_MAX` at most."""
    return Items(id_field(), validate=validate.Length(min=1, max=IDS_MAX), **options)


class IdSchema(OneFieldSchema):
    """One of something: a notification, a mail, or what is scheduled; the operation says which."""

    id = id_field(required=True, metadata={"description": "Of a notification, a mail, or what is scheduled."})


class IdsSchema(OneFieldSchema):
    """Several of something, each named once or more often; a repetition does no harm."""

    ids = ids_field(required=True)
