"""Quiet hours in every zone of the world, on every kind of day that there is."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.channels import EMAIL
from gateway.ground.zones import zone
from gateway.notify.deciding.gates.quiet import Night, judge
from gateway.notify.deciding.verdicts import Case, Delay
from gateway.notify.preferences.chosen import WEEKDAYS, QuietHours
from gateway.notify.preferences.quiet import quiet_until

ZONES = sorted(zoneinfo.available_timezones())
NIGHT = QuietHours(time(22), time(7))
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)

minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
hours = st.builds(QuietHours, minutes, minutes)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone


def _at(text: str, where: tzinfo = BERLIN, *, fold: int = 0) -> datetime:
    # In UTC: Python finds a time that comes twice on a wall equal to nothing of another zone.
    return datetime.fromisoformat(text).replace(tzinfo=where, fold=fold).astimezone(UTC)


def _changes(where: ZoneInfo, year: int) -> list[datetime]:
    """The moments of a year at which the clocks of the zone are set."""
    found = []
    start = datetime(year, 1, 1, tzinfo=UTC)
    for day in range(366):
        low, high = start + timedelta(days=day), start + timedelta(days=day + 1)
        if low.astimezone(where).utcoffset() == high.astimezone(where).utcoffset():
            continue
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            if middle.astimezone(where).utcoffset() == low.astimezone(where).utcoffset():
                low = middle
            else:
                high = middle
        found.append(high)
    return found


CHANGES = [(name, change) for name in ZONES for change in _changes(ZoneInfo(name), 2026)]
"""Both days of every zone that has them."""


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-26T21:59", None),
        ("2026-11-26T22:00", "2026-11-27T07:00"),
        ("2026-11-26T23:59", "2026-11-27T07:00"),
        ("2026-11-27T00:00", "2026-11-27T07:00"),
        ("2026-11-27T06:59:59", "2026-11-27T07:00"),
        ("2026-11-27T07:00", None),
    ],
)
def test_a_night_is_half_open_and_goes_over_midnight(moment: str, until: str | None):
    assert quiet_until(NIGHT, BERLIN, _at(moment)) == (None if until is None else _at(until))


@pytest.mark.parametrize(
    ("hours", "moment", "until"),
    [
        # The clocks go from 02:00 to 03:00 on 2026-03-29: 02:30 is not shown, and comes as 03:30.
        (QuietHours(time(22), time(2, 30)), "2026-03-29T03:15", "2026-03-29T03:30"),
        (QuietHours(time(2, 30), time(6)), "2026-03-29T03:15", None),
        (QuietHours(time(2, 30), time(6)), "2026-03-29T03:30", "2026-03-29T06:00"),
        # They go from 03:00 back to 02:00 on 2026-10-25: of 02:30 the first counts.
        (QuietHours(time(22), time(2, 30)), "2026-10-25T02:29", "2026-10-25T02:30"),
        (QuietHours(time(22), time(2, 30)), "2026-10-25T02:30", None),
        (QuietHours(time(2, 30), time(6)), "2026-10-25T02:45", "2026-10-25T06:00"),
    ],
)
def test_a_time_that_the_clocks_skip_moves_forward_and_of_two_the_first_counts(
    hours: QuietHours, moment: str, until: str | None
):
    assert quiet_until(hours, BERLIN, _at(moment)) == (None if until is None else _at(until))


def test_the_second_of_an_hour_that_comes_twice_is_after_an_end_in_the_first():
    hours = QuietHours(time(22), time(2, 30))

    assert quiet_until(hours, BERLIN, _at("2026-10-25T02:15", fold=1)) is None


def test_an_hour_more_or_less_in_the_night_moves_no_end_by_an_hour():
    for day, length in ((date(2026, 3, 28), 8), (date(2026, 10, 24), 10), (date(2026, 11, 26), 9)):
        start = datetime.combine(day, NIGHT.start, BERLIN)
        until = quiet_until(NIGHT, BERLIN, start)
        assert until is not None
        assert until.astimezone(BERLIN).time() == NIGHT.end
        assert until - start.astimezone(UTC) == timedelta(hours=length)


@given(minutes, moments, st.sampled_from(ZONES))
def test_hours_that_end_as_they_begin_are_none(at: time, moment: datetime, name: str):
    assert quiet_until(QuietHours(at, at), ZoneInfo(name), moment) is None


@given(hours, moments, st.sampled_from(ZONES))
def test_whatever_the_zone_an_end_lies_ahead_within_two_days_and_is_no_quiet_moment(
    hours: QuietHours, moment: datetime, name: str
):
    until = quiet_until(hours, ZoneInfo(name), moment)

    if until is not None:
        assert moment < until < moment + timedelta(days=2)
        assert quiet_until(hours, ZoneInfo(name), until) is None
        # All the way there it is quiet, and it ends then.
        assert quiet_until(hours, ZoneInfo(name), until - timedelta(microseconds=1)) == until


@given(hours, moments, st.sampled_from(ZONES))
def test_on_a_day_without_a_change_it_is_quiet_when_the_wall_says_so(
    hours: QuietHours, moment: datetime, name: str
):
    where = ZoneInfo(name)
    around = {(moment + timedelta(hours=6 * step)).astimezone(where).utcoffset() for step in range(-12, 13)}
    wall = moment.astimezone(where).time()
    if hours.start < hours.end:
        quiet = hours.start <= wall < hours.end
    else:
        quiet = hours.start != hours.end and not hours.end <= wall < hours.start

    if len(around) == 1:
        assert (quiet_until(hours, where, moment) is not None) == quiet


@given(st.sampled_from(CHANGES), hours, st.integers(-36 * 60, 36 * 60))
def test_around_a_change_of_the_clocks_an_end_is_what_the_wall_shows_or_just_after_the_gap(
    change: tuple[str, datetime], hours: QuietHours, offset: int
):
    name, at = change
    where = ZoneInfo(name)
    moment = at + offset * MINUTE

    until = quiet_until(hours, where, moment)

    if until is not None:
        assert moment < until < moment + timedelta(days=2)
        shown = until.astimezone(where)
        if shown.time() != hours.end:
            # The wall did not show the end that day.
            wanted = shown.replace(hour=hours.end.hour, minute=hours.end.minute, second=0, fold=0)
            back = wanted.astimezone(UTC).astimezone(where)
            assert back.replace(tzinfo=None) != wanted.replace(tzinfo=None) or back == shown


def test_there_are_both_days_to_be_tested():
    assert len(ZONES) > 400
    assert len(CHANGES) > 200


def test_a_zone_is_had_by_its_name_and_by_nothing_else():
    assert zone("Europe/Berlin") == BERLIN
    for name in ("", "Nowhere/Land", "../passwd", "/etc/localtime", "Europe", "a\0b"):
        assert zone(name) is None


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-27T23:00", "2026-11-28T07:00"),  # a Friday's night
        ("2026-11-28T06:59", "2026-11-28T07:00"),  # which lasts into Saturday
        ("2026-11-28T23:00", None),
        ("2026-11-26T23:00", None),
    ],
)
def test_quiet_hours_of_some_days_are_those_that_begin_on_them(moment: str, until: str | None):
    fridays = QuietHours(time(22), time(7), ("fri",))

    assert quiet_until(fridays, BERLIN, _at(moment)) == (None if until is None else _at(until))


@given(st.lists(st.sampled_from(WEEKDAYS), unique=True), moments, st.sampled_from(ZONES))
def test_on_the_days_left_out_nothing_is_held_that_is_not_held_on_all(
    days: list[str], moment: datetime, name: str
):
    where = zone(name)
    assert where is not None
    always = quiet_until(NIGHT, where, moment)

    some = quiet_until(QuietHours(NIGHT.start, NIGHT.end, tuple(days)), where, moment)

    assert some is None or some == always


@given(hours, moments, st.sampled_from(ZONES), st.text(max_size=4))
def test_what_is_held_is_held_until_it_is_quiet_no_more(
    hours: QuietHours, moment: datetime, name: str, user: str
):
    """However short the time between two nights: else it would be held for ever."""
    case = Case(type="NEWS", user=user, channel=EMAIL, now=moment, due_at=moment)

    held = judge(case, Night(hours, name))

    if held is not None:
        assert isinstance(held, Delay)
        assert quiet_until(hours, ZoneInfo(name), held.until) is None


@pytest.mark.parametrize("user", ["ann", "bob", "eve"])
def test_who_is_left_alone_but_for_a_minute_gets_mail_in_it(user: str):
    nearly_always = QuietHours(time(0), time(23, 59))
    case = Case(
        type="NEWS", user=user, channel=EMAIL, now=_at("2026-11-27T12:00"), due_at=_at("2026-11-27T12:00")
    )

    held = judge(case, Night(nearly_always, "Europe/Berlin"))

    assert isinstance(held, Delay)
    assert held.until == _at("2026-11-27T23:59")
