"""The shelf of snoozes: what users have put off comes back by itself, as unread, when its time has come.

A snooze is part of its receipt, which `storage.inboxes` writes; here it ends. What has come back is leased until whoever
brought it back has told its user, so that a crash between the two has another tell it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What has come back to a user.

    The notification may have been recalled or have expired since: whoever tells it looks.
    """

    user: str
    room: str
    seq: int
    id: str


class Snoozes(Protocol):
    """What waits for its time in the inboxes.

    A snooze ends at its time or a little later, and never before. Several processes may bring back at once: each receipt is
    one's for as long as the lease lasts.
    """

    async def bring_back(
        self, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Returned]]:
        """Have up to `limit` come back that are due, the earliest first; answers a token to end them by.

        Each is in the inbox and unread when this returns, and its user's turn has grown. They are this caller's alone
        until the lease ends: what was not ended then is answered again, unless it was read meanwhile, and becomes
        unread no second time.

        `now` is the caller's clock, by which leases end too. What was read before its time came, or was dismissed or
        archived, is not snoozed any more, and comes back to nobody.
        """
        ...

    async def end(self, returned: Sequence[Returned], *, token: str) -> None:
        """Their users were told: none of them is answered again.

        Those that another token has taken since stay leased: their users are told twice, and nothing is unread twice.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest is due, or its lease ends; None when nothing waits.

        It is what the process that brings back sleeps until; what is snoozed meanwhile may be due earlier.
        """
        ...
