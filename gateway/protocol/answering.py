"""What is answered and told, as schemas: for the OpenAPI document, and for the types of the web's pages.

`gateway.protocol.shapes` writes it; the contract tests hold every answer to its schema here.
"""

from typing import Any

from marshmallow import Schema, fields

from gateway.notify.owing import USERS_NAMED
from gateway.protocol import required
from gateway.protocol.actions import ACTION_STYLES
from gateway.protocol.audits import DeedAnswer
from gateway.protocol.clicks import HitAnswer
from gateway.protocol.suppressions import SuppressionAnswer
from storage.campaigns import RecipientState
from storage.inboxes import RETURNED_MAX
from storage.mail import LaneName, MailState, Unless


class AddressAnswer(Schema):
    id = required.text()
    room = required.text()
    seq = required.number(
        allow_none=True, metadata={"description": "Null for what was not stored, or is not shown."}
    )


class PlacedAnswer(AddressAnswer):
    """The same, and what holds its mail."""

    held_until = fields.DateTime(
        metadata={"description": "When its mail is decided again that the user's quiet hours hold."}
    )


class PutOffAnswer(Schema):
    """What is emitted later to one room."""

    id = required.text(
        metadata={"description": "Of what waits; the notification gets its own when it is emitted."}
    )
    room = required.text()
    scheduled_for = required.time()


class SomeUsersAnswer(Schema):
    users = fields.List(
        fields.String(), required=True, metadata={"description": f"The first {USERS_NAMED} at most."}
    )
    count = required.number(metadata={"description": "Of all."})


class EmittedAnswer(Schema):
    notifications = fields.List(fields.Nested(PlacedAnswer), required=True)
    duplicate = required.flag(metadata={"description": "It was emitted before, under the same key."})
    without_address = fields.Nested(
        SomeUsersAnswer, metadata={"description": "Who is not mailed, as `email.if_known` allows."}
    )
    scheduled = fields.List(fields.Nested(PutOffAnswer), metadata={"description": "With `send_at`."})


class ProblemSchema(Schema):
    """Problem details (RFC 9457)."""

    type = required.text()
    title = required.text()
    status = required.number()
    code = required.text()
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

    status = required.number()
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


class ActionAnswer(Schema):
    """What a reader may press."""

    id = required.text()
    label = required.text()
    style = required.text(metadata={"enum": list(ACTION_STYLES)})
    link = fields.String(metadata={"description": "Where pressing it leads; absent where it leads nowhere."})


class NotificationAnswer(AddressAnswer):
    type = required.text()
    title = required.text()
    body = required.text()
    link = required.text(allow_none=True)
    data = fields.Dict(required=True)
    created_at = required.time()
    category = fields.String(metadata={"description": "Of the catalog; absent for a type that it has not."})
    locale = fields.String(
        metadata={"description": "The language of the words, where the catalog made them."}
    )
    catalog_version = fields.String(metadata={"description": "Of the catalog that made them."})
    collapse_key = fields.String(
        metadata={
            "description": "It takes the place of what is shown in its room under this key; absent where it stands by itself."
        }
    )
    collapsed = fields.Integer(
        metadata={"description": "How many it stands for, itself included; goes with `collapse_key`."}
    )
    actions = fields.List(
        fields.Nested(ActionAnswer), metadata={"description": "Its buttons; absent where it has none."}
    )
    image = fields.String(metadata={"description": "Where its picture is; absent where it has none."})


class ItemAnswer(NotificationAnswer):
    """A notification in a user's history."""

    read = required.flag()
    seen = required.flag()
    clicked = required.flag(metadata={"description": "Whether its link was followed."})
    acted = fields.String(metadata={"description": "The action that was pressed; absent before."})
    archived = fields.Boolean(metadata={"description": "Absent where it is not."})
    snoozed_until = fields.DateTime(metadata={"description": "When it comes back; absent where it is there."})
    returned_at = fields.DateTime(
        metadata={"description": "When it came back; absent once it was read again."}
    )


