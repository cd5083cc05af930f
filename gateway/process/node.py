"""A node: its floors, and its parts in the order in which they start.

Nothing below creates what it uses: all of it comes together here. What a part counts, answers, keeps and does is said
beside it, as `gateway.ground.parts` describes.

The order of parts is the reverse of the order in which they stop. Each list says what it is that must be
there before the next.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.catalog.flag_settings import FlagSettings
from gateway.catalog.flags import FlagPart
from gateway.catalog.part import CatalogPart
from gateway.catalog.settings import CatalogSettings
from gateway.cluster.part import BusPart, PresencePart
from gateway.ground import places
from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.http.settings import SiteSettings
from gateway.mail.presses import PressPart
from gateway.notify.store import ClockPart, CommitPart, LineagePart, StorePart
from gateway.process import descriptors, lifetime
from gateway.process.floors.campaigns import CampaignFloor
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.keeping import KeepingFloor
from gateway.process.floors.sessions import SessionFloor
from gateway.process.floors.sites import SiteFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.floors.use_cases import use_cases
from gateway.process.floors.users import UserFloor
from gateway.process.floors.views import ViewFloor
from gateway.process.member import Member
from gateway.process.outlet import OutletPart
from gateway.process.settings import ProcessSettings
from gateway.sockets.operation_events import OperationEvents
from gateway.sockets.part import EnginePart
from gateway.sockets.settings import SocketSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a node is reached from its own machine: URLs, or `unix:/path`."""

    public: str
    """The nearest of all addresses that the public site listens at."""
    internal: str


