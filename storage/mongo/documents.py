"""From values to documents and back. A field that says nothing is left out: most notifications are small."""

import msgspec

from storage.encoding import (
    data_of,
    data_text,
    entry_document,
    micros,
    moment,
    moment_or_none,
    receipt_of,
    shown_until,
)
from storage.mongo import mail_rows
from storage.mongo.collections import Document
from storage.notifications import Collapse, Entry, Notification
from storage.receipts import UNTOUCHED, Receipt

WIPED_BELOW = -1
"""`until` of what was wiped and lies below its room's `cleared`: no index holds it any more."""


_RECEIPT = ("seen_at", "read_at", "dismissed_at", "clicked_at", "archived_at", "snoozed_until", "unread_at",
            "returned_at", "acted", "acted_at")  # fmt: skip


def document_of(notification: Notification) -> Document:
    """Without `seq` and `collapse`, which are not known yet.

    Nor with its key and its origin, which are its emission's. What is left out is read back as it was: empty, or None.
    """
    document: Document = {
        "_id": notification.id,
        "room": notification.room,
        "type": notification.type,
        "title": notification.title,
        "created_at": micros(notification.created_at),
        "until": shown_until(notification),
    }
    if notification.body:
        document["body"] = notification.body
    if notification.link is not None:
        document["link"] = notification.link
    if notification.data:
        document["data"] = data_text(notification.data)
    if notification.expires_at is not None:
        document["expires_at"] = document["until"]
    if notification.mail is not None:
        document["mail"] = mail_rows.document_of(notification.mail)
    if notification.entry is not None:
        document["entry"] = entry_document(notification.entry)
    return document


def notification_of(document: Document) -> Notification:
    """The notification of a whole document, its mail included."""
    get = document.get
    seq = get("seq")
    data = get("data")
    mail = get("mail")
    entry = get("entry")
    collapse = get("collapse")
    return Notification(
        id=document["_id"],
        room=document["room"],
        seq=seq,
        type=document["type"],
        title=document["title"],
        body=get("body", ""),
        link=get("link"),
        data={} if data is None else data_of(data),
        created_at=moment(document["created_at"]),
        expires_at=moment_or_none(get("expires_at")),
        recalled_at=moment_or_none(get("recalled_at")),
        in_app=seq is not None,
        mail=None if mail is None else mail_rows.mail_of(mail),
        entry=None if entry is None else msgspec.convert(entry, Entry),
        collapse=None if collapse is None else Collapse(collapse["key"], collapse["count"]),
        superseded_by=get("superseded_by"),
    )


def receipt_from(receipt: Document | None, inbox: Document | None, seq: int) -> Receipt:
    """What a receipt and the user's inbox document of the room say of the notification at `seq`.

    Either may be missing. The inbox says when all up to `read_upto` was read, or when the room began for its user.
    """
    covered_at = None
    if inbox is not None and inbox["read_upto"] >= seq:
        covered_at = inbox.get("begun_at" if inbox.get("begins", 0) >= seq else "read_at")
    elif receipt is None:
        return UNTOUCHED
    row = receipt or {}
    return receipt_of(**{name: row[name] for name in _RECEIPT if name in row}, covered_at=covered_at)
