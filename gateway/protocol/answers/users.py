"""What is answered about users: who is here, and all that is held, as schemas.

`UserDataAnswer` has some of nearly every noun: whatever is kept of a user is to be found in it.
"""

from marshmallow import Schema, fields

from gateway.protocol import required
from gateway.protocol.answers.notifications import ReceiptAnswer, RecordAnswer
from gateway.protocol.answers.waiting import DigestAnswer, ScheduledAnswer, UserCampaignAnswer
from gateway.protocol.audits import DeedAnswer
from gateway.protocol.clicks import HitAnswer, OpenAnswer
from gateway.protocol.suppressions import SuppressionAnswer
from gateway.protocol.trial_results import TrialPartAnswer


class OnlineAnswer(Schema):
    user = required.text()
    name = required.text(allow_none=True)
    roles = fields.List(fields.String(), required=True)
    """Of the newest connection."""
    connections = required.number()
    since = required.time()
    """Of the oldest connection."""


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
    """When a token was last seen, or a session left; null: never."""


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


class ProfileAnswer(Schema):
    """What is known of a user: the newer word of backends and of the user's tokens."""

    user = required.text()
    email = required.text(allow_none=True)
    name = required.text(allow_none=True)
    locale = required.text(allow_none=True)
    timezone = required.text(allow_none=True)
    attributes = fields.Dict(required=True)
    last_seen = required.time(allow_none=True)


class UserDataAnswer(ProfileAnswer):
    """Everything held about a user."""

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
    """By room, the sequence up to which all counts as read."""
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
    opens = fields.List(
        fields.Nested(OpenAnswer),
        required=True,
        metadata={"description": "Of the user's mail, the newest first."},
    )
    trials = fields.List(
        fields.Nested(TrialPartAnswer),
        required=True,
        metadata={"description": "The user's part in the experiments of types, the newest first."},
    )


class ErasedAnswer(Schema):
    erased = required.number(metadata={"description": "Notifications wiped."})


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
