"""A mail: the obligation to send one notification to one address, and what has become of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
