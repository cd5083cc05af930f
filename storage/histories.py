"""Pages of what a user's rooms hold, as they are asked for and answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.beginnings import Membership
from storage.notifications import Notification
from storage.receipts import Place, Receipt

RETURNED_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A notification with what its reader did with it."""

    notification: Notification
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """What a user does not want to be shown: notifications of these types, in all rooms but the own one.

    They stay in their streams, and what was read of them stays so.
    """

    types: frozenset[str]
    own: str
    """The room of the user alone: what is not wanted there was never told there."""

    def hides(self, notification: Notification) -> bool:
        """Whether the user is not to be shown this one."""
        return notification.type in self.types and notification.room != self.own


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A page of what a user's rooms hold, newest first.

    All that is said must hold. `types` and `categories` that are empty are not asked for. `rooms` are all the user's, each
    once or more often; what no store can hold among them matches nothing.
    """

    user: str
    rooms: Sequence[str]
    before: str | None = None
    """A cursor of an earlier page; opaque to callers."""
    limit: int = 20
    types: Sequence[str] = ()
    categories: Sequence[str] = ()
    """Of the catalog, as they were when each was emitted."""
    unread_only: bool = False
    place: Place = Place.INBOX
    muted: Muted | None = None
    membership: Membership | None = None
    """How the rooms are the user's, where it is the user who asks: those that have never begun for the user begin with this
    page. None where somebody else asks.
    """

    @property
    def wants_returned(self) -> bool:
        """Whether what came back from a snooze is told beside it: with the first page."""
        return self.place is Place.INBOX and self.before is None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """An item that changes while pages are turned may be on none: what was archived is gone from the pages behind."""

    items: tuple[InboxItem, ...]
    next: str | None
    """The cursor of the next, older page; None at the end."""
    returned: tuple[InboxItem, ...] = ()
    """What came back from a snooze and is unread, the last to come first, `RETURNED_MAX` at most: it may be far down in the pages."""
