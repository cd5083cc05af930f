"""The shelf of inboxes: what each user has read, seen, dismissed and clicked in the rooms that the user is in."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Protocol

from storage.beginnings import Membership
from storage.histories import HistoryPage, HistoryQuery, Muted
from storage.notifications import Notification
from storage.receipts import Receipt

FAR = (1 << 62) - 1
"""A sequence that no room reaches."""


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """What one session asks for as it opens: `user` is in `rooms` and had been given them up to `since`.

    It is `Inboxes.opening` as a value, so that many can be answered together.
    """

    user: str
    rooms: Sequence[str]
    since: Mapping[str, int]
    limit: int
    now: datetime
    membership: Membership | None = None
    """With it, shared rooms that the user has had no beginning in get one."""
    epoch: str | None = None
    """Of the store that `since` counts in; None from those who do not say."""
    muted: Muted | None = None

    def since_in(self, epoch: str) -> Mapping[str, int]:
        """`since` in a store of this epoch: what was counted in another says nothing, and is beyond every head."""
        return self.since if self.epoch in (None, epoch) else dict.fromkeys(self.since, FAR)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a user does something with: those of `ids` that are in `rooms`. Others are ignored.

    An id that is unknown, in another room, recalled, superseded, expired or not shown in-app is passed over, and so is one
    that is named twice.
    """

    user: str
    rooms: Sequence[str]
    ids: Sequence[str]
    _: KW_ONLY
    now: datetime
    muted: Muted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much of some rooms a user has neither read nor dismissed.

    In the same turn and up to the same heads `unread` never grows, and neither turns nor heads ever go back: so two counts
    tell which is the newer.
    """

    unread: int
    heads: Mapping[str, int]
    """The last sequence of every room asked for, 0 for a room that never had one: what comes after it is not counted."""
    turn: int = 0
    """How often something of the rooms has become unread again; 0 for nearly everybody."""


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
    """The answer to whatever a user does with notifications.

    `changed` is of this call alone: whoever repeats it after a lost answer is told 0, and the same count.
    """

    changed: int
    """How many notifications changed for the user; unknown ids and repeated calls change nothing."""
    read_from: Mapping[str, int] = field(default_factory=dict)
    """Of `read_all`: the rooms that it changed something in, and up to where each had been read before."""
    ids: tuple[str, ...] = ()
    """Of `mark_unread`, `archive`, `unarchive` and `undismiss`: the chosen that it was done with, each once. All that changed
    are among them, and none that is passed over.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted(Marked):
    """The answer to pressing a button."""

    acted: str | None
    """What was pressed first, now or before; None for a notification that the user is not shown."""
    acted_at: datetime | None


