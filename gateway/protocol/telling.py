"""What connections are told unasked: the payload of each event, as a schema. The types of the web's pages are made of it.

`gateway.notify.events` and `gateway.sockets` write it; a journey holds what they write to these schemas.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.protocol.answering import AddressAnswer, CountAnswer, NotificationAnswer
from gateway.protocol.preferences import PreferencesAnswer


def _text(**options: Any) -> fields.String:
    return fields.String(required=True, **options)


def _heads() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def _texts() -> fields.List[str]:
    return fields.List(fields.String(), required=True)


class ReadyEvent(CountAnswer):
    """Nothing is missing from here on."""

    user = _text()
    replayed = fields.Integer(required=True)
    resync = fields.List(
        fields.String(), required=True, metadata={"description": "Rooms of which too much was missed."}
    )
    epoch = _text(metadata={"description": "Which line of sequences the heads are of."})
    expires_at = fields.DateTime(required=True)


class AdminReadyEvent(ReadyEvent):
    """The same with the counts of the cluster; null while presence cannot tell."""

    users = fields.Integer(required=True, allow_none=True)
    connections = fields.Integer(required=True, allow_none=True)


class RoomsEvent(Schema):
    """Rooms that a connection has gained and lost, and how far those gained had come."""

    joined = _texts()
    left = _texts()
    heads = _heads()


class ClosingEvent(Schema):
    """Why the transport closes now."""

    reason = _text()
    reconnect = fields.Boolean(required=True)
    retry_after = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Seconds; null where it is not to come back."},
    )


class ExpiringEvent(Schema):
    """The token ends soon."""

    expires_at = fields.DateTime(required=True)


class JoinedEvent(Schema):
    """A user has come, with the first connection anywhere."""

    user = _text()
    name = _text(allow_none=True)
    roles = _texts()
    at = fields.DateTime(required=True)


class LeftEvent(Schema):
    """A user has gone, with the last connection, the grace being over."""

    user = _text()
    at = fields.DateTime(required=True)


class FeedItem(Schema):
    """A notification as the feed shows it: without its data, and cut."""

    id = _text()
    room = _text()
    seq = fields.Integer(required=True, allow_none=True)
    type = _text()
    title = _text()
    body = _text()
    created_at = fields.DateTime(required=True)
    in_app = fields.Boolean(required=True)
    mail = fields.Boolean(required=True)
    by = _text(metadata={"description": "Who emitted it."})


class FeedEvent(Schema):
    """Some of what a node has taken in, and how much more there was."""

    node = _text()
    notifications = fields.List(fields.Nested(FeedItem), required=True)
    left_out = fields.Integer(required=True)


EVENTS: Mapping[str, type[Schema]] = {
    "notification": NotificationAnswer,
    "ready": ReadyEvent,
    "inbox": CountAnswer,
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
