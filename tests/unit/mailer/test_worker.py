"""The worker, between a real SQLite store and a real relay."""

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Timekeeper
from gateway.notify.decide import Judge
from gateway.notify.departing import ending_of
from gateway.notify.suppressions import SuppressionList
from gateway.notify.verdicts import Sources
from mailer.budget import LocalBudget
from mailer.courier import BUSY_DOMAIN, Policy, Result
from mailer.lanes import Lane
from mailer.press import Press
from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from mailer.transport import Transport
from mailer.worker import MailOutcome, Worker
from storage.endings import Ending, Gathered, Postponed, Sent
from storage.errors import StoreUnavailable
from storage.inboxes import Inboxes, Selection
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.notifications import Notification
from storage.obligations import Digest, Lease
from storage.outbox import Outbox
from storage.sqlite import SQLiteStore
from storage.streams import Appended, Emission
from tests.support.smtp import Authority, Hang, Reply, SMTPRelay, Wait
from tests.unit.mailer.letters import ID, LETTERHEAD, PRESS, notification

DEADLINE_SECONDS = 40
STEP_SECONDS = 5
LANE = {field.name for field in fields(Lane)}
POLICY = {field.name for field in fields(Policy)}
OTHER_ID = "019a0c5e-7d00-7000-8000-000000000002"


