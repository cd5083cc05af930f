"""The ends of tokens: a session is warned shortly before its token ends, and ends with it.

It keeps one heap for all sessions of a node and one task that waits for its top: thousands of timers would
cost more. Whether a token is good is of `auth`; how a session is ended is of `gateway.sockets.commands`.
"""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from auth.principal import Principal
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.sockets.sessions import Session, Sessions

EXPIRING_SECONDS = 60
"""How long ahead `token:expiring` is sent."""
LONGEST_NAP_SECONDS = 30.0
"""The wall clock may be set: due times are looked at again after this at the latest."""
ENTRIES_LEAST = 1000
"""So many are kept before it is looked which of them are of sessions that have gone."""


class _Due(NamedTuple):
    """One entry of the heap. Entries are ordered by `when`."""

    when: float
    """Seconds since 1970, of the clock that measures tokens."""
    sid: str
    is_end: bool
    """False for the warning ahead of the end."""


class Expiries:
    """Warns each session that it watches, and calls `expired` at its end. Entries of sessions that have gone are ignored.

    A renewed session has entries of both tokens. `_meet` tells those of the former by their time. An entry
    leaves the heap when its time has come; those of sessions that have gone before, whenever the heap has
    grown to twice of what was of others.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        *,
        leeway_seconds: float,
        expired: Callable[[Session], None],
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._leeway = timedelta(seconds=leeway_seconds)
        self._expired = expired
        self._heap: list[_Due] = []
        """The soonest due is first."""
        self._most = ENTRIES_LEAST
        """With more entries than this, those of sessions that have gone are taken out."""
        self._changed = asyncio.Event()
        """Set when an entry has come that is due before what the task waits for."""
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._watch, name="token expiry")

    async def stop(self) -> None:
        await self._tasks.stop()

    def end_of(self, principal: Principal) -> datetime:
        """The token's end; one that was let in after it, thanks to the leeway, has until the leeway is over.

        Computed once, at the connect or the renewal: else the leeway would be granted again at each look.
        """
        overdue = principal.expires_at <= self._clock()
        return principal.expires_at + self._leeway if overdue else principal.expires_at

    def watch(self, session: Session) -> None:
        """Follow the session's token; called again when it was replaced by a newer one.

        Never waits. Entries of the former token stay in the heap, and are passed over when they come up.
        """
        end = session.ends_at.timestamp()
        if session.watched:
            now = self._clock().timestamp()
            # A client may send the same few tokens again and again: of each there is one pair. In the last minute it is told
            # at once.
            if end in session.watched and now < end - EXPIRING_SECONDS:
                return
            session.watched = tuple([each for each in session.watched if each > now and each != end])
        session.watched = (*session.watched, end)
        # When there is less left than that, this is due already: the client is told at once.
        heapq.heappush(self._heap, _Due(end - EXPIRING_SECONDS, session.sid, is_end=False))
        heapq.heappush(self._heap, _Due(end, session.sid, is_end=True))
        # The task is woken only if what it waits for has changed: most tokens end later than the next one.
        if self._heap[0].when in (end, end - EXPIRING_SECONDS):
            self._changed.set()
        if len(self._heap) > self._most:
            self._forget_gone()

    def _forget_gone(self) -> None:
        """Take out what is of sessions that have gone: with tokens of a day it would be that of a day's connections."""
        self._heap = [due for due in self._heap if self._sessions.has(due.sid)]
        heapq.heapify(self._heap)
        self._most = max(ENTRIES_LEAST, 2 * len(self._heap))

    def warn(self, session: Session) -> None:
        """Tell the client that its token ends soon."""
        facts = {"expires_at": encoding.time(session.principal.expires_at)}
        self._sessions.write(session, events.encode("token:expiring", facts))

    def end(self, session: Session) -> None:
        """The session's token has ended. It puts down an order, and does not wait for the close."""
        self._expired(session)

    async def _watch(self) -> None:
        """Meet each end when its time has come. Naps are short enough that a clock that was set is noticed.

        Nothing in it raises: `_meet` only writes to a socket's queue and puts down an order.
        """
        while True:
            now = self._clock().timestamp()
            while self._heap and self._heap[0].when <= now:
                self._meet(heapq.heappop(self._heap))
            nap = min(self._heap[0].when - now, LONGEST_NAP_SECONDS) if self._heap else LONGEST_NAP_SECONDS
            self._changed.clear()
            try:
                async with asyncio.timeout(max(nap, 0)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _meet(self, due: _Due) -> None:
        """Warn or end the session of an entry whose time has come; pass over one whose session has gone or has a
        newer token.
        """
        session = self._sessions.get(due.sid)
        if session is None:
            return
        end = session.ends_at.timestamp()
        # A refreshed token has left its predecessor's entries in the heap.
        if due.is_end and end <= due.when:
            self.end(session)
        # Each end is warned of once: a session that sends the same token twice has two such entries.
        elif not due.is_end and end - EXPIRING_SECONDS == due.when and session.warned_of != session.ends_at:
            session.warned_of = session.ends_at
            self.warn(session)
