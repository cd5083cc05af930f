"""When mail is leased, how much of it, and what wakes the worker."""

import asyncio
from datetime import UTC, datetime

import pytest

from mailer.outcomes import Result
from mailer.worker import Worker
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.streams import Appended, Emission
from tests.support.smtp import Hang, Wait
from tests.unit.mailer.letters import notification
from tests.unit.mailer.worker.bench import DEADLINE_SECONDS, Bench


async def test_mail_that_is_due_goes_out_and_is_settled(bench: Bench) -> None:
    await bench.owe()

    bench.start()

    await bench.until_observed(Result.SENT)
    mail = await bench.mail()
    assert (mail.state, mail.sent_at) == (MailState.SENT, bench.clock.now)
    assert [received.recipients for received in bench.relay.received] == [("ann@example.org",)]
    assert bench.outcomes[0].attempts == 1


async def test_a_wake_ends_the_wait(bench: Bench) -> None:
    worker = bench.start()
    await bench.outbox.until_called("next_due")

    await bench.owe()
    worker.wake()

    await bench.until_observed(Result.SENT)


async def test_a_wake_while_the_store_is_asked_is_not_lost(bench: Bench) -> None:
    worker = bench.worker()
    real = bench.outbox.next_due

    async def next_due(*, lane: LaneName) -> datetime | None:
        found: datetime | None = await real(lane=lane)
        if not bench.outcomes and "owed" not in bench.outbox.calls:
            bench.outbox.calls.append("owed")
            await bench.owe()
            worker.wake()
        return found

    bench.outbox.replace("next_due", next_due)
    bench.workers.append((worker, asyncio.create_task(worker.run())))

    await bench.until_observed(Result.SENT)


async def test_the_next_due_time_ends_the_wait(bench: Bench) -> None:
    await bench.owe(after=0.1)
    bench.start(clock=lambda: datetime.now(UTC))

    await bench.until_observed(Result.SENT)


async def test_mail_of_another_node_is_found_by_polling(bench: Bench) -> None:
    bench.start(poll_seconds=0.1)
    await bench.outbox.until_called("next_due")

    await bench.owe()

    await bench.until_observed(Result.SENT)


def due_now(bench: Bench) -> Notification:
    """One whose mail is to leave at once."""
    now = bench.clock()
    order = MailOrder(to="ann@example.org", due_at=now)
    mail = Mail(order=order, state=MailState.PENDING, due_at=now, updated_at=now)
    return notification(mail=mail, created_at=now)


async def in_its_hands(bench: Bench, worker: Worker) -> Notification:
    """One that is stored in the hands of a worker that has looked what else is due."""
    await bench.outbox.until_called("next_due")
    taken = worker.at_once.take(due_now(bench))
    [appended] = await bench.store.streams.append([Emission(notifications=(taken,))])
    assert isinstance(appended, Appended)
    return appended.notifications[0]


async def test_mail_that_is_stored_in_the_workers_hands_goes_out_without_being_looked_for(
    bench: Bench,
) -> None:
    worker = bench.start()
    stored = await in_its_hands(bench, worker)
    looked = bench.outbox.calls.count("lease")

    worker.at_once.begin(stored)

    await bench.until_observed(Result.SENT)
    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.SENT, 1)
    assert bench.outbox.calls.count("lease") == looked


async def test_mail_in_its_hands_that_may_not_be_tried_any_more_is_handed_back_uncounted(
    bench: Bench,
) -> None:
    is_paused = False
    worker = bench.start(is_paused=lambda: is_paused)
    stored = await in_its_hands(bench, worker)
    is_paused = True

    worker.at_once.begin(stored)

    async with asyncio.timeout(DEADLINE_SECONDS):
        while (mail := await bench.mail()).state is not MailState.PENDING:
            await asyncio.sleep(0.01)
    assert mail.attempts == 0


async def test_one_that_drains_leaves_mail_in_its_hands_to_its_lease(bench: Bench) -> None:
    worker = bench.start()
    stored = await in_its_hands(bench, worker)
    await worker.drain(seconds=1)

    worker.at_once.begin(stored)

    assert worker.held == 0
    assert (await bench.mail()).state is MailState.LEASED


async def test_where_one_attempt_is_all_nothing_is_taken_in_hand(bench: Bench) -> None:
    worker = bench.start(attempts=1)
    await bench.outbox.until_called("next_due")
    given = due_now(bench)

    assert worker.at_once.take(given) is given


async def test_no_more_is_leased_than_slots_are_free(bench: Bench) -> None:
    bench.relay.on("CONTENT", Hang(), Hang())
    for number in range(3):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    worker = bench.start(concurrency=2)

    await bench.relay.until(lambda: bench.relay.steps.count("CONTENT") == 2)
    assert worker.held == 2
    worker.wake()
    assert (await bench.store.outbox.mail_counts())[MailState.LEASED] == 2
    assert (await bench.store.outbox.mail_counts())[MailState.PENDING] == 1


async def test_a_slot_that_comes_free_is_used_at_once(bench: Bench) -> None:
    for number in range(5):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    bench.start(concurrency=2)

    await bench.until_observed(*[Result.SENT] * 5)


@pytest.mark.parametrize("patience_seconds", [0.0, 3600.0])
async def test_while_much_is_due_several_places_are_filled_by_one_lease(
    bench: Bench, patience_seconds: float
) -> None:
    """They are waited for no longer than a few leases take."""
    go_on = [asyncio.Event() for _ in range(4)]
    bench.relay.on("CONTENT", *map(Wait, go_on))
    await bench.owe_many(6)
    worker = bench.start(concurrency=4)
    await bench.relay.until(lambda: len(bench.relay.waiting) == 4)
    worker._pacing.lease_seconds = patience_seconds

    go_on[0].set()
    await bench.until_sent(1) if patience_seconds else await bench.outbox.until_called("lease", 2)
    assert bench.outbox.calls.count("lease") == (1 if patience_seconds else 2)
    go_on[1].set()
    await bench.outbox.until_called("lease", 2)

    for each in go_on[2:]:
        each.set()
    await bench.until(lambda: bench.count(Result.SENT) == 6)


@pytest.mark.parametrize(("count", "foreseen"), [(1, []), (3, [3])])
async def test_of_several_that_are_leased_together_is_told_before_any_is_judged(
    bench: Bench, count: int, foreseen: list[int]
) -> None:
    told: list[int] = []
    await bench.owe_many(count)

    bench.start(foresee=lambda addresses: told.append(len(addresses)))

    await bench.until(lambda: bench.count(Result.SENT) == count)
    assert told == foreseen


async def test_after_the_last_mail_that_was_due_the_store_is_not_asked_for_more(bench: Bench) -> None:
    await bench.owe()
    bench.start()

    await bench.until_sent(1)

    assert bench.outbox.calls.count("lease") == 1
