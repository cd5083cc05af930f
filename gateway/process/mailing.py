"""The mail of one process: its lanes as the settings have them, a worker for each, and what is told of them."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime

from gateway.ground.settings import Settings
from gateway.observe.metrics import Metrics
from mailer.connect import connect
from mailer.courier import Decide, Policy
from mailer.lanes import Lane, LaneName
from mailer.letterhead import Letterhead
from mailer.press import Press
from mailer.transport import Transport
from mailer.worker import Worker
from storage.outbox import Outbox


def build_press(settings: Settings) -> Press:
    mail = settings.mail
    return Press(
        Letterhead(
            sender=mail.sender,
            reply_to=mail.reply_to,
            base_url=settings.base_url,
            templates=mail.templates,
            unsubscribe=mail.unsubscribe,
        )
    )


def check_templates(settings: Settings) -> None:
    """Raises `MailConfigurationError` for an operator's template that no mail can be made with."""

    async def check() -> None:
        press = build_press(settings)
        try:
            await press.start()
        finally:
            await press.close()

    asyncio.run(check())


def build_transport(settings: Settings) -> Transport:
    mail = settings.mail
    return connect(
        mail.url,
        connections=mail.concurrency,
        session_mails=mail.session_mails,
        step_seconds=mail.timeout_seconds,
        helo=mail.helo,
    )


class Mailing:
    """The workers of all lanes, started, woken and drained together."""

    def __init__(
        self,
        settings: Settings,
        *,
        outbox: Outbox,
        decide: Decide,
        press: Press,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`press` renders the transactional mail, and belongs to the caller."""
        self._settings = settings
        self._outbox = outbox
        self._decide = decide
        self._metrics = metrics
        self._clock = clock
        self._lanes = [
            Lane(
                name=LaneName.TRANSACTIONAL,
                transport=build_transport(settings),
                press=press,
                concurrency=settings.mail.concurrency,
            )
        ]
        self._workers = {lane.name: self._worker(lane) for lane in self._lanes}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(worker.run(), name=f"mail worker {lane}")
            for lane, worker in self._workers.items()
        ]

    def wake(self) -> None:
        """Say that mail may be due."""
        for worker in self._workers.values():
            worker.wake()

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
