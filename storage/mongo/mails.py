"""The mail in its notification's document: its fields and indexes, and what the other shelves do to it.

`mail.wake` says when a worker must look at it: when it is due, or when its lease ends; mail without it is not owed.
"""

from collections.abc import Sequence

from pymongo import IndexModel

from storage.encoding import micros, moment, moment_or_none
from storage.mail import Mail, MailOrder, MailState, Unless
from storage.mongo.collections import NOTIFICATIONS, Collections, Document

INDEXES = {
    NOTIFICATIONS: (
        IndexModel([("mail.wake", 1)], name="owed", sparse=True),
        IndexModel(
            [("mail.state", 1), ("created_at", -1), ("_id", -1)],
            name="mail",
            partialFilterExpression={"mail.state": {"$exists": True}},
        ),
    )
}

OWES = "mail.wake"
"""The field to ask for, for `owes`."""


def document_of(mail: Mail) -> Document:
    document: Document = {
        "to": mail.order.to,
        "ordered_at": micros(mail.order.due_at),
        "state": mail.state.value,
        "attempts": mail.attempts,
        "due_at": micros(mail.due_at),
        "updated_at": micros(mail.updated_at),
    }
    if mail.state is MailState.PENDING:
        document["wake"] = document["due_at"]
    if mail.reason is not None:
        document["reason"] = mail.reason
    if mail.order.subject is not None:
        document["subject"] = mail.order.subject
    if mail.order.unless is not None:
        document["unless"] = mail.order.unless.value
    return document


def mail_of(document: Document) -> Mail:
    get = document.get
    unless = get("unless")
    return Mail(
        order=MailOrder(
            to=document["to"],
            due_at=moment(document["ordered_at"]),
            subject=get("subject"),
            unless=None if unless is None else Unless(unless),
        ),
        state=MailState(document["state"]),
        attempts=document["attempts"],
        due_at=moment(document["due_at"]),
        reason=get("reason"),
        code=get("code"),
        updated_at=moment(document["updated_at"]),
        sent_at=moment_or_none(get("sent_at")),
    )


def owes(notification: Document) -> bool:
    """Whether mail of this notification is owed."""
    return "wake" in notification.get("mail", {})


async def withdraw(c: Collections, ids: Sequence[str], *, reason: str, now: int) -> None:
    """Their notifications are wiped: what waits is skipped, and the subjects go.

    Should the process end before: a worker that leases the mail sees that its notification is gone.
    """
    chosen: Document = {"_id": {"$in": list(ids)}}
    await c[NOTIFICATIONS].update_many(
        {**chosen, "mail.state": "pending"},
        {
            "$set": {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now},
            "$unset": {"mail.wake": ""},
        },
    )
    await c[NOTIFICATIONS].update_many(
        {**chosen, "mail.subject": {"$exists": True}}, {"$unset": {"mail.subject": ""}}
    )
