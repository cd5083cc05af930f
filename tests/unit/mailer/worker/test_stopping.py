"""Stopping: what is finished, what is given back, and what is lost nowhere."""

import asyncio
from datetime import timedelta

import pytest

from mailer.outcomes import Result
from storage.errors import StoreUnavailable
from storage.mail import MailState
from tests.support.smtp import Hang
from tests.unit.mailer.worker.bench import DEADLINE_SECONDS, STEP_SECONDS, Bench


async def test_stop_requested_before_run_loop_starts_is_not_lost(bench: Bench) -> None:
    await bench.owe()
    worker = bench.worker()

    await worker.drain(seconds=1)

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.run()
    assert (await bench.mail()).state is MailState.PENDING


async def test_a_drain_ends_a_worker_that_waits(bench: Bench) -> None:
    worker = bench.start()
    await bench.outbox.until_called("next_due")

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.drain(seconds=5)
        await worker.drain(seconds=5)


async def test_a_drain_ends_a_worker_that_pauses(bench: Bench) -> None:
    bench.outbox.fail("lease", 1, StoreUnavailable("away", retry_after=1000))
    worker = bench.start()
    await bench.outbox.until_called("lease")

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.drain(seconds=5)


async def test_a_drain_lets_finish_what_is_under_way(bench: Bench) -> None:
    await bench.owe()
    worker = bench.start()
    await bench.relay.until(lambda: "CONNECT" in bench.relay.steps)

    await worker.drain(seconds=10)

    assert (await bench.mail()).state is MailState.SENT
    assert worker.held == 0


async def test_a_drain_gives_back_uncounted_what_does_not_finish(bench: Bench) -> None:
    bench.relay.on("RCPT", Hang())
    await bench.owe()
    worker = bench.start()
    await bench.relay.until(lambda: "RCPT" in bench.relay.steps)

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.drain(seconds=0.05)

    mail = await bench.mail()
    assert (mail.state, mail.attempts, mail.due_at) == (MailState.PENDING, 0, mail.order.due_at)
    assert worker.held == 0


async def test_a_drain_within_the_slow_answer_to_a_mail_does_not_repeat_it_while_it_may_be_taken(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody will hear the answer, which may be a yes: the repeat waits until it cannot come any more."""
    bench.relay.on("CONTENT", Hang())
    await bench.owe()
    worker = bench.start()
    await bench.relay.until(lambda: "CONTENT" in bench.relay.steps)

    async with asyncio.timeout(DEADLINE_SECONDS):
        await worker.drain(seconds=0.05)

    mail = await bench.mail()
    handover = timedelta(seconds=2 * STEP_SECONDS)
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert handover - timedelta(seconds=5) < mail.due_at - bench.clock.now <= handover
    assert mail.reason == "stopped before the relay's answer: it may have been taken"
    assert "mail cut off before the relay's answer: it may go out twice" in caplog.messages


async def test_a_cancelled_run_gives_back_what_it_holds(bench: Bench) -> None:
    bench.relay.on("CONTENT", Hang())
    await bench.owe()
    worker = bench.worker()
    running = asyncio.create_task(worker.run())
    await bench.relay.until(lambda: "CONTENT" in bench.relay.steps)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await bench.mail()).state is MailState.PENDING
    await worker.drain(seconds=1)


async def test_a_settling_that_has_begun_is_finished_by_a_drain(bench: Bench) -> None:
    bench.outbox.fail("end_together", 1)
    await bench.owe()
    worker = bench.start()
    await bench.outbox.until_called("end_together")

    await worker.drain(seconds=0)

    assert (await bench.mail()).state is MailState.SENT
    assert bench.outbox.calls.count("end_together") == 2  # the same once more, and no release
    assert [outcome.result for outcome in bench.outcomes] == [Result.SENT]


async def test_the_end_of_the_loop_ends_a_settling_too(bench: Bench) -> None:
    """asyncio cancels every task when its loop ends; a worker must not resist for ever."""
    bench.outbox.fail("end_together", 1)
    await bench.owe()
    worker = bench.start(random=lambda: 1.0)
    await bench.outbox.until_called("end_together")
    draining = asyncio.create_task(worker.drain(seconds=0))
    (settling,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("settle "))

    settling.cancel()

    async with asyncio.timeout(DEADLINE_SECONDS):
        await draining
    assert (
        bench.outbox.calls.count("end_together") == 2
    )  # the settling, and what a delivery that is cut off says
    assert worker.held == 0
