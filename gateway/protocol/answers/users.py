"""What is answered about users: who is here, and what is known of them, as schemas."""

from marshmallow import Schema, fields

from gateway.protocol import required


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


class ProfileAnswer(Schema):
    """What is known of a user: the newer word of backends and of the user's tokens."""

    user = required.text()
    email = required.text(allow_none=True)
    name = required.text(allow_none=True)
    locale = required.text(allow_none=True)
    timezone = required.text(allow_none=True)
    attributes = fields.Dict(required=True)
    last_seen = required.time(allow_none=True)


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
