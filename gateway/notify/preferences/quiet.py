"""Quiet hours: whether a moment lies in somebody's, and when they end. Pure.

They are times on the person's wall, and so they are looked at in the person's zone, each time anew: that an hour is missing or
twice there on some days is the zone's business. A time that the wall does not show on a day moves forward with the clock; of
one that it shows twice the first counts.

The gate `quiet` asks it, as a mail is decided; nothing is remembered. `deciding.windows` treats a digest's time of day
by the same rules.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

from gateway.notify.preferences.chosen import WEEKDAYS, QuietHours

DAY = timedelta(days=1)
_DAYS = range(-2, 2)
"""Days before and after today whose quiet hours may hold now: an evening that has begun, a zone that skips a day."""


def quiet_until(hours: QuietHours, zone: tzinfo, moment: datetime) -> datetime | None:
    """When the quiet hours end in which `moment` lies; None when it lies in none. Half-open: at their end they are over.

    Hours that touch or overlap are one night: it goes on to the end of the last. Equal start and end are no
    hours at all.
    """
    if hours.start == hours.end:
        return None
    today = moment.astimezone(zone).date()
    until = None
    # In their order: on the day of a change, the night before may reach into the next.
    days = (today + day * DAY for day in _DAYS)
    for begin, end in (_night(hours, zone, day) for day in days if WEEKDAYS[day.weekday()] in hours.days):
        if begin <= (until or moment) < end:
            until = end
    return until


def _night(hours: QuietHours, zone: tzinfo, day: date) -> tuple[datetime, datetime]:
    """From when to when, in UTC, the quiet hours last that begin on this day. `combine` takes the first of
    two like times (fold 0).
    """
    last_day = day if hours.start < hours.end else day + DAY
    return (
        datetime.combine(day, hours.start, zone).astimezone(UTC),
        datetime.combine(last_day, hours.end, zone).astimezone(UTC),
    )
