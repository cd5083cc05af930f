"""Suspicion: where a rule may hide something, asked before it is judged.

A value alone. The preference book answers with it, for it knows who has refused; `emitting.showing` goes by it, and
judges what it leaves.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass


class Everybody:
    """Has every room."""

    def __contains__(self, room: object) -> bool:
        return True


EVERYBODY = Everybody()


def _always(room: str) -> bool:
    del room
    return True


@dataclass(frozen=True, slots=True)
class Suspicion:
    """In which rooms a rule may hide something: a yes may be wrong, and is judged then; a no may not.

    Every emit asks of every room. So it is asked in two steps, the first of which is a set's for nearly all.
    """

    rooms: Container[str] = EVERYBODY
    """A room that is not in it is of nobody for whom anything is hidden."""
    of: Callable[[str], bool] = _always
    """Whether a rule may hide something of this type in this one of `rooms`."""