class HistoryAnswer(Schema):
    notifications = fields.List(fields.Nested(ItemAnswer), required=True)
    next = required.text(allow_none=True)
    returned = fields.List(
        fields.Nested(ItemAnswer),
        metadata={
            "description": f"With the first page: what came back from a snooze and is unread, the last first, {RETURNED_MAX} at most; absent where nothing did."
        },
    )


class CountAnswer(Schema):
    unread = required.number()
    heads = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    turn = fields.Integer(
        metadata={"description": "How often something became unread again; absent where nothing ever did."}
    )


class MailAnswer(Schema):
    state = fields.Enum(MailState, by_value=True, required=True)
    lane = fields.Enum(LaneName, by_value=True, required=True)
    to = required.text()
    subject = required.text(allow_none=True)
    unless = fields.Enum(Unless, by_value=True, required=True, allow_none=True)
    attempts = required.number()
    due_at = required.time()
    reason = required.text(allow_none=True)
    code = required.number(allow_none=True)
    decided_by = required.text(
        allow_none=True, metadata={"description": "The rule that skipped it, or holds it."}
    )
    verdict = required.text(
        allow_none=True,
        metadata={
            "description": "In words, why it was not sent, or is in a digest; null where neither is so."
        },
    )
    relay_id = required.text(
        allow_none=True, metadata={"description": "What the mail server said as it took it."}
    )
    digest = required.text(
        allow_none=True,
        metadata={"description": "The digest that it waits in, that told it, or that it was left out of."},
    )
    updated_at = required.time()
    sent_at = required.time(allow_none=True)


class SkippedAnswer(Schema):
    """Why something was not sent."""

    rule = required.text()
    detail = required.text()


class RecordAnswer(NotificationAnswer):
    """A notification with what became of it."""

    in_app = required.flag()
    skipped = fields.Nested(
        SkippedAnswer,
        required=True,
        allow_none=True,
        metadata={"description": "Why it is not shown in-app, where a rule decided that."},
    )
    expires_at = required.time(allow_none=True)
    recalled_at = required.time(allow_none=True)
    superseded_by = required.text(
        allow_none=True, metadata={"description": "The id of the newer one that stands for it."}
    )
    mail = fields.Nested(MailAnswer, required=True, allow_none=True)


class ReceiptAnswer(Schema):
    seen_at = required.time(allow_none=True)
    read_at = required.time(allow_none=True)
    dismissed_at = required.time(allow_none=True)
    clicked_at = required.time(allow_none=True)
    archived_at = required.time(allow_none=True)
    snoozed_until = required.time(allow_none=True)
    acted = required.text(allow_none=True, metadata={"description": "The action that was pressed."})
    acted_at = required.time(allow_none=True)


class RecordWithReceiptsAnswer(RecordAnswer):
    receipts = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ReceiptAnswer),
        required=True,
        metadata={"description": "By user."},
    )
    clicks = fields.List(
        fields.Nested(HitAnswer),
        required=True,
        metadata={"description": "On tracked links of its mail, the newest 100."},
    )


class MailPageAnswer(Schema):
    mail = fields.List(fields.Nested(RecordAnswer), required=True)
    next = required.text(allow_none=True)


class MailIdsAnswer(Schema):
    ids = fields.List(fields.String(), required=True)


class RevivedAnswer(Schema):
    revived = fields.List(fields.String(), required=True)


class OnlineAnswer(Schema):
    user = required.text()
    name = required.text(allow_none=True)
    roles = fields.List(fields.String(), required=True)
    connections = required.number()
    since = required.time()


class RosterAnswer(Schema):
    online = fields.List(fields.Nested(OnlineAnswer), required=True)
    users = required.number(metadata={"description": "In the whole cluster."})
    connections = required.number(metadata={"description": "In the whole cluster."})
    next = required.text(allow_none=True)


