"""Collapsing: of the notifications of a room under one key, the newest alone is shown, in place of those before it.

These are a chain. The rule, once for both stores: what the newest counts, and when its mail goes out. A newer one begins the
wait of the mail anew, but a chain that never ends may not starve its mail: it waits `LONGEST_WAIT` at most.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from msgspec import structs

from storage.encoding import micros, moment, shown_until
from storage.mail import Mail, MailState
from storage.notifications import Collapse, Notification

LONGEST_WAIT: Final = timedelta(hours=1)
"""From the first of a chain whose mail waits, unless the mail of a single one waits longer by itself."""
RULE: Final = "superseded"
"""By which the mail of the older ones is skipped."""
REASON: Final = "a newer one has taken its place"

Pair = tuple[str, str]
"""A room and a key: of each the store shows one notification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """What is shown under a key before the next one comes.

    It is read inside the appending transaction, or, where there is none, looked up again each time its place turns out to
    be taken.
    """

    id: str
    seq: int | None
    count: int
    """How many it stands for."""
    shown_until: int
    """Its expiry, in microseconds: what comes after that begins a chain of its own."""
    waits_since: int | None
    """Since when mail of the chain waits that was not sent, in microseconds; None when none does."""


def pair_of(notification: Notification) -> Pair:
    """Of a notification that has a key."""
    assert notification.collapse is not None
    return notification.room, notification.collapse.key


def following(notification: Notification, latest: Latest | None) -> tuple[Notification, int | None]:
    """The notification, which has a key, as it takes the place of `latest`; and since when mail of the chain waits then.

    Its count goes up by one, and its mail is due no later than `LONGEST_WAIT` after the first of the chain whose mail
    waits. When what is shown has expired by the time the new one was made, or there is none, a chain begins. The count
    lies in the newest alone; nothing is counted over the older ones.
    """
    assert notification.collapse is not None
    if latest is not None and latest.shown_until <= micros(notification.created_at):
        latest = None
    mail = notification.mail
    since = None
    if mail is not None and mail.state is MailState.PENDING:
        since = latest.waits_since if latest is not None else None
        if since is None:
            since = micros(notification.created_at)
        else:
            mail = _hastened(mail, notification, since)
    count = 1 if latest is None else latest.count + 1
    collapse = Collapse(key=notification.collapse.key, count=count)
    return structs.replace(notification, collapse=collapse, mail=mail), since


def latest_of(notification: Notification, since: int | None) -> Latest:
    """What is shown once `following` has answered these.

    So a second one under the same key within one call follows the first without asking the store.
    """
    assert notification.collapse is not None
    return Latest(
        id=notification.id,
        seq=notification.seq,
        count=notification.collapse.count,
        shown_until=shown_until(notification),
        waits_since=since,
    )


def _hastened(mail: Mail, notification: Notification, since: int) -> Mail:
    """The mail, due no later than the chain may wait; what a rule holds is due by that rule."""
    if mail.decided_by is not None:
        return mail
    wait = max(LONGEST_WAIT, mail.due_at - notification.created_at)
    due_at = min(mail.due_at, moment(since) + wait)
    return replace(mail, due_at=due_at, order=replace(mail.order, due_at=due_at))
