"""The shelf of mailboxes: whose mailbox refuses us, and by which notification its owner was told.

Addresses stand here in the form that they are compared by, which is their callers' to know.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusingMailbox:
    """One user's mailbox, which refuses mail.

    All four fields together tell a state of it: `told` and `forget` change it only as it was read.
    """

    user: str
    address: str
    at: datetime
    told: str | None = None
    """The notification that says so to the user; None: that is still to be done."""


class Mailboxes(Protocol):
    """At most one refusal of a user: that of the newest address.

    Telling a user is two steps, the notification and then `told`: a crash between them has the user told again, by a
    notification under the same idempotency key.
    """

    async def refuse(self, user: str, address: str, *, at: datetime) -> bool:
        """Note, durably, that it does; false, and no change, when that is known of this address already.

        Another address of the user takes the place of the one before, and is to be told of.
        """
        ...

    async def told(self, refusal: RefusingMailbox, notification: str) -> bool:
        """The user was told by this notification; false, and no change, when it is not known as it was any more.

        Then it was told by another, is over, or is of another address by now.
        """
        ...

    async def forget(self, refusal: RefusingMailbox) -> bool:
        """It is over; false, and no change, when it is not known as it was any more.

        The same mailbox may refuse again: then it is new.
        """
        ...

    async def of_many(self, users: Collection[str]) -> Sequence[RefusingMailbox]:
        """Those of these users, in the order of their ids; whose mailbox takes mail is absent."""
        ...

    async def page(self, *, after: str | None, limit: int, untold: bool = False) -> Sequence[RefusingMailbox]:
        """Those of users after this one, in the order of their ids; `untold`: only those still to be told of.

        Fewer than `limit` is the end; else the last user is where the next begins.
        """
        ...
