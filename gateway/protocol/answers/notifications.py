"""A notification as its readers and its senders see it, with its mail and its receipts, as schemas.

They build on each other: where it stands (`AddressAnswer`), what it says (`NotificationAnswer`), what its
reader did (`ItemAnswer`), and what became of it (`RecordAnswer`).
"""

from marshmallow import Schema, fields

from gateway.protocol import required
from gateway.protocol.actions import ACTION_STYLES
from gateway.protocol.clicks import HitAnswer
from storage.histories import RETURNED_MAX
from storage.mail import LaneName, MailState, Unless


class AddressAnswer(Schema):
    id = required.text()
    room = required.text()
    seq = required.number(
        allow_none=True, metadata={"description": "Null for what was not stored, or is not shown."}
    )


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
    """The cursor of the next, older page; null at the end."""
    returned = fields.List(
        fields.Nested(ItemAnswer),
        metadata={
            "description": f"With the first page: what came back from a snooze and is unread, the last first, {RETURNED_MAX} at most; absent where nothing did."
        },
    )


class CountAnswer(Schema):
    unread = required.number()
    heads = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    """The last sequence of each room."""
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
    """How often it was handed over so far."""
    due_at = required.time()
    """When it is tried next; of one that is over, when it was."""
    reason = required.text(allow_none=True)
    """In the words of a rule or of the mail server."""
    code = required.number(allow_none=True)
    """Of SMTP; null where no server has spoken."""
    decided_by = required.text(
        allow_none=True, metadata={"description": "The rule that skipped it, or holds it."}
    )
    verdict = required.text(
        allow_none=True,
        metadata={
            "description": "In words, why it was not sent, is held, or is in a digest; null where none of it is so."
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
    """Null once it has come back."""
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


class AdminItemAnswer(ItemAnswer):
    """The same with what became of its mail."""

    mail = fields.Nested(MailAnswer, required=True, allow_none=True)


class AdminHistoryAnswer(Schema):
    notifications = fields.List(fields.Nested(AdminItemAnswer), required=True)
    next = required.text(allow_none=True)
    returned = fields.List(fields.Nested(ItemAnswer), metadata={"description": "As in a user's own history."})
