"""A mail under way in this process."""

import asyncio
from dataclasses import dataclass

from storage.outbox import Lease


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
    unknown_until: float = 0.0
    """Until then the relay, which was given all of it, may take it without our knowing."""
    put_off: bool = False
    """Whether nothing was tried, so that its place is not to be taken by the next in the same moment."""
    unheard: bool = False
    """Whether it failed before the relay had heard of it: that was away, or takes nothing of us."""
    is_over: bool = False
    """Whether it is settled, and will not be due again by itself."""
    task: "asyncio.Task[None] | None" = None

    def handed_over(self, seconds: float) -> None:
        """The relay has been given all of it, and may take so many seconds to answer."""
        self.unknown_until = asyncio.get_running_loop().time() + seconds
