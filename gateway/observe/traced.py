"""What a trace tells: the points of its line, its mails, and what the nodes know.

Only values; `gateway.protocol.tracing` shapes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.notify.deciding.sayings import Saying
from storage.campaigns import Campaign
from storage.mail import Mail
from storage.notifications import Notification
from storage.obligations import Subject
from storage.receipts import Receipt
from storage.searching import Provenance


class Via(StrEnum):
    """What a point of the line is about."""

    CALL = "call"
    INBOX = "inbox"  # what is shown, and to whom
    READER = "reader"  # what a person did with it
    MAIL = "mail"
    DEED = "deed"  # what somebody did to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Something that happened, or is to happen."""

    at: datetime
    via: Via
    """What it is about."""
    what: str
    """One word."""
    detail: str | None = None
    """In words: of a rule, or of a mail server."""
    by: str | None = None
    """A node, a person, or who did it."""
    mail: str | None = None
    """The id of the mail that it is of."""
    count: int | None = None
    """Of a mail, which attempt it was; of what was written, to how many sessions."""
    rule: str | None = None
    """By which it was decided; None: by none."""
    code: int | None = None
    """Of SMTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMail:
    """One mail of the notification, or that tells it."""

    id: str
    of: Subject
    """What it is the mail of: a notification, a campaign's recipient, or a digest."""
    mail: Mail
    gates: Sequence[Saying]
    """What each rule has said of it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """What a node knows of a notification and its sessions."""

    node: str
    here: int
    """Sessions in the room now."""
    has_come: bool
    """Whether the node has written the room's stream up to it, or beyond: whoever is in the room there has been given it."""
    written_at: datetime | None
    """None where the node does not remember writing it."""
    reached: int
    """Sessions that it was written to at that time."""
    sessions: tuple[str, ...]
    """Those, where they were few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that is known of the way of one notification."""

    notification: Notification
    provenance: Provenance | None
    """None for what is in no stream: the mail of a digest, or of a campaign."""
    receipts: Mapping[str, Receipt]
    """By user."""
    line: Sequence[Point]
    """The earliest first; what is to come, last."""
    mails: Sequence[TracedMail]
    campaign: Campaign | None
    """That it is of, or that it announces; None: neither."""
    scheduled: str | None
    """The id under which it waited for its time."""
    nodes: Sequence[NodeView]
    silent: Sequence[str]
    """Nodes that did not answer in time."""
