"""What every process of Bellhop stands on, and how its parts are joined, started, drained and stopped."""

import logging
from collections.abc import Sequence

from aiohttp import web

from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Part, Running
from gateway.ground.settings import Settings
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.mail.part import press_of
from gateway.mail.settings import MailSettings
from gateway.notify.settings import StoreSettings
from gateway.observe.metrics import Metrics
from gateway.process.settings import ProcessSettings
from storage.connect import connect as connect_store

DRAIN_SHARE = 0.8
"""Of the grace: what then remains is given back or cut off, which wants some of it too."""

logger = logging.getLogger(__name__)


class Process:
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
        self.press = press_of(settings[MailSettings], base_url=settings[SiteSettings].base_url)
        self._added: list[Part] = []
        self._running = Running()

    def own_parts(self) -> Sequence[Part]:
        """The parts of this process, in the order in which they need one another."""
        raise NotImplementedError

    def doors(self) -> Sequence[Part]:
        """The last of its parts: what lets others in."""
        raise NotImplementedError

    def add(self, part: Part) -> None:
        """Have a further part, which starts after the process's own and before its doors open."""
        self._added.append(part)

    def join(self, part: Part) -> None:
        """Give a part what it asks for before its start."""
        part.measure(self.metrics)
        self.internal.add_routes(part.internal_routes())
        self.health.watch(part.unready)

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
