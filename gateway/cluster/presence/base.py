"""The Protocol of presence: who is online anywhere in the cluster."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ground.parts import Meters


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A user's first connection anywhere."""

    user: str
    name: str | None
    roles: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A user's last connection went, and none came within the grace. `at` is when it went."""

    user: str
    at: datetime


Announce = Callable[[Joined | Left], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One connection of a user, as presence is told of it."""

    connection: str
    """Unique in the cluster."""
    user: str
    name: str | None
    roles: tuple[str, ...]
    since: datetime
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """A user who is online: `since` is the earliest of the connections, the rest is the newest one's."""

    user: str
    name: str | None
    roles: tuple[str, ...]
    connections: int
    since: datetime
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A page of who is online, ordered by user, with the counts of the whole cluster."""

    online: tuple[Online, ...]
    users: int
    connections: int
    next: str | None
    """Pass it as `after` for the next page; None at the end."""


class Presence(Protocol):
    """Who is online. Each change is announced once, to every node, in one order in which a user's alternate."""

    async def start(self, announce: Announce) -> None:
        """Begin to watch. `announce` is awaited for each change anywhere from now on, one after the other."""
        ...

    async def enter(self, visitor: Visitor, *, limit: int) -> list[str]:
        """A connection has come. Answers the user's oldest connections beyond `limit` (0: no limit), to be closed."""
        ...

    async def leave(self, connection: str, *, now: datetime) -> None:
        """A connection has gone; `Left` follows after the grace if it was the last. Unknown ones are ignored."""
        ...

    async def roster(self, *, after: str | None, limit: int, prefix: str = "") -> Roster:
        """The users whose id begins with `prefix`, after the user id `after`."""
        ...

    async def find(self, user: str) -> Online | None:
        """The user's entry, or None when offline (within the grace a user is offline without connections)."""
        ...

    async def counts(self) -> tuple[int, int]:
        """(users, connections) of the whole cluster."""
        ...

    def measure(self, meters: Meters) -> None:
        """Tell `meters` what presence knows of itself."""
        ...

    def reasons(self) -> list[str]:
        """Why nobody can be told now who is online, for the readiness probe; empty when all is well."""
        ...

    async def stop(self) -> None:
        """Take this node's connections out, announcing those who left; idempotent."""
        ...
