"""Windows: when a digest closes that is opened now, and whom it is of. Pure.

A time of day is one on the person's wall: it is looked up in the person's zone, each time anew. A time that
the wall does not show on a day moves forward with the clock; of one that it shows twice the first counts.

The gates `digest` and `throttle` make plans, `departing` opens digests by their windows, and the store puts
the end off by `silence`. `preferences.quiet` treats hours of the night by the same rules.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from gateway.ground.zones import zone
from storage.rhythms import DAYS, ClockTime

if TYPE_CHECKING:
    from storage.rhythms import DigestRule

DAILY: Final = ClockTime(hour=9, minute=0)
"""When whoever wants one mail a day gets it, by the own wall."""
WEEKLY: Final = ClockTime(hour=9, minute=0, weekday=0)
"""When whoever wants one mail a week gets it: on Mondays."""
_DAY: Final = timedelta(days=1)
_DAYS_AHEAD: Final = range(-1, 16)
"""The days, counted from today, among which the next such time is: a zone may skip a day, and with it a week's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A digest as it would be opened now, for what is gathered in it."""

    key: str
    """Of a room and a key one digest is open at most: `type:NEW_DEAL`, `key:deals`, `daily`, `weekly`."""
    closes_at: datetime
    """In UTC, as is `latest_at`."""
    latest_at: datetime | None = None
    """It is not put off beyond this; None: no bound is said."""
    silence: timedelta | None = None
    """How long it waits after each further item at least."""
    leading: bool = False
    """Whether the mail that opens it is sent alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """How the mail of a type is gathered for a user.

    It is a fact of a gate, so it is shown to people, and holds names and numbers alone.
    """

    key: str
    """The key of its window."""
    every: float | ClockTime
    """Seconds, or a time by the user's clock."""
    sliding: float | None = None
    """Seconds of silence that its end is put off by with each further item; None: it is not put off."""
    most: float | None = None
    """Seconds from its opening on, after which it closes in any case."""
    leading: bool = False
    """Whether the first is mailed alone, at once."""
    zone: str = "UTC"
    """The name of the person's zone: facts are shown to people."""

    def window(self, now: datetime) -> Window:
        """The digest that would be opened at this moment.

        Pure: the same moment makes the same window. A window by the clock closes at the next such time, which
        may be a minute away.
        """
        if isinstance(self.every, ClockTime):
            # The zone's name is one that the catalog or a person has given; where this machine has no such
            # zone, UTC counts.
            closes_at = next_time(self.every, zone(self.zone) or UTC, now)
        else:
            closes_at = now + timedelta(seconds=self.every)
        latest_at = None if self.most is None else now + timedelta(seconds=self.most)
        return Window(
            key=self.key,
            closes_at=closes_at if latest_at is None else min(closes_at, latest_at),
            latest_at=latest_at,
            silence=None if self.sliding is None else timedelta(seconds=self.sliding),
            leading=self.leading,
        )

    @property
    def words(self) -> str:
        """How often, as people read it."""
        every = self.every
        if not isinstance(every, ClockTime):
            return f"one mail every {spoken(every)}"
        at = f"{every.hour:02}:{every.minute:02} ({self.zone})"
        return (
            f"one mail a day, at {at}"
            if every.weekday is None
            else f"one mail a week, on {DAYS[every.weekday]} at {at}"
        )


def plan_of(type_: str, digest: "DigestRule", zone_name: str) -> WindowPlan:
    """What is said of the digest of a type, for a user of that zone."""
    return WindowPlan(
        key=key_of(type_, digest.key),
        every=digest.every,
        sliding=digest.sliding,
        most=digest.most,
        leading=digest.leading,
        zone=zone_name,
    )


def key_of(type_: str, key: str | None = None) -> str:
    """Under which mail is gathered or counted: by its type, or by the key that its sender gives, whatever the type.

    What people choose themselves is gathered over all types.
    """
    return f"type:{type_}" if key is None else f"key:{key}"


def next_time(clock: ClockTime, zone: tzinfo, moment: datetime) -> datetime:
    """When the wall of that zone shows the time next, after `moment`.

    Strictly after: a digest that is opened at nine o'clock sharp is of the next nine.
    """
    today = moment.astimezone(zone).date()
    wall = time(clock.hour, clock.minute)
    days = (today + step * _DAY for step in _DAYS_AHEAD)
    times = (
        datetime.combine(day, wall, zone).astimezone(UTC)
        for day in days
        if clock.weekday in (None, day.weekday())
    )
    return next(at for at in times if at > moment)


def spoken(seconds: float) -> str:
    """A span of time as it is written in a catalog.

    `90` is `90s`, `3600` is `1h`: the longest unit that it is a whole number of.
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
