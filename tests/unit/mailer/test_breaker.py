"""What becomes of a mail that the relay did not take, and of all the others."""

import logging

import pytest

from mailer.backoff import Bury, Postpone
from mailer.breaker import PAUSE_SECONDS, Breaker
from mailer.errors import AuthenticationFailure, PermanentFailure, RefusedByRelay, UnclearRefusal

DENIED = RefusedByRelay("recipient refused: 554 5.7.1 relay access denied", code=554)


def breaker(*, retry_seconds: float = 60) -> Breaker:
    return Breaker(attempts=8, retry_seconds=retry_seconds, random=lambda: 1.0)


async def test_a_first_outspoken_refusal_keeps_only_its_own_mail_waiting() -> None:
    here = breaker()

    decision = here.decide(DENIED, recipient="ann", attempts=1)

    assert decision == Postpone(delay_seconds=60, reason=str(DENIED), code=554, counted=False)
    assert here.stopped
    assert here.paused_until == 0


async def test_one_recipient_that_is_refused_again_is_asked_for_ever_more_rarely() -> None:
    here = breaker()

    delays = [here.decide(DENIED, recipient="ann", attempts=1) for _ in range(8)]

    assert [delay.delay_seconds for delay in delays if isinstance(delay, Postpone)] == [
        60, 120, 240, 480, 900, 900, 900, 900,
    ]  # fmt: skip


async def test_several_refused_in_a_row_pause_all() -> None:
    here = breaker()

    for recipient in ("ann", "bob", "cid", "dan"):
        decision = here.decide(
            UnclearRefusal("recipient refused: 554 no", code=554), recipient=recipient, attempts=8
        )

    assert isinstance(decision, Postpone)
    assert not decision.counted
    assert 0 < decision.delay_seconds <= PAUSE_SECONDS[0]
    assert here.paused_until > 0


async def test_a_pause_is_no_longer_than_the_wait_after_a_failed_attempt_at_first() -> None:
    decision = breaker(retry_seconds=0.5).decide(AuthenticationFailure("no"), recipient="ann", attempts=1)

    assert isinstance(decision, Postpone)
    assert 0 < decision.delay_seconds <= 0.5


async def test_what_stops_mail_is_an_error_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    here = breaker()
    refusals = [DENIED, DENIED, AuthenticationFailure("login refused: 535", code=535), DENIED]

    with caplog.at_level(logging.INFO, "mailer"):
        for refusal in refusals:
            here.decide(refusal, recipient="ann", attempts=1)
        here.accepted("bob")
        here.accepted("bob")

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "mail stopped: the relay does not work with us"),
        ("INFO", "mail stopped: the relay does not work with us"),
        ("ERROR", "mail stopped: the relay does not work with us"),
        ("ERROR", "mail stopped: the relay does not work with us"),
        ("INFO", "mail goes out again"),
    ]


async def test_a_recipient_that_does_not_exist_is_buried_and_mends_nothing_that_was_said_of_others() -> None:
    here = breaker()
    here.decide(DENIED, recipient="ann", attempts=1)

    decision = here.decide(PermanentFailure("no such user", code=550), recipient="bob", attempts=1)

    assert decision == Bury(reason="no such user", code=550)
    assert here.stopped
