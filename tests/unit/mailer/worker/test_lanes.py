"""Lanes: their rates, their domains, who waits for whom, and a lane that is paused."""

import asyncio
from datetime import timedelta

import pytest

from mailer.budget import LocalBudget
from mailer.courier import BUSY_DOMAIN
from mailer.outcomes import Result
from storage.mail import LaneName, MailState
from tests.support.smtp import Reply, Wait
from tests.unit.mailer.letters import ID
from tests.unit.mailer.worker.bench import DEADLINE_SECONDS, OTHER_ID, Bench


class Granted:
    """A budget that gives each mail its moment so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def reserve(self) -> float:
        return self.seconds

    def warnings(self) -> list[str]:
        return []

    async def close(self) -> None:
        return


async def test_mail_leaves_no_faster_than_its_lane_may(bench: Bench) -> None:
    for number in range(8):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    bench.start(budget=LocalBudget(5))

    await bench.until_observed(*[Result.SENT] * 8)
    times = [received.at for received in bench.relay.received]
    # 1.4 s, less what the first was late by; without the rate they leave in a tenth of it.
    assert max(times) - min(times) > 0.7


class Granting:
    """A budget whose moments the test gives."""

    def __init__(self) -> None:
        self.moments = asyncio.Semaphore(0)
        self.waiting = self.most = 0

    async def reserve(self) -> float:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.moments.acquire()
        self.waiting -= 1
        return 0.0

    def warnings(self) -> list[str]:
        return []

    async def close(self) -> None:
        return


async def test_while_enough_mail_waits_for_its_moment_no_more_is_leased(bench: Bench) -> None:
    budget = Granting()
    await bench.owe_many(6)
    bench.start(budget=budget, concurrency=4)
    await bench.until_leased()

    budget.moments.release()
    await bench.until_sent(1)
    assert bench.outbox.calls.count("lease") == 1
    budget.moments.release()
    await bench.outbox.until_called("lease", 2)

    for _ in range(4):
        budget.moments.release()
    await bench.until(lambda: bench.count(Result.SENT) == 6)


async def test_a_lane_with_a_stock_leases_more_than_go_at_once(bench: Bench) -> None:
    """They are decided on and made when it is their turn, and their ends are written down together."""
    budget = Granting()
    await bench.owe_many(6)
    worker = bench.start(budget=budget, concurrency=2, stock=4)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while budget.waiting < 2:
            await asyncio.sleep(0)

    assert (worker.held, budget.waiting) == (6, 2)
    assert bench.outbox.calls.count("lease") == 1
    for _ in range(6):
        budget.moments.release()
    await bench.until_observed(*[Result.SENT] * 6)

    assert budget.most == 2
    assert bench.outbox.calls.count("end_together") < 6


async def test_a_mail_whose_turn_does_not_come_is_given_back_uncounted(bench: Bench) -> None:
    await bench.owe_many(2)
    bench.start(budget=Granted(3600), concurrency=1, stock=1, lease_seconds=0.3)

    await bench.until_observed(Result.HELD)

    counts = await bench.store.outbox.mail_counts()
    assert counts[MailState.LEASED] >= 1
    mails = [await bench.mail(f"019a0c5e-7d00-7000-8000-00000000000{number}") for number in range(2)]
    assert max(mail.attempts for mail in mails) == 1
    assert bench.relay.received == []


async def test_what_waits_for_its_turn_does_not_try_a_relay_that_refuses_us(bench: Bench) -> None:
    """As many wrong logins as there are mails could lock the account."""
    bench.relay.on("AUTH", *[Reply("535 5.7.8 wrong")] * 4)
    await bench.owe_many(4)
    bench.start(concurrency=1, stock=3)

    await bench.until_observed(Result.POSTPONED, *[Result.HELD] * 3)

    assert bench.relay.opened == 1
    counts = await bench.store.outbox.mail_counts()
    assert counts[MailState.PENDING] == 4


async def test_a_mail_that_waits_for_its_moment_is_not_late(bench: Bench) -> None:
    await bench.owe()

    bench.start(budget=Granted(1.2), attempt_seconds=1.0)

    await bench.until_observed(Result.SENT)
    assert (await bench.mail()).attempts == 1


async def test_a_mail_that_waits_for_its_moment_is_given_back_by_a_drain(bench: Bench) -> None:
    await bench.owe()
    worker = bench.start(budget=Granted(3600))
    await bench.until_leased()

    await worker.drain(seconds=0)

    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert bench.relay.received == []


async def test_a_domain_that_takes_no_more_gets_fewer_at_once_and_holds_up_no_other(bench: Bench) -> None:
    ids = [f"019a0c5e-7d00-7000-8000-00000000000{number}" for number in range(4)]
    bench.relay.on("RCPT", Reply("451 4.7.1 too many at once"))
    worker = bench.start(concurrency=2)
    await bench.owe(ids[0], to="ann@slow.example")
    worker.wake()
    await bench.until_observed(Result.POSTPONED)

    go_on = asyncio.Event()
    bench.relay.on("CONTENT", Wait(go_on))
    await bench.owe(ids[1], to="bob@slow.example")
    worker.wake()
    await bench.relay.until(lambda: bool(bench.relay.waiting))
    await bench.owe(ids[2], to="cid@SLOW.example")
    await bench.owe(ids[3], to="dan@other.example")
    worker.wake()

    await bench.until_observed(Result.POSTPONED, Result.HELD, Result.SENT)
    held = await bench.mail(ids[2])
    assert (held.state, held.attempts, held.reason) == (MailState.PENDING, 0, BUSY_DOMAIN)
    assert held.due_at == bench.clock.now + timedelta(seconds=1)
    assert [received.recipients for received in bench.relay.received] == [("dan@other.example",)]

    go_on.set()
    await bench.until(lambda: bench.count(Result.SENT) == 2)
    bench.clock.advance(1)
    worker.wake()
    await bench.until(lambda: bench.count(Result.SENT) == 3)


async def test_a_lane_that_follows_another_goes_when_all_due_mail_of_that_is_under_way(bench: Bench) -> None:
    go_on = asyncio.Event()
    bench.relay.on("CONTENT", Wait(go_on))
    for number in range(3):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"{number}@shop.example")
    await bench.owe(OTHER_ID[:-1] + "9", to="bulk@shop.example", lane=LaneName.BULK)
    leader = bench.start(concurrency=1)
    follower = bench.worker(name=LaneName.BULK)
    follower.follow(leader)
    bench.workers.append((follower, asyncio.create_task(follower.run())))

    await bench.relay.until(lambda: bool(bench.relay.waiting))
    follower.wake()
    assert follower.held == 0
    go_on.set()

    await bench.until_observed(*[Result.SENT] * 4)
    assert [received.recipients[0].partition("@")[0] for received in bench.relay.received] == [
        "0", "1", "2", "bulk",
    ]  # fmt: skip


async def test_a_lane_whose_leader_has_nothing_to_do_goes_at_once(bench: Bench) -> None:
    leader = bench.start()
    follower = bench.worker(name=LaneName.BULK)
    follower.follow(leader)
    bench.workers.append((follower, asyncio.create_task(follower.run())))
    await bench.outbox.until_called("next_due", times=2)

    await bench.owe(lane=LaneName.BULK)
    follower.wake()

    await bench.until_observed(Result.SENT)


async def test_a_lane_sends_none_of_anothers_mail(bench: Bench) -> None:
    await bench.owe(ID, lane=LaneName.BULK)
    await bench.owe(OTHER_ID)

    bench.start()

    await bench.until_observed(Result.SENT)
    assert (await bench.mail(ID)).state is MailState.PENDING


async def test_of_a_lane_that_is_paused_nothing_is_leased_until_it_goes_on(bench: Bench) -> None:
    paused = True
    asked = asyncio.Event()

    def is_paused() -> bool:
        asked.set()
        return paused

    await bench.owe()
    worker = bench.start(is_paused=is_paused)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asked.wait()
    worker.wake()
    assert bench.outbox.calls == []

    paused = False
    worker.wake()

    await bench.until_observed(Result.SENT)
    assert (await bench.mail()).attempts == 1


@pytest.mark.parametrize("asked", [1, 2], ids=["for its turn", "for its moment"])
async def test_what_waits_as_its_lane_is_paused_is_not_sent_and_not_counted(bench: Bench, asked: int) -> None:
    """A lane of a small rate has mails that wait for minutes: they do not leave after somebody has said stop."""
    answers = iter([False] * asked)
    await bench.owe()

    bench.start(is_paused=lambda: next(answers, True))

    await bench.until_observed(Result.HELD)
    mail = await bench.mail()
    assert (mail.state, mail.attempts) == (MailState.PENDING, 0)
    assert (mail.reason, mail.decided_by) == ("its lane is paused", "pause")
    assert bench.relay.received == []
