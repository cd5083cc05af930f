"""Moving: a live session comes into rooms that it has gained, and out of those it has lost, and is told of it.

It stands apart from the arrival because a session that moves has nothing to be replayed: a room that it gains
begins for it at the head of that moment.
"""

import asyncio
from collections.abc import Mapping, Sequence

from auth.principal import Principal
from gateway.engine import ClosingReason
from gateway.notify.delivery import events
from gateway.notify.inboxes.reading import Reading
from gateway.sockets.arrival import Reception, rooms_in
from gateway.sockets.sessions import Session
from storage.errors import StorageError


class Mover:
    """Moves sessions that have come all the way in. What a session is moved by, a token or the store, is for its
    callers. It has no state; who moves a session holds the session's own lock.
    """

    def __init__(self, reception: Reception, reading: Reading) -> None:
        self._at = reception
        self._reading = reading

    async def move(
        self, session: Session, *, principal: Principal | None = None, topics: Sequence[str] | None = None
    ) -> None:
        """Have the session be in the rooms of this principal and these topics of the store; of what is not given, its own.

        Raises `StorageError`, and then the session is where it was; the same call finds all that is missing.

        May be called by several at once, and for a session that goes meanwhile. A session that is in the
        right rooms already costs nothing but the comparison.

        Where the count alone cannot be read, the session has moved all the same, and hears the count with the
        next change.
        """
        if session.moving is None:
            session.moving = asyncio.Lock()
        # One after the other: a token and the store may move it at the same moment.
        async with session.moving:
            if not self._at.sessions.is_live(session):
                # It has left its rooms for good: nobody would take it out of those that it comes into now.
                return
            principal = session.principal if principal is None else principal
            topics = session.topics if topics is None else tuple(topics)
            await self._into(session, rooms_in(session.namespace, principal, topics))
            # Only after the rooms: where they cannot be had, the session keeps the token and the topics that
            # fit its rooms.
            session.principal, session.topics = principal, topics

    async def _into(self, session: Session, rooms: tuple[str, ...]) -> None:
        """Have the session hear these rooms and no others, and tell its client which came, which went, and from which heads.

        `session.rooms` is set first: what is asked by this session meanwhile is asked of the rooms that it
        may see now, not of those that it has lost.
        """
        gained = [room for room in rooms if room not in session.rooms]
        lost = [room for room in session.rooms if room not in rooms]
        session.rooms = rooms
        if not gained and not lost:
            return
        at = self._at
        # Lost rooms go first, and without a wait: who may no longer hear a room hears it no longer, even if
        # the store is away for the rest.
        at.delivery.dismiss(session.sid, lost)
        try:
            heads = await self._join(session, gained) if gained else {}
        except BaseException:
            # Half in, it would hear nothing of them for good: moved again, it finds them to be gained again.
            if at.sessions.is_live(session):
                session.rooms = tuple(room for room in rooms if room not in gained)
                at.delivery.dismiss(session.sid, gained)
            raise
        if heads is not None:
            at.sessions.write(
                session, events.encode("rooms", {"joined": gained, "left": lost, "heads": heads})
            )
            try:
                count = await self._reading.unread(session.user, rooms)
            except StorageError:
                # The rooms hold, and the client knows them: the count is told with the next change.
                return
            at.sessions.write(session, events.encode("inbox", events.count(count)))

    async def _join(self, session: Session, rooms: list[str]) -> Mapping[str, int] | None:
        """Have a live session hear rooms from their heads on, which are answered; None if it is gone or too slow.

        Of a room that is too busy the session is closed as a slow consumer, as in an arrival.
        """
        at = self._at
        heads = await at.replaying.gain(
            session.sid, session.user, rooms, is_live=lambda: at.sessions.is_live(session)
        )
        if heads is None and at.sessions.is_live(session):
            await at.server.close(session.sid, session.namespace, ClosingReason.SLOW_CONSUMER)
        return heads
