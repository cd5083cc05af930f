"""The own rate of a campaign: how many mails may be owed now. Pure; what was owed is told by one time alone.

It is the generic cell rate algorithm: each mail takes up its part of a minute, and what is taken up may lie ahead of the clock
by one second, or by one mail.

The runner asks it in each step, and keeps one time in the campaign's row (`paced_until`): so the rate is that
of all nodes together, and holds over restarts.
"""

from datetime import datetime, timedelta

MINUTE = 60.0


def _ahead(per_minute: int) -> float:
    """Seconds that may be taken up before they come: one second, or one mail where that takes longer."""
    return max(1.0, MINUTE / per_minute)


def allowed(per_minute: int, paced_until: datetime | None, now: datetime) -> int:
    """How many more may be owed now; 0 or less for none.

    `paced_until` is up to when the rate is taken up; None: nothing was owed yet.
    """
    taken = 0.0 if paced_until is None else max(0.0, (paced_until - now).total_seconds())
    # Of a mail that is due at this very moment the fractions of two floats may make a little less than one.
    return int((_ahead(per_minute) - taken) * per_minute / MINUTE + 1e-6)


def taken_up(per_minute: int, paced_until: datetime | None, count: int, now: datetime) -> datetime:
    """Up to when the rate is taken up with so many more. What was not used is not made up for."""
    since = now if paced_until is None else max(paced_until, now)
    return since + timedelta(seconds=count * MINUTE / per_minute)


def free_at(per_minute: int, paced_until: datetime | None, now: datetime) -> datetime:
    """When the next may be owed."""
    if paced_until is None:
        return now
    return max(now, paced_until + timedelta(seconds=MINUTE / per_minute - _ahead(per_minute)))
