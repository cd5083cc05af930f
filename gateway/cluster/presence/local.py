"""Presence of a gateway that is alone: everything it knows is in its memory.

It promises what the one on Redis does, without a way to fail: nothing here raises `PresenceUnavailable`.
"""

import asyncio
import logging
from bisect import bisect_left, bisect_right, insort
from datetime import datetime, timedelta

from gateway.cluster.presence.base import Announce, Joined, Left, Online, Roster, Visitor
from gateway.ground.clock import Clock, system_clock
from gateway.ground.parts import Meters
from gateway.ground.tasks import Tasks

_log = logging.getLogger(__name__)


def _age(visitor: Visitor) -> tuple[datetime, str]:
    """Orders a user's connections, oldest first."""
    return visitor.since, visitor.connection


def _online(visitors: list[Visitor]) -> Online:
    """A user's entry; name, roles and topics are those of the newest connection, whose token is the freshest."""
    newest = visitors[-1]
    return Online(
        user=newest.user,
        name=newest.name,
        roles=newest.roles,
        connections=len(visitors),
        since=visitors[0].since,
        topics=newest.topics,
    )


class LocalPresence:
    """Who is online at this one node.

    `clock` tells the time at which a departure falls due, and a task sleeps until then: a test that holds the clock
    calls `sweep` after moving it.

    One for a node that is alone. It ends with the process, and with it all that it knows: after a restart
    everybody joins anew.
    """

    def __init__(self, grace_seconds: float = 5.0, clock: Clock = system_clock) -> None:
        self._grace = timedelta(seconds=grace_seconds)
        self._clock = clock
        self._announce: Announce | None = None
        self._users: dict[str, list[Visitor]] = {}
        """The connections of each user who is online, oldest first."""
        self._order: list[str] = []
        """The users who are online, sorted."""
        self._connections: dict[str, Visitor] = {}
        """By name."""
        self._leaving: dict[str, datetime] = {}
        """When the last connection of a user went whose departure is not announced yet; the oldest first."""
        self._came = asyncio.Event()
        self._tasks = Tasks()
        self._turn = asyncio.Lock()
        """Held while announcing: announcements go out in the order in which things happened."""

    async def start(self, announce: Announce) -> None:
        self._announce = announce
        self._tasks.start(self._watch_departures, name="presence-departures")

    async def enter(self, visitor: Visitor, *, limit: int) -> list[str]:
        """Hold the connection; announce the user, unless another connection or the grace says that the user was here."""
        if visitor.connection in self._connections:
            return []
        self._connections[visitor.connection] = visitor
        user = visitor.user
        visitors = self._users.get(user)
        if visitors is None:
            visitors = self._users[user] = []
            insort(self._order, user)
        insort(visitors, visitor, key=_age)
        others = [each.connection for each in visitors if each is not visitor]
        beyond = others[: len(visitors) - limit] if limit and len(visitors) > limit else []
        # Within the grace the user had not gone: nothing is announced.
        if not others and self._leaving.pop(user, None) is None:
            await self._tell(Joined(user=user, name=visitor.name, roles=visitor.roles, at=visitor.since))
        return beyond

    async def leave(self, connection: str, *, now: datetime) -> None:
        """Take a connection out. The departure is announced by the watch, when the grace is over."""
        visitor = self._connections.pop(connection, None)
        if visitor is None:
            return
        visitors = self._users[visitor.user]
        visitors.remove(visitor)
        if visitors:
            return
        del self._users[visitor.user]
        del self._order[bisect_left(self._order, visitor.user)]
        self._leaving[visitor.user] = now
        self._came.set()

    async def roster(self, *, after: str | None, limit: int, prefix: str = "") -> Roster:
        """A page of who is online, from the sorted list of users."""
        first = bisect_left(self._order, prefix)
        if after is not None:
            first = max(first, bisect_right(self._order, after))
        page: list[Online] = []
        following: str | None = None
        # One more than the page holds tells whether there is a next.
        for user in self._order[first : first + limit + 1]:
            if not user.startswith(prefix):
                break
            if len(page) == limit:
                following = page[-1].user
                break
            page.append(_online(self._users[user]))
        return Roster(
            online=tuple(page),
            users=len(self._users),
            connections=len(self._connections),
            next=following,
        )

    async def find(self, user: str) -> Online | None:
        visitors = self._users.get(user)
        return _online(visitors) if visitors else None

    async def counts(self) -> tuple[int, int]:
        return len(self._users), len(self._connections)

    def measure(self, meters: Meters) -> None:
        pass

    def reasons(self) -> list[str]:
        return []

    async def sweep(self) -> None:
        """Announce the departures whose grace is over."""
        due = self._clock() - self._grace
        for user, at in [(user, at) for user, at in self._leaving.items() if at <= due]:
            # Announcing yields: the user may have come back while an earlier departure was announced.
            if self._leaving.pop(user, None) is not None:
                await self._tell(Left(user=user, at=at))

    async def stop(self) -> None:
        """Take all connections out and announce every departure at once: no grace outlives the process."""
        if not self._tasks:
            return
        await self._tasks.stop()
        now = self._clock()
        for connection in list(self._connections):
            await self.leave(connection, now=now)
        leaving, self._leaving = self._leaving, {}
        for user, at in leaving.items():
            await self._tell(Left(user=user, at=at))

    async def _watch_departures(self) -> None:
        """Announce each departure when its grace is over."""
        while True:
            self._came.clear()
            await self.sweep()
            next_at = min(self._leaving.values(), default=None)
            wait = None if next_at is None else (next_at + self._grace - self._clock()).total_seconds()
            try:
                # A departure that came while this one was awaited is due no earlier, so nothing is missed by waiting.
                async with asyncio.timeout(wait):
                    await self._came.wait()
            except TimeoutError:
                pass

    async def _tell(self, change: Joined | Left) -> None:
        """Announce a change. Announcements come one after the other, whatever they take."""
        if self._announce is None:
            return
        async with self._turn:
            try:
                await self._announce(change)
            except Exception:  # noqa: BLE001 - said below
                # Whoever listens must not be able to stop presence: the next change is announced all the same.
                _log.exception("presence announcement failed")
