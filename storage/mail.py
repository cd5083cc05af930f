"""A mail: what is to be sent to one address by which lane, and what has become of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Unless(StrEnum):
    """What makes a mail unnecessary, judged at the moment it is due.

    It is judged once, when the mail is due and before anything is sent; what happens after that stops no mail.
    """

    READ = "read"  # the notification was read
    SEEN = "seen"  # it was seen or read
    ONLINE = "online"  # the user is connected


class LaneName(StrEnum):
    """The way that a mail leaves by.

    Each lane is leased, paced, counted and paused by itself, so that a newsletter delays no password.
    """

    TRANSACTIONAL = "transactional"  # what somebody waits for
    BULK = "bulk"  # what many get at once, and nobody waits for


class MailState(StrEnum):
    """Where a mail is. From `pending` on it is moved by its worker alone, but for what is recalled, dropped or
    cancelled while it waits; from `sent` on by what is heard of it.
    """

    PENDING = "pending"  # owed: waits for its due time or its next attempt
    LEASED = "leased"  # a worker holds it until the lease ends
    GATHERED = "gathered"  # it waits in a digest that is open
    MERGED = "merged"  # a digest tells it, whose own mail says what became of it
    SENT = "sent"  # the transport took it
    DELIVERED = "delivered"  # its recipient's server has said that it is in the mailbox
    BOUNCED = "bounced"  # it came back: its recipient's server did not take it
    COMPLAINED = "complained"  # its reader called it spam
    SKIPPED = "skipped"  # it was not needed any more; the reason says why
    DEAD = "dead"  # given up on; kept with its reason until revived or pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOrder:
    """What is asked of the mailer: one thing to one address.

    It never changes: `due_at` is when it was first to go. An address is as it was written, and empty once its user was
    erased.
    """

    to: str
    due_at: datetime
    subject: str | None = None
    unless: Unless | None = None
    lane: LaneName = LaneName.TRANSACTIONAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The lease under which a mail is stored from the beginning, for a worker that sends it at once.

    A process that ends before it has sent leaves a lease that ends, and any worker takes the mail then.
    """

    token: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail order and what has become of it.

    `attempts` counts the leases that were not given back, this one included while it is leased. `reason` and `code` are of
    the last thing that was said of it, whichever it was.
    """

    order: MailOrder
    state: MailState
    attempts: int = 0
    due_at: datetime
    """When the next attempt is due; `order.due_at` at first, later after a postponement."""
    reason: str | None = None
    code: int | None = None
    """The SMTP code of the last failure, if a server gave one."""
    decided_by: str | None = None
    """The name of the rule that skipped it, or holds it; None when none did."""
    relay_id: str | None = None
    """What the relay said as it took it."""
    digest: str | None = None
    """The id of the digest that it waits in, that told it, or that it was left out of."""
    updated_at: datetime
    sent_at: datetime | None = None
    hold: Hold | None = None
    """Of mail that is appended `LEASED`; what is read from the store has none."""


HASTENED = "hastened"
"""In the place of the rule that holds it: somebody has said that it is to go now, and no rule holds it at its next attempt."""
OWED = (MailState.PENDING, MailState.LEASED, MailState.GATHERED)
"""What may still be told: its notification is kept until then."""
WAITING = (MailState.PENDING, MailState.GATHERED)
"""What nobody is at work on, and can be taken back."""
AFTER_SENT = (MailState.SENT, MailState.DELIVERED, MailState.BOUNCED, MailState.COMPLAINED)
"""What may be heard of a mail once it is sent, each of which outweighs those before it."""
