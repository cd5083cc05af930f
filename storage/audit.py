"""The shelf of deeds: who has done what to what, and what came of it.

A deed is written down before it is done, and its end after. One without an end was begun, and whether it was done is not
known: its process ended, or the store went away in between.

It outlives its people. So it holds ids, and nothing else of a person: no name, no address, no words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

DONE = "done"
"""The end of a deed that went well; of any other it is the code of what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    id: str
    at: datetime
    by: str
    """`user:…` or `service:…`."""
    role: str
    """As what they were let in."""
    operation: str
    """The name of what was asked."""
    target: str | None = None
    """What it was done to: a room, such as `user:ann`, or an id, or a name; None where it is about all."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What else was asked, as far as it may be kept."""
    request_id: str | None = None
    outcome: str | None = None
    """`DONE`, or a code; None: begun."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedSearch:
    """Which deeds are asked for: all that is said must hold, and what is None is not asked."""

    by: str | None = None
    operation: str | None = None
    target: str | None = None
    since: datetime | None = None
    """Begun then or later."""
    until: datetime | None = None
    """Begun before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedPage:
    items: Sequence[Deed]
    next: str | None


class Audit(Protocol):
    async def begin(self, deed: Deed) -> None:
        """Write it down, durably."""
        ...

    async def end(self, deed_id: str, outcome: str, *, now: datetime) -> None:
        """Say what came of it; the first word on it stays."""
        ...

    async def page(self, asked: DeedSearch, *, before: str | None, limit: int) -> DeedPage:
        """Newest first, found by an index: of the target, else of who did it, else of the operation, else of the times.

        Raises `InvalidCursor` as `history` does.
        """
        ...

    async def of_person(self, user: str, *, limit: int) -> Sequence[Deed]:
        """What was done by the user, and to the user, newest first."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` that were begun before; answers how many."""
        ...
