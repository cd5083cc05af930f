"""What is answered: the JSON of notifications and mail, for HTTP and Socket.IO alike.

Knows the shapes of the protocol; leaves what may be asked to `emit` and `asking`, and who may ask to the callers.
`tests/contract/test_http_api.py` holds these shapes to the OpenAPI document.

What users see of a notification is made in `gateway.notify.delivery.events`, since it goes over the bus as well; here
is what is added for those who send, support and administrate.
"""

from collections.abc import Mapping, Sequence

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.deciding.gates import quiet
from gateway.notify.deciding.sayings import in_words
from gateway.notify.delivery import events
from gateway.notify.emitting.emitter import Emitted
from gateway.notify.emitting.owing import USERS_NAMED, left_out
from gateway.notify.emitting.preview import Preview
from gateway.notify.emitting.scheduling import PutOff
from gateway.notify.mailroom import Revived
from gateway.notify.records import Record
from gateway.observe.feed import shown
from gateway.protocol import clicks
from mailer.transport import Outgoing
from storage.histories import HistoryPage, InboxItem
from storage.mail import Mail, MailState
from storage.notifications import Entry, Notification
from storage.outbox import MailPage
from storage.receipts import Receipt
from storage.schedule import Scheduled
from storage.searching import Found


def address(value: Notification) -> Json:
    """Where a notification stands; what an emit answers for each."""
    return {"id": value.id, "room": value.room, "seq": value.seq}


def some_users(users: Sequence[str]) -> Json:
    """How many there are, and the first of them by name."""
    return {"users": list(users[:USERS_NAMED]), "count": len(users)}


def emitted(value: Emitted | PutOff) -> Json:
    """The answer to an emit, with the users who get no mail because no address is known.

    Called for every emit that is answered.
    """
    if isinstance(value, PutOff):
        return put_off(value)
    if len(value.notifications) == 1 and value.notifications[0].mail is None:
        # What most are: answered as below, in half of the time.
        return {"notifications": [address(value.notifications[0])], "duplicate": value.duplicate}
    answer: Json = {
        "notifications": [_placed(notification) for notification in value.notifications],
        "duplicate": value.duplicate,
    }
    without_address = left_out(value.notifications)
    if without_address:
        answer["without_address"] = some_users(without_address)
    return answer


def put_off(value: PutOff) -> Json:
    """The answer to an emit of what is to come: it has no sequence yet.

    The ids are those under which it waits; the notifications get ids of their own later.
    """
    return {
        "notifications": [],
        "duplicate": value.duplicate,
        "scheduled": [_put_off(item, value) for item in value.items],
    }


def _put_off(item: Scheduled, of: PutOff) -> Json:
    """When it is emitted, until when its mail is held then, and whether that time was over when it was asked."""
    told: Json = {"id": item.id, "room": item.room, "scheduled_for": time(item.due_at)}
    if item.room in of.held:
        told["held_until"] = time(of.held[item.room])
    if not of.duplicate and item.due_at < item.created_at:
        told["late"] = True
    return told


def _placed(value: Notification) -> Json:
    """Where it stands, and until when its mail is held, if quiet hours hold it."""
    placed = address(value)
    owed = value.mail
    if owed is not None and owed.state is MailState.PENDING and owed.decided_by == quiet.RULE:
        placed["held_until"] = time(owed.due_at)
    return placed


def record(value: Notification) -> Json:
    """A notification as its senders see it: with what became of it.

    It is for senders and admins; a reader gets `inbox_item`.
    """
    return {
        **events.notification(value),
        "in_app": value.in_app,
        "skipped": skipped(value.entry),
        "expires_at": time_or_none(value.expires_at),
        "recalled_at": time_or_none(value.recalled_at),
        "superseded_by": value.superseded_by,
        "mail": None if value.mail is None else mail(value.mail),
    }


def skipped(entry: Entry | None) -> Json | None:
    """By which rule a notification is not shown in-app. None for one that is shown."""
    if entry is None or entry.hidden_by is None:
        return None
    return {"rule": entry.hidden_by, "detail": entry.hidden_why or ""}


def full_record(value: Record) -> Json:
    """The same, with what each reader did with it."""
    return {
        **record(value.notification),
        "receipts": receipts(value.receipts),
        "clicks": clicks.hits(value.clicks),
    }


