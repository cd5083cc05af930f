"""The values a store keeps and answers with. All are immutable; every time is aware and in UTC.

Those that an emit makes are structs, which are made in a quarter of a dataclass's time; none can be part of a cycle, so
the garbage collector need not know of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from storage.beginnings import Membership

FAR = (1 << 62) - 1
"""A sequence that no room reaches."""


class Unless(StrEnum):
    """What makes a mail unnecessary, judged at the moment it is due."""

    READ = "read"  # the notification was read
    SEEN = "seen"  # it was seen or read
    ONLINE = "online"  # the user is connected


class MailState(StrEnum):
    PENDING = "pending"  # owed: waits for its due time or its next attempt
    LEASED = "leased"  # a worker holds it until the lease ends
    SENT = "sent"  # the transport took it
    SKIPPED = "skipped"  # it was not needed any more; the reason says why
    DEAD = "dead"  # given up on; kept with its reason until revived or pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOrder:
    """What an emission asks of the mailer: one notification to one address."""

    to: str
    due_at: datetime
    subject: str | None = None
    unless: Unless | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail order and what has become of it. It has the id of its notification."""

    order: MailOrder
    state: MailState
    attempts: int = 0
    due_at: datetime
    """When the next attempt is due; `order.due_at` at first, later after a postponement."""
    reason: str | None = None
    code: int | None = None
    """The SMTP code of the last failure, if a server gave one."""
    updated_at: datetime
    sent_at: datetime | None = None


class Notification(Struct, frozen=True, kw_only=True, gc=False):
    """A fact addressed to one room. `seq` is None before it is appended, and for ever if not shown in-app."""

    id: str
    room: str
    type: str
    title: str
    created_at: datetime
    seq: int | None = None
    body: str = ""
    link: str | None = None
    data: Mapping[str, Any]
    expires_at: datetime | None = None
    recalled_at: datetime | None = None
    """Set when it was recalled; its texts and data are gone then, its place in the stream stays."""
    in_app: bool = True
    mail: Mail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    scope: str
    """Whose key it is (the service's name): two services may use the same text."""
    text: str
    fingerprint: bytes
    """A digest of the request: the same key with another fingerprint is a mismatch."""


class Emission(Struct, frozen=True, kw_only=True, gc=False):
    """One request to append: all its notifications or none, once per key.

    The notifications arrive with `id`, `created_at` and, where ordered, a `mail`: PENDING, or SKIPPED from the
    beginning; without `seq`.
    """

    notifications: tuple[Notification, ...]
    key: IdempotencyKey | None = None


class Appended(Struct, frozen=True, kw_only=True, gc=False):
    """What an emission became. For a duplicate, the notifications are those of the first time."""

    notifications: tuple[Notification, ...]
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one user did with one notification, `read_upto` considered."""

    seen_at: datetime | None = None
    read_at: datetime | None = None
    dismissed_at: datetime | None = None
    clicked_at: datetime | None = None

    @property
    def is_read(self) -> bool:
        return self.read_at is not None

    @property
    def is_seen(self) -> bool:
        return self.seen_at is not None or self.read_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    notification: Notification
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A page of what a user's rooms hold, newest first."""

    user: str
    rooms: Sequence[str]
    before: str | None = None
    """A cursor of an earlier page; opaque to callers."""
    limit: int = 20
    types: Sequence[str] = ()
    unread_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    items: tuple[InboxItem, ...]
    next: str | None
    """The cursor of the next, older page; None at the end."""


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """What one session asks for as it opens: `user` is in `rooms` and had been given them up to `since`."""

    user: str
    rooms: Sequence[str]
    since: Mapping[str, int]
    limit: int
    now: datetime
    membership: Membership | None = None
    """With it, shared rooms that the user has had no beginning in get one."""
    epoch: str | None = None
    """Of the store that `since` counts in; None from those who do not say."""

    def since_in(self, epoch: str) -> Mapping[str, int]:
        """`since` in a store of this epoch: what was counted in another says nothing, and is beyond every head."""
        return self.since if self.epoch in (None, epoch) else dict.fromkeys(self.since, FAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much of some rooms a user has neither read nor dismissed.

    Up to the same heads `unread` never grows, and heads never go back: so two counts tell which is the newer.
    """

    unread: int
    heads: Mapping[str, int]
    """The last sequence of every room asked for, 0 for a room that never had one: what comes after it is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Count):
    """All that a new connection needs to know of its rooms, read at one moment or later than its joining."""

    missed: tuple[Notification, ...]
    """What came after `since`, per room ascending; rooms in `resync` contribute nothing."""
    resync: tuple[str, ...]
    """Rooms that had more than the limit behind, or of which a part is no longer kept, or that were counted otherwise."""
    epoch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Count):
    """The answer to read, seen and dismiss."""

    changed: int
    """How many notifications changed for the user; unknown ids and repeated calls change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What the user's last token said of them, and when they were last connected."""

    user: str
    email: str | None = None
    name: str | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's right to send one mail until `until`. Settling needs the token: a late worker changes nothing."""

    notification: Notification
    mail: Mail
    token: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    items: tuple[Notification, ...]
    """Notifications with their `mail`, newest first."""
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """Everything held about a user."""

    contact: Contact | None
    notifications: tuple[Notification, ...]
    receipts: Mapping[str, Receipt]
    """By notification id."""
    read_upto: Mapping[str, int]
    """By room."""
