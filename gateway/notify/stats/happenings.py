"""What the parts of a process say of what they did: values alone.

Who does something says so in a moment, and in its own words: a frame was written, some ids were read, a mail left. What
that is in events is worked out later (`reckoning`).

`hearing` queues happenings; nothing outside this room knows of them. A happening is in memory alone, and no
longer than it waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.notify.delivery.streams import ToldByFrame
from storage.events import Outcome
from storage.obligations import Subject
from storage.streams import Placed

_FRAME_BYTES = 1024
"""How many bytes of a frame weigh as much as a small happening."""


@dataclass(slots=True)
class FramesWritten:
    """Frames were written, in the same moment, each to the connections of its room."""

    at: datetime
    """When the first of them was."""
    frames: list[tuple[str, bytes | ToldByFrame]] = field(default_factory=list)
    """Each with its room: its bytes, or what it tells."""
    weight: int = 0
    """The weight of all its frames together."""

    def add(self, room: str, frame: bytes | ToldByFrame) -> int:
        """One more frame of the same moment; answers its weight: 1, and of one that is kept as bytes 1 more for each KiB."""
        weight = 1 + len(frame) // _FRAME_BYTES if isinstance(frame, bytes) else 1
        self.frames.append((room, frame))
        self.weight += weight
        return weight


@dataclass(frozen=True, slots=True)
class Replayed:
    """A connection was given what it had missed."""

    at: datetime
    missed: Sequence[tuple[str, Placed]]
    """The id of each, and where it is."""


@dataclass(frozen=True, slots=True)
class ReceiptsMarked:
    """A reader has seen, read or clicked some, each in one of the reader's rooms."""

    at: datetime
    outcome: Outcome
    """`SEEN`, `READ` or `CLICKED`; what it implies is added as it is worked out."""
    user: str
    rooms: Sequence[str] | None
    """The rooms that the reader is in. None: the store has marked them, whichever room they are in."""
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReadAll:
    """A reader has read all that the rooms held."""

    at: datetime
    user: str
    read_from: Mapping[str, int]
    """Up to where each room had been read before."""
    heads: Mapping[str, int]
    """Up to where each is read now."""


@dataclass(frozen=True, slots=True)
class MailEnded:
    """A mail left, or will not.

    It is told by the process whose worker had it. A postponement is none.
    """

    at: datetime
    outcome: Outcome
    id: str
    of: Subject
    type: str
    lane: str
    rule: str = ""
    """The rule by which it was skipped; empty where it was not."""
    variant: str = ""
    """Empty where it is said in one way."""


@dataclass(frozen=True, slots=True)
class MailHeard:
    """Something was heard of a mail that had left.

    In which series it was sent is looked up, since who hears of it knows that only in part.
    """

    at: datetime
    outcome: Outcome
    id: str
    type: str
    lane: str = ""
    """The lane that it left by; empty where that is not known."""
    variant: str = ""
    """Which of several ways to say it this was; empty where that is not known."""


Happening = FramesWritten | Replayed | ReceiptsMarked | ReadAll | MailEnded | MailHeard
"""What may wait to be told."""


def weight(happening: Happening) -> int:
    """How much it takes to keep it, and to work it out: that of something small is 1."""
    match happening:
        case FramesWritten():
            return happening.weight
        case Replayed():
            return len(happening.missed)
        case ReceiptsMarked():
            return len(happening.ids)
        case ReadAll():
            return 10 * len(happening.read_from)
        case _:
            return 1