def mail(value: Mail) -> Json:
    """A mail as it stands now. The address is told: who may ask for a mail may see where it went."""
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
        "verdict": in_words(value),
        "relay_id": value.relay_id,
        "digest": value.digest,
        "updated_at": time(value.updated_at),
        "sent_at": time_or_none(value.sent_at),
    }


def receipt(value: Receipt) -> Json:
    """What one reader did; null is not done, or taken back."""
    return {
        "seen_at": time_or_none(value.seen_at),
        "read_at": time_or_none(value.read_at),
        "dismissed_at": time_or_none(value.dismissed_at),
        "clicked_at": time_or_none(value.clicked_at),
        "archived_at": time_or_none(value.archived_at),
        "snoozed_until": time_or_none(value.snoozed_until),
        "acted": value.acted,
        "acted_at": time_or_none(value.acted_at),
    }


def receipts(values: Mapping[str, Receipt]) -> Json:
    """By user."""
    return {key: receipt(value) for key, value in values.items()}


def inbox_item(value: InboxItem) -> Json:
    """A notification as its reader sees it. Members that say nothing are absent, to keep a page small."""
    receipt = value.receipt
    item = {
        **events.notification(value.notification),
        "read": receipt.is_read,
        "seen": receipt.is_seen,
        "clicked": receipt.clicked_at is not None,
    }
    if receipt.acted is not None:
        item["acted"] = receipt.acted
    if receipt.archived_at is not None:
        item["archived"] = True
    if receipt.snoozed_until is not None:
        item["snoozed_until"] = time(receipt.snoozed_until)
    if receipt.returned_at is not None:
        item["returned_at"] = time(receipt.returned_at)
    return item


def history(page: HistoryPage) -> Json:
    """A page of an inbox."""
    return {"notifications": [inbox_item(item) for item in page.items], "next": page.next, **_returned(page)}


def _returned(page: HistoryPage) -> Json:
    """What came back from a snooze, where there is any."""
    return {"returned": [inbox_item(item) for item in page.returned]} if page.returned else {}


def mail_page(page: MailPage) -> Json:
    """A page of mail, each with the notification that it tells."""
    return {"mail": [record(item) for item in page.items], "next": page.next}


def admin_history(page: HistoryPage) -> Json:
    """A page of history with what became of each mail.

    As `history`, for who may see mail too.
    """
    items = [
        {**inbox_item(item), "mail": None if item.notification.mail is None else mail(item.notification.mail)}
        for item in page.items
    ]
    return {"notifications": items, "next": page.next, **_returned(page)}


def rendered(value: Outgoing) -> Json:
    """A mail as its reader will see it."""
    return {
        "from": value.author,
        "to": value.recipient,
        "subject": value.subject,
        "text": value.text,
        "html": value.html,
    }


def mail_counts(counts: Mapping[MailState, int]) -> Json:
    """How many mails are in each state; states without any may be missing."""
    return {"counts": dict(counts)}


def ids(changed: Sequence[str]) -> Json:
    """Those that were changed."""
    return {"ids": list(changed)}


def revived(ids: Sequence[str]) -> Json:
    """Those dead letters that are tried again."""
    return {"revived": list(ids)}


def all_revived(value: Revived) -> Json:
    """How many were revived at once; with `more` it may be asked again."""
    return {"revived": value.count, "more": value.more}


def preview(value: Preview) -> Json:
    """What an emit would do: by room, and the mail of the first that gets one. Nothing was stored."""
    rooms = [
        {
            "room": each.room,
            "connections": each.connections,
            "mail_to": each.mail_to,
            "mail_due_at": time_or_none(each.mail_due_at),
            "problem": each.problem,
            "decided_by": each.decided_by,
            "verdict": each.verdict,
            "collapse_key": each.collapse_key,
        }
        for each in value.rooms
    ]
    return {"rooms": rooms, "more": value.more, "mail": None if value.mail is None else rendered(value.mail)}


def latest(found: Sequence[Found]) -> Json:
    """What was emitted last, for the feed of an admin who begins to look."""
    return {
        "notifications": [
            shown(each.notification, by=None if each.origin is None else each.origin.by) for each in found
        ]
    }


def nothing(_: None) -> Json:
    """The answer of what has nothing to say."""
    return {}
