"""When a mail is tried again, and when it is given up on."""

from hypothesis import given
from hypothesis import strategies as st

from mailer.backoff import Bury, Postpone, decide, next_delay, patience_seconds, pause_seconds
from mailer.errors import PermanentFailure, RenderFailure, TemporaryFailure

chances = st.floats(0, 1, exclude_max=True)


@given(chances)
def test_a_first_repeat_comes_within_a_minute(chance: float) -> None:
    assert 30 <= next_delay(1, random=lambda: chance) <= 60


@given(st.integers(0, 10**9), chances)
def test_no_delay_is_longer_than_the_longest_or_shorter_than_half_the_first(
    attempt: int, chance: float
) -> None:
    assert 30 <= next_delay(attempt, random=lambda: chance) <= 12 * 3600


def test_eight_attempts_span_about_a_day() -> None:
    def span_hours(chance: float) -> float:
        return sum(next_delay(attempt, random=lambda: chance) for attempt in range(1, 8)) / 3600

    assert 14 < span_hours(0.0) < 16
    assert 21 < span_hours(0.5) < 23
    assert 28 < span_hours(1.0) < 30


def test_pauses_grow_up_to_their_bound() -> None:
    pauses = [pause_seconds(failures, first=30, longest=900, random=lambda: 1.0) for failures in range(1, 8)]

    assert pauses == [30, 60, 120, 240, 480, 900, 900]


def test_what_waits_for_us_is_tried_again_after_as_long_as_it_has_waited_within_bounds() -> None:
    waits = [patience_seconds(waited, random=lambda: 1.0) for waited in (-5, 0, 100, 10**6)]

    assert waits == [60, 60, 100, 900]
    assert patience_seconds(100, random=lambda: 0.0) == 50
    assert patience_seconds(10**6, random=lambda: 1.0, first_seconds=1000) == 1000


def test_a_temporary_failure_postpones_until_the_limit_and_then_buries() -> None:
    failure = TemporaryFailure("mailbox busy", code=450)

    early = decide(failure, attempts=7, limit=8, random=lambda: 0.0)
    late = decide(failure, attempts=8, limit=8, random=lambda: 0.0)

    assert early == Postpone(delay_seconds=12 * 3600 / 2, reason="mailbox busy", code=450)
    assert late == Bury(reason="given up after 8 attempts: mailbox busy", code=450)


def test_without_a_limit_nothing_temporary_is_given_up_on() -> None:
    assert isinstance(decide(TemporaryFailure("busy"), attempts=10**6, limit=0, random=lambda: 0.0), Postpone)


def test_a_permanent_failure_buries_at_once_with_its_reason() -> None:
    assert decide(
        PermanentFailure("no such user", code=550), attempts=1, limit=8, random=lambda: 0.0
    ) == Bury(reason="no such user", code=550)
    assert decide(RenderFailure("no address"), attempts=1, limit=0, random=lambda: 0.0) == Bury(
        reason="no address"
    )


def test_a_time_that_the_relay_asked_for_is_kept() -> None:
    asked = decide(TemporaryFailure("busy", retry_after=500.0), attempts=1, limit=8, random=lambda: 0.0)
    less = decide(TemporaryFailure("busy", retry_after=1.0), attempts=1, limit=8, random=lambda: 0.0)

    assert isinstance(asked, Postpone)
    assert isinstance(less, Postpone)
    assert (asked.delay_seconds, less.delay_seconds) == (500.0, 30.0)


def test_what_failed_before_the_relay_heard_of_the_mail_is_never_the_last_attempt() -> None:
    unheard = TemporaryFailure("connection lost", heard=False)

    early = decide(unheard, attempts=7, limit=8, random=lambda: 0.0)
    late = decide(unheard, attempts=8, limit=8, random=lambda: 0.0)

    assert early == Postpone(delay_seconds=12 * 3600 / 2, reason="connection lost")
    assert late == Postpone(delay_seconds=12 * 3600 / 2, reason="connection lost", counted=False)
