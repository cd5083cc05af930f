"""What every process of Bellhop stands on, and how its parts are joined, started, drained and stopped."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from aiohttp import web

from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Part, Running
from gateway.ground.settings import Settings
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.mail.part import Desk, MailPart, presses_of
from gateway.mail.seals import return_path_of, seals_of, sender_domains
from gateway.mail.settings import BulkSettings, MailSettings
from gateway.notify.contacts import ContactBook
from gateway.notify.decide import Judge
from gateway.notify.returns import Returns
from gateway.notify.settings import StoreSettings
from gateway.notify.suppressions import SuppressionList
from gateway.notify.verdicts import Sources
from gateway.observe.metrics import Metrics
from gateway.process.settings import ProcessSettings
from storage.connect import connect as connect_store

DRAIN_SHARE = 0.8
"""Of the grace: what then remains is given back or cut off, which wants some of it too."""


class Process(ABC):
    """A store, who is online, a press, and a list of parts.

    `add` what it is to have beside its own parts; then `start`, then once `stop`; in between, `drain` if the stop is to
    be a calm one. A start that fails, or is given up, is undone by `stop`.
    """

    health: Health
    internal: web.Application

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.clock = Timekeeper()
        self.links = connect(settings[ClusterSettings])
        self.store = connect_store(settings[StoreSettings].url)
        self.presence = self.links.presence()
        self.presses = presses_of(
            settings[MailSettings], settings[BulkSettings], base_url=settings[SiteSettings].base_url
        )
        self.contacts = ContactBook(self.store.people)
        self.suppressions = SuppressionList(self.store.suppressions, self.clock)
        self.judge = Judge(
            Sources(
                contacts=self.contacts,
                receipts=self.store.inboxes,
                suppressions=self.suppressions,
                is_online=self._is_online,
            )
        )
        self.returns = Returns(
            outbox=self.store.outbox,
            strays=self.store.strays,
            suppressions=self.suppressions,
            path=return_path_of(settings),
            domains=sender_domains(settings),
            clock=self.clock,
            count=self.metrics.mail_returned,
        )
        self._added: list[Part] = []
        self._running = Running()

    def mail_part(self) -> MailPart:
        """The workers that send what is owed."""
        desk = Desk(
            outbox=self.store.outbox,
            decide=self.judge.at_lease,
            bounced=self.suppressions.bounced,
            presses=self.presses,
            seals=seals_of(self.settings),
            clock=self.clock,
            budget=self.links.budget,
            ended=self.metrics.mail_outcome,
        )
        return MailPart(self.settings[MailSettings], self.settings[BulkSettings], desk)

    async def _is_online(self, user: str) -> bool:
        return await self.presence.find(user) is not None

    @abstractmethod
    def own_parts(self) -> Sequence[Part]:
        """The parts of this process, in the order in which they need one another."""

    @abstractmethod
    def doors(self) -> Sequence[Part]:
        """The last of its parts: what lets others in."""

    def add(self, part: Part) -> None:
        """Have a further part, which starts after the process's own and before its doors open."""
        self._added.append(part)

    def join(self, part: Part) -> None:
        """Give a part what it asks for before its start."""
        part.measure(self.metrics)
        self.internal.add_routes(part.internal_routes())
        self.health.watch(part.unready)
        self.health.watch_warnings(part.concerns)

    async def start(self) -> None:
        parts = [*self.own_parts(), *self._added, *self.doors()]
        for part in parts:
            self.join(part)
        await self._running.start(parts)

    async def drain(self) -> None:
        """Let all that is under way end calmly, within the grace."""
        await self._running.drain(seconds=self.settings[ProcessSettings].drain_seconds * DRAIN_SHARE)

    async def stop(self) -> None:
        await self._running.stop()
