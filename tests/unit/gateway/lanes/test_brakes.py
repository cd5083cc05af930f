"""When a lane is paused by its figures."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify.lanes.brakes import FEW, Bounds, LaneHealth, reason_to_pause
from storage.lanes import LaneOutcome

BOUNDS = Bounds(bounces=0.05, complaints=0.003, mails=200, window_seconds=86_400, failures=5)


def health(sent: int, **counts: int) -> LaneHealth:
    told = {LaneOutcome(name): count for name, count in counts.items()}
    return LaneHealth(counts={LaneOutcome.SENT: sent, **told}, enough=BOUNDS.mails)


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        (health(1000, bounced=50), None),
        (health(1000, bounced=51), "51 of 1000 mails came back: 5.1 %, and 5 % may"),
        (health(1000, bounced=20, refused=40), "60 of 1040 mails came back: 5.77 %, and 5 % may"),
        (health(2000, complained=6), None),
        (health(2000, complained=7), "7 of 2000 mails were called spam: 0.35 %, and 0.3 % may"),
        # A lane that fares badly in both ways is paused for one.
        (health(1000, bounced=100, complained=100), "100 of 1000 mails came back: 10 %, and 5 % may"),
        # Of few mails nothing is known, and a few that are not content are chance.
        (health(199, bounced=199), None),
        (health(200, complained=FEW), None),
        (health(200, complained=FEW + 1), "6 of 200 mails were called spam: 3 %, and 0.3 % may"),
        (health(0, refused=200), "200 of 200 mails came back: 100 %, and 5 % may"),
        (health(1000, delivered=1000), None),
        (health(0), None),
    ],
)
def test_a_lane_is_paused_beyond_a_bound(given_: LaneHealth, reason: str | None) -> None:
    assert reason_to_pause(given_, BOUNDS) == reason


def test_a_bound_of_zero_is_none() -> None:
    off = Bounds(bounces=0, complaints=0, mails=1, window_seconds=60)

    assert reason_to_pause(health(1000, bounced=1000, complained=1000), off) is None


def test_a_relay_that_fails_again_and_again_pauses_a_lane() -> None:
    four, five = (LaneHealth(enough=200, failures=failures) for failures in (4, 5))

    assert reason_to_pause(four, BOUNDS) is None
    assert reason_to_pause(five, BOUNDS) == (
        "the relay has failed 5 times in a row, and taken no mail meanwhile"
    )
    assert reason_to_pause(five, replace(BOUNDS, failures=0)) is None


@given(st.dictionaries(st.sampled_from(LaneOutcome), st.integers(0, 10**9)), st.integers(1, 10**6))
def test_a_rate_is_told_of_enough_mails_only(counts: dict[LaneOutcome, int], enough: int) -> None:
    told = LaneHealth(counts=counts, enough=enough)

    assert (told.bounce_rate is None) == (told.complaint_rate is None) == (told.mails < enough)
    assert told.bounce_rate is None or told.bounce_rate == told.bounced / told.mails
