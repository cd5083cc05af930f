"""The mail of one process: its lanes as the settings have them, a worker for each, and what is told of them."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime

from gateway.cluster.budget import budget_of
from gateway.ground.settings import Settings
from gateway.observe.metrics import Metrics
from mailer.connect import connect
from mailer.courier import Decide, Policy
from mailer.lanes import Lane
from mailer.letterhead import Letterhead
from mailer.press import Press
from mailer.transport import Transport
from mailer.worker import Worker
from storage.mail import LaneName
from storage.outbox import Outbox

BULK_SHARE = 4
"""By this is the concurrency of all mail divided for that of bulk mail, unless that is set."""


def build_presses(settings: Settings) -> Mapping[LaneName, Press]:
    """What renders the mail of each lane: one for both, unless bulk mail comes from somebody else."""
    mail, bulk = settings.mail, settings.bulk
    letterhead = Letterhead(
        sender=mail.sender,
        reply_to=mail.reply_to,
        base_url=settings.base_url,
        templates=mail.templates,
        unsubscribe=mail.unsubscribe,
    )
    of_bulk = replace(letterhead, sender=bulk.sender or mail.sender, reply_to=bulk.reply_to or mail.reply_to)
    press = Press(letterhead)
    return {
        LaneName.TRANSACTIONAL: press,
        LaneName.BULK: press if of_bulk == letterhead else Press(of_bulk),
    }


async def start_presses(presses: Mapping[LaneName, Press], stops: AsyncExitStack) -> None:
    """Raises `MailConfigurationError` as `Press.start`; `stops` closes them again."""
    for press in presses.values():
        stops.push_async_callback(press.close)
    # The others have the same templates.
    await presses[LaneName.TRANSACTIONAL].start()


def check_templates(settings: Settings) -> None:
    """Raises `MailConfigurationError` for an operator's template that no mail can be made with."""

    async def check() -> None:
        press = build_presses(settings)[LaneName.TRANSACTIONAL]
        try:
            await press.start()
        finally:
            await press.close()

    asyncio.run(check())


def build_transport(settings: Settings, *, url: str, connections: int) -> Transport:
    mail = settings.mail
    return connect(
        url,
        connections=connections,
        session_mails=mail.session_mails,
        step_seconds=mail.timeout_seconds,
        helo=mail.helo,
    )


def build_lanes(settings: Settings, presses: Mapping[LaneName, Press]) -> list[Lane]:
    """Each lane has connections of its own, also to a relay that both use: none waits for the other's."""
    mail, bulk = settings.mail, settings.bulk
    concurrency = bulk.concurrency or max(1, mail.concurrency // BULK_SHARE)
    return [
        Lane(
            name=LaneName.TRANSACTIONAL,
            transport=build_transport(settings, url=mail.url, connections=mail.concurrency),
            press=presses[LaneName.TRANSACTIONAL],
            concurrency=mail.concurrency,
        ),
        Lane(
            name=LaneName.BULK,
            transport=build_transport(settings, url=bulk.url or mail.url, connections=concurrency),
            press=presses[LaneName.BULK],
            concurrency=concurrency,
            budget=budget_of(settings, lane=LaneName.BULK, rate=bulk.rate),
        ),
    ]


class Mailing:
    """The workers of all lanes, started, woken and drained together."""

    def __init__(
        self,
        settings: Settings,
        *,
        outbox: Outbox,
        decide: Decide,
        presses: Mapping[LaneName, Press],
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`presses` belong to the caller."""
        self._settings = settings
        self._outbox = outbox
        self._decide = decide
        self._metrics = metrics
        self._clock = clock
        self._lanes = build_lanes(settings, presses)
        transactional, bulk = (self._worker(lane) for lane in self._lanes)
        if settings.bulk.url is None:
            bulk.follow(transactional)
        self._workers = {LaneName.TRANSACTIONAL: transactional, LaneName.BULK: bulk}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(worker.run(), name=f"mail worker {lane}")
            for lane, worker in self._workers.items()
        ]

    def wake(self, lanes: Iterable[LaneName] = LaneName) -> None:
        """Say that mail of these lanes may be due."""
        for lane in lanes:
            self._workers[lane].wake()

    def warnings(self) -> list[str]:
        """What an operator should look at, and what keeps no mail waiting."""
        return [f"mail: {warning}" for lane in self._lanes for warning in lane.budget.warnings()]

    async def drain(self, *, seconds: float) -> None:
        """As `Worker.drain`, all lanes at once."""
        async with asyncio.TaskGroup() as group:
            for lane, worker in self._workers.items():
                group.create_task(worker.drain(seconds=seconds), name=f"drain {lane} mail")

    async def stop(self) -> None:
        """End the workers, and let the lanes' connections go."""
        await self.drain(seconds=0)
        for task in self._tasks:
            await task
        for lane in self._lanes:
            await lane.transport.close()
            await lane.budget.close()

    def _worker(self, lane: Lane) -> Worker:
        mail, metrics = self._settings.mail, self._metrics
        worker = Worker(
            lane,
            self._outbox,
            decide=self._decide,
            policy=Policy(
                attempts=mail.attempts,
                retry_seconds=mail.retry_seconds,
                lease_seconds=mail.lease_seconds,
                # Two sends, since a kept connection may be spent; each with its opening, its envelope and its end.
                attempt_seconds=15 * mail.timeout_seconds,
            ),
            clock=self._clock,
            random=random.random,
            observe=lambda outcome: metrics.mail_outcome(lane.name, outcome.result),
        )
        metrics.watch_gauge(
            "bellhop_mail_stopped",
            "1 while the mail server refuses us, or cannot be trusted",
            lambda: int(worker.stopped),
            lane=lane.name,
        )
        metrics.watch_gauge(
            "bellhop_mail_under_way",
            "Mails that this process holds now",
            lambda: worker.held,
            lane=lane.name,
        )
        return worker
