"""A worker on its bench: between a real SQLite store and a real relay, with everything around it in reach."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Timekeeper
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import Sources
from gateway.notify.departing import ending_of
from gateway.notify.suppressions.listing import SuppressionList
from mailer.courier import Policy
from mailer.lanes import Lane
from mailer.outcomes import MailOutcome, Result
from mailer.transport import Transport
from mailer.worker import Worker
from storage.endings import Ending
from storage.errors import StoreUnavailable
from storage.inboxes import Inboxes
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.obligations import Lease
from storage.outbox import Outbox
from storage.sqlite import SQLiteStore
from storage.streams import Emission
from tests.support.smtp import SMTPRelay
from tests.unit.mailer.letters import ID, PRESS, notification

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
                suppressions=suppressions.lookup,
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

    async def owe_many(self, count: int) -> None:
        for number in range(count):
            await self.owe(f"019a0c5e-7d00-7000-8000-00000000000{number}", to=f"{number}@shop.example")

    async def until_sent(self, count: int) -> None:
        """Return when so many mails were sent, and the worker has done what it does at once after them."""
        await self.until(lambda: self.count(Result.SENT) == count)
        for _ in range(20):
            await asyncio.sleep(0)

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
