"""A process that is one of several nodes: what it stores with them, hears of them, and hands to those connected to it.

It stands between `Process`, which sends mail, and `Node`, which has sites: what is here is needed by every
floor.
"""

from collections.abc import Callable, Iterable

from gateway.access.part import Access
from gateway.access.settings import KeySettings
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.lineage import Lineage, Witnessed
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.switchboard import Switchboard
from gateway.ground.origins import Origins
from gateway.ground.settings import Settings
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.mail.settings import MailSettings
from gateway.notify.delivery.cursors import Delivery
from gateway.notify.delivery.fanout import Fanout
from gateway.notify.lanes.book import LanesChanged
from gateway.notify.settings import StoreSettings
from gateway.notify.store import Batches
from gateway.notify.switching import Switching
from gateway.notify.types.versions import Versions
from gateway.observe.writes import Writes
from gateway.process.base import Process
from gateway.process.mailing import digester, mail_part
from gateway.sockets.part import server_of
from gateway.sockets.settings import SocketSettings
from storage.connect import file_of
from storage.groupcommit import GroupCommit
from storage.mail import LaneName


class Member(Process):
    """A process with a bus, and with sockets to deliver to. The floors of a node stand on it.

    Nothing of it has started when it is made; what hears whom is settled here, so that nothing is missed at
    the start.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.node_id = settings[ClusterSettings].node_id
        """The name of the node, unique in the cluster."""
        self.access = Access(settings[KeySettings])
        """Who may call."""
        self.bus = self.links.bus(self.store.shared_secret)
        """What carries frames and commands."""
        self.switchboard = Switchboard()
        """Who carries out which command."""
        self._writing()
        self._told_to_all()
        self._delivering()
        self._mailing()

    def _writing(self) -> None:
        """How notifications are appended beside other nodes that do the same."""
        witness = self.links.witness(file_of(self.settings[StoreSettings].url))
        self.lineage = Lineage(self.store.epochs, self.store.streams, witness, self.bus, self.clock)
        """Whether the store goes on from where it was."""
        self.batches = Batches()
        """How large appends are, and how long the store takes for them."""
        self.writes = Writes(
            self.store, Witnessed(self.store.streams, self.lineage), stored=self.batches.stored
        )
        """The store as appends go to it; readiness is judged by it."""
        self.health = Health(self.writes)
        """What the probes are answered."""
        self.commit = GroupCommit(self.writes, ping=self.store.ping)
        """What gathers emits into batches."""
        self.gossip = HeadGossip(learns=self.store.streams, bus=self.bus)
        """What tells other nodes how far rooms have come."""

    def _told_to_all(self) -> None:
        """What is decided on one node, and holds on all."""
        self.switching = Switching(self.store.switches, self.catalog, self.bus, self.clock)
        """What admins have set for types, on all nodes."""
        self.versions = Versions(self.catalog, self.bus, self.node_id)
        """Which catalog each node runs."""
        self.lanes.tell_others = lambda: self.bus.order_others(LanesChanged())

    def _delivering(self) -> None:
        """How what is stored comes to whoever is connected, here and elsewhere."""
        site = self.settings[SiteSettings]
        self.origins = Origins(site.cors_origins, base_url=site.base_url)
        """Which pages may use the public site."""
        self.server = server_of(
            self.settings[SocketSettings], origins=self.origins, trusted_proxies=site.trusted_proxies
        )
        """The engine."""
        self.delivery = Delivery(self.server, self.store.streams, self.bus, self.clock)
        """What brings frames to sessions, in order."""
        # A room whose head went back is what a store looks like that was put back.
        self.delivery.repairs.on_gone_back = self.lineage.suspect
        self.fanout = Fanout(receiver=self.delivery, bus=self.bus, gossip=self.gossip)
        """What hands a stored notification to this node's sessions and to the bus."""

    def _mailing(self) -> None:
        """The mail worker, unless it has a process of its own."""
        self.mail = mail_part(self) if self.settings[MailSettings].worker else None
        """The workers; None where they have a process of their own."""
        self.wake_mailer: Callable[[Iterable[LaneName]], None] = (
            _nobody_to_wake if self.mail is None else self.mail.wake
        )
        self.digests = digester(self, self.wake_mailer)
        """What closes digests."""


def _nobody_to_wake(lanes: Iterable[LaneName]) -> None:
    """A worker in another process finds new mail when it looks next."""
    del lanes
