"""Failures that are ours: of the relay's trust, of the machine, of the store."""

import asyncio
import errno
import logging
import os
from datetime import UTC, datetime

import pytest

from mailer.outcomes import MailOutcome, Result
from storage.mail import MailState
from tests.support.smtp import Hang, Reply, Wait
from tests.unit.mailer.worker.bench import OTHER_ID, Bench, said


@pytest.mark.parametrize(
    ("step", "line", "kind"),
    [
        ("RCPT", "504 5.5.2 <shop>: Helo command rejected: need fully-qualified hostname", "RefusedByRelay"),
        ("RCPT", "553 5.7.1 <a@shop.example>: Sender address rejected: not owned by user", "RefusedByRelay"),
        ("RCPT", "454 4.7.1 <ann@example.org>: Relay access denied", "RefusedByRelay"),
        ("CONTENT", "550 5.4.5 Daily user sending limit exceeded", "RefusedByRelay"),
        ("CONTENT", "554 no", "UnclearRefusal"),
        ("MAIL", "550 no", "RelayFailure"),
    ],
)
async def test_under_a_wrong_setting_nothing_is_buried_and_all_goes_out_when_it_is_mended(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    line: str,
    kind: str,
) -> None:
    monkeypatch.setattr("mailer.breaker.PAUSE_SECONDS", (0.02, 0.05))
    bench.relay.on(step, *[Reply(line)] * 40)
    for number in range(9):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"user{number}@example.org")

    with caplog.at_level(logging.INFO, "mailer"):
        worker = bench.start(attempts=1, retry_seconds=0.02, clock=lambda: datetime.now(UTC))
        await bench.until(lambda: worker.stopped)
        await bench.until(lambda: bench.count(Result.SENT) == 9)

    assert {outcome.result for outcome in bench.outcomes} == {Result.POSTPONED, Result.SENT}
    assert not worker.stopped
    errors = [record for record in said(caplog) if record.levelno == logging.ERROR]
    assert [record.__dict__["failure"] for record in errors] == [kind]
    assert "@example.org" not in str([record.__dict__ for record in said(caplog)])
    assert caplog.messages.count("mail goes out again") == 1


@pytest.mark.parametrize("line", ["550 5.7.1 takes no mail from outside", "554 no"])
async def test_a_recipient_refused_among_many_accepted_ends_as_a_dead_letter_and_keeps_nobody_waiting(
    bench: Bench, line: str
) -> None:
    bench.relay.refuse["bad@example.org"] = Reply(line)
    await bench.owe(to="bad@example.org")
    worker = bench.start(attempts=2)

    # The first refusal proves nothing; each of the next two counts, since others were accepted in between.
    for number in range(1, 3):
        await bench.until(lambda number=number: bench.count(Result.POSTPONED) == number)
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000001{number}", to=f"user{number}@example.org")
        worker.wake()
        await bench.until(lambda number=number: bench.count(Result.SENT) == number)
        bench.clock.advance(3600)
        worker.wake()
    await bench.until(lambda: bench.count(Result.BURIED) == 1)

    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.DEAD, 2)
    assert str(mail.reason).startswith("given up after 2 attempts: recipient refused: 55")
    assert len(bench.relay.received) == 2
    assert not worker.stopped


