"""A mail that is under way stays in one hand, and what became of it is written down."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.outcomes import Result
from storage.endings import Sent
from storage.mail import LaneName, MailState
from tests.support.smtp import Hang, Wait
from tests.unit.mailer.letters import ID
from tests.unit.mailer.worker.bench import DEADLINE_SECONDS, Bench


async def test_a_mail_is_held_for_as_long_as_the_relay_takes(bench: Bench) -> None:
    """The lease is shorter by far; a second worker waits for its end."""
    answered = asyncio.Event()
    bench.relay.on("CONTENT", Wait(answered))
    await bench.owe()
    bench.start(lease_seconds=0.6, clock=lambda: datetime.now(UTC))
    await bench.relay.until(lambda: "CONTENT" in bench.relay.steps)
    bench.start(poll_seconds=0.05, clock=lambda: datetime.now(UTC))

    await bench.outbox.until_called("prolong", times=6)
    answered.set()

    await bench.until_observed(Result.SENT)
    assert len(bench.relay.received) == 1
    assert (await bench.mail()).attempts == 1


async def test_a_lease_that_cannot_be_prolonged_is_prolonged_when_the_store_is_back(bench: Bench) -> None:
    answered = asyncio.Event()
    bench.relay.on("CONTENT", Wait(answered))
    bench.outbox.fail("prolong", 2)
    await bench.owe()
    bench.start(lease_seconds=0.1)

    await bench.outbox.until_called("prolong", times=4)
    answered.set()

    await bench.until_observed(Result.SENT)


async def test_a_lease_that_ended_under_way_is_taken_on_and_nothing_is_sent_twice(bench: Bench) -> None:
    """The store was away for longer than the lease, or the clock was set; then the same worker finds the mail again."""
    answered = asyncio.Event()
    bench.relay.on("CONTENT", Wait(answered))
    await bench.owe()
    worker = bench.start(lease_seconds=60, poll_seconds=0.05)
    await bench.relay.until(lambda: "CONTENT" in bench.relay.steps)
    before = bench.outbox.calls.count("lease")

    bench.clock.advance(61)
    await bench.outbox.until_called("lease", times=before + 3)
    assert (await bench.mail()).attempts == 2
    assert worker.held == 1
    answered.set()

    await bench.until_observed(Result.SENT)
    assert bench.relay.steps.count("CONTENT") == 1
    assert (await bench.mail()).state is MailState.SENT


async def test_a_mail_whose_lease_is_over_is_kept_back_at_the_last_moment(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The process stood still, or the store could not be asked: another worker may have sent it by now."""
    named = asyncio.Event()
    bench.relay.on("RCPT", Wait(named))
    bench.outbox.fail("prolong", 1_000)
    await bench.owe()
    bench.start(lease_seconds=0.3)
    await bench.relay.until(lambda: "RCPT" in bench.relay.steps)
    await asyncio.sleep(0.4)

    named.set()

    await bench.until_observed(Result.HELD, Result.SENT)
    assert "mail kept back: its lease is over" in caplog.messages
    assert len(bench.relay.received) == 1
    assert (await bench.mail()).attempts == 1


async def test_a_mail_that_another_worker_has_is_let_go(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.relay.on("CONTENT", Hang())
    await bench.owe()
    bench.start(lease_seconds=0.3)
    await bench.relay.until(lambda: "CONTENT" in bench.relay.steps)

    [taken] = await bench.store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=600, now=bench.clock() + timedelta(seconds=3600)
    )

    await bench.until_observed(Result.LOST)
    assert (await bench.mail()).state is MailState.LEASED
    assert await bench.store.outbox.end(taken, Sent(), now=bench.clock())
    assert "mail under way was taken by another worker" in caplog.messages


async def test_a_store_that_is_briefly_away_is_told_again_because_the_mail_has_gone_out(bench: Bench) -> None:
    bench.outbox.fail("end_together", 2)
    await bench.owe()

    bench.start()

    await bench.until_observed(Result.SENT)
    assert (await bench.mail()).state is MailState.SENT
    assert len(bench.relay.received) == 1


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_a_mail_that_could_not_be_settled_is_sent_again_under_the_same_message_id(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """As after a crash between the relay's 250 and the settle."""
    monkeypatch.setattr("mailer.settling.SETTLE_TRIES", 2)
    bench.outbox.fail("end_together", 2 if error is None else 1, error)
    await bench.owe()
    worker = bench.start(lease_seconds=5)
    await bench.until_observed(Result.LOST)

    bench.clock.advance(6)
    worker.wake()

    await bench.until_observed(Result.LOST, Result.SENT)
    first, second = bench.relay.received
    assert f"Message-ID: <{ID}@shop.example>".encode() in first.content
    assert first.content == second.content


async def test_a_lease_that_has_ended_meanwhile_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.owe()
    real = bench.outbox.end_together

    async def end_together(endings: Any, **options: Any) -> list[bool]:
        bench.clock.advance(120)
        await bench.store.outbox.lease(
            lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=600, now=bench.clock()
        )
        settled: list[bool] = await real(endings, now=bench.clock())
        return settled

    bench.outbox.replace("end_together", end_together)

    bench.start()

    await bench.until_observed(Result.LOST)
    assert (await bench.mail()).state is MailState.LEASED
    assert "mail settled too late: its lease had ended" in caplog.messages


async def test_what_ends_while_the_store_is_busy_is_settled_in_one_round(bench: Bench) -> None:
    rounds: list[int] = []
    all_sent = asyncio.Event()
    real = bench.outbox.end_together

    async def end_together(endings: Any, **options: Any) -> list[bool]:
        rounds.append(len(endings))
        if len(rounds) == 1:
            await all_sent.wait()
        settled: list[bool] = await real(endings, **options)
        return settled

    bench.outbox.replace("end_together", end_together)
    for number in range(5):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"{number}@shop.example")
    bench.start()
    await bench.relay.until(lambda: len(bench.relay.received) == 5)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while sum(task.get_name().startswith("settle ") for task in asyncio.all_tasks()) < 5:
            await asyncio.sleep(0)

    all_sent.set()

    await bench.until_observed(*[Result.SENT] * 5)
    # Those that ended before the first round began are in it.
    assert len(rounds) <= 2
    assert sum(rounds) == 5
    assert (await bench.store.outbox.mail_counts())[MailState.SENT] == 5


async def test_an_end_that_cannot_be_written_keeps_no_other_from_it(bench: Bench) -> None:
    poison = "019a0c5e-7d00-7000-8000-000000000001"
    both_sent = asyncio.Event()
    real = bench.outbox.end_together

    async def end_together(endings: Any, **options: Any) -> list[bool]:
        await both_sent.wait()
        if poison in {lease.id for lease, _ in endings}:
            raise ValueError("this cannot be written")
        settled: list[bool] = await real(endings, **options)
        return settled

    bench.outbox.replace("end_together", end_together)
    for number in range(3):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"{number}@shop.example")
    bench.start()
    await bench.relay.until(lambda: len(bench.relay.received) == 3)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while sum(task.get_name().startswith("settle ") for task in asyncio.all_tasks()) < 3:
            await asyncio.sleep(0)

    both_sent.set()

    await bench.until_observed(Result.SENT, Result.SENT, Result.LOST)
    assert (await bench.mail(poison)).state is MailState.LEASED


async def test_two_workers_share_an_outbox_without_sending_twice(bench: Bench) -> None:
    for number in range(8):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    bench.start(concurrency=2)
    bench.start(concurrency=2)

    await bench.until_observed(*[Result.SENT] * 8)
    assert len(bench.relay.received) == 8
