"""A node: its use cases, its two sites, and its parts in the order in which they start.

Nothing below creates what it uses: all of it comes together here. What a part counts, answers, keeps and does is said
beside it, as `gateway.ground.parts` describes.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.access.part import Access
from gateway.access.settings import KeySettings
from gateway.catalog.part import CatalogPart
from gateway.catalog.settings import CatalogSettings
from gateway.cluster.commands import CameBack
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.lineage import Lineage, Witnessed
from gateway.cluster.part import BusPart, PresencePart
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.switchboard import Switchboard
from gateway.ground import places
from gateway.ground.clock import system_clock
from gateway.ground.origins import Origins
from gateway.ground.parts import Part
from gateway.ground.settings import Settings
from gateway.http import internal, public
from gateway.http.clicks import ClickPages
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.http.sites import Site
from gateway.http.unsubscribe import UnsubscribePages
from gateway.mail.part import PressPart
from gateway.mail.provider_settings import ProviderSettings
from gateway.mail.settings import MailSettings
from gateway.notify.acting import Acting
from gateway.notify.archive.opening import opener
from gateway.notify.archive.settings import ArchiveSettings
from gateway.notify.archive.writing import Archivist
from gateway.notify.auditing import AuditBook
from gateway.notify.campaigns.audience import Audiences
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.campaigns.drafting import Drafter
from gateway.notify.campaigns.running import CampaignRunner
from gateway.notify.choosing import Choices
from gateway.notify.clicks.book import ClickBook
from gateway.notify.clicks.mails import TrackedMails
from gateway.notify.delivery import Delivery
from gateway.notify.emitting import Emitter
from gateway.notify.fanout import Fanout
from gateway.notify.lanes import LanesChanged
from gateway.notify.languages import Languages
from gateway.notify.leaving import Leaving
from gateway.notify.mailboxes import Hints
from gateway.notify.mailroom import Mailroom
from gateway.notify.muting import Mutes
from gateway.notify.people import People
from gateway.notify.planning import Planner
from gateway.notify.preview import Previewer
from gateway.notify.profiles import Profiles
from gateway.notify.reading import Reading
from gateway.notify.records import Records
from gateway.notify.retention import Housekeeper
from gateway.notify.scheduling import Scheduler
from gateway.notify.settings import StoreSettings
from gateway.notify.snoozing import Snoozer
from gateway.notify.stats.asking import Statistics
from gateway.notify.stats.recounting import Recounter
from gateway.notify.stats.settings import StatsSettings
from gateway.notify.store import ClockPart, CommitPart, LineagePart, StorePart
from gateway.notify.switching import Switching
from gateway.notify.topics import TopicBook
from gateway.notify.trials.planning import TrialPlanner
from gateway.notify.trials.taking_part import TakingPart
from gateway.notify.trials.wording import TrialScribe
from gateway.notify.type_preview import TypePreviewer
from gateway.notify.types import Types
from gateway.notify.versions import Versions
from gateway.notify.wording import Scribe
from gateway.observe.alert_rules import rules
from gateway.observe.alerts import Alerts
from gateway.observe.feed import Feed
from gateway.observe.nodes import Nodes
from gateway.observe.overview import Observatory
from gateway.observe.peers import Peers
from gateway.observe.trace import Tracer
from gateway.observe.trends import Trends
from gateway.observe.writes import Writes
from gateway.process import descriptors, lifetime
from gateway.process.base import Process
from gateway.process.notices import Notices
from gateway.process.outlet import OutletPart
from gateway.process.settings import ProcessSettings
from gateway.protocol import problems
from gateway.protocol.use_cases import UseCases
from gateway.sockets.admin_events import AdminEvents
from gateway.sockets.click_events import ClickEvents
from gateway.sockets.namespaces import Namespaces
from gateway.sockets.neighbours import Neighbours
from gateway.sockets.part import EnginePart, server_of
from gateway.sockets.preference_events import PreferenceEvents
from gateway.sockets.settings import SocketSettings
from storage.connect import file_of
from storage.groupcommit import GroupCommit
from storage.mail import LaneName

if TYPE_CHECKING:
    from gateway.http.hooks import ProviderHooks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a node is reached from its own machine: URLs, or `unix:/path`."""

    public: str
    internal: str


