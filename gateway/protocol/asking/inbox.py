"""What may be asked of an inbox: its history, what is read of it, and to have something done with what is there."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, post_load, validate, validates_schema

from gateway.notify.requests import ActRequest, AdminHistoryRequest, HistoryRequest, SnoozeRequest
from gateway.protocol.asking.basics import id_field, ids_field
from gateway.protocol.fields import (
    Items,
    Room,
    StrictBoolean,
    Text,
    Timestamp,
    UserId,
    cursor_field,
    limit_field,
)
from gateway.protocol.parsing import Invalid
from gateway.protocol.patterns import ACTION_ID, CATEGORY, TYPE
from storage.receipts import Place

SNOOZE_MAX = timedelta(days=366)
"""How far ahead a snooze may end."""


class ReadSchema(Schema):
    """Either some, or all. Loads the ids, or None for all.

    `all` can only be true: `{"all": false}` would ask for nothing and look as if it did.
    """

    ids = ids_field()
    """Left out where `all` is given."""
    all = StrictBoolean(validate=validate.OneOf([True], error="Must be true, or left out."))

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Must have either ids or all.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> list[str] | None:
        return data.get("ids")


class SnoozeSchema(Schema):
    """One notification, and when it is to come back.

    Whether the time is ahead needs a clock; `check_until` asks it.
    """

    id = id_field(required=True)
    until = Timestamp(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> SnoozeRequest:
        return SnoozeRequest(**data)


class ActSchema(Schema):
    """One notification, and which of its buttons is pressed.

    Whether the notification has such a button is found when it is looked up.
    """

    id = id_field(required=True)
    action = Text(ACTION_ID, "the id of an action", longest=32, required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ActRequest:
        return ActRequest(**data)


class HistorySchema(Schema):
    """A page of history.

    Loads a `HistoryRequest`. Without `archived` and `snoozed` it is of the inbox.
    """

    before = cursor_field()
    limit = limit_field(20, 100)
    type = Items(Text(TYPE, "a type", longest=64), load_default=(), validate=validate.Length(max=50))
    """Of one of these; all where none are named."""
    category = Items(
        Text(CATEGORY, "a category", longest=64), load_default=(), validate=validate.Length(max=50)
    )
    unread = StrictBoolean(load_default=False)
    """Only what is unread."""
    archived = StrictBoolean(
        load_default=False, metadata={"description": "What was put away, and nothing else."}
    )
    snoozed = StrictBoolean(
        load_default=False, metadata={"description": "What was put off, and nothing else."}
    )

    @validates_schema
    def _one_place(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("archived") and data.get("snoozed"):
            raise ValidationError("Must be left out: what is archived is not snoozed.", "snoozed")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Any:
        return _history_request(data)


class AdminHistorySchema(HistorySchema):
    """The same of a user or of a room, for admins.

    With neither it is of the admin's own inbox.
    """

    user = UserId(load_default=None)
    room = Room(load_default=None)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("user") is not None and data.get("room") is not None:
            raise ValidationError("Must have user or room, not both.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AdminHistoryRequest:
        return AdminHistoryRequest(user=data["user"], room=data["room"], page=_history_request(data))


class UserHistorySchema(HistorySchema):
    """The same of one user.

    Whether the caller may see it is judged by the use, not here.
    """

    user = UserId(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AdminHistoryRequest:
        return AdminHistoryRequest(user=data["user"], page=_history_request(data))


def _history_request(data: Mapping[str, Any]) -> HistoryRequest:
    """The part of a history that is the same for everybody who asks."""
    return HistoryRequest(
        before=data["before"], limit=data["limit"], types=tuple(data["type"]),
        categories=tuple(data["category"]), unread_only=data["unread"],
        place=Place.ARCHIVE if data["archived"] else Place.SNOOZED if data["snoozed"] else Place.INBOX,
    )  # fmt: skip


def check_until(until: datetime, now: datetime) -> None:
    """Raises `Invalid` for a snooze that ends before it begins, or when nobody will be there any more.

    It stands apart from the schema because schemas know no clock.
    """
    if not now < until <= now + SNOOZE_MAX:
        raise Invalid({"until": [f"Must be ahead, and within {SNOOZE_MAX.days} days."]})
