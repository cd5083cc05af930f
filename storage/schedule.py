"""The shelf of what is to be emitted later: kept as it was asked, in no stream until it is due.

What is due is leased, emitted, and then ended. Whoever emits it does so under an idempotency key made of its id, so that a crash
between the two emits nothing twice. What was not emitted when it was due is missed: it waits for somebody who decides.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

TOMBSTONE = timedelta(minutes=1)
"""How long a cancellation also meets what is scheduled or emitted after it: the two may have overtaken each other."""


class Missed(StrEnum):
    """Why something was not emitted when it was due.

    `LATE` is judged by `latest_at`; `RESTORED` by the epoch that it was asked in; `REFUSED` is found as it is emitted.
    """

    LATE = "late"  # nobody came to it within its time
    RESTORED = "restored"  # the store was put back since: it may have been emitted in what was lost by that
    REFUSED = "refused"  # what was asked cannot be emitted any more, as by the catalog of now


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """What is to be emitted to one room.

    `request` is gone when it has ended, and kept when it was missed: that may be emitted still.
    """

    id: str
    due_at: datetime
    room: str
    scope: str
    """In whose name it was asked."""
    request: str
    """What was asked, as its writer encodes it."""
    fingerprint: bytes = b""
    """Of the whole that was asked: another under the same id is another request."""
    cancel_key: str | None = None
    latest_at: datetime | None = None
    """After this it is not emitted any more; None: however late."""
    epoch: str = ""
    """That of the store as it was asked; empty: nobody knows."""
    missed: Missed | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one that was to be added.

    In the order of its fields: callers name them by place.
    """

    is_new: bool
    is_same: bool
    """Whether what was there already is of the same request; of a new one it is."""
    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What a cancellation has met: how many are not emitted by it, and for how many it came too late."""

    cancelled: int
    too_late: int
    """Emitted already, or just being so; as far as that is still known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage:
    """Some of what is scheduled, and where the next page begins: `next` is a cursor for `page`, None at the end."""

    items: tuple[Scheduled, ...]
    next: str | None


def met(cancellations: Iterable[tuple[str, str]], asked: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the keys with their rooms that these cancellations are about; one whose room is empty is about all of its key."""
    found = set(cancellations)
    return {(key, room) for key, room in asked if {(key, room), (key, "")} & found}


class Schedule(Protocol):
    """What waits for its time.

    Each is one row from the asking to the end. It is emitted at least once asked for, and its idempotency key makes
    that one notification. What is under a lease can be neither cancelled nor hastened: it is being emitted.
    """

    async def add(self, items: Sequence[Scheduled], *, now: datetime) -> list[Added]:
        """Keep each, durably; answers what became of it, in order. An id that is known is left as it is.

        One whose key was cancelled within the last `TOMBSTONE` is kept as cancelled.

        May be repeated after an error: an id that was stored by the first attempt is answered as not new, and the same.
        Each for itself; of several some may be kept when an error is raised.
        """
        ...

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> tuple[str, list[Scheduled]]:
        """Take up to `limit` that are due, oldest first, for this caller alone; answers a token to end them by.

        By the caller's clock. What is not ended comes again when the lease ends, and has another token then. An empty
        list comes with a token that is good for nothing.
        """
        ...

    async def end(self, ids: Sequence[str], *, token: str, now: datetime) -> None:
        """They are emitted, or cannot be: none of them comes again.

        Those that are not under this token any more stay as they are: another has them. Of an ended one the id stays,
        so that the same request is known until it is pruned.
        """
        ...

    async def miss(self, why: Mapping[str, Missed], *, token: str, now: datetime) -> None:
        """These ids are not emitted, unless somebody has them hastened until they are pruned.

        They end by that, and are pruned as what was emitted is. What is not under this token any more stays as it is.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest is due, or its lease ends; None when nothing waits.

        It is what the process that emits them sleeps until; what is added meanwhile may be due earlier.
        """
        ...

    async def cancel(self, scope: str, cancel_key: str, *, room: str | None, now: datetime) -> Cancelled:
        """None of this key, and of this room if one is given, is emitted any more, as far as it is not under way.

        What was missed is cancelled too.

        The cancellation itself is kept too, before it looks for what is there: so it meets what is added at the same
        moment, or within `TOMBSTONE` after it. Repeating it cancels nothing more, and counts as too late what the first
        was too late for.
        """
        ...

    async def cancelled(
        self, scope: str, asked: Collection[tuple[str, str]], *, now: datetime
    ) -> set[tuple[str, str]]:
        """Those of these keys with their rooms that were cancelled within the last `TOMBSTONE`, in that room or in all.

        For what is emitted without waiting here: a cancellation that is kept when this is asked is seen, on any node.
        """
        ...

    async def drop(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        """None of these is emitted any more, as far as it is not under way; answers which were still to come, or missed.

        In no order that is promised. An id that is unknown, over, or under way is not in the answer.
        """
        ...

    async def hasten(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        """Have them due now, however late that is; answers which were still to come, or missed.

        It has no latest time then. Of what was missed this is the way back; no order of the answer is promised.
        """
        ...

    async def page(self, *, after: str | None, limit: int, missed: bool = False) -> SchedulePage:
        """What is still to come, or else what was missed, the earliest first.

        Raises `InvalidCursor` for an `after` that no page gave.

        By when it is due and then by id. What is under a lease is still to come. One that is hastened while pages are
        turned may be on none of them.
        """
        ...

    async def of_room(self, room: str, *, limit: int) -> tuple[Scheduled, ...]:
        """What is still to come for the room, or was missed, the earliest first.

        It is part of what a user is told of themselves.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget what ended before that time; answers how many.

        Up to `limit` of them, and all cancellations from before that time: these are at most a minute of use.
        """
        ...