class PresenceAnswer(Schema):
    user = required.text()
    online = required.flag()
    connections = required.number()
    last_seen = required.time(allow_none=True)


class DisconnectedAnswer(Schema):
    disconnected = required.number(metadata={"description": "Connections that were known."})


class UserTopicAnswer(Schema):
    """A topic that a backend has put a user into."""

    topic = required.text()
    since = required.time()


class PreferenceChangeAnswer(Schema):
    """Who has chosen what, and when."""

    version = required.number()
    at = required.time()
    by = required.text(metadata={"description": "`user:…`, `service:…` or `link`."})
    mail = required.text(
        allow_none=True, metadata={"description": "The notification whose mail it came from, if from one."}
    )
    asked = fields.Dict(required=True)


class ScheduledAnswer(Schema):
    """What is emitted later to one room."""

    id = required.text()
    room = required.text()
    type = required.text()
    title = required.text(allow_none=True, metadata={"description": "Null: by the words of the type."})
    scheduled_for = required.time()
    latest_at = required.time(allow_none=True)
    cancel_key = required.text(allow_none=True)
    by = required.text(metadata={"description": "In whose name it was asked."})
    created_at = required.time()


class RecipientAnswer(Schema):
    """A recipient of a campaign, and what became of it."""

    id = required.text()
    user = required.text(allow_none=True, metadata={"description": "None: erased."})
    address = required.text(allow_none=True)
    state = fields.Enum(RecipientState, by_value=True, required=True)
    decided_by = required.text(
        allow_none=True, metadata={"description": "The rule that skips it, or holds it."}
    )
    reason = required.text(allow_none=True)
    mail = required.text(allow_none=True, metadata={"description": "The mail's id."})
    mail_state = fields.Enum(MailState, by_value=True, required=True, allow_none=True)
    variant = required.text(allow_none=True, metadata={"description": "That has fallen to it by lot."})
    clicked_at = required.time(
        allow_none=True, metadata={"description": "When a person has first followed a link of its mail."}
    )
    updated_at = required.time()


class UserCampaignAnswer(RecipientAnswer):
    """The same, with the campaign."""

    campaign = required.text()
    name = required.text()


class DigestAnswer(Schema):
    """A digest that is open."""

    id = required.text(metadata={"description": "Also of its mail, once it closes."})
    key = required.text(
        metadata={"description": "`daily`, `weekly`, or `type:` with the type whose mail it gathers."}
    )
    rule = required.text(metadata={"description": "By which it was opened."})
    opened_at = required.time()
    closes_at = required.time()
    gathered = required.number(metadata={"description": "Items that it was given."})


class UserDataAnswer(Schema):
    """Everything held about a user."""

    user = required.text()
    email = required.text(allow_none=True)
    name = required.text(allow_none=True)
    locale = required.text(allow_none=True)
    timezone = required.text(allow_none=True)
    attributes = fields.Dict(required=True)
    last_seen = required.time(allow_none=True)
    topics = fields.List(fields.Nested(UserTopicAnswer), required=True)
    preferences = fields.Dict(required=True, metadata={"description": "As they were chosen."})
    preference_changes = fields.List(fields.Nested(PreferenceChangeAnswer), required=True)
    scheduled = fields.List(fields.Nested(ScheduledAnswer), required=True)
    mails = fields.List(
        fields.Nested(RecordAnswer),
        required=True,
        metadata={"description": "Those that are no notification's own, with what they tell."},
    )
    digests = fields.List(fields.Nested(DigestAnswer), required=True)
    notifications = fields.List(fields.Nested(RecordAnswer), required=True)
    receipts = fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptAnswer), required=True)
    read_upto = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    suppressions = fields.List(
        fields.Nested(SuppressionAnswer),
        required=True,
        metadata={"description": "Of the user's addresses."},
    )
    campaigns = fields.List(fields.Nested(UserCampaignAnswer), required=True)
    audit = fields.List(
        fields.Nested(DeedAnswer),
        required=True,
        metadata={
            "description": "What was done by the user as an admin, and to the user. It is kept when the user is erased."
        },
    )
    clicks = fields.List(
        fields.Nested(HitAnswer),
        required=True,
        metadata={"description": "On tracked links in the user's mail."},
    )
    click_targets = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What those links lead to that nobody else was sent."},
    )


