"""Where a user's shared rooms begin: what was said to everybody before the user was there is history, and not unread.

The rule, once for both stores. A room of everybody's begins where Bellhop first hears of the user: at a connect, a contact,
or a notification to the user's own room, whichever came first. Any other shared room, a topic, begins when the user
first has it. Users that a store knew before it kept beginnings lose nothing: of all they have then, all stays unread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Which of a user's rooms are shared, and how.

    What is in neither is a topic, or another room that somebody has given.
    """

    own: str
    """The user's own room, which begins with its first notification."""
    everybodys: Sequence[str]
    """Rooms that one has by being there, the first of them every user; the others were given."""


BeginningRequest = tuple[str, Sequence[str], Membership]
"""A user, the user's rooms, and which of them are shared."""


class Head:
    """Begins after all that the room holds now.

    What comes to be in the room while it is looked up may fall on either side.
    """


@dataclass(frozen=True, slots=True)
class After:
    """Begins after what was made before this time.

    `time` is in microseconds. What was made at that very time is unread: `heard_at` is often the time of the notification
    by which Bellhop has heard of the user.
    """

    time: int


START: Final = After(0)
"""Begins at the start: all of the room is the user's."""
Beginning = Head | After


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a store knows of a user who has no beginning in some room.

    It is read at one moment, or in any order, as each of the three only ever changes once.
    """

    predates: bool
    """Whether the user was there before beginnings were kept."""
    settled: bool
    """Whether the room that every user has has begun: what was given and has not begun was given later."""
    heard_at: int | None
    """When Bellhop first heard of the user; None if this is the first time."""


def beginning(room: str, membership: Membership, known: Known) -> Beginning:
    """Where `room`, which has no beginning yet, begins for the user.

    It looks nothing up and is the same for the same answers: two nodes that begin a room at once come to the same rule,
    and the first to write has its way. An everybody's room of a user who is heard of right now begins at its head; so
    does a topic that is given from now on. Whoever predates beginnings and has not been seen since keeps all.
    """
    if room in membership.everybodys:
        if known.predates:
            return START
        return Head() if known.heard_at is None else After(known.heard_at)
    return START if known.predates and not known.settled else Head()
