"""What is owed to people by a channel beside the socket, who holds it, and what gathers it.

The shelves `outbox` and `digests` keep it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage.mail import Mail
from storage.notifications import Notification


class Kind(StrEnum):
    """What an obligation is of."""

    NOTIFICATION = "notification"
    DIGEST = "digest"
    CAMPAIGN = "campaign"  # one recipient of it


class ObligationChannel(StrEnum):
    """By what somebody is told. There is one so far. The name is kept with each obligation; `lease` goes by the lane alone,
    and has to ask for the channel once there is a second.
    """

    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an obligation is of: its kind, and the id of that. A campaign's test mail is of `test:` and the campaign's id."""

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """Something that is owed to one person by one channel. It stands by itself.

    It is one row or document from the first to the last. Its `id` is the caller's, made of what it is of, so that whoever
    owes the same twice owes it once.
    """

    id: str
    """Its own, and no notification's."""
    of: Subject
    channel: ObligationChannel = ObligationChannel.EMAIL
    mail: Mail
    news: Notification | None = None
    """What is to be told, of a digest or a campaign: in no stream, and in the person's own room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's right to send one mail until `until`. Ending it needs the token: a late worker changes nothing.

    It is a snapshot: what is recalled after it was taken is sent all the same, unless the worker asks again.
    """

    id: str
    """Of the obligation: its notification's, when it is that one's own."""
    of: Subject
    notification: Notification
    """What is to be told."""
    mail: Mail
    token: str
    until: datetime

    @property
    def is_own(self) -> bool:
        """Whether it is the one mail that was stored with its notification.

        Only such a one can be gathered into a digest, or be counted under a throttle.
        """
        return self.of.kind is Kind.NOTIFICATION and self.id == self.of.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What of one user's mail is gathered under one key, until it closes.

    Of a room, a channel and a key one is open at a time, which the store sees to by a unique index. It is an item's digest
    by the item saying so, never the other way round.
    """

    id: str
    room: str
    """The user's own."""
    channel: str = "email"
    key: str
    """Of a room, a channel and a key one digest is open at most."""
    rule: str
    """The name of the rule by which it was opened."""
    opened_at: datetime
    closes_at: datetime
    latest_at: datetime | None = None
    """It is not put off beyond this, however many items come."""
    gathered: int = 0
    """How many items it was given."""
    lead: str | None = None
    """The id of the notification with whose mail, sent alone, it began."""
