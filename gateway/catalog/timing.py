"""Reading what a catalog says of how often a type may reach somebody: its digest and its throttle.

An emit may say the same (`gateway.protocol.rhythms`); both make values of `storage.rhythms`.
"""

import re

from gateway.catalog.tables import Table
from gateway.ground.spans import seconds_of
from storage.rhythms import DAYS, ClockTime, DigestRule, Throttle

AFTER_SECONDS_MAX = 365 * 86400
"""A year."""
WINDOW_SECONDS_MAX = 31 * 86400
"""31 days."""
LIMIT_MAX = 1000
"""Mails of a throttle."""
CLOCK = rf"(?:daily@|weekly@({'|'.join(DAYS)})[@ ])([01]\d|2[0-3]):([0-5]\d)"
"""A time of the reader's day: the same for a reader of the interface's description."""
_AT = re.compile(CLOCK)
"""What `clock_of` reads."""
EVERY = "seconds, a time such as 90s, 10m, 2h or 7d, or a time of the reader's day such as daily@09:00 or weekly@mon@09:00"
"""What a digest's `every` may be, in words."""


def read_digest(table: Table) -> DigestRule | None:
    """The digest of a type, as far as it is sound; each mistake is noted. True and false are none: see `read_in_digests`."""
    if isinstance(table.value.get("digest"), bool):
        return None
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
    return DigestRule(every=every, sliding=sliding, most=most, leading=inner.flag("leading", default=False))


def read_in_digests(table: Table, *, by_default: bool) -> bool:
    """Whether readers may choose to have mail of the type in their digests: what the type says, also by a digest of its own."""
    said = table.value.get("digest")
    return by_default if said is None else said is not False


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


def clock_of(value: object) -> ClockTime | None:
    """A time of day, as `daily@09:00`, `weekly@mon@09:00` or `weekly@mon 09:00` says it; None of what is none."""
    match = _AT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, hour, minute = match.groups()
    return ClockTime(hour=int(hour), minute=int(minute), weekday=None if day is None else DAYS.index(day))


def _every(table: Table) -> float | ClockTime:
    """The span or the time of day of a digest; an hour where it is wrong."""
    every = table.value.get("every", 3600.0)
    clock = clock_of(every)
    if clock is not None:
        return clock
    if seconds_of(every) is None:
        table.wrong(f"must be {EVERY}", "every")
        return 3600.0
    return table.seconds("every", 3600.0, most=WINDOW_SECONDS_MAX)
