"""What is asked and answered of the audit.

A deed has no more of a person than an id; `gateway.protocol.deeds` sees to that before it is written.
"""

from typing import Any

from marshmallow import Schema, fields, post_load

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.auditing import AuditRequest
from gateway.protocol import required
from gateway.protocol.fields import Text, Timestamp, cursor_field, limit_field
from gateway.protocol.holding import Holding
from gateway.protocol.patterns import PRINTABLE
from storage.audit import Deed, DeedPage


class AuditSchema(Schema):
    """A page of who did what, newest first; all that is said must hold.

    The texts are compared as a whole. A page may be of any age: deeds are kept for as long as the operator
    says.
    """

    by = Text(
        PRINTABLE,
        "printable",
        longest=160,
        load_default=None,
        metadata={"description": "`user:…` or `service:…`."},
    )
    operation = Text(
        r"[a-z_]*", "the name of an operation", longest=64, load_default=None,
        metadata={"description": "Such as `recall`."},
    )  # fmt: skip
    target = Text(
        PRINTABLE, "printable", longest=160, load_default=None,
        metadata={"description": "What it was done to: `user:…`, `topic:…`, an id, or a name."},
    )  # fmt: skip
    since = Timestamp(load_default=None, metadata={"description": "Begun then or later."})
    until = Timestamp(load_default=None, metadata={"description": "Begun before."})
    before = cursor_field()
    limit = limit_field(50, 500)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AuditRequest:
        return AuditRequest(**data)


class DeedAnswer(Schema):
    """Who did what, and what came of it."""

    id = required.text()
    at = required.time()
    by = required.text(metadata={"description": "`user:…` or `service:…`."})
    role = required.text(metadata={"description": "`admin`, `support` or `service`."})
    operation = required.text(metadata={"description": "By its name in the OpenAPI document."})
    target = required.text(allow_none=True)
    detail = fields.Dict(required=True, metadata={"description": "What else was asked: ids, names, numbers."})
    request_id = required.text(allow_none=True)
    outcome = required.text(
        allow_none=True,
        metadata={
            "description": "`done`, or the code of what went wrong; null: begun, and its end is not known."
        },
    )
    ended_at = required.time(allow_none=True)


class AuditAnswer(Schema):
    deeds = fields.List(fields.Nested(DeedAnswer), required=True)
    next = required.text(allow_none=True)


def deed(value: Deed) -> Json:
    """One deed. `outcome` and `ended_at` are null together: begun, and never heard of again."""
    return {
        "id": value.id,
        "at": time(value.at),
        "by": value.by,
        "role": value.role,
        "operation": value.operation,
        "target": value.target,
        "detail": dict(value.detail),
        "request_id": value.request_id,
        "outcome": value.outcome,
        "ended_at": time_or_none(value.ended_at),
    }


def page(found: DeedPage) -> Json:
    """A page, newest first, with the cursor of the next."""
    return {"deeds": [deed(each) for each in found.items], "next": found.next}


HELD = Holding(
    fields={
        "audit": fields.List(
            fields.Nested(DeedAnswer),
            required=True,
            metadata={
                "description": "What was done by the user as an admin, and to the user. It is kept when the user is erased."
            },
        )
    },
    read=lambda store, whose, limit: store.audit.of_person(whose.user, limit=limit),
    shape=lambda deeds: {"audit": [deed(each) for each in deeds]},
)
"""Newest first."""
