"""What is answered: the JSON of notifications, mail and presence, for HTTP and Socket.IO alike.

Knows the shapes of the protocol; leaves what may be asked to `schemas`, and who may ask to the callers.
`tests/contract/test_http_api.py` holds these shapes to the OpenAPI document.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.cluster.presence.base import Online, Roster
from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify import events
from gateway.notify.notifier import USERS_NAMED
from gateway.notify.verdicts import not_sent
from mailer.transport import Outgoing
from storage.inboxes import HistoryPage, InboxItem, Receipt
from storage.mail import Mail, MailState
from storage.outbox import MailPage
from storage.people import UserData
from storage.streams import Appended, Notification


def address(value: Notification) -> Json:
    """Where a notification stands; what an emit answers for each."""
    return {"id": value.id, "room": value.room, "seq": value.seq}


def some_users(users: Sequence[str]) -> Json:
    return {"users": list(users[:USERS_NAMED]), "count": len(users)}


def emitted(value: Appended, left_out: Sequence[str]) -> Json:
    """The answer to an emit; `left_out` are the users who get no mail because no address is known."""
    answer: Json = {
        "notifications": [address(notification) for notification in value.notifications],
        "duplicate": value.duplicate,
    }
    if left_out:
        answer["without_address"] = some_users(left_out)
    return answer


def record(value: Notification) -> Json:
    """A notification as its senders see it: with what became of it."""
    return {
        **events.notification(value),
        "in_app": value.in_app,
        "expires_at": time_or_none(value.expires_at),
        "recalled_at": time_or_none(value.recalled_at),
        "mail": None if value.mail is None else mail(value.mail),
    }


def mail(value: Mail) -> Json:
    skipped = value.state is MailState.SKIPPED and value.reason is not None
    return {
        "state": value.state,
        "lane": value.order.lane,
        "to": value.order.to,
        "subject": value.order.subject,
        "unless": value.order.unless,
        "attempts": value.attempts,
        "due_at": time(value.due_at),
        "reason": value.reason,
        "code": value.code,
        "decided_by": value.decided_by,
        "verdict": not_sent(value.reason or "") if skipped else None,
        "relay_id": value.relay_id,
        "updated_at": time(value.updated_at),
        "sent_at": time_or_none(value.sent_at),
    }


def receipt(value: Receipt) -> Json:
    return {
        "seen_at": time_or_none(value.seen_at),
        "read_at": time_or_none(value.read_at),
        "dismissed_at": time_or_none(value.dismissed_at),
        "clicked_at": time_or_none(value.clicked_at),
    }


def receipts(values: Mapping[str, Receipt]) -> Json:
    return {key: receipt(value) for key, value in values.items()}


def inbox_item(value: InboxItem) -> Json:
    return {
        **events.notification(value.notification),
        "read": value.receipt.is_read,
        "seen": value.receipt.is_seen,
    }


def history(page: HistoryPage) -> Json:
    return {"notifications": [inbox_item(item) for item in page.items], "next": page.next}


def mail_page(page: MailPage) -> Json:
    return {"mail": [record(item) for item in page.items], "next": page.next}


def online(value: Online) -> Json:
    return {
        "user": value.user,
        "name": value.name,
        "roles": list(value.roles),
        "connections": value.connections,
        "since": time(value.since),
    }


def admin_history(page: HistoryPage) -> Json:
    """A page of history with what became of each mail."""
    items = [
        {**inbox_item(item), "mail": None if item.notification.mail is None else mail(item.notification.mail)}
        for item in page.items
    ]
    return {"notifications": items, "next": page.next}


def rendered(value: Outgoing) -> Json:
    """A mail as its reader will see it."""
    return {
        "from": value.author,
        "to": value.recipient,
        "subject": value.subject,
        "text": value.text,
        "html": value.html,
    }


def roster(page: Roster) -> Json:
    return {
        "online": [online(user) for user in page.online],
        "users": page.users,
        "connections": page.connections,
        "next": page.next,
    }


def user_data(user: str, data: UserData) -> Json:
    contact = data.contact
    return {
        "user": user,
        "email": contact and contact.email,
        "name": contact and contact.name,
        "last_seen": contact and time_or_none(contact.last_seen),
        "notifications": [record(item) for item in data.notifications],
        "receipts": receipts(data.receipts),
        "read_upto": dict(data.read_upto),
    }


def presence(user: str, entry: Online | None, last_seen: datetime | None) -> Json:
    """Whether one user is there."""
    return {
        "user": user,
        "online": entry is not None,
        "connections": 0 if entry is None else entry.connections,
        "last_seen": time_or_none(last_seen),
    }
