"""What is open for a user: the digests that gather now, and what would go out if they closed.

An admin looks at it; nothing is closed by that. `closing` closes what is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ground.clock import Clock
from gateway.ground.rooms import user_room
from gateway.notify.deciding.decision import Judge
from gateway.notify.digests.items import DigestItems
from gateway.notify.digests.news import LISTED
from storage import digests as shelf
from storage.endings import Skipped
from storage.notifications import Notification
from storage.obligations import Digest

OPEN_SHOWN = 20
"""Digests of one user that are shown."""
DECIDED_AT_MOST = 1_000
"""Items of an open digest that are decided to tell what it would be now: a look of an admin must not cost
what a closing does.
"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not told, and why."""

    notification: Notification
    why: Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDigest:
    """A digest, and what would be told if it closed now.

    It is made for one look, and nothing of it is kept: what closes later is decided anew.
    """

    digest: Digest
    newest: Sequence[Notification]
    """`LISTED` at most, newest first."""
    total: int
    """How many would be told, listed or not."""
    left_out: Sequence[LeftOut]
    """The newest of those that would not be told, `LISTED` at most."""
    left_out_total: int
    is_whole: bool
    """Whether all its items were looked at, and not only the newest `DECIDED_AT_MOST`."""


class OpenDigests:
    """The use case of open digests. Raises `StoreUnavailable`."""

    def __init__(self, digests: shelf.Digests, *, judge: Judge, clock: Clock) -> None:
        self._digests = digests
        self._items = DigestItems(digests, judge)
        self._clock = clock

    async def of_user(self, user: str) -> list[OpenDigest]:
        """What is open for the user, the first to close first, and what would go out now.

        Each costs as many decisions as it has items, within `DECIDED_AT_MOST`.
        """
        found = await self._digests.of_room(user_room(user), limit=OPEN_SHOWN)
        return [await self._preview(digest) for digest in found]

    async def _preview(self, digest: Digest) -> OpenDigest:
        """What would be left of an open digest if it closed now; decides for a bounded number of its items.

        The notifications are those that the store had at this moment; while it pages, others may be gathered
        or told.
        """
        now = self._clock()
        newest: list[Notification] = []
        left_out: list[LeftOut] = []
        total = decided = dropped = 0
        before: Notification | None = None
        while decided < DECIDED_AT_MOST:
            page, before = await self._items.page(digest.id, before=before, now=now)
            for item, why in page:
                if why is None:
                    total += 1
                    newest += [item] if len(newest) < LISTED else []
                else:
                    dropped += 1
                    left_out += [LeftOut(item, why)] if len(left_out) < LISTED else []
            decided += len(page)
            if before is None:
                break
        return OpenDigest(
            digest=digest,
            newest=newest,
            total=total,
            left_out=left_out,
            left_out_total=dropped,
            is_whole=decided < DECIDED_AT_MOST,
        )
