"""Replaying: what a session has missed of its rooms, read as it comes, as it gains rooms, and when its client asks.

Join before the store is read: a repetition can be dropped, a hole cannot be seen. What was read is given to the client by
the caller; then delivery lets the session in, unless more came meanwhile than could be held back.
"""

from collections.abc import Callable, Mapping, Sequence

from gateway.ground.clock import Clock
from gateway.ground.rooms import membership
from gateway.notify.delivery.cursors import Delivery
from storage.histories import Muted
from storage.inboxes import Inboxes, Opening

PASSES = 5
"""How often it is read at most, because more came meanwhile than could be held back, or what is muted has changed. Each
pass of a replay counts only what came after the one before, so that a client which keeps up needs one.
"""


class Replaying:
    """The use cases of what was missed. They raise `StorageError`.

    One for a node. It has no state: where a session stands, delivery and its caller know.
    """

    def __init__(self, *, inboxes: Inboxes, delivery: Delivery, clock: Clock, limit: int) -> None:
        """So many of each room are given; whoever missed more (`Opening.resync`) is to ask for the history."""
        self._inboxes = inboxes
        self._delivery = delivery
        self._clock = clock
        self._limit = limit

    async def join(
        self,
        sid: str,
        user: str,
        rooms: Sequence[str],
        *,
        since: Mapping[str, int],
        epoch: str | None,
        muted: Muted | None,
    ) -> Opening:
        """Hold back what comes in the rooms of a session that comes, and read what it missed `since`.

        Shared rooms that the user was never in get a beginning in the same read, so that what was told before
        is not unread. Whatever this raises, the session has joined, and is to be let in or to leave.
        """
        await self._delivery.rooms.join(sid, rooms)
        return await self._inboxes.opening(
            user,
            rooms,
            since=since,
            limit=self._limit,
            now=self._clock(),
            membership=membership(user),
            epoch=epoch,
            muted=muted,
        )

    async def go_on(
        self, user: str, rooms: Sequence[str], *, heads: Mapping[str, int], epoch: str, muted: Muted | None
    ) -> Opening:
        """Another pass for a session that could not be let in: read what came since the `heads` of the one before."""
        return await self._inboxes.opening(
            user, rooms, since=heads, limit=self._limit, now=self._clock(), epoch=epoch, muted=muted
        )

    async def gain(
        self, sid: str, user: str, rooms: Sequence[str], *, is_live: Callable[[], bool]
    ) -> Mapping[str, int] | None:
        """Have a session that goes on hear these rooms from their heads on, which are answered: it missed nothing of them.

        None when it has gone, as `is_live` tells, or when in `PASSES` passes more came than could be held back.
        """
        await self._delivery.rooms.join(sid, rooms)
        for _ in range(PASSES):
            opening = await self._inboxes.opening(
                user, rooms, since={}, limit=self._limit, now=self._clock(), membership=membership(user)
            )
            if not is_live():
                return None
            if self._delivery.open(sid, opening.heads):
                return opening.heads
        return None

    async def answer(
        self,
        user: str,
        rooms: Sequence[str],
        *,
        since: Mapping[str, int],
        epoch: str | None,
        muted: Callable[[], Muted | None],
    ) -> Opening:
        """What was missed, for a client that asks while its session goes on; counted by what is `muted` at the end of it.

        Live frames may come before the answer: their sequences tell the client what it has.
        """
        for _ in range(PASSES):
            counted_by = muted()
            opening = await self._inboxes.opening(
                user,
                rooms,
                since=since,
                limit=self._limit,
                now=self._clock(),
                epoch=epoch,
                muted=counted_by,
            )
            # Else the client has been told meanwhile what it counts up to now.
            if muted() == counted_by:
                break
        return opening
