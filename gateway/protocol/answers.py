"""What goes out over HTTP, as schemas for the OpenAPI document. `gateway.protocol.shapes` writes it; a contract test compares."""

from typing import Any

from marshmallow import Schema, fields

from gateway.notify.notifier import USERS_NAMED
from storage.mail import LaneName, MailState, Unless


def _time(**options: Any) -> fields.DateTime:
    return fields.DateTime(required=True, **options)


def _text(**options: Any) -> fields.String:
    return fields.String(required=True, **options)


def _number(**options: Any) -> fields.Integer:
    return fields.Integer(required=True, **options)


class AddressSchema(Schema):
    id = _text()
    room = _text()
    seq = _number(allow_none=True, metadata={"description": "Null for what was not stored, or is not shown."})


class SomeUsersSchema(Schema):
    users = fields.List(
        fields.String(), required=True, metadata={"description": f"The first {USERS_NAMED} at most."}
    )
    count = _number(metadata={"description": "Of all."})


class EmittedSchema(Schema):
    notifications = fields.List(fields.Nested(AddressSchema), required=True)
    duplicate = fields.Boolean(
        required=True, metadata={"description": "It was emitted before, under the same key."}
    )
    without_address = fields.Nested(
        SomeUsersSchema, metadata={"description": "Who is not mailed, as `email.if_known` allows."}
    )


class ProblemSchema(Schema):
    """Problem details (RFC 9457)."""

    type = _text()
    title = _text()
    status = _number()
    code = _text()
    detail = fields.String()
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "By field, such as `email.to` or `to.3`; the empty name is the whole."},
    )
    without_address = fields.Nested(
        SomeUsersSchema, metadata={"description": "The users because of whom nothing is mailed."}
    )
    request_id = fields.String()


class ResultSchema(Schema):
    """What became of one item of a batch: the answer of an emit, or a problem; `status` tells which."""

    status = _number()
    notifications = fields.List(fields.Nested(AddressSchema))
    duplicate = fields.Boolean()
    without_address = fields.Nested(SomeUsersSchema)
    type = fields.String()
    title = fields.String()
    code = fields.String()
    detail = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    request_id = fields.String()


class ResultsSchema(Schema):
    results = fields.List(fields.Nested(ResultSchema), required=True)


class NotificationSchema(AddressSchema):
    type = _text()
    title = _text()
    body = _text()
    link = _text(allow_none=True)
    data = fields.Dict(required=True)
    created_at = _time()


class ItemSchema(NotificationSchema):
    """A notification in a user's history."""

    read = fields.Boolean(required=True)
    seen = fields.Boolean(required=True)


class HistorySchema(Schema):
    notifications = fields.List(fields.Nested(ItemSchema), required=True)
    next = _text(allow_none=True)


class CountSchema(Schema):
    unread = _number()
    heads = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class MailSchema(Schema):
    state = fields.Enum(MailState, by_value=True, required=True)
    lane = fields.Enum(LaneName, by_value=True, required=True)
    to = _text()
    subject = _text(allow_none=True)
    unless = fields.Enum(Unless, by_value=True, required=True, allow_none=True)
    attempts = _number()
    due_at = _time()
    reason = _text(allow_none=True)
    code = _number(allow_none=True)
    decided_by = _text(allow_none=True, metadata={"description": "The rule that skipped it, or holds it."})
    verdict = _text(
        allow_none=True,
        metadata={"description": "In words, why it was not sent; null unless it was skipped."},
    )
    relay_id = _text(allow_none=True, metadata={"description": "What the mail server said as it took it."})
    updated_at = _time()
    sent_at = _time(allow_none=True)


class RecordSchema(NotificationSchema):
    """A notification with what became of it."""

    in_app = fields.Boolean(required=True)
    expires_at = _time(allow_none=True)
    recalled_at = _time(allow_none=True)
    mail = fields.Nested(MailSchema, required=True, allow_none=True)


class ReceiptSchema(Schema):
    seen_at = _time(allow_none=True)
    read_at = _time(allow_none=True)
    dismissed_at = _time(allow_none=True)
    clicked_at = _time(allow_none=True)


class RecordWithReceiptsSchema(RecordSchema):
    receipts = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ReceiptSchema),
        required=True,
        metadata={"description": "By user."},
    )


class MailPageSchema(Schema):
    mail = fields.List(fields.Nested(RecordSchema), required=True)
    next = _text(allow_none=True)


class RevivedSchema(Schema):
    revived = fields.List(fields.String(), required=True)


class OnlineSchema(Schema):
    user = _text()
    name = _text(allow_none=True)
    roles = fields.List(fields.String(), required=True)
    connections = _number()
    since = _time()


class RosterSchema(Schema):
    online = fields.List(fields.Nested(OnlineSchema), required=True)
    users = _number(metadata={"description": "In the whole cluster."})
    connections = _number(metadata={"description": "In the whole cluster."})
    next = _text(allow_none=True)


class PresenceSchema(Schema):
    user = _text()
    online = fields.Boolean(required=True)
    connections = _number()
    last_seen = _time(allow_none=True)


class DisconnectedSchema(Schema):
    disconnected = _number(metadata={"description": "Connections that were known."})


class UserDataSchema(Schema):
    """Everything held about a user."""

    user = _text()
    email = _text(allow_none=True)
    name = _text(allow_none=True)
    last_seen = _time(allow_none=True)
    notifications = fields.List(fields.Nested(RecordSchema), required=True)
    receipts = fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptSchema), required=True)
    read_upto = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class ErasedSchema(Schema):
    erased = _number(metadata={"description": "Notifications wiped."})


class AliveSchema(Schema):
    status = _text(metadata={"enum": ["alive"]})


class ReadinessSchema(Schema):
    status = _text(metadata={"enum": ["ready", "unready"]})
    reasons = fields.List(fields.String(), required=True)