async def test_who_is_refused_before_the_others_are_accepted_does_not_pause_them(bench: Bench) -> None:
    """Of those under way at once the refused are the first to be heard of."""
    answered = asyncio.Event()
    bench.relay.on("CONTENT", Wait(answered))
    for number in range(4):
        to = "good@example.org" if number == 0 else f"bad{number}@example.org"
        bench.relay.refuse[f"bad{number}@example.org"] = Reply("550 no")
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=to)
    worker = bench.start()
    await bench.until_observed(*[Result.POSTPONED] * 3)
    assert worker.stopped

    await bench.owe("019a0c5e-7d00-7000-8000-000000000009", to="good@example.org")
    answered.set()

    await bench.until_observed(*[Result.POSTPONED] * 3, Result.SENT, Result.SENT)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_file_descriptors_that_ran_out_stop_mail_and_are_told_as_such(
    bench: Bench, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    class Starved:
        async def send(self, _message: object, **_options: object) -> None:
            raise OSError(number, os.strerror(number))

        async def close(self) -> None: ...

    await bench.owe()

    worker = bench.start(transport=Starved(), attempts=1)

    await bench.until_observed(Result.POSTPONED)
    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert worker.stopped
    assert "mail stopped: no file descriptors are left" in caplog.messages


async def test_a_refused_login_pauses_everything_counts_nothing_and_shouts_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mailer.breaker.PAUSE_SECONDS", (0.4, 0.4))
    bench.relay.on("AUTH", *[Reply("535 5.7.8 wrong")] * 6)
    for number in range(3):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    with caplog.at_level(logging.INFO, "mailer"):
        worker = bench.start(clock=lambda: datetime.now(UTC))
        await bench.until_observed(*[Result.POSTPONED] * 3)
        worker.wake()  # an emit must not end the pause
        assert (await bench.store.outbox.mail_counts())[MailState.PENDING] == 3
        await bench.until_observed(*[Result.POSTPONED] * 3, *[Result.SENT] * 3)

    errors = [record for record in said(caplog) if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in errors] == ["mail stopped: the relay does not work with us"]
    assert errors[0].__dict__["failure"] == "AuthenticationFailure"
    assert "secret" not in str(errors[0].__dict__)
    assert {outcome.attempts for outcome in bench.outcomes} == {1}


async def test_after_a_pause_one_mail_goes_ahead_of_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several wrong logins at once could lock the account."""
    monkeypatch.setattr("mailer.breaker.PAUSE_SECONDS", (0.1, 0.1))
    bench.relay.on("AUTH", *[Reply("535 5.7.8 wrong")] * 6, Hang())
    for number in range(3):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    worker = bench.start(clock=lambda: datetime.now(UTC))

    await bench.relay.until(lambda: bench.relay.steps.count("AUTH") == 7)
    assert worker.held == 1


async def test_a_refused_recipient_shows_that_the_relay_works_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.breaker.PAUSE_SECONDS", (0.05, 0.05))
    bench.relay.on("AUTH", *[Reply("535 5.7.8 wrong")] * 2)
    bench.relay.on("RCPT", Reply("550 5.1.1 unknown"))
    await bench.owe()
    worker = bench.start(clock=lambda: datetime.now(UTC))

    await bench.until_observed(Result.POSTPONED, Result.BURIED)

    assert not worker.stopped


async def test_a_store_that_is_away_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mailer.store_pause.STORE_PAUSE_SECONDS", (0.02, 0.02))
    bench.outbox.fail("lease", 3)
    await bench.owe()

    with caplog.at_level(logging.INFO, "mailer"):
        bench.start()
        await bench.until_observed(Result.SENT)

    assert [record.getMessage() for record in said(caplog)] == [
        "mail worker waits for the store", "mail worker resumed", "mail sent",
    ]  # fmt: skip


async def test_a_defect_of_the_store_does_not_end_the_worker(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.store_pause.STORE_PAUSE_SECONDS", (0.02, 0.02))
    bench.outbox.fail("lease", 1, ZeroDivisionError())
    await bench.owe()

    bench.start()

    await bench.until_observed(Result.SENT)


async def test_an_observer_that_fails_does_not_end_the_worker(bench: Bench) -> None:
    def observe(outcome: MailOutcome) -> None:
        bench.observe(outcome)
        raise ZeroDivisionError

    await bench.owe()
    worker = bench.start(observe=observe)
    await bench.until_observed(Result.SENT)

    await bench.owe(OTHER_ID)
    worker.wake()

    await bench.until_observed(Result.SENT, Result.SENT)
