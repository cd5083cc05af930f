"""Openings of sessions that come at once, answered together: the half of the inboxes that both adapters have."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from storage.beginnings import Membership
from storage.coalescing import Coalescer
from storage.histories import Muted
from storage.inboxes import Opening, OpeningRequest

QUEUE = 50_000
"""Sessions that may wait for their batch; more are turned away."""


class OpeningsTogether:
    """`Inboxes.opening`, in batches of at most `batch`: what a batch costs is mostly the way to the store and back.

    After a restart of a node all its clients come at once, and what they ask is much the same: a batch is one pass over it.
    Beyond `QUEUE` callers hear `StoreUnavailable` at once, with the seconds after which to come again. One error of a batch
    is the error of all in it.
    """

    def __init__(
        self, answer: Callable[[list[OpeningRequest]], Awaitable[list[Opening]]], *, name: str, batch: int
    ) -> None:
        self._openings: Coalescer[OpeningRequest, Opening] = Coalescer(
            answer, name=name, batch_weight=batch, queue_weight=QUEUE
        )

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
        """As `Inboxes.opening` says; answered with whoever else asks at this moment, as of the time of the last of them."""
        return await self._openings.ask(
            OpeningRequest(user, rooms, since, limit, now, membership, epoch, muted)
        )

    async def close(self) -> None:
        """Let no session open any more, and answer those that were let in."""
        await self._openings.close()
