"""What the parts of a process say of what they did: values alone.

Who does something says so in a moment, and in its own words: a frame was written, some ids were read, a mail left. What
that is in events is worked out later (`reckoning`).

`hearing` queues happenings; nothing outside this room knows of them. A happening is in memory alone, and no
longer than it waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ground.rooms import user_room
from storage.events import Outcome
from storage.histories import Muted
from storage.obligations import Subject

OWN_ROOMS = user_room("")
"""How the names of users' own rooms begin."""
_FRAME_BYTES = 1024
"""How many bytes of a frame weigh as much as a small happening."""


@dataclass(slots=True)
class Delivered:
    """Notifications were written, in the same moment, each to connections of its room."""

    at: datetime
    """When the first of them was."""
    own: dict[str, list[str]] = field(default_factory=dict)
    """The ids by type, of those in a room of one person."""
    shared: dict[str, list[str]] = field(default_factory=dict)
    """The same of rooms of many."""
    frames: list[tuple[str, bytes]] = field(default_factory=list)
    """Frames with their rooms, of which nobody has said what they tell."""
    number: int = 0
    """How many notifications that are."""
    weight: int = 0
    """The weight of all of them together."""

    def add(self, room: str, id_: str, type_: str) -> None:
        """One more of the same moment; its weight is 1."""
        by_type = self.own if room.startswith(OWN_ROOMS) else self.shared
        ids = by_type.get(type_)
        if ids is None:
            by_type[type_] = [id_]
        else:
            ids.append(id_)
        self.number += 1
        self.weight += 1

    def keep(self, room: str, frame: bytes) -> int:
        """One more, whose frame is read later; answers its weight: 1, and 1 more for each KiB."""
        weight = 1 + len(frame) // _FRAME_BYTES
        self.frames.append((room, frame))
        self.number += 1
        self.weight += weight
        return weight


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
    muted: Muted | None = None
    """What of it the reader was not shown, and so has not read."""


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


Happening = Delivered | ReceiptsMarked | ReadAll | MailEnded | MailHeard
"""What may wait to be told."""


def weight(happening: Happening) -> int:
    """How much it takes to keep it, and to work it out: that of something small is 1."""
    match happening:
        case Delivered():
            return happening.weight
        case ReceiptsMarked():
            return len(happening.ids)
        case ReadAll():
            return 10 * len(happening.read_from)
        case _:
            return 1
