"""What is answered and told, as schemas: for the OpenAPI document, and for the types of the web's pages.

`gateway.protocol.shapes` writes it; the contract tests hold every answer to its schema here.
"""

from typing import Any

from marshmallow import Schema, fields

from gateway.notify.owing import USERS_NAMED
from gateway.protocol.suppressions import SuppressionAnswer
from storage.mail import LaneName, MailState, Unless


def _time(**options: Any) -> fields.DateTime:
    return fields.DateTime(required=True, **options)


def _text(**options: Any) -> fields.String:
    return fields.String(required=True, **options)


def _number(**options: Any) -> fields.Integer:
    return fields.Integer(required=True, **options)


class AddressAnswer(Schema):
    id = _text()
    room = _text()
    seq = _number(allow_none=True, metadata={"description": "Null for what was not stored, or is not shown."})


class PlacedAnswer(AddressAnswer):
    """The same, and what holds its mail."""

    held_until = fields.DateTime(
        metadata={"description": "When its mail is decided again that the user's quiet hours hold."}
    )


class PutOffAnswer(Schema):
    """What is emitted later to one room."""

    id = _text(metadata={"description": "Of what waits; the notification gets its own when it is emitted."})
    room = _text()
    scheduled_for = _time()


class SomeUsersAnswer(Schema):
    users = fields.List(
        fields.String(), required=True, metadata={"description": f"The first {USERS_NAMED} at most."}
    )
    count = _number(metadata={"description": "Of all."})


class EmittedAnswer(Schema):
    notifications = fields.List(fields.Nested(PlacedAnswer), required=True)
    duplicate = fields.Boolean(
        required=True, metadata={"description": "It was emitted before, under the same key."}
    )
    without_address = fields.Nested(
        SomeUsersAnswer, metadata={"description": "Who is not mailed, as `email.if_known` allows."}
    )
    scheduled = fields.List(fields.Nested(PutOffAnswer), metadata={"description": "With `send_at`."})


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
        SomeUsersAnswer, metadata={"description": "The users because of whom nothing is mailed."}
    )
    request_id = fields.String()


class ResultAnswer(Schema):
    """What became of one item of a batch: the answer of an emit, or a problem; `status` tells which."""

    status = _number()
    notifications = fields.List(fields.Nested(PlacedAnswer))
    duplicate = fields.Boolean()
    without_address = fields.Nested(SomeUsersAnswer)
    scheduled = fields.List(fields.Nested(PutOffAnswer))
    type = fields.String()
    title = fields.String()
    code = fields.String()
    detail = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    request_id = fields.String()


class ResultsAnswer(Schema):
    results = fields.List(fields.Nested(ResultAnswer), required=True)


class NotificationAnswer(AddressAnswer):
    type = _text()
    title = _text()
    body = _text()
    link = _text(allow_none=True)
    data = fields.Dict(required=True)
    created_at = _time()
    category = fields.String(metadata={"description": "Of the catalog; absent for a type that it has not."})
    locale = fields.String(
        metadata={"description": "The language of the words, where the catalog made them."}
    )
    catalog_version = fields.String(metadata={"description": "Of the catalog that made them."})


class ItemAnswer(NotificationAnswer):
    """A notification in a user's history."""

    read = fields.Boolean(required=True)
    seen = fields.Boolean(required=True)


class HistoryAnswer(Schema):
    notifications = fields.List(fields.Nested(ItemAnswer), required=True)
    next = _text(allow_none=True)


class CountAnswer(Schema):
    unread = _number()
    heads = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class MailAnswer(Schema):
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


class SkippedAnswer(Schema):
    """Why something was not sent."""

    rule = _text()
    detail = _text()


class RecordAnswer(NotificationAnswer):
    """A notification with what became of it."""

    in_app = fields.Boolean(required=True)
    skipped = fields.Nested(
        SkippedAnswer,
        required=True,
        allow_none=True,
        metadata={"description": "Why it is not shown in-app, where a rule decided that."},
    )
    expires_at = _time(allow_none=True)
    recalled_at = _time(allow_none=True)
    mail = fields.Nested(MailAnswer, required=True, allow_none=True)


class ReceiptAnswer(Schema):
    seen_at = _time(allow_none=True)
    read_at = _time(allow_none=True)
    dismissed_at = _time(allow_none=True)
    clicked_at = _time(allow_none=True)


class RecordWithReceiptsAnswer(RecordAnswer):
    receipts = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ReceiptAnswer),
        required=True,
        metadata={"description": "By user."},
    )


class MailPageAnswer(Schema):
    mail = fields.List(fields.Nested(RecordAnswer), required=True)
    next = _text(allow_none=True)


class RevivedAnswer(Schema):
    revived = fields.List(fields.String(), required=True)


class OnlineAnswer(Schema):
    user = _text()
    name = _text(allow_none=True)
    roles = fields.List(fields.String(), required=True)
    connections = _number()
    since = _time()


class RosterAnswer(Schema):
    online = fields.List(fields.Nested(OnlineAnswer), required=True)
    users = _number(metadata={"description": "In the whole cluster."})
    connections = _number(metadata={"description": "In the whole cluster."})
    next = _text(allow_none=True)


