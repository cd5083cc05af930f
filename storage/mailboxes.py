"""The shelf of mailboxes: whose mailbox refuses us, and by which notification its owner was told.

Addresses stand here in the form that they are compared by, which is their callers' to know.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One user's mailbox, which refuses mail."""

    user: str
    address: str
    at: datetime
    told: str | None = None
    """The notification that says so to the user; None: that is still to be done."""


class Mailboxes(Protocol):
    """At most one refusal of a user: that of the newest address."""

    async def refuse(self, user: str, address: str, *, at: datetime) -> bool:
        """Note, durably, that it does; false, and no change, when that is known of this address already."""
        ...

    async def told(self, refusal: Refusal, notification: str) -> bool:
        """The user was told by this notification; false, and no change, when it is not known as it was any more."""
        ...

    async def forget(self, refusal: Refusal) -> bool:
        """It is over; false, and no change, when it is not known as it was any more."""
        ...

    async def of_many(self, users: Collection[str]) -> Sequence[Refusal]:
        """Those of these users."""
        ...

    async def page(self, *, after: str | None, limit: int, untold: bool = False) -> Sequence[Refusal]:
        """Those of users after this one, in the order of their ids; `untold`: only those still to be told of."""
        ...