class Inboxes(Protocol):
    """What users have read, seen and dismissed. `rooms` are always all the rooms the user is in.

    What is `muted` is counted, shown and replayed nowhere; marks of it are kept, and `changed` counts them.

    A mark is durable when it answers, and each is one write or several of which every beginning counts the same or less as
    unread, but for `mark_unread`. All marks may be repeated, and two at once come to what one after the other would. The
    first time of each stays.

    A count comes of heads and marks, and is read at no single moment: what is appended meanwhile is beyond the heads that
    it names, or in it.
    """

    async def opening(
        self,
        user: str,
        rooms: Sequence[str],
        *,
        since: Mapping[str, int],
        limit: int,
        now: datetime,
        membership: Membership | None = None,
        epoch: str | None = None,
        muted: Muted | None = None,
    ) -> Opening:
        """Heads, unread count and what was missed, for a connection that has just joined `rooms`.

        `since` maps some of the rooms to the last sequence had; a room not in it misses nothing. More than `limit`
        missed in a room, or a `since` before what is still kept, or beyond the head, puts the room into `resync`
        instead; an `epoch` that is not the store's puts all of `since` there.

        With `membership`, `begin` comes first, and costs nothing for who has been here before.

        Whoever asks joins first: what is appended between the joining and this is in `missed` and comes by the room
        too, and is told apart by its sequence. Nothing that is expired, recalled or superseded is missed. `now` may be
        a little later than the caller's where several are answered together.
        """
        ...

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        """Have those of `rooms` that are shared begin for the user, by the rule of `storage.beginnings`.

        What came before is in the history, as read. Idempotent: a room that has begun begins no second time, until the
        user is erased.

        Durable when it answers. Rooms that are the user's own, or cannot be held by a store, are passed over.
        """
        ...

    async def history(self, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        """A page newest first over the rooms; without what was recalled, superseded, has expired, or was dismissed by
        the user.

        Newest is by `created_at` or by the order of appending, as the store has it at hand: they differ by what an emit
        takes, and by the nodes' clocks.

        Raises `InvalidCursor` for a `before` that no page gave.

        `place` and `unread_only` are of the user's receipts. A store may look at a bounded number of what is put away
        or was made unread again, the newest of it: no less than 10,000.
        """
        ...

    async def unread(
        self, user: str, rooms: Sequence[str], *, now: datetime, muted: Muted | None = None
    ) -> Count:
        """How many notifications of the rooms the user has neither read nor dismissed, up to which heads.

        It costs by what was read out of order and by what is wiped above the mark, never by how much is unread; only
        for who has muted something the muted ones are counted.
        """
        ...

    async def read(self, chosen: Selection) -> Marked:
        """Mark as read. Idempotent.

        `changed` is how many were unread. When nothing of a room is left unread by it, the room is read up to its head,
        so that single marks do not pile up; their times stay.
        """
        ...

    async def read_all(self, user: str, rooms: Sequence[str], *, now: datetime) -> Marked:
        """Mark as read everything the rooms hold at this moment, what is muted included.

        Receipts that say no more than that are given up for `read_upto`: what was read or seen one by one is then
        reported as read at the time of this call.

        What comes while it is worked at stays unread: heads are read once, and only up to these. Snoozed and archived
        ones stay where they are.
        """
        ...

    async def seen(self, chosen: Selection) -> Marked:
        """Mark as seen, like `read`. Seeing does not change what is unread."""
        ...

    async def dismiss(self, chosen: Selection) -> Marked:
        """Take out of this user's history, like `read`; what is dismissed counts as read."""
        ...

    async def click(self, chosen: Selection) -> Marked:
        """Note that the user has followed their links, like `read`; what is clicked counts as read. The first time stays."""
        ...

    async def mark_unread(self, chosen: Selection) -> Marked:
        """Have them be unread again, like `read`; what is archived or snoozed is back in the inbox by that.

        What was dismissed stays so. The turn has grown before the answer counts, whatever crashes.
        """
        ...

    async def archive(self, chosen: Selection) -> Marked:
        """Put away, like `read`; what is archived counts as read, and comes back from no snooze."""
        ...

    async def unarchive(self, chosen: Selection) -> Marked:
        """Take back what `archive` has put away, as read."""
        ...

    async def undismiss(self, chosen: Selection) -> Marked:
        """Take back what `dismiss` has taken out, as read; what was archived is in the archive again, and what was snoozed in the inbox."""
        ...

    async def snooze(self, chosen: Selection, *, until: datetime) -> Marked:
        """Hide until then, like `read`: it counts as read meanwhile, and `storage.snoozes` has it come back as unread.

        Of one that is snoozed already the time is changed. Several snoozes that end together come back together.
        """
        ...

    async def act(self, chosen: Selection, action: str) -> Acted:
        """Note what the user has pressed of the one chosen, once: of several, wherever they were pressed, the first stays.

        It counts as read.

        `chosen` has one id. Whether the action is one of the notification's is its caller's to see to. What was dismissed
        cannot be pressed.
        """
        ...

    async def receipt(self, user: str, notification_id: str) -> Receipt:
        """What the user did with one notification; an empty receipt when nothing or unknown.

        Also of one that is recalled or expired, and of one in a room that the user is not in any more.
        """
        ...

    async def receipts_of(self, user: str, ids: Sequence[str]) -> dict[str, Receipt]:
        """What the user did with each of these, by id, in a constant number of questions; nothing is an empty receipt.

        Every id that was asked is in the answer. What has no sequence has no receipt.
        """
        ...

    async def receipts_of_user(self, user: str, *, limit: int) -> dict[str, Receipt]:
        """What the user did with single ones, by id: of the newest that have such marks, the last first.

        It is part of what a user is told of themselves. What was read by reading all alone is not in it: `read_upto` is.
        """
        ...

    async def read_upto(self, user: str) -> dict[str, int]:
        """By room, the sequence up to which all counts as read, of the rooms that the user has an inbox in.

        One of which nothing is read may be absent.
        """
        ...

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        """What each user did with it, by user; those who did nothing are absent. At most 1,000 users.

        It is for admins who look at one notification. Which 1,000 it are of more is not said; those with marks of their own
        come before those who have read it by reading all.
        """
        ...
