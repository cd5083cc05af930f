"""Failures of one mail: what is tried again, what is buried, and what is not to blame."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.outcomes import Result
from mailer.press import Press
from mailer.smtp import SMTPTransport
from storage.mail import LaneName, MailState
from tests.support.smtp import Hang, Reply
from tests.unit.mailer.letters import ID, LETTERHEAD
from tests.unit.mailer.worker.bench import DEADLINE_SECONDS, OTHER_ID, Bench, said


async def test_a_temporary_refusal_postpones_with_its_code(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.relay.on("RCPT", Reply("450 4.2.1 mailbox busy"))
    await bench.owe()

    with caplog.at_level(logging.INFO, "mailer"):
        bench.start()
        await bench.until_observed(Result.POSTPONED)

    mail = await bench.mail()
    assert (mail.state, mail.code, mail.attempts) == (MailState.PENDING, 450, 1)
    assert mail.due_at - bench.clock.now >= timedelta(seconds=29)
    assert [(record.levelname, record.getMessage()) for record in said(caplog)] == [
        ("INFO", "mail postponed")
    ]


async def test_a_postponed_mail_goes_out_later_under_the_same_message_id(bench: Bench) -> None:
    bench.relay.on("CONTENT", Reply("451 4.3.0 not now"))
    await bench.owe()
    worker = bench.start()
    await bench.until_observed(Result.POSTPONED)

    bench.clock.advance(60)
    worker.wake()

    await bench.until_observed(Result.POSTPONED, Result.SENT)
    assert f"Message-ID: <{ID}@shop.example>".encode() in bench.relay.received[0].content
    assert bench.outcomes[-1].attempts == 2


async def test_a_permanent_refusal_buries_and_is_an_error_without_an_address(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.relay.on("RCPT", Reply("550 5.1.1 <ann@example.org> unknown"))
    await bench.owe()

    with caplog.at_level(logging.INFO, "mailer"):
        bench.start()
        await bench.until_observed(Result.BURIED)

    mail = await bench.mail()
    assert (mail.state, mail.code) == (MailState.DEAD, 550)
    assert mail.reason == "recipient refused: 550 5.1.1 <address> unknown"
    (record,) = said(caplog)
    assert (record.levelname, record.getMessage()) == ("ERROR", "mail buried")
    assert "ann@" not in str(record.__dict__)


async def test_the_last_attempt_buries(bench: Bench) -> None:
    bench.relay.on("RCPT", *[Reply("450 4.2.1 mailbox busy")] * 2)
    await bench.owe()
    worker = bench.start(attempts=2)
    await bench.until_observed(Result.POSTPONED)

    bench.clock.advance(3600)
    worker.wake()

    await bench.until_observed(Result.POSTPONED, Result.BURIED)
    assert (
        await bench.mail()
    ).reason == "given up after 2 attempts: recipient refused: 450 4.2.1 mailbox busy"


async def test_a_mail_that_cannot_be_rendered_is_buried_with_its_reason(bench: Bench) -> None:
    await bench.owe(to="nobody")

    bench.start()

    await bench.until_observed(Result.BURIED)
    assert (await bench.mail()).reason == "the recipient is no mail address"


@pytest.fixture
async def press(tmp_path: Path) -> AsyncIterator[Press]:
    """One that looks for templates in the test's own folder."""
    made = Press(replace(LETTERHEAD, templates=tmp_path))
    yield made
    await made.close()


async def test_a_template_that_fails_postpones_and_shouts_and_buries_nothing(
    bench: Bench, press: Press, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it fails: once it is mended, everything goes out."""
    (tmp_path / "BROKEN.txt").write_text("\n{{ 1 // 0 }} {{ title }}")
    await bench.owe(type="BROKEN", title="secret")
    await bench.owe(OTHER_ID, type="FINE")
    worker = bench.start(press=press, attempts=1)
    for times in range(1, 4):
        await bench.until_observed(*[Result.POSTPONED] * times, Result.SENT)
        bench.clock.advance(3600)
        worker.wake()
    await bench.until_observed(*[Result.POSTPONED] * 4, Result.SENT)
    mail = await bench.mail()
    assert (mail.state, mail.attempts, mail.reason) == (
        MailState.PENDING, 0, "BROKEN.txt, line 2: ZeroDivisionError"
    )  # fmt: skip
    shouts = [record for record in said(caplog) if record.levelno == logging.ERROR]
    assert [record.message for record in shouts] == ["mail waits: its template fails"] * 4
    assert "secret" not in caplog.text

    (tmp_path / "BROKEN.txt").write_text("mended")
    bench.clock.advance(3600)
    worker.wake()

    await bench.until_observed(*[Result.POSTPONED] * 4, Result.SENT, Result.SENT)


async def test_a_mail_that_waits_for_a_template_of_another_is_not_to_blame(
    bench: Bench, press: Press, tmp_path: Path
) -> None:
    await bench.owe()

    # As long as another is being rendered.
    async with press._turn:
        bench.start(press=press, attempts=1, lease_seconds=4)

        await bench.until_observed(Result.POSTPONED)
    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert mail.reason == "the mail was not rendered within its share of the lease"


async def test_a_drain_does_not_wait_for_a_template_that_never_ends(
    bench: Bench, press: Press, tmp_path: Path
) -> None:
    (tmp_path / "SLOW.txt").write_text(
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    )
    await bench.owe(type="SLOW")
    worker = bench.start(press=press)
    await bench.outbox.until_called("next_due")

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.drain(seconds=0)

    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert bench.relay.received == []


async def test_a_mail_whose_attempts_never_ended_is_buried_unsent(bench: Bench) -> None:
    """A mail that crashes its worker must not crash the next one for ever."""
    await bench.owe()
    for _ in range(2):
        await bench.store.outbox.lease(
            lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=1, now=bench.clock()
        )
        bench.clock.advance(2)

    bench.start(attempts=2)

    await bench.until_observed(Result.BURIED)
    assert bench.relay.received == []
    assert "did not come to an end" in str((await bench.mail()).reason)


async def test_an_attempt_that_does_not_end_is_ended(bench: Bench) -> None:
    bench.relay.on("CONTENT", Hang())
    await bench.owe()

    bench.start(attempt_seconds=0.2)

    await bench.until_observed(Result.POSTPONED)
    mail = await bench.mail()
    assert (mail.state, mail.reason, mail.attempts) == (MailState.PENDING, "not sent in time", 1)


async def test_what_failed_before_the_relay_heard_of_a_mail_never_buries_it(
    bench: Bench, unused_tcp_port: int
) -> None:
    nobody = SMTPTransport.from_url(f"smtp://127.0.0.1:{unused_tcp_port}?starttls=never")
    await bench.owe()
    worker = bench.start(attempts=2, transport=nobody)

    for times in range(1, 5):
        await bench.until_observed(*[Result.POSTPONED] * times)
        bench.clock.advance(13 * 3600)
        worker.wake()

    mail = await bench.mail()
    assert mail.state is not MailState.DEAD
    assert mail.attempts <= 2


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret@example.org"), TimeoutError("secret@example.org")]
)
async def test_a_defect_ends_as_the_failure_of_one_mail(bench: Bench, error: Exception) -> None:
    class Broken:
        async def send(self, _message: object, **_options: object) -> None:
            raise error

        async def close(self) -> None: ...

    await bench.owe()

    bench.start(transport=Broken())

    await bench.until_observed(Result.POSTPONED)
    mail = await bench.mail()
    assert mail.reason == f"unexpected {type(error).__name__}"
    assert mail.attempts == 1
