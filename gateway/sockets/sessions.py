"""The live connections of this node, and when their tokens end."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from auth.principal import Principal
from gateway.ground.clock import Clock
from gateway.ground.tasks import Tasks
from storage.inboxes import Opening

EXPIRING_SECONDS = 60
"""How long ahead `token:expiring` is sent."""
LONGEST_NAP_SECONDS = 30.0
"""The wall clock may be set: due times are looked at again after this at the latest."""


@dataclass(slots=True, eq=False)
class Session:
    """One live Socket.IO connection of a principal, in one namespace."""

    sid: str
    namespace: str
    principal: Principal
    rooms: tuple[str, ...]
    ends_at: datetime
    """When the connection ends with its token."""
    warned_of: datetime | None = None
    """The end that the client was told of by `token:expiring`."""
    opening: Opening | None = None
    """What the replay owes; None again once it was written."""
    epoch: str | None = None
    """Of the store as the session was let in; None as long as it was not."""
    entered: bool = False
    """Whether presence has been told."""
    erased: bool = False
    """Whether the user was erased meanwhile: nothing that the session still brings is remembered."""

    @property
    def user(self) -> str:
        return self.principal.user


class Sessions:
    """Sessions by id and by user."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Session] = {}
        self._by_user: dict[str, list[Session]] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    @property
    def users(self) -> int:
        return len(self._by_user)

    def get(self, sid: str) -> Session | None:
        return self._by_sid.get(sid)

    def all(self) -> list[Session]:
        return list(self._by_sid.values())

    def of_user(self, user: str) -> list[Session]:
        return list(self._by_user.get(user, ()))

    def of_room(self, room: str) -> list[Session]:
        return [session for session in self._by_sid.values() if room in session.rooms]

    def add(self, session: Session) -> None:
        self._by_sid[session.sid] = session
        self._by_user.setdefault(session.user, []).append(session)

    def remove(self, sid: str) -> Session | None:
        session = self._by_sid.pop(sid, None)
        if session is not None:
            others = self._by_user[session.user]
            others.remove(session)
            if not others:
                del self._by_user[session.user]
        return session


class _Due(NamedTuple):
    when: float
    sid: str
    is_end: bool


class Expiries:
    """Calls back shortly before and at the end of each session's token. Entries of gone sessions are ignored."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        *,
        expiring: Callable[[Session], None],
        expired: Callable[[Session], None],
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._expiring = expiring
        self._expired = expired
        self._heap: list[_Due] = []
        self._changed = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._watch(), name="token expiry")

    async def stop(self) -> None:
        await self._tasks.stop()

    def watch(self, session: Session) -> None:
        """Follow the session's token; called again when it was replaced by a newer one."""
        end = session.ends_at.timestamp()
        # When there is less left than that, this is due already: the client is told at once.
        heapq.heappush(self._heap, _Due(end - EXPIRING_SECONDS, session.sid, is_end=False))
        heapq.heappush(self._heap, _Due(end, session.sid, is_end=True))
        if self._heap[0].when in (end, end - EXPIRING_SECONDS):
            self._changed.set()

    async def _watch(self) -> None:
        while True:
            now = self._clock().timestamp()
            while self._heap and self._heap[0].when <= now:
                self._tell(heapq.heappop(self._heap))
            nap = min(self._heap[0].when - now, LONGEST_NAP_SECONDS) if self._heap else LONGEST_NAP_SECONDS
            self._changed.clear()
            try:
                async with asyncio.timeout(max(nap, 0)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _tell(self, due: _Due) -> None:
        session = self._sessions.get(due.sid)
        if session is None:
            return
        end = session.ends_at.timestamp()
        # A refreshed token has left its predecessor's entries in the heap.
        if due.is_end and end <= due.when:
            self._expired(session)
        elif not due.is_end and end - EXPIRING_SECONDS == due.when and session.warned_of != session.ends_at:
            session.warned_of = session.ends_at
            self._expiring(session)
