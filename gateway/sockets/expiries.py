"""The ends of tokens: a session is warned shortly before its token ends, and ends with it."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from auth.principal import Principal
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.tasks import Tasks
from gateway.notify import events
from gateway.sockets.sessions import Session, Sessions

EXPIRING_SECONDS = 60
"""How long ahead `token:expiring` is sent."""
LONGEST_NAP_SECONDS = 30.0
"""The wall clock may be set: due times are looked at again after this at the latest."""


class _Due(NamedTuple):
    when: float
    sid: str
    is_end: bool


class Expiries:
    """Warns each session that it watches, and calls `expired` at its end. Entries of sessions that have gone are ignored."""

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
        self._changed = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._watch(), name="token expiry")

    async def stop(self) -> None:
        await self._tasks.stop()

    def end_of(self, principal: Principal) -> datetime:
        """The token's end; one that was let in after it, thanks to the leeway, has until the leeway is over."""
        overdue = principal.expires_at <= self._clock()
        return principal.expires_at + self._leeway if overdue else principal.expires_at

    def watch(self, session: Session) -> None:
        """Follow the session's token; called again when it was replaced by a newer one."""
        end = session.ends_at.timestamp()
        # When there is less left than that, this is due already: the client is told at once.
        heapq.heappush(self._heap, _Due(end - EXPIRING_SECONDS, session.sid, is_end=False))
        heapq.heappush(self._heap, _Due(end, session.sid, is_end=True))
        if self._heap[0].when in (end, end - EXPIRING_SECONDS):
            self._changed.set()

    def warn(self, session: Session) -> None:
        """Tell the client that its token ends soon."""
        facts = {"expires_at": encoding.time(session.principal.expires_at)}
        self._sessions.write(session, events.encode("token:expiring", facts))

    def end(self, session: Session) -> None:
        """The session's token has ended."""
        self._expired(session)

    async def _watch(self) -> None:
        """Meet each end when its time has come. Naps are short enough that a clock that was set is noticed."""
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
        session = self._sessions.get(due.sid)
        if session is None:
            return
        end = session.ends_at.timestamp()
        # A refreshed token has left its predecessor's entries in the heap.
        if due.is_end and end <= due.when:
            self.end(session)
        elif not due.is_end and end - EXPIRING_SECONDS == due.when and session.warned_of != session.ends_at:
            session.warned_of = session.ends_at
            self.warn(session)
