"""What takes mail that comes back, in a process of its own, with a site for probes and metrics: what `bellhop bounces` runs."""

import logging
from collections.abc import Sequence

from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.mail.settings import BounceSettings
from gateway.notify.returns import Returns
from gateway.notify.store import ClockPart, StorePart
from gateway.process.office import Office
from gateway.process.outlet import OutletPart
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


class BounceOffice(Office):
    """Takes what comes back to any node's mail. Nobody else connects to it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.receiver = ReceiverPart(settings[BounceSettings], self.returns)

    def own_parts(self) -> Sequence[Part]:
        return [
            OutletPart(),
            self.health,
            StorePart(self.store),
            ClockPart(self.clock, self.store),
            self.suppressions,
            self.lanes,
            self.returns,
        ]

    def doors(self) -> Sequence[Part]:
        return [self._site, self.receiver]