class PresenceAnswer(Schema):
    user = _text()
    online = fields.Boolean(required=True)
    connections = _number()
    last_seen = _time(allow_none=True)


class DisconnectedAnswer(Schema):
    disconnected = _number(metadata={"description": "Connections that were known."})


class UserTopicAnswer(Schema):
    """A topic that a backend has put a user into."""

    topic = _text()
    since = _time()


class PreferenceChangeAnswer(Schema):
    """Who has chosen what, and when."""

    version = _number()
    at = _time()
    by = _text(metadata={"description": "`user:…`, `service:…` or `link`."})
    mail = _text(
        allow_none=True, metadata={"description": "The notification whose mail it came from, if from one."}
    )
    asked = fields.Dict(required=True)


class ScheduledAnswer(Schema):
    """What is emitted later to one room."""

    id = _text()
    room = _text()
    type = _text()
    title = _text(allow_none=True, metadata={"description": "Null: by the words of the type."})
    scheduled_for = _time()
    latest_at = _time(allow_none=True)
    cancel_key = _text(allow_none=True)
    by = _text(metadata={"description": "In whose name it was asked."})
    created_at = _time()


class UserDataAnswer(Schema):
    """Everything held about a user."""

    user = _text()
    email = _text(allow_none=True)
    name = _text(allow_none=True)
    locale = _text(allow_none=True)
    timezone = _text(allow_none=True)
    attributes = fields.Dict(required=True)
    last_seen = _time(allow_none=True)
    topics = fields.List(fields.Nested(UserTopicAnswer), required=True)
    preferences = fields.Dict(required=True, metadata={"description": "As they were chosen."})
    preference_changes = fields.List(fields.Nested(PreferenceChangeAnswer), required=True)
    scheduled = fields.List(fields.Nested(ScheduledAnswer), required=True)
    notifications = fields.List(fields.Nested(RecordAnswer), required=True)
    receipts = fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptAnswer), required=True)
    read_upto = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    suppressions = fields.List(
        fields.Nested(SuppressionAnswer),
        required=True,
        metadata={"description": "Of the user's addresses."},
    )


class ErasedAnswer(Schema):
    erased = _number(metadata={"description": "Notifications wiped."})


class NothingAnswer(Schema):
    """That it was done."""


class AdminItemAnswer(ItemAnswer):
    """The same with what became of its mail."""

    mail = fields.Nested(MailAnswer, required=True, allow_none=True)


class AdminHistoryAnswer(Schema):
    notifications = fields.List(fields.Nested(AdminItemAnswer), required=True)
    next = _text(allow_none=True)


class MailCountsAnswer(Schema):
    counts = fields.Dict(
        keys=fields.Enum(MailState, by_value=True),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Of every state."},
    )


class AllRevivedAnswer(Schema):
    revived = _number()
    more = fields.Boolean(required=True, metadata={"description": "Dead mail is left."})


class VisitorAnswer(OnlineAnswer):
    """The same with the topics of the user's token."""

    topics = fields.List(fields.String(), required=True)


class UserAnswer(Schema):
    user = _text()
    online = fields.Nested(VisitorAnswer, required=True, allow_none=True)
    email = _text(allow_none=True)
    name = _text(allow_none=True)
    locale = _text(allow_none=True)
    last_seen = _time(allow_none=True)
    unread = _number()


class RenderedMailAnswer(Schema):
    """A mail as its reader will see it."""

    from_ = _text(data_key="from")
    to = _text()
    subject = _text()
    text = _text()
    html = _text()


class RoomPreviewAnswer(Schema):
    room = _text()
    connections = _number(
        allow_none=True, metadata={"description": "Null where only the nodes together know."}
    )
    mail_to = _text(allow_none=True)
    mail_due_at = _time(allow_none=True)
    problem = _text(allow_none=True)
    decided_by = _text(
        allow_none=True,
        metadata={"description": "The rule that would stop the mail now; null when none would."},
    )
    verdict = _text(allow_none=True, metadata={"description": "The same in words."})


class PreviewAnswer(Schema):
    rooms = fields.List(fields.Nested(RoomPreviewAnswer), required=True)
    more = _number(metadata={"description": "Rooms that are not shown."})
    mail = fields.Nested(RenderedMailAnswer, required=True, allow_none=True)


def _curve(**options: Any) -> fields.List[float]:
    return fields.List(fields.Float(**options), required=True)


def _curves() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.List(fields.Float()), required=True)


class OverviewAnswer(Schema):
    """What all nodes did, step by step."""

    node = _text(metadata={"description": "The node that was asked."})
    nodes = fields.List(fields.String(), required=True, metadata={"description": "Those that it is of."})
    started_at = _time()
    step_seconds = fields.Float(required=True)
    at = fields.List(fields.DateTime(), required=True)
    connections = _curve()
    deliveries = _curve()
    emits = _curves()
    mail = _curves()
    append_p99_ms = _curve(allow_none=True)
    emit_p99_ms = _curve(allow_none=True)


class AliveAnswer(Schema):
    status = _text(metadata={"enum": ["alive"]})


class ReadinessAnswer(Schema):
    status = _text(metadata={"enum": ["ready", "unready"]})
    reasons = fields.List(fields.String(), required=True)