def said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the mailer logged, without what its surroundings did."""
    return [record for record in caplog.records if record.name.startswith("mailer")]


class Clock:
    """The time of day, held by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Faulty:
    """The shelves that a worker takes, real ones, some of whose methods fail a number of times before they work again."""

    def __init__(self, outbox: Outbox, inboxes: Inboxes) -> None:
        self._shelves = (outbox, inboxes)
        self.failing: dict[str, list[BaseException]] = {}
        self.calls: list[str] = []
        self.called = asyncio.Event()

    def fail(self, method: str, times: int, error: BaseException | None = None) -> None:
        self.failing[method] = [error or StoreUnavailable("away", retry_after=0.0)] * times

    def replace(self, method: str, call: Callable[..., Any]) -> None:
        setattr(self, method, call)

    async def until_called(self, method: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.calls.count(method) < times:
                self.called.clear()
                await self.called.wait()

    def __getattr__(self, method: str) -> Any:
        [real] = [getattr(shelf, method) for shelf in self._shelves if hasattr(shelf, method)]

        async def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(method)
            self.called.set()
            if self.failing.get(method):
                raise self.failing[method].pop()
            return await real(*arguments, **options)

        return call


@dataclass
class Bench:
    """A worker on its bench, with everything around it in reach."""

    store: SQLiteStore
    outbox: Faulty
    relay: SMTPRelay
    clock: Clock
    transport: Transport
    outcomes: list[MailOutcome] = field(default_factory=list)
    observed: asyncio.Event = field(default_factory=asyncio.Event)
    online: Callable[[str], bool] = lambda _user: False
    workers: list[tuple[Worker, asyncio.Task[None]]] = field(default_factory=list)

    def lane(self, **fields: Any) -> Lane:
        given = {
            "name": LaneName.TRANSACTIONAL,
            "transport": self.transport,
            "press": PRESS,
            "concurrency": 8,
        }
        return Lane(**(given | fields))

    def worker(self, **options: Any) -> Worker:
        """`options` are the worker's, its policy's, or its lane's."""

        async def is_online(user: str) -> bool:
            return self.online(user)

        async def decide(lease: Lease, now: datetime) -> Ending | None:
            return ending_of(await judge.at_lease(lease, now), lease, now)

        suppressions = SuppressionList(self.store.suppressions, Timekeeper())
        judge = Judge(
            Sources(
                catalog=LiveCatalog(),
                contacts=self.store.people,
                receipts=self.outbox,
                suppressions=suppressions,
                is_online=is_online,
            )
        )
        lane = {name: options.pop(name) for name in LANE & options.keys()}
        policy = {name: options.pop(name) for name in POLICY & options.keys()}
        given: dict[str, Any] = {
            "lane": self.lane(**lane), "outbox": self.outbox, "decide": decide,
            "bounced": suppressions.bounced, "clock": self.clock, "random": lambda: 0.0, "observe": self.observe,
            "policy": Policy(**policy), "poll_seconds": 30,
        }  # fmt: skip
        return Worker(**(given | options))

    def start(self, **options: Any) -> Worker:
        worker = self.worker(**options)
        self.workers.append((worker, asyncio.create_task(worker.run(), name="worker under test")))
        return worker

    def observe(self, outcome: MailOutcome) -> None:
        self.outcomes.append(outcome)
        self.observed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` holds, looking at every outcome."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self.observed.clear()
                await self.observed.wait()

    def count(self, result: Result) -> int:
        return [outcome.result for outcome in self.outcomes].count(result)

    async def until_observed(self, *results: Result) -> None:
        await self.until(lambda: len(self.outcomes) >= len(results))
        assert sorted(outcome.result for outcome in self.outcomes) == sorted(results)

    async def owe(
        self, id_: str = ID, *, after: float = 0, unless: Unless | None = None, **fields: Any
    ) -> None:
        now = self.clock()
        due_at = now + timedelta(seconds=after)
        order = {name: fields.pop(name) for name in ("to", "lane") if name in fields}
        mail_order = MailOrder(**({"to": "ann@example.org"} | order), due_at=due_at, unless=unless)
        mail = Mail(order=mail_order, state=MailState.PENDING, due_at=due_at, updated_at=now)
        given = notification(id=id_, mail=mail, created_at=now, **fields)
        await self.store.streams.append([Emission(notifications=(given,))])

    async def until_leased(self) -> None:
        """Return when the worker holds a mail."""
        await self.outbox.until_called("lease")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (await self.store.outbox.mail_counts())[MailState.LEASED]:
                await asyncio.sleep(0)

    async def mail(self, id_: str = ID) -> Mail:
        found = await self.store.streams.notification(id_)
        assert found is not None
        assert found.mail is not None
        return found.mail


@pytest.fixture
async def bench(tmp_path: Path, authority: Authority) -> AsyncIterator[Bench]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        transport = SMTPTransport(Relay.from_url(relay.url(user="ann:secret"), step_seconds=STEP_SECONDS))
        made = Bench(
            store=store,
            outbox=Faulty(store.outbox, store.inboxes),
            relay=relay,
            clock=Clock(),
            transport=transport,
        )
        yield made
        for worker, task in made.workers:
            await worker.drain(seconds=0)
            await asyncio.wait({task})
        await transport.close()
    await store.close()


# Waiting


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


async def settled(bench: Bench, count: int) -> None:
    """Return when so many mails were sent, and the worker has done what it does at once after them."""
    await bench.until(lambda: bench.count(Result.SENT) == count)
    for _ in range(20):
        await asyncio.sleep(0)


async def owe_many(bench: Bench, count: int) -> None:
    for number in range(count):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"{number}@shop.example")


@pytest.mark.parametrize("patience_seconds", [0.0, 3600.0])
async def test_while_much_is_due_several_places_are_filled_by_one_lease(
    bench: Bench, patience_seconds: float
) -> None:
    """They are waited for no longer than a few leases take."""
    go_on = [asyncio.Event() for _ in range(4)]
    bench.relay.on("CONTENT", *map(Wait, go_on))
    await owe_many(bench, 6)
    worker = bench.start(concurrency=4)
    await bench.relay.until(lambda: len(bench.relay.waiting) == 4)
    worker._pacing.lease_seconds = patience_seconds

    go_on[0].set()
    await settled(bench, 1) if patience_seconds else await bench.outbox.until_called("lease", 2)
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
    await owe_many(bench, count)

    bench.start(foresee=lambda addresses: told.append(len(addresses)))

    await bench.until(lambda: bench.count(Result.SENT) == count)
    assert told == foreseen


async def test_after_the_last_mail_that_was_due_the_store_is_not_asked_for_more(bench: Bench) -> None:
    await bench.owe()
    bench.start()

    await settled(bench, 1)

    assert bench.outbox.calls.count("lease") == 1


# Judging again


@pytest.mark.parametrize(
    ("unless", "mark", "result"),
    [
        (Unless.READ, "read", Result.SKIPPED),
        (Unless.READ, "seen", Result.SENT),
        (Unless.READ, None, Result.SENT),
        (Unless.SEEN, "seen", Result.SKIPPED),
        (Unless.SEEN, "read", Result.SKIPPED),
        (Unless.SEEN, None, Result.SENT),
    ],
)
async def test_whether_a_mail_is_needed_is_judged_when_it_is_due(
    bench: Bench, unless: Unless, mark: str | None, result: Result
) -> None:
    await bench.owe(unless=unless)
    if mark is not None:
        await getattr(bench.store.inboxes, mark)(Selection("42", ["user:42"], [ID], now=bench.clock()))

    bench.start()

    await bench.until_observed(result)
    mail = await bench.mail()
    assert mail.state == result.value
    assert bool(mail.reason) == (result is Result.SKIPPED)


@pytest.mark.parametrize(("online", "result"), [(True, Result.SKIPPED), (False, Result.SENT)])
async def test_a_user_who_is_online_needs_no_mail(bench: Bench, *, online: bool, result: Result) -> None:
    bench.online = lambda user: online and user == "42"
    await bench.owe(unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(result)


async def test_a_mail_that_a_rule_holds_is_decided_again_later(bench: Bench) -> None:
    until = bench.clock.now + timedelta(hours=8)

    async def decide(lease: Lease, now: datetime) -> Ending | None:
        return (
            Postponed(until=until, reason="quiet hours", rule="quiet", counted=False) if now < until else None
        )

    await bench.owe()
    worker = bench.start(decide=decide)

    await bench.until_observed(Result.HELD)
    mail = await bench.mail()
    assert (mail.state, mail.due_at, mail.attempts) == (MailState.PENDING, until, 0)
    assert (mail.decided_by, mail.reason) == ("quiet", "quiet hours")
    bench.clock.now = until
    worker.wake()
    await bench.until_observed(Result.HELD, Result.SENT)
    assert (await bench.mail()).decided_by is None


async def test_a_mail_that_is_to_come_with_others_is_gathered_and_not_sent(bench: Bench) -> None:
    async def decide(_lease: Lease, now: datetime) -> Ending | None:
        opens = Digest(
            id="d",
            room="user:42",
            key="daily",
            rule="digest",
            opened_at=now,
            closes_at=now + timedelta(hours=8),
        )
        return Gathered(digest=opens, rule="digest", reason="once a day")

    await bench.owe()
    bench.start(decide=decide)

    await bench.until_observed(Result.GATHERED)
    mail = await bench.mail()
    assert (mail.state, mail.digest, mail.attempts) == (MailState.GATHERED, "d", 0)
    assert bench.relay.received == []


async def test_when_presence_cannot_be_asked_the_mail_goes_out(bench: Bench) -> None:
    def broken(_user: str) -> bool:
        raise ConnectionError

    bench.online = broken
    await bench.owe(unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(Result.SENT)


async def test_a_condition_about_a_room_of_many_is_not_judged(bench: Bench) -> None:
    bench.online = lambda _user: True
    await bench.owe(room="topic:deals", unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(Result.SENT)


async def test_a_receipt_that_cannot_be_read_gives_the_mail_back_uncounted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.worker.STORE_PAUSE_SECONDS", (0.02, 0.02))
    bench.outbox.fail("receipts_of", 1)
    await bench.owe(unless=Unless.READ)

    bench.start()

    await bench.until_observed(Result.POSTPONED, Result.SENT)
    assert bench.outcomes[-1].attempts == 1


# Rate and domains


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
    await owe_many(bench, 6)
    bench.start(budget=budget, concurrency=4)
    await bench.until_leased()

    budget.moments.release()
    await settled(bench, 1)
    assert bench.outbox.calls.count("lease") == 1
    budget.moments.release()
    await bench.outbox.until_called("lease", 2)

    for _ in range(4):
        budget.moments.release()
    await bench.until(lambda: bench.count(Result.SENT) == 6)


async def test_a_lane_with_a_stock_leases_more_than_go_at_once(bench: Bench) -> None:
    """They are decided on and made when it is their turn, and their ends are written down together."""
    budget = Granting()
    await owe_many(bench, 6)
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
    await owe_many(bench, 2)
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
    await owe_many(bench, 4)
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


# Behind another lane


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


# Failures of one mail


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


# While it is under way


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


# Failures that are ours


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
    monkeypatch.setattr("mailer.worker.STORE_PAUSE_SECONDS", (0.02, 0.02))
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
    monkeypatch.setattr("mailer.worker.STORE_PAUSE_SECONDS", (0.02, 0.02))
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


# Settling


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


# Stopping


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


async def test_two_workers_share_an_outbox_without_sending_twice(bench: Bench) -> None:
    for number in range(8):
        await bench.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}")

    bench.start(concurrency=2)
    bench.start(concurrency=2)

    await bench.until_observed(*[Result.SENT] * 8)
    assert len(bench.relay.received) == 8


# A lane that is paused


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
