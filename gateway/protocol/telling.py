"""What connections are told unasked: the payload of each event, as a schema. The types of the web's pages are made of it.

`gateway.notify.delivery.events` and `gateway.sockets` write it; a journey holds what they write to these schemas.

Answers to what a client asks are not here: they are with what is asked.
"""

from collections.abc import Mapping

from marshmallow import Schema, fields

from auth.principal import Role
from gateway.protocol import required
from gateway.protocol.answers.notifications import AddressAnswer, CountAnswer, ItemAnswer, NotificationAnswer
from gateway.protocol.preferences import PreferencesAnswer


def _heads() -> fields.Dict:
    """Sequences by room."""
    return fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def _texts() -> fields.List[str]:
    """A list of texts."""
    return fields.List(fields.String(), required=True)


class ReadyEvent(CountAnswer):
    """Nothing is missing from here on."""

    user = required.text()
    replayed = required.number()
    resync = fields.List(
        fields.String(), required=True, metadata={"description": "Rooms of which too much was missed."}
    )
    epoch = required.text(metadata={"description": "Which line of sequences the heads are of."})
    muted = fields.List(
        fields.String(),
        metadata={
            "description": "Types not to be shown but in the user's own room; absent where there are none."
        },
    )
    expires_at = required.time()


class AdminReadyEvent(ReadyEvent):
    """The same with the counts of the cluster; null while presence cannot tell."""

    users = required.number(allow_none=True)
    connections = required.number(allow_none=True)
    role = fields.Enum(Role, by_value=True, required=True)
    may = fields.List(
        fields.String(), required=True, metadata={"description": "The events that this role may ask."}
    )


class ChangedAnswer(Schema):
    """Some of what a history says of a notification."""

    read = fields.Boolean()
    dismissed = fields.Boolean()
    archived = fields.Boolean()
    snoozed_until = fields.DateTime(allow_none=True)
    acted = fields.String()


class DidAnswer(Schema):
    """What was done in another connection of the user, or what came back by itself."""

    event = required.text(
        metadata={
            "description": "The client's event that it was done by.",
            "enum": ["dismiss", "undismiss", "unread", "archive", "unarchive", "snooze", "act", "back"],
        }
    )
    ids = fields.List(fields.String(), required=True)
    """Those that it was done to."""
    item = fields.Nested(ChangedAnswer, metadata={"description": "What of each of them is different now."})
    notifications = fields.List(
        fields.Nested(ItemAnswer), metadata={"description": "Of `back`: what came back from a snooze."}
    )


class InboxEvent(CountAnswer):
    """How much is unread."""

    muted = fields.List(
        fields.String(),
        metadata={
            "description": "Types not to be shown but in the user's own room; where these have changed."
        },
    )
    did = fields.Nested(
        DidAnswer, metadata={"description": "What was done, where that is more than reading."}
    )


class RoomsEvent(Schema):
    """Rooms that a connection has gained and lost, and how far those gained had come."""

    joined = _texts()
    left = _texts()
    heads = _heads()
    """Of those gained: from there on they are heard."""


class ClosingEvent(Schema):
    """Why the transport closes now."""

    reason = required.text()
    """A code of docs/protocol.md."""
    reconnect = required.flag()
    retry_after = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Seconds; null where it is not to come back."},
    )


class ExpiringEvent(Schema):
    """The token ends soon."""

    expires_at = required.time()
    """Of the token; a newer one can be sent by `token`."""


class JoinedEvent(Schema):
    """A user has come, with the first connection anywhere."""

    user = required.text()
    name = required.text(allow_none=True)
    roles = _texts()
    at = required.time()


class LeftEvent(Schema):
    """A user has gone, with the last connection, the grace being over."""

    user = required.text()
    at = required.time()


class FeedItem(Schema):
    """A notification as the feed shows it: without its data, and cut."""

    id = required.text()
    room = required.text()
    seq = required.number(allow_none=True)
    type = required.text()
    title = required.text()
    body = required.text()
    created_at = required.time()
    in_app = required.flag()
    mail = required.flag()
    by = required.text(
        allow_none=True, metadata={"description": "Who emitted it; null of what came before one looked."}
    )


class LatestAnswer(Schema):
    """What came before, the newest first."""

    notifications = fields.List(fields.Nested(FeedItem), required=True)


class FeedEvent(Schema):
    """Some of what a node has taken in, and how much more there was."""

    node = required.text()
    """That has taken it in."""
    notifications = fields.List(fields.Nested(FeedItem), required=True)
    left_out = required.number()
    """Since the event before, of the same node."""


EVENTS: Mapping[str, type[Schema]] = {
    "notification": NotificationAnswer,
    "ready": ReadyEvent,
    "inbox": InboxEvent,
    "recalled": AddressAnswer,
    "rooms": RoomsEvent,
    "preferences": PreferencesAnswer,
    "token:expiring": ExpiringEvent,
    "closing": ClosingEvent,
}
"""Of the namespace `/`, by name."""

ADMIN_EVENTS: Mapping[str, type[Schema]] = {
    **EVENTS,
    "ready": AdminReadyEvent,
    "presence:joined": JoinedEvent,
    "presence:left": LeftEvent,
    "feed": FeedEvent,
}
"""Of the namespace `/admin`."""
