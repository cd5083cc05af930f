"""What is asked and answered about what is emitted later.

How it waits and when it is emitted is of `gateway.notify`. When an emit is to be carried out is asked in
`timing`.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from marshmallow import Schema, fields, post_load

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.emitting.scheduling import CancelRequest, ScheduledRequest
from gateway.protocol import required
from gateway.protocol.fields import Room, StrictBoolean, Text, cursor_field, limit_field
from gateway.protocol.holding import Holding
from gateway.protocol.patterns import KEY
from storage.schedule import Cancelled, Missed, Scheduled, SchedulePage


class CancelSchema(Schema):
    """All that is still to come under a key; of one room only, if one is given.

    Loads a `CancelRequest`, of what the same caller has put off.
    """

    cancel_key = Text(KEY, "printable ASCII", longest=255, required=True)
    to = Room(load_default=None, allow_none=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> CancelRequest:
        return CancelRequest(cancel_key=data["cancel_key"], room=data["to"])


class ScheduledSchema(Schema):
    """A page of what is still to come, or of what was missed.

    The earliest first; whose it is, is told by each.
    """

    after = cursor_field()
    limit = limit_field(50, 200)
    missed = StrictBoolean(
        load_default=False,
        metadata={"description": "True: what was not emitted in its time, of the last seven days."},
    )

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ScheduledRequest:
        return ScheduledRequest(**data)


class CancelledAnswer(Schema):
    cancelled = required.number()
    """How many had been waiting."""
    too_late = required.number(metadata={"description": "Emitted already, within the last seven days."})


class ScheduledAnswer(Schema):
    """What is emitted later to one room."""

    id = required.text()
    room = required.text()
    type = required.text()
    title = required.text(allow_none=True, metadata={"description": "Null: by the words of the type."})
    scheduled_for = required.time()
    latest_at = required.time(allow_none=True)
    """After it, it is not emitted any more; null: however late."""
    cancel_key = required.text(allow_none=True)
    missed = fields.Enum(
        Missed,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it was not emitted: nobody came to it in its time, or the store was put back since."
        },
    )
    by = required.text(metadata={"description": "In whose name it was asked."})
    created_at = required.time()


class SchedulePageAnswer(Schema):
    scheduled = fields.List(fields.Nested(ScheduledAnswer), required=True)
    next = required.text(allow_none=True)


class ChangedScheduleAnswer(Schema):
    ids = fields.List(fields.String(), required=True)


def cancelled(value: Cancelled) -> Json:
    """How many were cancelled, and how many had been emitted before."""
    return {"cancelled": value.cancelled, "too_late": value.too_late}


def scheduled(item: Scheduled) -> Json:
    """One that waits, with as much of what was asked as a list shows."""
    asked = orjson.loads(item.request)
    return {
        "id": item.id,
        "room": item.room,
        "type": asked["type"],
        "title": asked["title"],
        "scheduled_for": time(item.due_at),
        "latest_at": time_or_none(item.latest_at),
        "cancel_key": item.cancel_key,
        "missed": item.missed,
        "by": item.scope,
        "created_at": time(item.created_at),
    }


def page(value: SchedulePage) -> Json:
    """A page, the first to come first."""
    return {"scheduled": [scheduled(item) for item in value.items], "next": value.next}


def ids(changed: Sequence[str]) -> Json:
    """Those that were changed."""
    return {"ids": list(changed)}


HELD = Holding(
    fields={"scheduled": fields.List(fields.Nested(ScheduledAnswer), required=True)},
    read=lambda store, whose, limit: store.schedule.of_room(whose.room, limit=limit),
    shape=lambda items: {"scheduled": [scheduled(each) for each in items]},
)
"""What is still to come for the user, the earliest first."""
