"""A mail under way in this process."""

import asyncio
from dataclasses import dataclass, field

from storage.obligations import Lease


class LeaseOver(Exception):
    """The lease has ended as far as is known here: another worker may have the mail, so it does not leave from here."""


@dataclass(slots=True, kw_only=True)
class Held:
    """A lease, and the work on it.

    It is the worker's own, on its loop.
    """

    lease: Lease
    """The newest: a lease that had ended may have been taken anew meanwhile."""
    since: float
    """When it was leased, by the loop's clock, as is the next."""
    seconds: float
    """For how long it was leased at first."""
    until: float = field(init=False)
    """Until when it is leased for certain, by the loop's clock: prolonging moves it."""
    unknown_until: float = 0.0
    """Until then the relay, which was given all of it, may take it without our knowing."""
    put_off: bool = False
    """Whether nothing was tried, so that its place is not to be taken by the next in the same moment."""
    unheard: bool = False
    """Whether it failed before the relay had heard of it: that was away, or takes nothing of us."""
    is_over: bool = False
    """Whether it is settled, and will not be due again by itself."""
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.until = self.since + self.seconds

    def handed_over(self, seconds: float) -> None:
        """The relay is given all of it now, and may take so many seconds to answer.

        Raises `LeaseOver` when the process has stood still for longer than the lease, or could not prolong it: this is
        the last moment at which it can be kept back.
        """
        now = asyncio.get_running_loop().time()
        if now >= self.until:
            raise LeaseOver
        self.unknown_until = now + seconds
