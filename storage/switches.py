"""The shelf of switches: what admins have set for types of notifications at run time, by whom and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

TYPES_MAX = 1000
"""Types that can have been switched; of further ones a change raises `TooManySwitched`."""
CHANGES_KEPT = 200
"""Of each type, the newest."""
ERASED = "erased"
"""By whom, when that user was erased."""

SwitchSettings = Mapping[str, Any]
"""A JSON object of flags, numbers, and objects of these; what is not there is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchChange:
    """One change, as it was asked for.

    It is kept as it was asked: what was set by it is to be seen from all changes together.
    """

    at: datetime
    by: str
    asked: SwitchSettings
    """What it says is set; null takes away what was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """What is set for a type now, and what has changed it last.

    A type that was switched once has one for ever, so that its history stays.
    """

    settings: SwitchSettings
    """Empty when all was taken away again."""
    last: SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTable:
    """What is set for every type that was ever switched.

    It may hold something of later ones: those come again with a higher version.
    """

    version: int
    """Every change up to this one is in it."""
    types: Mapping[str, Switched]


class Switches(Protocol):
    """Keeps what is set, and its history.

    There are few, and they are read whole. A node asks for the version often and for all when it has grown: so a change is
    everywhere within moments, also when the news of it got lost.
    """

    async def version(self) -> int:
        """A number that grows with every change of any type; 0 before the first. It is cheap to ask for often."""
        ...

    async def all(self) -> SwitchTable:
        """All that is set, with the version that it is at least of."""
        ...

    async def change(self, type_: str, asked: SwitchSettings, *, by: str, now: datetime) -> Switched:
        """Set what is asked beside what is set, as `merged` says. Of changes that are made at once none is lost.

        Raises `TooManySwitched`.

        Durable when it answers. Repeating it sets the same, and is a change of its own in the history.
        """
        ...

    async def history(self, type_: str, *, limit: int) -> Sequence[SwitchChange]:
        """The changes of a type, newest first; the last `CHANGES_KEPT` are there.

        Of a type that was never switched there is none. An erased admin's changes are by `ERASED`.
        """
        ...


def merged(settings: SwitchSettings, asked: SwitchSettings) -> dict[str, Any]:
    """What is set after a change: a merge patch (RFC 7396), after which no object is empty.

    It changes neither of the two.
    """
    result = dict(settings)
    for name, value in asked.items():
        set_ = _merged_object(result.get(name), value) if isinstance(value, Mapping) else value
        if set_ is None:
            result.pop(name, None)
        else:
            result[name] = set_
    return result


def _merged_object(before: object, asked: SwitchSettings) -> SwitchSettings | None:
    return merged(before if isinstance(before, Mapping) else {}, asked) or None
