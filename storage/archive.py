"""The shelf of the archive: what of the history is on its way out of the store, and the keys of what was put away.

The archive itself is elsewhere: files of notifications, in pieces. Here it is kept which notifications make the piece that is
being written, so that after a crash the same piece is written again, under the same name and of the same notifications; and
the key of each user, without which nobody can read what the archive has of them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from storage.inboxes import Receipt
from storage.streams import Notification

ReaderOf = Callable[[str], str | None]
"""Answers the user whose own room it is; None for a room of many."""


class Going(NamedTuple):
    """A notification that is to go, by its place."""

    id: str
    room: str
    seq: int | None
    created_at: int
    """In microseconds, as stores keep times."""


def floors(chosen: Iterable[Going]) -> dict[str, int]:
    """Of each room, the last sequence that goes."""
    found: dict[str, int] = {}
    for each in chosen:
        if each.seq is not None:
            found[each.room] = max(each.seq, found.get(each.room, 0))
    return found


class PieceState(StrEnum):
    OPEN = "open"  # its notifications are in the store, all of them; of the archive nothing is said
    KEPT = "kept"  # the archive has it, which was verified; its notifications go from the store
    CLOSED = "closed"  # they are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some notifications that leave the store together."""

    month: str
    """Of the oldest, as 2026-05, in UTC; of some it may be an earlier one, of none a later."""
    number: int
    """Within the month, from 1."""
    state: PieceState
    ids: tuple[str, ...]
    """Those that are still to go, of each room in the order of its stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a user's notifications in the archive are sealed with."""

    user: str
    id: str
    """By which what was sealed names it; whoever comes back after having been erased has another."""
    secret: bytes = field(repr=False)
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A notification as it is put away."""

    notification: Notification
    receipt: Receipt | None = None
    """What the reader did with it; None in a room of many, where it is not put away who read what."""


class Archive(Protocol):
    """Who puts away what, and the keys."""

    async def is_due(self, *, before: datetime) -> bool:
        """Whether a piece is unfinished, or something may be older than this; a look that costs little."""
        ...

    async def lead(self, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """Take or prolong the right to put away; answers the turn, a number that is another's never again.

        None while another holder has it. With 0 seconds it is given up.
        """
        ...

    async def begin(self, *, before: datetime, limit: int, turn: int) -> Piece | None:
        """The piece that is unfinished, or else a new one of up to `limit` of what `Streams.prune` would delete.

        There is one at most that is not closed. None when nothing is to go, or when the turn is over.
        """
        ...

    async def rooms(self, ids: Sequence[str]) -> set[str]:
        """The rooms that these are in."""
        ...

    async def contents(self, ids: Sequence[str], reader_of: ReaderOf) -> list[Kept]:
        """What is in the store of these, in their order; what is gone is left out."""
        ...

    async def keep(self, piece: Piece, *, turn: int) -> bool:
        """The archive has all of the open piece: from now on it may go. False, with nothing changed, when the turn is over."""
        ...

    async def abandon(self, piece: Piece, *, turn: int) -> bool:
        """Something of the open piece is not there any more: it is closed as it is, and its number is not given again."""
        ...

    async def release(self, piece: Piece, *, limit: int) -> int:
        """Delete up to `limit` notifications of a piece that the archive has, as `Streams.prune` would; answers how many are left.

        What cannot go now, because mail of it has become owed again, stays, and what follows it in its room: a later piece
        will have it. When nothing is left the piece is closed. Idempotent.
        """
        ...

    async def keys(self, users: Collection[str]) -> dict[str, Key]:
        """The key of each of these, made for those who have none yet; all that ask get the same."""
        ...

    async def keys_by_id(self, ids: Collection[str]) -> dict[str, Key]:
        """The keys that are there by their ids: those of erased users are not, for ever."""
        ...

    async def key_of(self, user: str) -> Key | None: ...

    async def restore(self, kept: Sequence[Kept], reader_of: ReaderOf, *, now: datetime) -> int:
        """Put these back where they were, those that are not there; answers how many.

        Nothing comes back of a user who was erased since. What has a sequence comes back only into what was pruned of its room: not into another store, whose own sequences these
        would break. No count of unread changes: what comes back counts as read. A chain that it stood for is not taken up
        again.
        """
        ...


def month_of(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def of_one_month(chosen: Sequence[Going], moment: Callable[[int], datetime]) -> tuple[str, list[Going]]:
    """The month of the first, and what of them goes with it: no stream is left with a hole."""
    month = month_of(moment(chosen[0].created_at))
    ended: set[str] = set()
    taken: list[Going] = []
    for each in chosen:
        if each.room in ended and each.seq is not None:
            continue
        if month_of(moment(each.created_at)) <= month:
            taken.append(each)
        elif each.seq is not None:
            ended.add(each.room)
    return month, taken


KEPT_OF_RECEIPTS = ("seen_at", "read_at", "dismissed_at", "clicked_at", "archived_at", "acted_at")
"""The times of a receipt that come back; what was put off is not put off any more."""
