"""The lines of a file of the archive: one notification each, as JSON (docs/archive.md has them).

What is of one user's own room is sealed whole; only its id, time and type can be read without the user's key.

`writing` makes lines, `reading` and the archivist's own look take them apart. What a line holds is the
store's structs as msgspec writes them, without what says nothing; a field that a later release adds needs a
default.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.ground.rooms import user_of
from gateway.notify.archive.depot import DepotDamaged
from gateway.notify.archive.sealing import key_of, seal, unseal
from storage.archive import ArchivedNotification, ArchiveKey
from storage.encoding import data_of, data_text
from storage.inboxes import Receipt
from storage.notifications import Notification


class Content(Struct, omit_defaults=True):
    """A notification without its data, its data as text, and what its reader did with it."""

    notification: dict[str, Any]
    data: str = "{}"
    """As the store writes it."""
    receipt: dict[str, Any] | None = None
    """Times and the action of a reader of an own room; None in a room of many."""


class Line(Struct, omit_defaults=True):
    """What of a notification can be read by everybody, and the rest: sealed under a key, or as it is.

    One of `sealed` and `content` is there, and `key` with `sealed` (`line_of` sees to that).
    """

    id: str
    at: datetime
    type: str
    key: str | None = None
    """The id of the key; it names no user."""
    sealed: str | None = None
    content: Content | None = None


_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Decoder(Line)
_contents = msgspec.json.Decoder(Content)


def written(kept: ArchivedNotification, keys: Mapping[str, ArchiveKey]) -> bytes:
    """The line of a notification; `keys` are those of the users whose rooms there are.

    The same notification and key make the same bytes, so that a piece may be written again.
    """
    n = kept.notification
    content = Content(
        notification=_said(msgspec.to_builtins(replace(n, data={}))),
        data=data_text(n.data),
        receipt=None if kept.receipt is None else _said(msgspec.to_builtins(kept.receipt)) or None,
    )
    reader = user_of(n.room)
    line = Line(id=n.id, at=n.created_at, type=n.type)
    if reader is None:
        line.content = content
    else:
        key = key_of(reader, keys)
        line.key, line.sealed = key.id, seal(key, n.id, _encode(content))
    return _encode(line) + b"\n"


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: most notifications are small."""
    return {name: value for name, value in fields.items() if value not in (None, "", {})}


def told(kept: ArchivedNotification) -> str:
    """A notification in one line of JSON, for who reads the archive.

    For people and their tools; it is not the format of the archive.
    """
    n = kept.notification
    said: dict[str, Any] = _said(msgspec.to_builtins(replace(n, data={})))
    read = {} if kept.receipt is None else _said(msgspec.to_builtins(kept.receipt))
    return json.dumps({**said, "data": n.data, **read})


def line_of(text: bytes) -> Line:
    """Raises `DepotDamaged` for what is no line."""
    try:
        line = _lines.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DepotDamaged("a line of it cannot be read") from error
    if (line.sealed is None) == (line.content is None) or (line.sealed is None) != (line.key is None):
        raise DepotDamaged("a line of it is neither sealed nor open")
    return line


def kept_of(line: Line, keys: Mapping[str, ArchiveKey]) -> ArchivedNotification | None:
    """What was put away; None when the key is not among `keys`, which are by their ids. Raises `DepotDamaged`.

    Without the key it is the notification of somebody who was erased: nobody can read it any more, and that
    is as it should be.
    """
    content = line.content
    if line.sealed is not None and line.key is not None:
        key = keys.get(line.key)
        if key is None:
            return None
        try:
            content = _contents.decode(unseal(key, line.id, line.sealed))
        except msgspec.MsgspecError as error:
            raise DepotDamaged("what is sealed in it cannot be read") from error
    assert content is not None  # `line_of` has looked
    try:
        # `title` has no default, and one that is empty was left out as saying nothing.
        fields = {"title": "", **content.notification, "data": {}}
        notification = msgspec.convert(fields, Notification)
        return ArchivedNotification(
            notification=replace(notification, data=data_of(content.data)),
            receipt=None if content.receipt is None else msgspec.convert(content.receipt, Receipt),
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise DepotDamaged("a notification in it cannot be read") from error
