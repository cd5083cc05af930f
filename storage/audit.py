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
    """Something that somebody with a right to it has asked of this service, and what came of it.

    `by` and `target` are ids, as is all in `detail`: whoever writes a deed down leaves names, addresses and words out.
    """

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
    """Some deeds, and where the next page begins: `next` is a cursor for `Audit.page`, None at the end."""

    items: Sequence[Deed]
    next: str | None


class Audit(Protocol):
    """Who has done what. It is written at both ends of a deed, and changed by nothing else but `prune`.

    It is not part of the deed's own write. So a crash may leave a deed that is done and has no end here, and none that is
    done and has no beginning, as long as whoever does it waits for `begin`. Erasing a user leaves it as it is: the law
    that asks for the one asks for the proof of it too, and an id by itself says little.
    """

    async def begin(self, deed: Deed) -> None:
        """Write it down, durably.

        Its id is the caller's, and new: a deed is begun once. Raises `StoreUnavailable` when that is not known to be done;
        then the deed must not be done either.
        """
        ...

    async def end(self, deed_id: str, outcome: str, *, now: datetime) -> None:
        """Say what came of it; the first word on it stays.

        It may be repeated, and be of a deed that was pruned meanwhile: then nothing is changed.
        """
        ...

    async def page(self, asked: DeedSearch, *, before: str | None, limit: int) -> DeedPage:
        """Newest first, found by an index: of the target, else of who did it, else of the operation, else of the times.

        Raises `InvalidCursor` as `history` does. By time and then by id, so that deeds of one moment are told apart,
        and a cursor goes on behind exactly the last that was seen. What else is asked is looked at row by row: of one
        operation to one target all that was done to that target is gone through. It may be read from where it lags.
        """
        ...

    async def of_person(self, user: str, *, limit: int) -> Sequence[Deed]:
        """What was done by the user, and to the user, newest first.

        A user who has done something to nobody but themselves has it once. Not what a deed names in `detail`: that is not
        looked through.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` that were begun before; answers how many.

        The oldest first, so that a call that is cut short leaves no gap. Fewer than `limit` says that nothing old is left.
        """
        ...
