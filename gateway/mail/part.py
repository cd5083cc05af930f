"""Mail as a part of a process: the workers that send it, one for each lane. What makes it is in `presses`.

A node and the mail worker have the same parts. How a worker leases, retries and settles is of
`mailer.worker`.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import CountOne, Meters, Part, unmeasured
from gateway.mail.settings import BulkSettings, MailSettings
from mailer.budget import Budget
from mailer.connect import connect
from mailer.courier import Decide, Foresee, Policy, foresee_nothing
from mailer.lanes import NO_CLICKS, Lane, Tracking, WayOut, no_way_out
from mailer.outcomes import MailOutcome
from mailer.press import Press
from mailer.refused_recipients import Bounced
from mailer.sealing import Seal
from mailer.transport import Transport
from mailer.worker import Worker
from storage.mail import LaneName
from storage.notifications import Notification
from storage.outbox import Outbox

BULK_SHARE = 4
"""By this is the concurrency of all mail divided for that of bulk mail, unless that is set."""

STOCK_SECONDS = 0.5
"""So much of its rate does a node lease of bulk mail at most, to have it ready."""
MOST_STOCK = 100
"""Mails of it at most."""


def _never(lane: LaneName) -> bool:
    """No lane is paused."""
    del lane
    return False


def lanes_of(
    mail: MailSettings,
    bulk: BulkSettings,
    presses: Mapping[LaneName, Press],
    seals: Mapping[LaneName, Seal],
    budget: Callable[[str, float], Budget],
    way_out: WayOut = no_way_out,
    clicks: Tracking = NO_CLICKS,
    is_paused: Callable[[LaneName], bool] = _never,
) -> tuple[Lane, Lane]:
    """Each lane has connections of its own, also to a relay that both use: none waits for the other's.

    `budget` gives the budget of a lane by its rate; `is_paused` says whether bulk mail is. Raises `MailConfigurationError`.
    """
    # Bulk mail has a part of the connections, so that a relay with few does not keep other mail waiting.
    concurrency = bulk.concurrency or max(1, mail.concurrency // BULK_SHARE)
    transactional = Lane(
        name=LaneName.TRANSACTIONAL,
        transport=_transport(mail, url=mail.url, connections=mail.concurrency),
        press=presses[LaneName.TRANSACTIONAL],
        concurrency=mail.concurrency,
        way_out=way_out,
        clicks=clicks,
        seal=seals[LaneName.TRANSACTIONAL],
    )
    of_bulk = Lane(
        name=LaneName.BULK,
        transport=_transport(mail, url=bulk.url or mail.url, connections=concurrency),
        press=presses[LaneName.BULK],
        concurrency=concurrency,
        # Not where it is behind other mail: what is leased already does not make way.
        stock=0 if bulk.url is None else min(round(STOCK_SECONDS * bulk.rate), MOST_STOCK),
        seal=seals[LaneName.BULK],
        budget=budget(LaneName.BULK, bulk.rate),
        way_out=way_out,
        clicks=clicks,
        is_paused=lambda: is_paused(LaneName.BULK),
    )
    return transactional, of_bulk


def _transport(mail: MailSettings, *, url: str, connections: int) -> Transport:
    """The way to a relay, with at most so many connections. Raises `MailConfigurationError`."""
    return connect(
        url,
        connections=connections,
        session_mails=mail.session_mails,
        step_seconds=mail.timeout_seconds,
        helo=mail.helo,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all workers of a process share.

    Made by the process, read by workers. What it names must be safe for two lanes at the same time.
    """

    outbox: Outbox
    decide: Decide
    """Whether a mail is to leave now, later or not at all."""
    bounced: Bounced
    """Told of an address that the relay refuses, before the mail is settled."""
    presses: Mapping[LaneName, Press]
    seals: Mapping[LaneName, Seal]
    """What is put on a mail as it leaves, by lane."""
    clock: Timekeeper
    budget: Callable[[str, float], Budget]
    """The budget of a lane, by name and mails per second."""
    foresee: Foresee = foresee_nothing
    """What can be known of many mails in one question."""
    ended: Callable[[LaneName, MailOutcome], None]
    """Told what became of each mail."""
    way_out: WayOut = no_way_out
    """The links by which a mail can be refused."""
    clicks: Tracking = NO_CLICKS
    """What makes its links tracked ones."""
    is_paused: Callable[[LaneName], bool] = _never
    """Asked of bulk mail alone: no other can be paused."""


