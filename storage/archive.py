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

from storage.notifications import Notification
from storage.receipts import Receipt

ReaderOf = Callable[[str], str | None]
"""Answers the user whose own room it is; None for a room of many."""


class Going(NamedTuple):
    """A notification that is to go, by its place.

    It is what `Streams.prune` and the archive choose by, and holds nothing of the contents. `seq` is None for one that is
    in no stream; such a one goes by itself, in no order.
    """

    id: str
    room: str
    seq: int | None
    created_at: int
    """In microseconds, as stores keep times."""


def floors(chosen: Iterable[Going]) -> dict[str, int]:
    """Of each room, the last sequence that goes.

    `chosen` may hold several of a room, in any order. What has no sequence moves no floor, and a room of which only such
    ones go is absent.
    """
    found: dict[str, int] = {}
    for each in chosen:
        if each.seq is not None:
            found[each.room] = max(each.seq, found.get(each.room, 0))
    return found


class PieceState(StrEnum):
    """How far a piece has come. It goes one way only, and each step is one write, so that a crash leaves it in one of them."""

    OPEN = "open"  # its notifications are in the store, all of them; of the archive nothing is said
    KEPT = "kept"  # the archive has it, which was verified; its notifications go from the store
    CLOSED = "closed"  # they are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some notifications that leave the store together.

    A piece has a name of its own, month and number, that is never given to another one. So whoever writes it a second
    time, after a crash, writes the same file again, and the first half of it is overwritten and not doubled.
    """

    month: str
    """Of the oldest, as 2026-05, in UTC; of some it may be an earlier one, of none a later."""
    number: int
    """Within the month, from 1."""
    state: PieceState
    ids: tuple[str, ...]
    """Those that are still to go, of each room in the order of its stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveKey:
    """What a user's notifications in the archive are sealed with.

    A user has one key at a time, for all pieces. When the user is erased it is deleted, and with it all that any piece
    has of the user can be read no more: the files themselves are not touched.
    """

    user: str
    id: str
    """By which what was sealed names it; whoever comes back after having been erased has another."""
    secret: bytes = field(repr=False)
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedNotification:
    """A notification as it is put away.

    The mail goes along within the notification, with how it ended. Its course does not: steps are kept in the store only.
    """

    notification: Notification
    receipt: Receipt | None = None
    """What the reader did with it; None in a room of many, where it is not put away who read what."""


class Archive(Protocol):
    """Who puts away what, and the keys.

    One process at a time puts away, under a turn: `begin`, then `contents`, then the file is written and read back, then
    `keep`, then `release` until nothing is left. A crash after any of these is gone on from by `begin`, which answers the
    same piece in the state that it has. Nothing is deleted before `keep`, so nothing is lost with the process; what was
    put away twice has the same name both times.

    The keys are apart from that: any process may ask for them at any time.
    """

    async def is_due(self, *, before: datetime) -> bool:
        """Whether a piece is unfinished, or something may be older than this; a look that costs little.

        It may say yes where `begin` then finds nothing, as mail that is owed may hold all of it in place. It never says no
        while there is something that was made before.
        """
        ...

    async def lead(self, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """Take or prolong the right to put away; answers the turn, a number that is another's never again.

        None while another holder has it. With 0 seconds it is given up. `holder` names the process, and must be its own
        alone: whoever asks again under the same name in time keeps the turn. The lease is by `now`, the caller's clock. A
        turn that has ended is over for `begin`, `keep` and `abandon` only when another one has begun.
        """
        ...

    async def begin(self, *, before: datetime, limit: int, turn: int) -> Piece | None:
        """The piece that is unfinished, or else a new one of up to `limit` of what `Streams.prune` would delete.

        There is one at most that is not closed. None when nothing is to go, or when the turn is over. A new one holds what
        is of the month of its oldest, and of each room the beginning of its stream: so a month's end cuts a piece short of
        `limit`. The ids are kept with it; that is all the memory there is of what it holds.
        """
        ...

    async def rooms(self, ids: Sequence[str]) -> set[str]:
        """The rooms that these are in."""
        ...

    async def recalled(self, ids: Sequence[str]) -> set[str]:
        """Those of these that were taken back by now.

        Asked before `contents`, and again when the file is there: it has what was taken back in between as it was.
        """
        ...

    async def contents(self, ids: Sequence[str], reader_of: ReaderOf) -> list[ArchivedNotification]:
        """What is in the store of these, in their order; what is gone is left out.

        `reader_of` says whose the room is: only for such a room the receipt comes along. Not one moment: a receipt that is
        written meanwhile may be in it or not.
        """
        ...

    async def keep(self, piece: Piece, *, turn: int) -> bool:
        """The archive has all of the open piece: from now on it may go. False, with nothing changed, when the turn is over.

        Durable when it answers. False also for a piece that is not open, so of two who have written it one is told so.
        """
        ...

    async def abandon(self, piece: Piece, *, turn: int) -> bool:
        """Something of the open piece is not there any more: it is closed as it is, and its number is not given again.

        What is left of its notifications stays in the store, and a later piece has them. False as in `keep`.
        """
        ...

    async def release(self, piece: Piece, *, limit: int, recalled: Collection[str] = ()) -> int:
        """Delete up to `limit` notifications of a piece that the archive has, as `Streams.prune` would; answers how many are left.

        What cannot go now stays, and what follows it in its room: a later piece will have it. That is what mail has become
        owed of again, and what was taken back, but for the `recalled`: those the archive has so. When nothing is left the
        piece is closed. Idempotent.

        It needs no turn: the piece says itself what may go. A crash in the midst leaves some of the ids to be gone through
        again, which finds them gone. What stays is not in the piece any more, though the file holds it: it may be in two.
        """
        ...

    async def keys(self, users: Collection[str]) -> dict[str, ArchiveKey]:
        """The key of each of these, made for those who have none yet; all that ask get the same.

        Durable when it answers: what is sealed with a key that a crash takes along could be read by nobody. Of a user
        who is erased at the same moment a key may be made anew; it opens nothing that was sealed before.
        """
        ...

    async def keys_by_id(self, ids: Collection[str]) -> dict[str, ArchiveKey]:
        """The keys that are there by their ids: those of erased users are not, for ever."""
        ...

    async def key_of(self, user: str) -> ArchiveKey | None:
        """The key of one user; None for whom nothing was ever sealed, or who was erased. It makes none."""
        ...

    async def restore(
        self, kept: Sequence[ArchivedNotification], reader_of: ReaderOf, *, now: datetime
    ) -> int:
        """Put these back where they were, those that are not there; answers how many.

        Nothing comes back of a user who was erased since.
        What has a sequence comes back only into what was pruned of its room: not into another store, whose own
        sequences these would break. No count of unread changes: what comes back counts as read. A chain that it stood
        for is not taken up again.

        It may be repeated: what is there is passed over, and not counted. Mail comes back as it ended, and is not owed
        again: only what was settled was ever put away. A receipt that the reader has by now is not overwritten.
        """
        ...


def month_of(moment: datetime) -> str:
    """How a piece names a month: `2026-05`, of the time as it is given, which stores hand over in UTC."""
    return f"{moment:%Y-%m}"


def of_one_month(chosen: Sequence[Going], moment: Callable[[int], datetime]) -> tuple[str, list[Going]]:
    """The month of the first, and what of them goes with it: no stream is left with a hole.

    `chosen` is as `choose` of a store has it, of each room in order of its stream, and not empty; `moment` makes a time
    of microseconds. What is of an earlier month goes along, as clocks differ by a little. A room ends with the first that
    is of a later month, even if one behind it is of an earlier one again.
    """
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
