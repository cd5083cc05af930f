"""When a digest closes: in every zone of the world, on every kind of day that there is."""

import zoneinfo
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify.deciding.windows import DAILY, WEEKLY, WindowPlan, key_of, next_time, plan_of, spoken
from storage.rhythms import ClockTime, DigestRule
from tests.unit.gateway.test_quiet import CHANGES

ZONES = sorted(zoneinfo.available_timezones())
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
"""A Thursday."""
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

clocks = st.builds(
    ClockTime, hour=st.integers(0, 23), minute=st.integers(0, 59), weekday=st.none() | st.integers(0, 6)
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone


def _at(text: str, where: tzinfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=where).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "moment", "closes"),
    [
        (DAILY, "2026-11-26T08:59", "2026-11-26T09:00"),
        # at its time it is over: the next is tomorrow's
        (DAILY, "2026-11-26T09:00", "2026-11-27T09:00"),
        (DAILY, "2026-11-26T23:59", "2026-11-27T09:00"),
        (WEEKLY, "2026-11-26T10:00", "2026-11-30T09:00"),
        (WEEKLY, "2026-11-30T08:59", "2026-11-30T09:00"),
        (WEEKLY, "2026-11-30T09:00", "2026-12-07T09:00"),
        # by the wall, also over a change of the clocks
        (DAILY, "2026-03-28T10:00", "2026-03-29T09:00"),
        (DAILY, "2026-10-24T10:00", "2026-10-25T09:00"),
        # a time that is not there moves forward with the clock; of one that is there twice the first counts
        (ClockTime(hour=2, minute=30), "2026-03-28T12:00", "2026-03-29T03:30"),
        (ClockTime(hour=2, minute=30), "2026-10-24T12:00", "2026-10-25T02:30"),
    ],
)
def test_a_digest_of_the_day_or_of_the_week_closes_by_the_persons_wall(
    clock: ClockTime, moment: str, closes: str
) -> None:
    assert next_time(clock, BERLIN, _at(moment)) == _at(closes)


@given(clocks, st.sampled_from(ZONES), moments)
def test_in_every_zone_the_next_time_is_ahead_and_within_a_day_or_a_week(
    clock: ClockTime, name: str, moment: datetime
) -> None:
    where = ZoneInfo(name)

    found = next_time(clock, where, moment)

    # Of a zone that skips a day, a week may be missing one of its days.
    longest = timedelta(days=2 if clock.weekday is None else 15)
    assert moment < found <= moment + longest
    assert next_time(clock, where, found) > found
    local = found.astimezone(where)
    if datetime.combine(local.date(), time(clock.hour, clock.minute)) == local.replace(tzinfo=None):
        assert clock.weekday in (None, local.weekday())


@pytest.mark.parametrize("clock", [DAILY, ClockTime(hour=2, minute=30), ClockTime(hour=0, minute=0)])
def test_on_the_days_on_which_clocks_are_set_there_is_one_digest_a_day(clock: ClockTime) -> None:
    for name, change in CHANGES:
        where = ZoneInfo(name)
        begin = change - timedelta(days=2)
        times = []
        moment = begin
        for _ in range(4):
            moment = next_time(clock, where, moment)
            times.append(moment)

        apart = [after - before for before, after in zip(times, times[1:], strict=False)]
        assert all(timedelta(hours=21) <= each <= timedelta(hours=27) for each in apart), (name, times)


def test_a_fixed_window_is_as_long_as_it_says() -> None:
    window = WindowPlan(key="type:NEWS", every=1800.0).window(NOW)

    assert (window.key, window.closes_at) == ("type:NEWS", NOW + timedelta(minutes=30))
    assert (window.latest_at, window.silence, window.leading) == (None, None, False)


def test_a_sliding_one_waits_for_silence_and_has_a_bound() -> None:
    digest = DigestRule(every=1800.0, sliding=600.0, most=14400.0, leading=True)

    window = plan_of("NEWS", digest, "Europe/Berlin").window(NOW)

    assert (window.key, window.closes_at) == (key_of("NEWS"), NOW + timedelta(minutes=30))
    assert (window.latest_at, window.silence) == (NOW + timedelta(hours=4), timedelta(minutes=10))
    assert window.leading


def test_the_bound_holds_from_the_beginning() -> None:
    assert WindowPlan(key="k", every=1800.0, sliding=60.0, most=600.0).window(
        NOW
    ).closes_at == NOW + timedelta(minutes=10)


def test_a_zone_that_nobody_knows_any_more_is_utc() -> None:
    window = WindowPlan(key="daily", every=DAILY, zone="Atlantis/Capital").window(NOW)

    assert window.closes_at == datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (WindowPlan(key="k", every=1800.0), "one mail every 30m"),
        (WindowPlan(key="k", every=DAILY, zone="Europe/Berlin"), "one mail a day, at 09:00 (Europe/Berlin)"),
        (WindowPlan(key="k", every=WEEKLY), "one mail a week, on mon at 09:00 (UTC)"),
    ],
)
def test_how_often_is_told_in_words(plan: WindowPlan, words: str) -> None:
    assert plan.words == words


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "90s"), (0.5, "0.5s"), (3600, "1h"), (5400, "90m"), (86400, "1d")]
)
def test_a_span_is_written_as_in_a_catalog(seconds: float, said: str) -> None:
    assert spoken(seconds) == said