class MailPart(Part):
    """The workers of all lanes with their relays, started, woken and drained together.

    One for a process. It stops before the store. A worker that dies with the process
    loses its leases when they run out, and any other takes over.
    """

    def __init__(self, mail: MailSettings, bulk: BulkSettings, desk: Desk) -> None:
        self._mail = mail
        self._desk = desk
        self._lanes = lanes_of(
            mail, bulk, desk.presses, desk.seals, desk.budget, desk.way_out, desk.clicks, desk.is_paused
        )
        transactional, of_bulk = (self._worker(lane) for lane in self._lanes)
        if bulk.url is None:
            # By the same relay it is behind all other mail.
            of_bulk.follow(transactional)
        self.workers = {LaneName.TRANSACTIONAL: transactional, LaneName.BULK: of_bulk}
        """By lane."""
        self._hand = transactional.at_once
        """Of bulk mail nobody waits for the single one."""
        self._tasks: list[asyncio.Task[None]] = []
        self._count: CountOne = unmeasured

    def measure(self, meters: Meters) -> None:
        self._count = meters.counter(
            "bellhop_mail", "Mails by lane and by what became of them", ("lane", "outcome")
        )
        # A series for each lane.
        for lane, worker in self.workers.items():
            _measure(meters, lane, worker)

    def wake(self, lanes: Iterable[LaneName] = LaneName) -> None:
        """Say that mail of these lanes may be due. Never waits; a worker that is at work looks again when it is done."""
        for lane in lanes:
            self.workers[lane].wake()

    # As an emitter hands over what it stores: see `mailer.at_once`.

    def take(self, notifications: Sequence[Notification]) -> tuple[Notification, ...]:
        """Take into this process's hands what has a place free; answers all, as they are to be stored.

        Never waits. What was taken must be begun or forgone.
        """
        return tuple(map(self._hand.take, notifications))

    def begin(self, notifications: Sequence[Notification]) -> None:
        """Those are stored: send what was taken of them."""
        for each in notifications:
            self._hand.begin(each)

    def forgo(self, notifications: Sequence[Notification]) -> None:
        """Those are not stored: let go of the places."""
        for each in notifications:
            self._hand.forgo(each)

    def concerns(self) -> list[str]:
        """What a budget has an operator know, as that the rate is shared by guess."""
        return [f"mail: {warning}" for lane in self._lanes for warning in lane.budget.warnings()]

    def start(self) -> None:
        """Begin to work, each lane in a task of its own."""
        self._tasks = [
            asyncio.create_task(worker.run(), name=f"mail worker {lane}")
            for lane, worker in self.workers.items()
        ]

    async def drain(self, *, seconds: float) -> None:
        """Finish the mails that are held, within `seconds`, and lease no more."""
        async with asyncio.TaskGroup() as group:
            for lane, worker in self.workers.items():
                group.create_task(worker.drain(seconds=seconds), name=f"drain {lane} mail")

    async def stop(self) -> None:
        """Give back what is held, wait for the workers, then close relays and budgets."""
        await self.drain(seconds=0)
        # Waited for, not cancelled: a mail that was handed over must be settled.
        for task in self._tasks:
            await task
        for lane in self._lanes:
            await lane.transport.close()
            await lane.budget.close()

    def _worker(self, lane: Lane) -> Worker:
        """The worker of a lane, by the policy of the settings."""
        mail = self._mail
        return Worker(
            lane,
            self._desk.outbox,
            decide=self._desk.decide,
            bounced=self._desk.bounced,
            foresee=self._desk.foresee,
            policy=Policy(
                attempts=mail.attempts,
                retry_seconds=mail.retry_seconds,
                lease_seconds=mail.lease_seconds,
                # Two sends, since a kept connection may be spent; each with its opening, its envelope and its end.
                attempt_seconds=15 * mail.timeout_seconds,
            ),
            # A mail that went out early cannot be called back.
            clock=self._desk.clock.cautious,
            random=random.random,
            observe=partial(self._ended, lane.name),
        )

    def _ended(self, lane: LaneName, outcome: MailOutcome) -> None:
        """Count a mail that came to an end, or to another attempt, and tell the others who count."""
        self._count(lane, outcome.result)
        self._desk.ended(lane, outcome)


def _measure(meters: Meters, lane: LaneName, worker: Worker) -> None:
    """Show what a worker has to tell, by lane."""
    meters.watch_gauge(
        "bellhop_mail_stopped",
        "1 while the mail server refuses us, or cannot be trusted",
        lambda: int(worker.stopped),
        lane=lane,
    )
    meters.watch_gauge(
        "bellhop_mail_under_way", "Mails that this process holds now", lambda: worker.held, lane=lane
    )
