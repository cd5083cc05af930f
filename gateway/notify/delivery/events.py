"""The events that users get, as bytes: encoded once for all who read the same language.

It knows the shapes of docs/protocol.md that are pushed, and is where they are made: live, in a replay and in
a repair alike, so that a client cannot tell which it was. The answers to questions have their shapes in
`gateway.protocol.answers`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.ground.encoding import Json, dumps, time
from gateway.notify.delivery.translations import joined, versions
from storage.histories import Muted
from storage.inboxes import Count
from storage.notifications import Action, Notification


def encode(name: str, payload: Mapping[str, Any]) -> bytes:
    """The JSON array of a Socket.IO event.

    Without the packet's head: `gateway.engine` puts the namespace before it.
    """
    return dumps([name, payload])


def notification_event(value: Notification) -> bytes:
    """The event `notification`, as it is written to one reader."""
    return dumps(["notification", notification(value)])


def frame(name: str, value: Notification) -> bytes:
    """The event as it is delivered to a room: of several languages, where the notification has them.

    `name` is another than `notification` only where nothing is stored. The bus carries these bytes as they
    are.
    """
    if value.entry is None or not value.entry.translations:
        return dumps([name, notification(value)])
    return joined({locale: dumps([name, notification(each)]) for locale, each in versions(value).items()})


def notification(value: Notification) -> Json:
    """A notification as its readers see it, in the language that it is in.

    Fields that most do not have are left out: `category`, `locale` and `catalog_version` of a type that no
    catalog has, `actions`, `image`, `collapse_key`. What is of the mail, of the variant and of the rules is
    for no reader.
    """
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
    """The types that a reader does not want to be shown, but in the own room.

    Sorted, so that the same set is the same bytes.
    """
    return [] if value is None else sorted(value.types)


def count(value: Count) -> Json:
    """How much is unread, and up to where that was counted: a notification beyond it is one more.

    `turn` is left out while it is 0, as it is for nearly everybody; clients take a missing one for 0.
    """
    told: Json = {"unread": value.unread, "heads": value.heads}
    if value.turn:
        told["turn"] = value.turn
    return told
