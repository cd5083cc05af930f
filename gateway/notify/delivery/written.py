"""What a node has written to its sessions lately: of each notification of a room, when, and to how many.

A memory, not a record: it holds the newest `KEPT` and ends with the process. What a session was given of what it had missed
is not in it.

The trace asks each node for it (`gateway.observe.trace`): it tells whether a frame has left the node, which
the store cannot know.
"""

from collections import deque
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
    """The newest `KEPT` frames of this node. Noting costs an append for a frame, however many sessions it goes to."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: deque[tuple[str, int, float, int, tuple[str, ...]]] = deque(maxlen=KEPT)

    def note(self, room: str, seq: int, reached: int, members: Collection[str]) -> None:
        """Remember that the frame was written just now; called for each frame with a sequence, and never waits."""
        self._entries.append((room, seq, time(), reached, tuple(members) if reached <= NAMED else ()))

    def find(self, room: str, seq: int) -> Written | None:
        """What was written of it, if that is remembered.

        It looks through all that is kept, from the newest on: for a question of a person, not for the path of
        an emit.
        """
        for entry in reversed(self._entries):
            if entry[1] == seq and entry[0] == room:
                _, _, at, reached, sessions = entry
                return Written(at=datetime.fromtimestamp(at, UTC), reached=reached, sessions=sessions)
        return None

    def forget(self) -> None:
        """The sequences begin anew: what is remembered would be told of others."""
        self._entries.clear()
