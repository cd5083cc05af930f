"""The events that users get, as bytes: encoded once for all who read the same language."""

from collections.abc import Mapping
from typing import Any

from gateway.ground.encoding import Json, dumps, time
from gateway.notify.translations import joined, versions
from storage.inboxes import Count, Muted
from storage.streams import Action, Notification


def encode(name: str, payload: Mapping[str, Any]) -> bytes:
    """The JSON array of a Socket.IO event."""
    return dumps([name, payload])


def notification_event(value: Notification) -> bytes:
    """The event `notification`, as it is written to one reader."""
    return dumps(["notification", notification(value)])


def frame(name: str, value: Notification) -> bytes:
    """The event as it is delivered to a room: of several languages, where the notification has them."""
    if value.entry is None or not value.entry.translations:
        return dumps([name, notification(value)])
    return joined({locale: dumps([name, notification(each)]) for locale, each in versions(value).items()})


def notification(value: Notification) -> Json:
    """A notification as its readers see it."""
    seen: Json = {
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
    entry = value.entry
    if entry is not None:
        if entry.catalog_version is not None:
            seen["category"] = entry.category
            seen["locale"] = entry.locale
            seen["catalog_version"] = entry.catalog_version
        if entry.actions:
            seen["actions"] = [action(each) for each in entry.actions]
        if entry.image is not None:
            seen["image"] = entry.image
    if value.collapse is not None:
        seen["collapse_key"] = value.collapse.key
        seen["collapsed"] = value.collapse.count
    return seen


def action(value: Action) -> Json:
    """A button as its readers see it."""
    shown: Json = {"id": value.id, "label": value.label, "style": value.style}
    if value.link is not None:
        shown["link"] = value.link
    return shown


def muted(value: Muted | None) -> list[str]:
    """The types that a reader does not want to be shown, but in the own room."""
    return [] if value is None else sorted(value.types)


def count(value: Count) -> Json:
    """How much is unread, and up to where that was counted: a notification beyond it is one more."""
    told: Json = {"unread": value.unread, "heads": value.heads}
    if value.turn:
        told["turn"] = value.turn
    return told
