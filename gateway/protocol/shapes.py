"""What goes over the wire: the JSON of notifications, mail, presence and times, for HTTP and Socket.IO alike.

Knows the shapes of PROTOCOL; leaves what may be asked to `gateway.protocol.schemas`, and who may ask to the callers.
`tests/contract/test_http_api.py` holds these shapes to the OpenAPI document.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from gateway.cluster.presence.base import Online, Roster
from gateway.observe.overview import Overview
from mailer.transport import Outgoing
from storage.models import (
    Appended,
    Count,
    HistoryPage,
    InboxItem,
    Mail,
    MailPage,
    Notification,
    Receipt,
    UserData,
)

Json = dict[str, Any]

dumps = orjson.dumps
"""JSON as UTF-8, compact. Refuses (TypeError) what other parsers would stumble over: NaN becomes null, a lone
surrogate or an integer beyond 64 bit raises; the schemas let neither in."""


@lru_cache(maxsize=4096)
def time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-22T08:27:41.123Z`. Cached: what was emitted together shares its time."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else time(moment)


def event(name: str, payload: Mapping[str, Any]) -> bytes:
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


def address(value: Notification) -> Json:
    """Where a notification stands; what an emit answers for each."""
    return {"id": value.id, "room": value.room, "seq": value.seq}


USERS_NAMED = 100
"""Of users in an error or beside an answer: all are counted."""


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
        **notification(value),
        "in_app": value.in_app,
        "expires_at": _time(value.expires_at),
        "recalled_at": _time(value.recalled_at),
        "mail": None if value.mail is None else mail(value.mail),
    }


def mail(value: Mail) -> Json:
    return {
        "state": value.state,
        "to": value.order.to,
        "subject": value.order.subject,
        "unless": value.order.unless,
        "attempts": value.attempts,
        "due_at": time(value.due_at),
        "reason": value.reason,
        "code": value.code,
        "updated_at": time(value.updated_at),
        "sent_at": _time(value.sent_at),
    }


def receipt(value: Receipt) -> Json:
    return {
        "seen_at": _time(value.seen_at),
        "read_at": _time(value.read_at),
        "dismissed_at": _time(value.dismissed_at),
        "clicked_at": _time(value.clicked_at),
    }


def receipts(values: Mapping[str, Receipt]) -> Json:
    return {key: receipt(value) for key, value in values.items()}


def inbox_item(value: InboxItem) -> Json:
    return {**notification(value.notification), "read": value.receipt.is_read, "seen": value.receipt.is_seen}


def count(value: Count) -> Json:
    """How much is unread, and up to where that was counted: a notification beyond it is one more."""
    return {"unread": value.unread, "heads": value.heads}


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


FEED_BODY_CHARACTERS = 280


def feed_item(value: Notification, scope: str) -> Json:
    """A notification as the feed shows it: without `data`, the body cut, with who emitted it."""
    return {
        "id": value.id,
        "room": value.room,
        "seq": value.seq,
        "type": value.type,
        "title": value.title,
        "body": value.body[:FEED_BODY_CHARACTERS],
        "created_at": time(value.created_at),
        "in_app": value.in_app,
        "mail": value.mail is not None,
        "by": scope,
    }


def admin_history(page: HistoryPage) -> Json:
    """A page of history with what became of each mail."""
    items = [
        {**inbox_item(item), "mail": None if item.notification.mail is None else mail(item.notification.mail)}
        for item in page.items
    ]
    return {"notifications": items, "next": page.next}


def overview(seen: Overview, *, node: str, started_at: datetime) -> Json:
    """The steps as columns: one list per curve, all of the same length; counts are per step."""
    steps = seen.steps
    return {
        "node": node,
        "nodes": list(seen.nodes),
        "started_at": time(started_at),
        "step_seconds": seen.step_seconds,
        "at": [time(step.at) for step in steps],
        "connections": [step.connections for step in steps],
        "deliveries": [step.deliveries for step in steps],
        "emits": _columns([step.emits for step in steps]),
        "mail": _columns([step.mail for step in steps]),
        "append_p99_ms": [_milliseconds(step.append_p99_seconds) for step in steps],
        "emit_p99_ms": [_milliseconds(step.emit_p99_seconds) for step in steps],
    }


def _columns(steps: Sequence[Mapping[str, float]]) -> Json:
    outcomes = sorted({outcome for counts in steps for outcome in counts})
    return {outcome: [counts.get(outcome, 0) for counts in steps] for outcome in outcomes}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


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
        "last_seen": contact and _time(contact.last_seen),
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
        "last_seen": _time(last_seen),
    }