class ErasedAnswer(Schema):
    erased = required.number(metadata={"description": "Notifications wiped."})


class NothingAnswer(Schema):
    """That it was done."""


class AdminItemAnswer(ItemAnswer):
    """The same with what became of its mail."""

    mail = fields.Nested(MailAnswer, required=True, allow_none=True)


class AdminHistoryAnswer(Schema):
    notifications = fields.List(fields.Nested(AdminItemAnswer), required=True)
    next = required.text(allow_none=True)
    returned = fields.List(fields.Nested(ItemAnswer), metadata={"description": "As in a user's own history."})


class MailCountsAnswer(Schema):
    counts = fields.Dict(
        keys=fields.Enum(MailState, by_value=True),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Of every state."},
    )


class AllRevivedAnswer(Schema):
    revived = required.number()
    more = required.flag(metadata={"description": "Dead mail is left."})


class VisitorAnswer(OnlineAnswer):
    """The same with the topics of the user's token."""

    topics = fields.List(fields.String(), required=True)


class UserAnswer(Schema):
    user = required.text()
    online = fields.Nested(VisitorAnswer, required=True, allow_none=True)
    email = required.text(allow_none=True)
    name = required.text(allow_none=True)
    locale = required.text(allow_none=True)
    last_seen = required.time(allow_none=True)
    unread = required.number()


class RenderedMailAnswer(Schema):
    """A mail as its reader will see it."""

    from_ = required.text(data_key="from")
    to = required.text()
    subject = required.text()
    text = required.text()
    html = required.text()


class RoomPreviewAnswer(Schema):
    room = required.text()
    connections = required.number(
        allow_none=True, metadata={"description": "Null where only the nodes together know."}
    )
    mail_to = required.text(allow_none=True)
    mail_due_at = required.time(allow_none=True)
    problem = required.text(allow_none=True)
    decided_by = required.text(
        allow_none=True,
        metadata={"description": "The rule that would stop the mail now; null when none would."},
    )
    verdict = required.text(allow_none=True, metadata={"description": "The same in words."})
    collapse_key = required.text(
        allow_none=True,
        metadata={"description": "It would take the place of what is shown in the room under this key."},
    )


class PreviewAnswer(Schema):
    rooms = fields.List(fields.Nested(RoomPreviewAnswer), required=True)
    more = required.number(metadata={"description": "Rooms that are not shown."})
    mail = fields.Nested(RenderedMailAnswer, required=True, allow_none=True)


def _curve(**options: Any) -> fields.List[float]:
    return fields.List(fields.Float(**options), required=True)


def _curves() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.List(fields.Float()), required=True)


class OverviewAnswer(Schema):
    """What all nodes did, step by step."""

    node = required.text(metadata={"description": "The node that was asked."})
    nodes = fields.List(fields.String(), required=True, metadata={"description": "Those that it is of."})
    started_at = required.time()
    step_seconds = fields.Float(required=True)
    at = fields.List(fields.DateTime(), required=True)
    connections = _curve()
    deliveries = _curve()
    emits = _curves()
    mail = _curves()
    append_p99_ms = _curve(allow_none=True)
    emit_p99_ms = _curve(allow_none=True)


class AliveAnswer(Schema):
    status = required.text(metadata={"enum": ["alive"]})


class ReadinessAnswer(Schema):
    status = required.text(metadata={"enum": ["ready", "unready"]})
    reasons = fields.List(fields.String(), required=True)
    warnings = fields.List(
        fields.String(),
        metadata={
            "description": "What an operator should know, where there is something: it is ready still."
        },
    )
