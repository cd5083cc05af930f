"""What is asked and answered of traces, and of looking for what was emitted.

A trace is put together by `gateway.observe.trace`; here are its shapes.
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from gateway.ground.encoding import Json, time, time_or_none
from gateway.ground.rooms import user_room
from gateway.notify.deciding.sayings import GateResult
from gateway.observe.traced import NodeView, Point, Trace, TracedMail, Via
from gateway.protocol import required, shapes
from gateway.protocol.answers.notifications import MailAnswer, ReceiptAnswer, RecordAnswer
from gateway.protocol.fields import Text, Timestamp, UserId, cursor_field, limit_field
from gateway.protocol.patterns import KEY, PRINTABLE, TYPE
from storage.obligations import Kind
from storage.searching import Found, FoundPage, Search

# What is asked


class FindNotificationsSchema(Schema):
    """A page of what was emitted, newest first; all that is said must hold.

    Loads what is looked for, the cursor and the limit. A key is only looked for within a service: keys of two
    services have nothing to do with each other.
    """

    user = UserId(load_default=None, metadata={"description": "In whose own room."})
    type = Text(TYPE, "a type", longest=64, load_default=None)
    service = Text(
        PRINTABLE, "printable", longest=128, load_default=None,
        metadata={"description": "Who has asked for it; `admin` for any admin."},
    )  # fmt: skip
    key = Text(
        KEY, "an idempotency key", longest=255, load_default=None,
        metadata={"description": "The idempotency key of the call; goes with `service`."},
    )  # fmt: skip
    request_id = Text(r"[A-Za-z0-9_.:/+=-]*", "a request id", longest=128, load_default=None)
    since = Timestamp(load_default=None, metadata={"description": "Emitted then or later."})
    until = Timestamp(load_default=None, metadata={"description": "Emitted before."})
    before = cursor_field()
    limit = limit_field(50, 200)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("key") is not None and data.get("service") is None:
            raise ValidationError("Goes with a service.", "key")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> tuple[Search, str | None, int]:
        user = data["user"]
        search = Search(
            room=None if user is None else user_room(user), type=data["type"], by=data["service"],
            key=data["key"], request_id=data["request_id"], since=data["since"], until=data["until"],
        )  # fmt: skip
        return search, data["before"], data["limit"]


# What is answered


class FoundNotificationAnswer(RecordAnswer):
    """A notification, and by which call it came."""

    by = required.text(
        allow_none=True,
        metadata={"description": "Who has asked for it; `admin` for any admin. Null: not kept."},
    )
    request_id = required.text(allow_none=True)


class FoundNotificationsAnswer(Schema):
    notifications = fields.List(fields.Nested(FoundNotificationAnswer), required=True)
    next = required.text(
        allow_none=True,
        metadata={"description": "A page may be shorter than asked, even empty, and have a next one."},
    )


class PointAnswer(Schema):
    """Something that happened on its way, or is to happen."""

    at = required.time()
    via = fields.Enum(Via, by_value=True, required=True)
    what = required.text(
        metadata={
            "description": "One word: `called`, `stored`, `hidden`, `written`, `recalled`, `expires`, `expired`; what a reader did; `postponed`, `held`, `sent`, `delivered`, `opened` (which proves nothing) and so on of a mail; of a deed, the operation's name."
        }
    )
    detail = required.text(
        allow_none=True, metadata={"description": "In the words of the rule, or of the mail server."}
    )
    by = required.text(
        allow_none=True, metadata={"description": "A service, a node, a person, or who did it."}
    )
    mail = required.text(allow_none=True, metadata={"description": "The id of the mail that it is of."})
    count = required.number(
        allow_none=True, metadata={"description": "Which attempt it was; of `written`, how many sessions."}
    )
    rule = required.text(allow_none=True)
    code = required.number(allow_none=True, metadata={"description": "Of SMTP."})


class SayingAnswer(Schema):
    """What a rule has said of a mail last."""

    rule = required.text()
    said = fields.Enum(GateResult, by_value=True, required=True)


class TracedMailAnswer(MailAnswer):
    """A mail of it, or that tells it."""

    id = required.text()
    kind = fields.Enum(Kind, by_value=True, required=True, metadata={"description": "What it is of."})
    of = required.text(metadata={"description": "The id of that."})
    gates = fields.List(
        fields.Nested(SayingAnswer), required=True, metadata={"description": "In their order."}
    )


class NodeViewAnswer(Schema):
    """What a node knows of it now."""

    node = required.text()
    here = required.number(metadata={"description": "Sessions in the room now."})
    has_come = required.flag(
        metadata={"description": "Whether the node has written the room's stream up to it, or beyond."}
    )
    written_at = required.time(allow_none=True, metadata={"description": "Null: it does not remember."})
    reached = required.number(metadata={"description": "Sessions that it was written to then."})
    sessions = fields.List(
        fields.String(), required=True, metadata={"description": "Those, where they were few."}
    )


class CallAnswer(Schema):
    """By which call it came, as far as that is kept."""

    by = required.text(allow_none=True)
    """Null: not kept."""
    request_id = required.text(allow_none=True)
    idempotency_key = required.text(allow_none=True)
    scheduled = required.text(
        allow_none=True, metadata={"description": "The id under which it waited for its time."}
    )


class TracedCampaignAnswer(Schema):
    id = required.text()
    name = required.text()


class TraceAnswer(Schema):
    """All that is known of the way of one notification, or of a mail that stands by itself."""

    notification = fields.Nested(RecordAnswer, required=True)
    call = fields.Nested(CallAnswer, required=True)
    line = fields.List(
        fields.Nested(PointAnswer),
        required=True,
        metadata={"description": "The earliest first; what is to come, last."},
    )
    # By user, as of a notification by itself.
    receipts = fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptAnswer), required=True)
    mails = fields.List(fields.Nested(TracedMailAnswer), required=True)
    campaign = fields.Nested(TracedCampaignAnswer, required=True, allow_none=True)
    nodes = fields.List(fields.Nested(NodeViewAnswer), required=True)
    silent = fields.List(
        fields.String(), required=True, metadata={"description": "Nodes that did not answer in time."}
    )


def page(found: FoundPage) -> Json:
    """A page; one that is short may have a next one."""
    return {"notifications": [_found(each) for each in found.items], "next": found.next}


def _found(found: Found) -> Json:
    """A notification with its origin, null where that is not kept."""
    origin = found.origin
    return {
        **shapes.record(found.notification),
        "by": None if origin is None else origin.by,
        "request_id": None if origin is None else origin.request_id,
    }


def trace(traced: Trace) -> Json:
    """A trace as a whole. The key of what was put off is our own, and so is not told."""
    campaign, provenance = traced.campaign, traced.provenance
    origin = None if provenance is None else provenance.origin
    return {
        "notification": shapes.record(traced.notification),
        "call": {
            "by": None if origin is None else origin.by,
            "request_id": None if origin is None else origin.request_id,
            "idempotency_key": None if provenance is None or traced.scheduled else provenance.key,
            "scheduled": traced.scheduled,
        },
        "line": [_point(point) for point in traced.line],
        "receipts": shapes.receipts(traced.receipts),
        "mails": [_mail(each) for each in traced.mails],
        "campaign": None if campaign is None else {"id": campaign.id, "name": campaign.name},
        "nodes": [_node(view) for view in traced.nodes],
        "silent": list(traced.silent),
    }


def _point(point: Point) -> Json:
    """One point on the line of time."""
    return {
        "at": time(point.at),
        "via": point.via,
        "what": point.what,
        "detail": point.detail,
        "by": point.by,
        "mail": point.mail,
        "count": point.count,
        "rule": point.rule,
        "code": point.code,
    }


def _mail(traced: TracedMail) -> Json:
    """A mail of it, with what each gate has said last."""
    return {
        **shapes.mail(traced.mail),
        "id": traced.id,
        "kind": traced.of.kind,
        "of": traced.of.id,
        "gates": [{"rule": each.rule, "said": each.said} for each in traced.gates],
    }


def _node(view: NodeView) -> Json:
    """What one node knows of it."""
    return {
        "node": view.node,
        "here": view.here,
        "has_come": view.has_come,
        "written_at": time_or_none(view.written_at),
        "reached": view.reached,
        "sessions": list(view.sessions),
    }
