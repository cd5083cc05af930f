"""Reading what a catalog says of how often a type may reach somebody: its digest and its throttle."""

import re
from dataclasses import dataclass
from typing import Literal

from gateway.catalog.tables import Table

WINDOW_SECONDS_MAX = 31 * 86400
LIMIT_MAX = 1000
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AT = re.compile(rf"(?:daily|weekly@(?P<day>{'|'.join(_DAYS)}))@(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A time of the person's own day, or of a day of the week."""

    hour: int
    minute: int
    weekday: int | None = None
    """0 is Monday; None is every day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Many mails of a type into one."""

    every: float | Clock
    """Seconds from the first of them on, or a time of the person's day."""
    sliding: float | None = None
    """Seconds of silence that end it sooner."""
    most: float | None = None
    """Seconds after which it ends although there is no silence; goes with `sliding`."""
    leading: bool = False
    """Whether the first is mailed at once, by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """No more mails of a type than so many in a rolling window."""

    limit: int
    per: float
    """Seconds."""
    then: Literal["digest", "drop"] = "digest"


def read_digest(table: Table) -> Digest | None:
    """The digest of a type, as far as it is sound; each mistake is noted."""
    inner = table.table("digest")
    if inner is None:
        return None
    inner.only(("every", "sliding", "max", "leading"))
    if "every" not in inner.value:
        inner.wrong('every is missing: a time such as "30m", or "daily@09:00", or "weekly@mon@09:00"')
    every = _every(inner)
    sliding = inner.seconds("sliding", None, most=WINDOW_SECONDS_MAX)
    most = inner.seconds("max", None, most=WINDOW_SECONDS_MAX)
    if sliding is not None and most is None:
        inner.wrong("goes with max: without one it might never end", "sliding")
    return Digest(every=every, sliding=sliding, most=most, leading=inner.flag("leading", default=False))


def read_throttle(table: Table) -> Throttle | None:
    """The throttle of a type, as far as it is sound; each mistake is noted."""
    inner = table.table("throttle")
    if inner is None:
        return None
    inner.only(("limit", "per", "then"))
    for key in ("limit", "per"):
        if key not in inner.value:
            inner.wrong(f"{key} is missing")
    return Throttle(
        limit=inner.whole("limit", 1, least=1, most=LIMIT_MAX),
        per=inner.seconds("per", 3600.0, most=WINDOW_SECONDS_MAX),
        then=inner.one_of("then", "digest", ("digest", "drop")),  # type: ignore[arg-type]  # one of them
    )


def _every(table: Table) -> float | Clock:
    value = table.value.get("every")
    match = _AT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return table.seconds("every", 3600.0, most=WINDOW_SECONDS_MAX)
    day = match["day"]
    return Clock(
        hour=int(match["hour"]),
        minute=int(match["minute"]),
        weekday=None if day is None else _DAYS.index(day),
    )
