"""What takes mail that comes back, in a process of its own, with a site for probes and metrics: what `bellhop bounces` runs.

It reads what comes back and writes to the store; no node is told, and none asks it. Several may run: a report
that comes twice changes nothing the second time.
"""

import logging
import random
from collections.abc import Sequence

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.ground.tasks import Tasks
from gateway.mail.settings import BounceSettings
from gateway.notify.returns.fates import Fate
from gateway.notify.returns.reports import Returns
from gateway.notify.store import ClockPart, StorePart
from gateway.process.clicking import Clicker
from gateway.process.office import Office
from gateway.process.outlet import OutletPart
from mailer.collecting import Collector
from mailer.listen_address import ListenAddress
from mailer.mailbox import Account

_USUAL = ListenAddress(host="127.0.0.1", port=2424, lmtp=True)
"""Where an MTA on the same machine hands reports in, if nothing is said of it."""

logger = logging.getLogger(__name__)


class ReceiverPart(Part):
    """The server that reports come to; it needs the extra `bounces`.

    A report is acknowledged when it is dealt with: while the store is away the MTA keeps it.
    """

    def __init__(self, place: ListenAddress, domain: str, returns: Returns) -> None:
        # Only here: who collects from a mailbox needs no server.
        from mailer.receiving import Receiver

        self.port = 0
        """The port that it listens at; 0 before the start."""
        self._domain = domain
        self._returns = returns
        self._receiver = Receiver(place, name=domain, takes=self._takes, take=self._take)

    async def start(self) -> None:
        """Listen. Raises `OSError` where something else does."""
        self.port = await self._receiver.start()
        logger.info("taking what comes back", extra={"port": self.port})

    async def stop(self) -> None:
        await self._receiver.stop()

    def _takes(self, address: str) -> bool:
        """Whether mail to this address is for us; asked before the mail is read."""
        from mailer.receiving import is_desk

        return self._returns.takes(address) or is_desk(address, self._domain)

    async def _take(self, raw: bytes, came_to: Sequence[str]) -> None:
        """Deal with one report. Raises `StorageError`, which the MTA is told as a failure that passes."""
        await self._returns.take(raw, came_to=came_to)


class CollectorPart(Part):
    """What collects from a mailbox.

    It asks every so often, and as a concern tells while it cannot. A report leaves the mailbox when it is
    dealt with.
    """

    def __init__(
        self, account: Account, returns: Returns, *, every_seconds: float, clock: Timekeeper
    ) -> None:
        self._returns = returns
        self._tasks = Tasks()
        self._collector = Collector(
            account, self._take, every_seconds=every_seconds, clock=clock, random=random.random
        )

    def start(self) -> None:
        self._tasks.start(self._collector.run, name="collect what comes back")

    async def stop(self) -> None:
        await self._tasks.stop()

    def concerns(self) -> list[str]:
        return [] if self._collector.trouble is None else [f"bounces: {self._collector.trouble}"]

    async def _take(self, raw: bytes) -> bool:
        """Deal with one mail; answers whether it may be taken out of the mailbox."""
        # Letters of people stay in the mailbox, which is somebody's.
        dealt = await self._returns.take(raw, keep_letters=False)
        return dealt.fate not in (Fate.UNATTRIBUTED, Fate.IGNORED)


class BounceOffice(Office):
    """Takes what comes back to any node's mail. Nobody else connects to it.

    One of `receiver` and `collector` may be None, and both may be there; that there is one was judged by the
    command.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        bounces = settings[BounceSettings]
        place, domain = place_of(bounces), bounces.domain
        self.receiver = None if place is None or domain is None else ReceiverPart(place, domain, self.returns)
        """None where it does not listen."""
        self.collector = (
            None
            if bounces.mailbox is None
            else CollectorPart(
                bounces.mailbox, self.returns, every_seconds=bounces.mailbox_seconds, clock=self.clock
            )
        )
        """None where there is no mailbox."""
        self._clicker = None if self.unsubscribe_links is None else Clicker(self.unsubscribe_links)
        """None where mails have no links."""
        if self._clicker is not None:
            self.returns.leave = self._clicker.click

    def own_parts(self) -> Sequence[Part]:
        """What a report may need when it is dealt with; it has neither a catalog nor a press."""
        return [
            OutletPart(),
            self.request_times,
            self.health,
            StorePart(self.store),
            ClockPart(self.clock, self.store),
            self.suppressions,
            self.lanes,
            *([] if self.noter is None else [self.noter]),
            *([] if self._clicker is None else [self._clicker]),
            self.returns,
        ]

    def doors(self) -> Sequence[Part]:
        """The site first: where its port is taken, nothing was collected."""
        # There is one at least: the command has seen to it.
        ways = (self.receiver, self.collector)
        return [self._site, *(way for way in ways if way is not None)]


def place_of(settings: BounceSettings) -> ListenAddress | None:
    """Where it listens; None where mail is collected and nothing is said of listening."""
    return settings.listen or (_USUAL if settings.mailbox is None else None)
