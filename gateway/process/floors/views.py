"""What admins are shown of all this: numbers over time, the nodes, the live feed, alerts, and who did what."""

from gateway.ground.clock import system_clock
from gateway.notify.auditing import AuditBook
from gateway.notify.settings import StoreSettings
from gateway.observe.alert_rules import rules
from gateway.observe.alerts import Alerts
from gateway.observe.feed import Feed
from gateway.observe.nodes import Nodes
from gateway.observe.overview import Observatory
from gateway.observe.peers import Peers
from gateway.observe.trace import Tracer
from gateway.observe.trends import Trends
from gateway.process.floors.sessions import SessionFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.member import Member
from gateway.sockets.settings import SocketSettings


class ViewFloor:
    """What looks at all nodes, and can have one of them drained.

    Nothing below needs it; a node without it would do its work unseen.
    """

    def __init__(self, member: Member, telling: TellingFloor, sessions: SessionFloor) -> None:
        node, watchers = member.node_id, sessions.namespaces.sessions
        self.trends = Trends(member.metrics.registry, system_clock)
        """This node's last hour."""
        self.observatory = Observatory(self.trends, bus=member.bus, node=node)
        """The last hour of all nodes."""
        self.feed = Feed(emitter=telling.emitter, watchers=watchers, bus=member.bus, node=node)
        """What is emitted, live."""
        self.peers = Peers(bus=member.bus, node=node)
        """Questions to all nodes."""
        self.alerts = Alerts(
            rules=rules(member.settings[SocketSettings].max_connections),
            peers=self.peers,
            warnings=member.health.warnings,
        )
        """Alerts that are firing."""
        # Alerts judge what the trends read, at the same moments.
        self.trends.readers.append(self.alerts.note)
        self.audit = AuditBook(
            member.store.audit, member.clock, kept_days=member.settings[StoreSettings].audit_days
        )
        """Who did what."""
        self.nodes = Nodes(
            peers=self.peers,
            bus=member.bus,
            node=node,
            started_at=self.trends.started_at,
            catalog=lambda: None if member.catalog.current is None else member.catalog.current.version,
            sessions=watchers,
        )
        """The nodes."""
        self.tracer = Tracer(
            records=telling.records,
            streams=member.store.streams,
            outbox=member.store.outbox,
            campaigns=member.store.campaigns,
            audit=self.audit,
            delivery=member.delivery,
            peers=self.peers,
            clock=member.clock,
        )
        """Traces."""
