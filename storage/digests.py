"""The shelf of digests: which are open for whom, until when, and what they are given when they close.

What is gathered is not here: an item is the mail of its notification, in the state `gathered`, with the id of its digest. So it is
in one digest or in none, whatever crashes. A digest is opened and given its items by `Outbox.end`; here it is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from storage.streams import Notification

if TYPE_CHECKING:
    from storage.endings import Skipped
    from storage.outbox import Obligation

FULL = 10_000
"""Items with which a digest is due at once: the next one opens another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What of one user's mail is gathered under one key, until it closes."""

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


class Digests(Protocol):
    """Digests are `open`, then `closing` under a lease, then closed. Only what is open is given items."""

    async def lead(self, digest: Digest) -> bool:
        """Whether the mail of `digest.lead` is to be sent alone: it opens the digest, or has opened the one that is open."""
        ...

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> tuple[str, list[Digest]]:
        """Take up to `limit` that are to close, oldest first, for this caller alone; answers a token to close them by.

        Takes those open with `closes_at <= now`, and those closing whose lease has ended. None is given an item any more.
        """
        ...

    async def items(
        self, digest_id: str, *, before: Notification | None, limit: int
    ) -> tuple[Notification, ...]:
        """The notifications that are gathered in it, newest first, those behind `before`; also expired ones."""
        ...

    async def leave_out(
        self, digest_id: str, items: Mapping[str, "Skipped"], *, token: str, now: datetime
    ) -> bool:
        """Skip the mail of these notifications. False, and no change, when the lease is no longer this token's."""
        ...

    async def settle(self, digest_id: str, mail: "Obligation | None", *, token: str, now: datetime) -> bool:
        """End it, have what is gathered in it count as told, and owe the mail that tells it, in one transaction.

        `mail` has the digest's id; None: there is nothing to tell. False, and no change, when the lease is no longer this
        token's: so of two who close one, one mail comes.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest is to close, or its lease ends; None when none is open."""
        ...

    async def of_room(self, room: str, *, limit: int) -> Sequence[Digest]:
        """Those open for the room, the first to close first."""
        ...

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        """Whether a mail that `rule` has held until now is not the only one: another one's own to the room is due that it held as well.

        Or the room's digest under the key is open, and has taken in such a one before. `besides` is the mail that asks.
        """
        ...

    async def open_count(self) -> int:
        """How many are open or closing, of all users."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget digests that ended before that time, with their mail unless it is still owed; answers how many."""
        ...
