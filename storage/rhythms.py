"""How often mail may reach somebody, as values: what a type of the catalog or an emit says of it."""

from dataclasses import dataclass
from typing import Literal

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTime:
    """A time of the person's own day, or of a day of the week."""

    hour: int
    minute: int
    weekday: int | None = None
    """0 is Monday; None is every day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRule:
    """Many mails into one."""

    every: float | ClockTime
    """Seconds from the first of them on, or a time of the person's day."""
    sliding: float | None = None
    """Seconds of silence that it waits for after its last one, which put its end off."""
    most: float | None = None
    """Seconds after its first one when it ends although there is no silence; goes with `sliding`."""
    leading: bool = False
    """Whether the first is mailed at once, by itself."""
    key: str | None = None
    """What is gathered together, of whichever type; None: what is of one type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """No more mails to a person than so many in a rolling window."""

    limit: int
    per: float
    """Seconds."""
    then: Literal["digest", "drop"] = "digest"
    key: str | None = None
    """What is counted together, of whichever type; None: what is of one type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What an emit says itself of how often its mail may come: it goes before what its type says."""

    digest: DigestRule | None = None
    throttle: Throttle | None = None
