"""What one user did with one notification, and where the user has it by that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one user did with one notification, `read_upto` considered.

    There is one of a user and a notification, or none where nothing was done: then all of it is None. Times are when the
    server heard of it. `read_at` is that of the single mark, or of the `read_all` that covers it.
    """

    seen_at: datetime | None = None
    read_at: datetime | None = None
    dismissed_at: datetime | None = None
    clicked_at: datetime | None = None
    archived_at: datetime | None = None
    snoozed_until: datetime | None = None
    """It is hidden until then, and counts as read; None once it has come back."""
    returned_at: datetime | None = None
    """When it came back from a snooze; None again once it was read."""
    acted: str | None = None
    """The action that the user has pressed."""
    acted_at: datetime | None = None

    @property
    def is_read(self) -> bool:
        """Whether it counts as read. What was made unread again has no `read_at`."""
        return self.read_at is not None

    @property
    def is_seen(self) -> bool:
        """Whether the user has seen it: what was read was seen, without a mark of its own."""
        return self.seen_at is not None or self.read_at is not None


UNTOUCHED: Final = Receipt()
"""Of what the user did nothing with, as of most."""


class Place(StrEnum):
    """Where a user has a notification. What was dismissed is nowhere.

    A place is where it is looked for. What is archived or snoozed counts as read; what is in the inbox may be either.
    """

    INBOX = "inbox"
    ARCHIVE = "archive"
    SNOOZED = "snoozed"


def place_of(receipt: Receipt) -> Place | None:
    """Where the notification of this receipt is; None: nowhere."""
    if receipt.dismissed_at is not None:
        return None
    if receipt.snoozed_until is not None:
        return Place.SNOOZED
    return Place.INBOX if receipt.archived_at is None else Place.ARCHIVE
