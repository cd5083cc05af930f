"""The events that users get, as bytes: encoded once, whoever they are for."""

from collections.abc import Mapping
from typing import Any

from gateway.ground.encoding import Json, dumps, time
from storage.inboxes import Count
from storage.streams import Notification


def encode(name: str, payload: Mapping[str, Any]) -> bytes:
    """The JSON array of a Socket.IO event."""
    return dumps([name, payload])


def notification_event(value: Notification) -> bytes:
    """The event `notification`, as it is delivered, replayed and repaired."""
    return dumps(["notification", notification(value)])


def notification(value: Notification) -> Json:
    """A notification as its readers see it."""
    return {
        "id": value.id,
        "room": value.room,
        "seq": value.seq,
        "type": value.type,
        "title": value.title,
        "body": value.body,
        "link": value.link,
        "data": value.data,
        "created_at": time(value.created_at),
    }


def count(value: Count) -> Json:
    """How much is unread, and up to where that was counted: a notification beyond it is one more."""
    return {"unread": value.unread, "heads": value.heads}
