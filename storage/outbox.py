"""The shelf of mail that is owed, and of what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.mail import Mail, MailState
from storage.streams import Notification


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
