"""What a node has written to its sessions lately: of each notification of a room, when, and to how many.

A memory, not a record: it holds the newest `KEPT` and ends with the process. What a session was given of what it had missed
is not in it.

The trace asks each node for it (`gateway.observe.trace`): it tells whether a frame has left the node, which
the store cannot know.
"""

from array import array
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

KEPT = 8_192
"""Frames of all rooms together; older ones are forgotten."""
NAMED = 8
"""Sessions that are named; of a room with more of them only their number is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One notification, written to the sessions that were in its room."""

    at: datetime
    reached: int
    """Sessions that the frame was written to, guests excepted."""
    sessions: tuple[str, ...]
    """Their ids; none where they were more than `NAMED`."""


class WrittenLog:
    """The newest `KEPT` frames of this node: a ring, each value of a frame in a column.

    Noting makes no object that stays. One for each frame would be freed thousands of frames later, when no cache of the
    processor has it any more.
    """

    __slots__ = ("_at", "_next", "_reached", "_rooms", "_seqs", "_sessions")

    def __init__(self) -> None:
        self._rooms: list[str] = [""] * KEPT
        """Empty where nothing was written yet."""
        self._seqs = array("q", bytes(8 * KEPT))
        self._at = array("d", bytes(8 * KEPT))
        self._reached = array("q", bytes(8 * KEPT))
        self._sessions: list[str | tuple[str, ...]] = [()] * KEPT
        """One id by itself: most rooms are a user's, with one session."""
        self._next = 0

    def note(self, room: str, seq: int, reached: int, members: Collection[str]) -> None:
        """Remember that the frame was written just now; called for each frame with a sequence, and never waits."""
        place = self._next
        self._rooms[place] = room
        self._seqs[place] = seq
        self._at[place] = time()
        self._reached[place] = reached
        if len(members) == 1:
            [self._sessions[place]] = members
        else:
            self._sessions[place] = tuple(members) if reached <= NAMED else ()
        self._next = (place + 1) % KEPT

    def find(self, room: str, seq: int) -> Written | None:
        """What was written of it, if that is remembered.

        It looks through all that is kept, from the newest on: for a question of a person, not for the path of
        an emit.
        """
        for age in range(1, KEPT + 1):
            place = self._next - age
            if self._seqs[place] == seq and self._rooms[place] == room:
                sessions = self._sessions[place]
                return Written(
                    at=datetime.fromtimestamp(self._at[place], UTC),
                    reached=self._reached[place],
                    sessions=(sessions,) if isinstance(sessions, str) else sessions,
                )
        return None

    def forget(self) -> None:
        """The sequences begin anew: what is remembered would be told of others."""
        self._rooms = [""] * KEPT
