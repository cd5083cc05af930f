"""What takes mail that comes back, in a process of its own, with a site for probes and metrics: what `bellhop bounces` runs."""

import logging
from collections.abc import Sequence

from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.http import edge
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.http.sites import Site
from gateway.mail.settings import BounceSettings
from gateway.notify.returns import Returns
from gateway.notify.store import ClockPart, StorePart
from gateway.observe.writes import Writes
from gateway.process import descriptors, lifetime
from gateway.process.base import Process
from gateway.process.outlet import OutletPart
from gateway.process.settings import ProcessSettings
from mailer.receiving import Receiver, is_desk

logger = logging.getLogger(__name__)


class ReceiverPart(Part):
    """The server that reports come to."""

    def __init__(self, settings: BounceSettings, returns: Returns) -> None:
        assert settings.domain is not None
        self.port = 0
        self._domain = settings.domain
        self._returns = returns
        self._receiver = Receiver(settings.listen, name=settings.domain, takes=self._takes, take=self._take)

    async def start(self) -> None:
        self.port = await self._receiver.start()
        logger.info("taking what comes back", extra={"port": self.port})

    async def stop(self) -> None:
        await self._receiver.stop()

    def _takes(self, address: str) -> bool:
        return self._returns.takes(address) or is_desk(address, self._domain)

    async def _take(self, raw: bytes, came_to: Sequence[str]) -> None:
        await self._returns.take(raw, came_to=came_to)


class BounceOffice(Process):
    """Takes what comes back to any node's mail. Nobody else connects to it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        site = settings[SiteSettings]
        self.receiver = ReceiverPart(settings[BounceSettings], self.returns)
        self.health = Health(Writes(self.store))
        self.internal = edge.application("internal", self.metrics)
        self.internal.add_routes([*self.health.liveness(), *self.health.readiness(), *self.metrics.routes()])
        self._site = Site(self.internal, site.internal_hosts, site.internal_port)

    def own_parts(self) -> Sequence[Part]:
        return [
            OutletPart(),
            self.health,
            StorePart(self.store),
            ClockPart(self.clock, self.store),
            self.suppressions,
            self.returns,
        ]

    def doors(self) -> Sequence[Part]:
        return [self._site, self.receiver]


def run(settings: Settings) -> int:
    """Take what comes back until a signal asks for the end, and answer the exit code."""
    descriptors.prepare()
    drain_seconds = settings[ProcessSettings].drain_seconds
    return lifetime.run(lambda: BounceOffice(settings), BounceOffice.start, drain_seconds=drain_seconds)
