"""The mail worker in a process of its own, with a site for probes and metrics: what `bellhop mail` runs.

For nodes with `BELLHOP_MAIL_WORKER=false`. Several may run, beside nodes that have a worker or not: mail is
leased in the store.
"""

import logging
from collections.abc import Sequence

from gateway.catalog.flag_settings import FlagSettings
from gateway.catalog.flags import FlagPart
from gateway.catalog.part import CatalogPart
from gateway.catalog.settings import CatalogSettings
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.part import PresencePart
from gateway.cluster.presence.base import Joined, Left
from gateway.cluster.settings import ClusterSettings
from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.mail.presses import PressPart
from gateway.notify.store import ClockPart, StorePart
from gateway.notify.switching import Switching
from gateway.process.mailing import digester, mail_part
from gateway.process.office import Office
from gateway.process.outlet import OutletPart

logger = logging.getLogger(__name__)


class MailOffice(Office):
    """Sends what any node owes; nobody connects to it.

    It has no bus: a switch or pause that is set at a node reaches it by the store, when it looks.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.mail = mail_part(self)
        self.digests = digester(self, self.mail.wake)
        # On a bus of its own it tells nobody and hears nothing: the nodes find in the store what became of a mail,
        # and this process finds there what is switched.
        self.switching = Switching(self.store.switches, self.catalog, LocalBus(), self.clock)
        self.trial_marks = self.hear_trials()
        self.trials = self.trial_book(self.switching)

    def own_parts(self) -> Sequence[Part]:
        """The catalog and the press before the store: where they cannot be had, nothing was opened."""
        return [
            OutletPart(),
            self.request_times,
            self.health,
            CatalogPart(self.settings[CatalogSettings], self.catalog),
            FlagPart(self.settings[FlagSettings], self.catalog),
            PressPart(self.presses),
            StorePart(self.store),
            ClockPart(self.clock, self.store),
            self.switching,
            self.tally,
            *([] if self.noter is None else [self.noter]),
            self.trial_marks,
            self.trials,
            self.suppressions,
            self.lanes,
            PresencePart(self.presence, _announce_to_nobody, counted=False),
            self.digests,
        ]

    def doors(self) -> Sequence[Part]:
        """They stop in the reverse order: the worker gives back what it holds while the probes still answer."""
        # The worker comes last: where the port is taken, no mail has left.
        return [self._site, self.mail]

    async def start(self) -> None:
        """Start all, and warn of what it cannot know alone: presence and the rates of lanes are shared by Redis."""
        await super().start()
        logger.info("mailing", extra={"internal": ", ".join(self._site.urls)})
        if self.settings[ClusterSettings].is_alone:
            logger.warning(
                "nobody is online to this process: without the BELLHOP_BUS_URL of the nodes it sends mail that is wanted unless "
                "its reader is online whoever is, and keeps the rates of mail for itself alone"
            )


async def _announce_to_nobody(change: Joined | Left) -> None:
    """A mail worker has no admins of its own, and no connections that could come or go."""
