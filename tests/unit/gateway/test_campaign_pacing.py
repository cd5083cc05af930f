"""The own rate of a campaign: no more than so many a minute, and what was not used is not made up for."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.notify.campaigns.pacing import allowed, free_at, taken_up

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per_minute", "at_once", "in_ten_minutes"), [(1, 1, 11), (60, 1, 601), (1200, 20, 12_020)]
)
def test_so_many_leave_in_ten_minutes_and_no_more(per_minute: int, at_once: int, in_ten_minutes: int):
    now, until, left = NOW, None, 0
    assert allowed(per_minute, None, now) == at_once

    while now <= NOW + timedelta(minutes=10):
        if count := allowed(per_minute, until, now):
            until = taken_up(per_minute, until, count, now)
            left += count
        now = max(now + timedelta(seconds=0.25), free_at(per_minute, until, now))

    assert in_ten_minutes - at_once <= left <= in_ten_minutes


def test_after_a_pause_it_goes_on_as_slowly_as_before():
    until = taken_up(60, None, 1, NOW)
    later = NOW + timedelta(hours=1)

    assert allowed(60, until, NOW) == 0
    assert free_at(60, until, NOW) == NOW + timedelta(seconds=1)
    assert free_at(60, None, NOW) == NOW
    assert allowed(60, until, later) == 1
    assert taken_up(60, until, 1, later) == later + timedelta(seconds=1)
