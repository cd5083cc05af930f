"""What Bellhop asks of a store: the Protocols that SQLite and MongoDB implement.

Every method may raise `StoreUnavailable`. Times are handed in, so that tests hold the clock; `now` is aware UTC.
One contract suite (`tests/contract/test_store.py`) holds both adapters to these sentences.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from storage.beginnings import Membership
from storage.errors import IdempotencyMismatch
from storage.models import (
    Appended,
    Contact,
    Count,
    Emission,
    HistoryPage,
    HistoryQuery,
    Lease,
    MailPage,
    MailState,
    Marked,
    Notification,
    Opening,
    Receipt,
    UserData,
)


class Streams(Protocol):
    """Notifications in their rooms."""

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        """Store the emissions durably and answer each in order.

        When it returns, every answered emission survives a crash of this process and of the store's. Each in-app
        notification has the next sequence of its room: 1, 2, 3 … without gaps, also under concurrent writers in other
        processes, and in the order given. Notifications with `in_app=False` get none. An emission whose key is known
        answers as the first time with `duplicate=True` (an emission of which a crash stored only a part is completed);
        a key known with another fingerprint answers `IdempotencyMismatch` and stores nothing. The same key twice in one
        call counts as known the second time. The number of round trips does not depend on the number of emissions.

        Raising `StoreUnavailable` means that nothing is known: the caller may retry under the same keys, or with the
        same ids: an emission whose notifications are stored already answers with those, as a duplicate. Raises
        `Unstorable`, having stored nothing, when one of the emissions can never be stored.
        """
        ...

    def learn(self, heads: Mapping[str, int]) -> None:
        """Another process has stored these sequences: for a store that would have to look before it appends.

        What is said must be true, and may be old; it changes no answer.
        """
        ...

    def unlearn(self) -> None:
        """The store was put back to an older state: whatever was learned or remembered of heads is not true any more."""
        ...

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """The last sequence of each room, 0 for one that never had any; one query for up to 1,000 rooms."""
        ...

    async def span(
        self, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        """The notifications of `room` with `seq > after`, ascending, at most `limit`.

        Recalled ones are left out, and expired ones: those that `expire` has wiped, with `now` also those that
        await it. A sequence missing below the last one returned was one of these or was
        pruned, and will never come.
        """
        ...

    async def notification(self, notification_id: str) -> Notification | None:
        """One notification with its mail, recalled or expired ones included."""
        ...

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        """What each user did with it, by user; those who did nothing are absent. At most 1,000 users."""
        ...

    async def recall(self, notification_id: str, *, now: datetime) -> Notification | None:
        """Take a notification back: its texts and data are wiped, its sequence stays taken, a pending mail is skipped.

        Answers the wiped notification, or None for an unknown id. Repeating it changes nothing.
        """
        ...

    async def expire(self, *, now: datetime, limit: int) -> int:
        """Wipe up to `limit` notifications whose `expires_at` has passed, like a recall; answers how many.

        What expired was not recalled: `recalled_at` stays None.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` notifications made before `before` whose mail, if any, is not owed any more.

        Only the oldest end of a stream is ever removed, so what is left has no holes; the heads stay, so that sequences
        never restart, also when a room is emptied. Their receipts go with them. Answers how many.
        """
        ...


class Inboxes(Protocol):
    """What users have read, seen and dismissed. `rooms` are always all the rooms the user is in."""

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
    ) -> Opening:
        """Heads, unread count and what was missed, for a connection that has just joined `rooms`.

        `since` maps some of the rooms to the last sequence had; a room not in it misses nothing. More than `limit`
        missed in a room, or a `since` before what is still kept, or beyond the head, puts the room into `resync` instead;
        an `epoch` that is not the store's puts all of `since` there.

        With `membership`, `begin` comes first, and costs nothing for who has been here before.
        """
        ...

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        """Have those of `rooms` that are shared begin for the user, by the rule of `storage.beginnings`.

        What came before is in the history, as read. Idempotent: a room that has begun begins no second time, until the
        user is erased.
        """
        ...

    async def history(self, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        """A page newest first over the rooms; without what was recalled, has expired, or was dismissed by the user.

        Newest is by `created_at` or by the order of appending, as the store has it at hand: they differ by what an emit
        takes, and by the nodes' clocks.

        Raises `InvalidCursor` for a `before` that no page gave.
        """
        ...

    async def unread(self, user: str, rooms: Sequence[str], *, now: datetime) -> Count:
        """How many notifications of the rooms the user has neither read nor dismissed, up to which heads."""
        ...

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        """Mark as read those of `ids` that are in `rooms`. Idempotent; others are ignored."""
        ...

    async def read_all(self, user: str, rooms: Sequence[str], *, now: datetime) -> Marked:
        """Mark as read everything the rooms hold at this moment.

        Receipts that say no more than that are given up for `read_upto`: what was read or seen one by one is then
        reported as read at the time of this call.
        """
        ...

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        """Mark as seen, like `read`. Seeing does not change what is unread."""
        ...

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        """Take out of this user's history, like `read`; what is dismissed counts as read."""
        ...

    async def receipt(self, user: str, notification_id: str) -> Receipt:
        """What the user did with one notification; an empty receipt when nothing or unknown."""
        ...


class Contacts(Protocol):
    """What is known about users, and the right to have it forgotten."""

    async def remember(self, contacts: Sequence[Contact]) -> None:
        """Keep the newest address, name and time of each; a None keeps what was known."""
        ...

    async def contact(self, user: str) -> Contact | None: ...

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """The same of many, by user, in one query; who is not known is absent."""
        ...

    async def forget(self, users: Sequence[str]) -> None:
        """Keep no contact of these; who is not known is no error. `erase_user` forgets all else as well."""
        ...

    async def user_data(self, user: str, room: str, *, limit: int) -> UserData:
        """Everything held about a user, whose own room is `room`; the newest `limit` notifications and receipts."""
        ...

    async def erase_user(self, user: str, room: str, *, now: datetime) -> int:
        """Forget the user: contact, inbox state, and the contents of `room` (wiped like a recall, sequences stay).

        Answers how many notifications were wiped. Repeating it changes nothing.
        """
        ...


class Outbox(Protocol):
    """Mail that is owed. A mail is `pending`, then `leased`, then `sent`, `skipped` or `dead`."""

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> list[Lease]:
        """Take up to `limit` due mails, oldest due first, for this caller alone until `now + lease_seconds`.

        Takes those pending with `due_at <= now`, and those whose lease has ended. No mail has two live leases. Each
        lease counts one attempt. Mail of a recalled or expired notification is skipped instead, with its reason.
        """
        ...

    async def prolong(self, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        """The work on it goes on: held until `now + lease_seconds`, under the same token. False as in `settle`.

        A lease that has ended is prolonged too, as long as nobody else has taken the mail.
        """
        ...

    async def settle(self, lease: Lease, *, now: datetime) -> bool:
        """The transport took it: `sent`. False, and no change, when the lease is no longer this token's."""
        ...

    async def skip(self, lease: Lease, *, reason: str, now: datetime) -> bool:
        """It is not needed any more: `skipped`. False as in `settle`."""
        ...

    async def postpone(
        self,
        lease: Lease,
        *,
        until: datetime,
        reason: str,
        code: int | None,
        count_attempt: bool,
        now: datetime,
    ) -> bool:
        """It failed for now: `pending` again, due at `until`; the attempt is given back unless `count_attempt`."""
        ...

    async def bury(self, lease: Lease, *, reason: str, code: int | None, now: datetime) -> bool:
        """It is given up on: `dead`, with its reason. False as in `settle`."""
        ...

    async def release(self, lease: Lease, *, now: datetime) -> bool:
        """Give it back unsent and uncounted: `pending`, due as before. False as in `settle`."""
        ...

    async def revive(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        """Put dead mail back to `pending`, due now, attempts 0; answers the ids that were dead."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest owed mail is due or its lease ends; None when nothing is owed."""
        ...

    async def mail_page(self, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
        """Notifications with mail in `state` (any when None), newest first. Raises `InvalidCursor` as `history` does."""
        ...

    async def mail_counts(self) -> dict[MailState, int]:
        """How many mails are in each state."""
        ...


class Lineage(Protocol):
    """Which line of sequences the store is in.

    A store that is put back to an older state hands out sequences a second time. The epoch, a short text, names the line:
    clients that have counted in another one have to begin again.
    """

    async def epoch(self) -> str:
        """The one in force."""
        ...

    async def turn(self, *, seen: str | None = None) -> str:
        """Begin a new epoch, unless the one in force is not `seen` any more; answers the one in force then.

        What a user has read, or has a receipt of, beyond the head of its room is brought back: nothing that comes under
        those sequences is born read.
        """
        ...


class Store(Streams, Inboxes, Contacts, Outbox, Lineage, Protocol):
    """All of it, with its life. One instance serves one event loop."""

    async def open(self) -> None:
        """Connect and make tables and indexes; idempotent, also while other nodes do it.

        Raises `StoreConfigurationError` for what an operator must change, `StoreUnavailable` for a server that is away.
        """
        ...

    async def ping(self, *, size: int = 1) -> None:
        """Return when the store can take an append now, else raise `StoreUnavailable`; within two seconds.

        It asks for a write, not for an answer: one record, where the notifications are kept, is overwritten with some
        `size` bytes, as durably as an append is. So what would refuse an append refuses this: a full disk, a lock, a
        role that was taken away.
        """
        ...

    async def time(self) -> datetime | None:
        """What the store's own clock says; None for a store that has no other than this machine's."""
        ...

    async def shared_secret(self) -> bytes:
        """32 bytes that all processes on this store share and nobody else has; made by the first that asks."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go; idempotent."""
        ...