class Node(Member):
    """One running node: everything that `bellhop serve` consists of.

    Built on the loop, since some of its parts need one.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        # Each floor takes those above it in this list, and nothing takes one that comes later.
        self.telling = TellingFloor(self)
        self.inboxes = InboxFloor(self)
        self.users = UserFloor(self, self.telling, self.inboxes)
        self.campaigns = CampaignFloor(self, self.telling, self.users)
        self.keeping = KeepingFloor(self, self.telling, self.inboxes)
        self.sessions = SessionFloor(self, self.telling, self.inboxes, self.users)
        self.views = ViewFloor(self, self.telling, self.sessions)
        self.use_cases = use_cases(
            self,
            telling=self.telling,
            campaigns=self.campaigns,
            inboxes=self.inboxes,
            users=self.users,
            keeping=self.keeping,
            views=self.views,
        )
        self.sites = SiteFloor(self, self.use_cases, inboxes=self.inboxes, users=self.users)
        self.internal = self.sites.internal
        OperationEvents(self.sessions.namespaces.registry, self.use_cases)

    def own_parts(self) -> Sequence[Part]:
        """All parts but the doors; those that the settings leave out are None in the lists."""
        parts = [*self._stored(), *self._carried(), *self._met(), *self._watched(), *self._worked_on()]
        return [part for part in parts if part is not None]

    def _stored(self) -> Sequence[Part]:
        """What all others ask for when they start."""
        return [
            # No order among these: they only count.
            OutletPart(),
            self.request_times,
            self.telling.emitter,
            self.health,
            # Before the store: a catalog with mistakes ends the start when nothing was opened yet.
            CatalogPart(self.settings[CatalogSettings], self.catalog),
            FlagPart(self.settings[FlagSettings], self.catalog),
            PressPart(self.presses),
            self.access,
            StorePart(self.store),
            # Behind the store, before anybody appends: who appends to a store that was put back makes the
            # evidence worse.
            LineagePart(self.lineage, self.clock),
            ClockPart(self.clock, self.store),
            CommitPart(self.commit, self.batches),
            self.contacts,
            self.users.topics,
            self.preferences,
            self.suppressions,
            self.returns,
        ]

    def _carried(self) -> Sequence[Part]:
        """What goes from node to node."""
        bus = BusPart(
            self.bus,
            receive=self.delivery.receive,
            carry_out=self.switchboard.carry_out,
            returned=self.delivery.repairs.reconcile,
        )
        # Announcements go to admins by delivery, which starts before it.
        presence = PresencePart(self.presence, self.users.people.announce)
        return [bus, self.switching, self.lanes, self.versions, self.delivery, presence]

    def _met(self) -> Sequence[Part | None]:
        """Who may come in when the doors open, and what the links in mails lead to."""
        namespaces = self.sessions.namespaces
        return [
            namespaces,
            namespaces.memberships,
            namespaces.mutes,
            namespaces.returns,
            self.sessions.neighbours,
            self.sites.unsubscribe,
            self.sites.hooks,
            self.inboxes.clicks,
            self.inboxes.opens,
            self.sites.clicks,
        ]

    def _watched(self) -> Sequence[Part | None]:
        """What counts, and what shows."""
        return [
            self.gossip,
            self.tally,
            self.noter,
            None if self.noter is None else self.keeping.recounter,
            self.keeping.trial_marks,
            self.keeping.trials,
            self.views.feed,
            self.views.trends,
            self.views.observatory,
            self.views.peers,
            self.views.nodes,
            self.views.audit,
        ]

    def _worked_on(self) -> Sequence[Part | None]:
        """What begins by itself. It comes last: by then there is all that it may need."""
        return [
            self.keeping.archivist,
            self.keeping.housekeeper,
            self.telling.schedule_runner,
            self.inboxes.snoozer,
            self.users.hints,
            self.campaigns.runner,
            self.digests,
            # The worker last, and so the first of these to stop: it needs all others until its mails are
            # settled.
            self.mail,
        ]

    def doors(self) -> Sequence[Part]:
        # The engine stops between the sites: emits are still answered while the clients are sent away.
        # They are last to start and first to stop: whoever comes in finds everything there.
        return [self.origins, self.sites.internal_site, EnginePart(self.server), self.sites.public_site]

    def join(self, part: Part) -> None:
        """As of every process, and with what only a node has: public routes, commands, events, housekeeping and users."""
        super().join(part)
        self.sites.public.add_routes(part.public_routes())
        for kind, carry_out in part.commands().items():
            self.switchboard.connect(kind, carry_out)
        for (namespace, event), ask in part.events().items():
            self.sessions.namespaces.registry.on(namespace, event, ask)
        self.keeping.housekeeper.keep(part.keep_house)
        self.users.people.keepers.append(part)

    async def start(self) -> None:
        """Start all, say where it listens, and warn of what an operator may have overlooked.

        The warning is for a unix socket whose proxy is not trusted: limits by address would then be one limit
        for all.
        """
        await super().start()
        public, internal = self.sites.public_site.urls, self.sites.internal_site.urls
        logger.info("listening", extra={"public": ", ".join(public), "internal": ", ".join(internal)})
        site = self.settings[SiteSettings]
        if any(map(places.is_unix, site.hosts)) and places.UNIX_PEER not in site.trusted_proxies:
            logger.warning(
                "all who come by the unix socket count as one address: name `unix` in BELLHOP_TRUSTED_PROXIES to believe the "
                "X-Forwarded-For of what stands before it"
            )

    @property
    def addresses(self) -> Addresses:
        """Where it listens, once it has started."""
        return Addresses(
            public=places.nearest(self.sites.public_site.urls),
            internal=places.nearest(self.sites.internal_site.urls),
        )


@asynccontextmanager
async def running(
    settings: Settings, *, extend: Callable[[Node], None] | None = None
) -> AsyncIterator[tuple[Node, Addresses]]:
    """A started node, stopped at the end. `extend` as for `run`.

    For tests and for who embeds a node. There is no drain: whatever is under way is cut off.
    """
    node = Node(settings)
    if extend is not None:
        extend(node)
    try:
        await node.start()
        yield node, node.addresses
    finally:
        await node.stop()


def run(
    settings: Settings,
    *,
    extend: Callable[[Node], None] | None = None,
    started: Callable[[Addresses], None] | None = None,
) -> int:
    """Serve until a signal asks for the end, drain, and answer the exit code.

    `extend` may add parts to the node before it starts; `started` is told where it listens.

    `extend` runs on the loop. Whatever goes wrong is told in words, and is an exit code.
    """

    async def start(node: Node) -> None:
        if extend is not None:
            extend(node)
        await node.start()
        if started is not None:
            started(node.addresses)

    # Before the node: its public site asks how many there are.
    descriptors.prepare(settings[SocketSettings].max_connections)
    drain_seconds = settings[ProcessSettings].drain_seconds
    return lifetime.run(lambda: Node(settings), start, drain_seconds=drain_seconds)