class Node(Process):
    """One running node: everything that `bellhop serve` consists of."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._store_and_links()
        self._use_cases()
        self._sessions()
        self._views()
        self._sites()

    def _store_and_links(self) -> None:
        """What keeps notifications, and what carries them to other nodes."""
        self.access = Access(self.settings[KeySettings])
        self.bus = self.links.bus(self.store.shared_secret)
        witness = self.links.witness(file_of(self.settings[StoreSettings].url))
        self.lineage = Lineage(self.store.epochs, self.store.streams, witness, self.bus, self.clock)
        self.writes = Writes(
            self.store, Witnessed(self.store.streams, self.lineage), stored=self.metrics.append_batch
        )
        self.commit = GroupCommit(self.writes, ping=self.store.ping)
        self.switching = Switching(self.store.switches, self.catalog, self.bus, self.clock)
        self.versions = Versions(self.catalog, self.bus, self.settings[ClusterSettings].node_id)
        self.lanes.tell_others = lambda: self.bus.order_others(LanesChanged())
        self.gossip = HeadGossip(learns=self.store.streams, bus=self.bus)

    def _use_cases(self) -> None:
        """What can be asked of a node, whoever asks."""
        site = self.settings[SiteSettings]
        self.origins = Origins(site.cors_origins, base_url=site.base_url)
        self.server = server_of(
            self.settings[SocketSettings], origins=self.origins, trusted_proxies=site.trusted_proxies
        )
        self.delivery = Delivery(self.server, self.store.streams, self.bus, self.clock)
        self.delivery.repairs.on_gone_back = self.lineage.suspect
        self.mail = self.mail_part() if self.settings[MailSettings].worker else None
        self._wake_mailer = _nobody_to_wake if self.mail is None else self.mail.wake
        self.digests = self.digester(self._wake_mailer)
        self.fanout = Fanout(receiver=self.delivery, bus=self.bus, gossip=self.gossip)
        self.languages = Languages(self.contacts, self.preferences)
        self.contacts.listeners.append(self.languages.note)
        self.scribe = Scribe(self.catalog, self.languages, self.preferences)
        self.planner = Planner(
            catalog=self.catalog,
            choosers=self.preferences,
            scribe=self.scribe,
            judge=self.judge,
            clock=self.clock,
        )
        self.emitter = Emitter(
            commit=self.commit,
            planner=self.planner,
            fanout=self.fanout,
            wake_mailer=self._wake_mailer,
            count=self.metrics.emitted,
            code_of=problems.code_of,
        )
        self.trial_book = self.hear_trials(self.switching)
        self.trial_planner = TrialPlanner(
            enrol=self.trial_book.enrol,
            catalog=self.catalog,
            choosers=self.preferences,
            scribe=TrialScribe(self.catalog, self.languages, self.preferences),
            judge=self.judge,
            clock=self.clock,
        )
        self.tally.hear(self.emitter)
        self.scheduler = Scheduler(
            self.store.schedule,
            planner=self.planner,
            emitter=self.emitter,
            sources=self.sources,
            clock=self.clock,
            due_clock=self.clock.cautious,
        )
        self._campaigns()
        self.mutes = Mutes(self.catalog, self.preferences)
        self.reading = Reading(
            inboxes=self.store.inboxes, fanout=self.fanout, clock=self.clock, mutes=self.mutes
        )
        self.snoozer = Snoozer(
            self.store.snoozes,
            tell=lambda back: self.bus.order_all(CameBack(tuple((each.user, each.id) for each in back))),
            due_clock=self.clock.cautious,
        )
        self.acting = Acting(
            reading=self.reading,
            inboxes=self.store.inboxes,
            streams=self.store.streams,
            mutes=self.mutes,
            clock=self.clock,
            snoozed=self.snoozer.wake,
        )
        self.clicks = ClickBook(
            self.store.clicks,
            self.click_links,
            catalog=self.catalog,
            streams=self.store.streams,
            inboxes=self.store.inboxes,
            mails=TrackedMails(
                streams=self.store.streams, outbox=self.store.outbox, campaigns=self.store.campaigns
            ),
            preferences=self.preferences,
            reading=self.reading,
            bus=self.bus,
            clock=self.clock,
            history_days=self.settings[StoreSettings].history_days,
        )
        self.topics = TopicBook(self.store.topics, bus=self.bus, clock=self.clock)
        self.choices = Choices(
            self.store.preferences,
            catalog=self.catalog,
            languages=self.languages,
            fanout=self.fanout,
            bus=self.bus,
            clock=self.clock,
        )
        self.people = People(
            presence=self.presence,
            contacts=self.contacts,
            topics=self.topics,
            choices=self.choices,
            schedule=self.store.schedule,
            outbox=self.store.outbox,
            digests=self.store.digests,
            held=self.store.people,
            suppressions=self.suppressions,
            campaigns=self.store.campaigns,
            audit=self.store.audit,
            clicks=self.store.clicks,
            trials=self.store.trials,
            reading=self.reading,
            receiver=self.delivery,
            bus=self.bus,
            clock=self.clock,
        )
        self.records = Records(
            streams=self.store.streams,
            outbox=self.store.outbox,
            inboxes=self.store.inboxes,
            clicks=self.store.clicks,
            fanout=self.fanout,
            bus=self.bus,
            clock=self.clock,
        )
        self.hints = Hints(
            self.store.mailboxes,
            contacts=self.contacts,
            suppressions=self.suppressions,
            tell=Notices(self.emitter, self.languages).mailbox_refused,
            take_back=self.records.recall,
        )
        self.refusals.listeners.append(self.hints.look)
        self._statistics()
        TakingPart(
            self.catalog, self.trial_book, emitter=self.emitter, tried=self.trial_planner, reading=self.reading,
            clicks=self.clicks,
        )  # fmt: skip
        self.archivist = self._archivist()
        self.housekeeper = Housekeeper(
            self.store.streams,
            self.store.outbox,
            self.clock,
            history_days=self.settings[StoreSettings].history_days,
            archivist=self.archivist,
            may_delete=lambda: self.clock.may_delete,
        )

    def _archivist(self) -> Archivist | None:
        """Who puts away what is old; None where it is deleted."""
        place = self.settings[ArchiveSettings].place
        if place is None:
            return None
        return Archivist(
            self.store.archive,
            opener(place, self.store.shared_secret),
            self.clock,
            holder=self.settings[ClusterSettings].node_id,
        )

    def _statistics(self) -> None:
        """What came of it all. Where there are to be none, nothing of it is heard."""
        days = self.settings[StatsSettings].days
        self.recounter = Recounter(
            self.store.stats,
            self.clock,
            holder=self.settings[ClusterSettings].node_id,
            days=days,
            may_delete=lambda: self.clock.may_delete,
        )
        self.statistics = Statistics(self.store.stats, self.clock, days=days)
        if self.noter is not None:
            self.emitter.listeners.append(self.noter.emitted)
            self.delivery.on_written = self.noter.written
            self.delivery.on_replayed = self.noter.replayed
            self.reading.listeners.append(self.noter.marked)
            self.clicks.listeners.append(self.noter.clicked)

    def _campaigns(self) -> None:
        """What is sent to many."""
        audiences = Audiences(self.store.topics, self.store.people, self.languages)
        drafter = Drafter(scribe=self.scribe, judge=self.judge, sources=self.sources)
        self.campaign_runner = CampaignRunner(
            self.store.campaigns,
            audiences=audiences,
            drafter=drafter,
            emitter=self.emitter,
            wake_mailer=self._wake_mailer,
            clock=self.clock,
            due_clock=self.clock.cautious,
            history_days=self.settings[StoreSettings].history_days,
            may_delete=lambda: self.clock.may_delete,
        )
        self.campaign_book = CampaignBook(
            self.store.campaigns,
            outbox=self.store.outbox,
            catalog=self.catalog,
            audiences=audiences,
            drafter=drafter,
            runner=self.campaign_runner,
            clock=self.clock,
        )

    def _sessions(self) -> None:
        """Who is connected here, and who else emits to them."""
        cluster, sockets = self.settings[ClusterSettings], self.settings[SocketSettings]
        self.switchboard = Switchboard()
        self.namespaces = Namespaces(
            server=self.server,
            verifier=self.access.verifier,
            inboxes=self.store.inboxes,
            streams=self.store.streams,
            reading=self.reading,
            acting=self.acting,
            delivery=self.delivery,
            presence=self.presence,
            bus=self.bus,
            contacts=self.contacts,
            topics=self.topics,
            mutes=self.mutes,
            lineage=self.lineage,
            clock=self.clock,
            token_clock=system_clock,
            node=cluster.node_id,
            leeway_seconds=self.settings[KeySettings].jwt_leeway_seconds,
            connections_per_user=sockets.max_connections_per_user,
            replay_limit=sockets.replay_limit,
        )
        self.preferences.listeners.append(self.namespaces.mutes.note)
        self.catalog.on_change.append(lambda _: self.namespaces.mutes.look_at_all())
        self.lineage.on_turn = self.namespaces.orders.turn
        self.delivery.locale_of = self.namespaces.sessions.locale_of
        self.neighbours = (
            Neighbours(cluster.bus_url, prefix=cluster.bus_prefix, receive=self.delivery.receive)
            if cluster.foreign_emits
            else None
        )

    def _views(self) -> None:
        """What admins are shown of all this."""
        node = self.settings[ClusterSettings].node_id
        self.metrics.watch_presence(self.presence.counts)
        self.trends = Trends(self.metrics.registry, system_clock)
        self.observatory = Observatory(self.trends, bus=self.bus, node=node)
        self.feed = Feed(emitter=self.emitter, watchers=self.namespaces.sessions, bus=self.bus, node=node)
        self.peers = Peers(bus=self.bus, node=node)
        self.health = Health(self.writes)
        self.alerts = Alerts(
            rules=rules(self.settings[SocketSettings].max_connections),
            peers=self.peers,
            warnings=self.health.warnings,
        )
        self.trends.readers.append(self.alerts.note)
        self.audit = AuditBook(
            self.store.audit, self.clock, kept_days=self.settings[StoreSettings].audit_days
        )
        self.nodes = Nodes(
            peers=self.peers,
            bus=self.bus,
            node=node,
            started_at=self.trends.started_at,
            catalog=lambda: None if self.catalog.current is None else self.catalog.current.version,
            sessions=self.namespaces.sessions,
        )
        self.use_cases = UseCases(
            emitter=self.emitter,
            previewer=Previewer(
                planner=self.trial_planner,
                streams=self.store.streams,
                outbox=self.store.outbox,
                presence=self.presence,
                presses=self.presses,
            ),
            records=self.records,
            reading=self.reading,
            mailroom=Mailroom(
                outbox=self.store.outbox,
                clock=self.clock,
                wake_mailer=self._wake_mailer,
                campaigns=self.store.campaigns,
            ),
            suppressions=self.suppressions,
            lanes=self.lanes,
            returns=self.returns,
            people=self.people,
            profiles=Profiles(
                self.store.people, contacts=self.contacts, clock=self.clock, moved=self.hints.moved
            ),
            choices=self.choices,
            topics=self.topics,
            scheduler=self.scheduler,
            campaigns=self.campaign_book,
            digests=self.digests,
            statistics=self.statistics,
            types=Types(
                live=self.catalog,
                switching=self.switching,
                switches=self.store.switches,
                tally=self.tally,
                versions=self.versions,
                trials=self.trial_book,
                clock=self.clock,
            ),
            type_previewer=TypePreviewer(
                catalog=self.catalog,
                scribe=self.scribe,
                judge=self.judge,
                presses=self.presses,
                clock=self.clock,
            ),
            observatory=self.observatory,
            feed=self.feed,
            tracer=Tracer(
                records=self.records,
                streams=self.store.streams,
                outbox=self.store.outbox,
                campaigns=self.store.campaigns,
                audit=self.audit,
                delivery=self.delivery,
                peers=self.peers,
                clock=self.clock,
            ),
            audit=self.audit,
            nodes=self.nodes,
            alerts=self.alerts,
        )
        AdminEvents(self.namespaces.registry, self.use_cases)
        PreferenceEvents(self.namespaces.registry, self.use_cases)
        ClickEvents(self.namespaces.registry, self.clicks)

    def _sites(self) -> None:
        """The two doors: for browsers, and for services and operators."""
        site = self.settings[SiteSettings]
        self.public = public.build(
            settings=site,
            origins=self.origins,
            use=self.use_cases,
            verifier=self.access.verifier,
            contacts=self.contacts,
            topics=self.topics,
            health=self.health,
            metrics=self.metrics,
        )
        self.server.attach(self.public, prefix=site.base_path)
        self.internal = internal.build(
            settings=site,
            use=self.use_cases,
            services=self.access.services,
            health=self.health,
            metrics=self.metrics,
        )
        self.unsubscribe = self._unsubscribe()
        self.hooks = self._hooks()
        self._internal_site = Site(self.internal, site.internal_hosts, site.internal_port)
        self._public_site = Site(
            self.public, site.hosts, site.port, websockets=self.server.eio, reserve=descriptors.reserve
        )

    def _unsubscribe(self) -> UnsubscribePages | None:
        """Where the links in mails lead; None where mails have none."""
        if self.unsubscribe_links is None:
            return None
        return UnsubscribePages(
            Leaving(
                self.store.links,
                self.unsubscribe_links,
                choices=self.choices,
                catalog=self.catalog,
                tell=Notices(self.emitter, self.languages).lowered,
            )
        )

    def _click_pages(self) -> ClickPages:
        """Where the links in mails lead that lead by way of us."""
        return ClickPages(
            self.clicks, self.origins, trusted_proxies=self.settings[SiteSettings].trusted_proxies
        )

    def _hooks(self) -> "ProviderHooks | None":
        """Where providers post; None where none is set."""
        providers = self.settings[ProviderSettings]
        if not (providers.ses_topics or providers.postmark_secrets):
            return None
        # Only here: a node that hears no provider loads nothing for it.
        from gateway.http.hooks import ProviderHooks

        return ProviderHooks(providers, self.returns, clock=self.clock)

    def own_parts(self) -> Sequence[Part]:
        return [
            OutletPart(),
            self.health,
            CatalogPart(self.settings[CatalogSettings], self.catalog),
            PressPart(self.presses),
            self.access,
            StorePart(self.store),
            LineagePart(self.lineage, self.clock),
            ClockPart(self.clock, self.store),
            CommitPart(self.commit),
            self.contacts,
            self.topics,
            self.preferences,
            self.suppressions,
            self.returns,
            BusPart(
                self.bus,
                receive=self.delivery.receive,
                carry_out=self.switchboard.carry_out,
                returned=self.delivery.repairs.reconcile,
            ),
            self.switching,
            self.lanes,
            self.versions,
            self.delivery,
            PresencePart(self.presence, self.people.announce),
            self.namespaces,
            self.namespaces.memberships,
            self.namespaces.mutes,
            self.namespaces.returns,
            *([] if self.neighbours is None else [self.neighbours]),
            *([] if self.unsubscribe is None else [self.unsubscribe]),
            *([] if self.hooks is None else [self.hooks]),
            self.clicks,
            *([] if self.click_links is None else [self._click_pages()]),
            self.gossip,
            self.tally,
            *([] if self.noter is None else [self.noter, self.recounter]),
            self.trial_book,
            self.feed,
            self.trends,
            self.observatory,
            self.peers,
            self.nodes,
            self.audit,
            *([] if self.archivist is None else [self.archivist]),
            self.housekeeper,
            self.scheduler,
            self.snoozer,
            self.hints,
            self.campaign_runner,
            self.digests,
            *([] if self.mail is None else [self.mail]),
        ]

    def doors(self) -> Sequence[Part]:
        # The engine stops between the sites: emits are still answered while the clients are sent away.
        return [self.origins, self._internal_site, EnginePart(self.server), self._public_site]

    def join(self, part: Part) -> None:
        super().join(part)
        self.public.add_routes(part.public_routes())
        for kind, carry_out in part.commands().items():
            self.switchboard.connect(kind, carry_out)
        for (namespace, event), ask in part.events().items():
            self.namespaces.registry.on(namespace, event, ask)
        self.housekeeper.keep(part.keep_house)

    async def start(self) -> None:
        await super().start()
        public, internal = self._public_site.urls, self._internal_site.urls
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
            public=places.nearest(self._public_site.urls), internal=places.nearest(self._internal_site.urls)
        )


def _nobody_to_wake(lanes: Iterable[LaneName]) -> None:
    """A worker in another process finds new mail when it looks next."""
    del lanes


@asynccontextmanager
async def running(
    settings: Settings, *, extend: Callable[[Node], None] | None = None
) -> AsyncIterator[tuple[Node, Addresses]]:
    """A started node, stopped at the end. `extend` as for `run`."""
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
    """

    async def start(node: Node) -> None:
        if extend is not None:
            extend(node)
        await node.start()
        if started is not None:
            started(node.addresses)

    descriptors.prepare(settings[SocketSettings].max_connections)
    drain_seconds = settings[ProcessSettings].drain_seconds
    return lifetime.run(lambda: Node(settings), start, drain_seconds=drain_seconds)
