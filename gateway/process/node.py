"""The composition root: builds a node from its settings, wires it, starts it, drains it.

Nothing else in the package creates what it uses: store, bus, presence, engine and worker come together here, and
here stands the order in which they start and stop.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from auth.keys import JWKS_BYTES_MAX, Keys, KeySet
from auth.services import Services
from auth.tokens import Verifier
from gateway.cluster.bus.base import Bus
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.lineage import Lineage, Witnessed
from gateway.cluster.presence.base import Joined, Left, Presence
from gateway.cluster.presence.local import LocalPresence
from gateway.cluster.presence.redis import RedisPresence
from gateway.cluster.witness import Mark, WitnessAway, witness_of
from gateway.engine import OWNER_AND_GROUP, EngineLimits, PacedSite, Reason, Server, Websockets
from gateway.ground import places
from gateway.ground.clock import Timekeeper, system_clock
from gateway.ground.origins import Origins
from gateway.ground.settings import Settings
from gateway.http import edge, internal, public
from gateway.http.health import Health
from gateway.notify.contacts import ContactBook
from gateway.notify.decide import Judge
from gateway.notify.delivery import Delivery
from gateway.notify.notifier import Notifier
from gateway.notify.retention import Housekeeper
from gateway.notify.verdicts import Sources
from gateway.observe.feed import Feed
from gateway.observe.meters import TimedAppends
from gateway.observe.metrics import Metrics
from gateway.observe.overview import Observatory
from gateway.observe.trends import Trends
from gateway.observe.writes import Writes
from gateway.process import descriptors, lifetime, outlet
from gateway.process.mailing import Mailing, build_presses, start_presses
from gateway.sockets.admin_events import AdminEvents
from gateway.sockets.connections import Connections
from gateway.sockets.neighbours import Neighbours
from gateway.sockets.preview import Previewer
from storage.connect import connect as connect_store
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.mail import LaneName
from storage.store import Store

EVERYBODY = 0o666
JWKS_SECONDS = 5
STORE_PATIENCE_SECONDS = 30
"""How long a start waits for a store that is away: in a cluster, things start in any order."""

LOG_DROPPED = "Lines of the log that were dropped: nobody read them"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a node is reached from its own machine: URLs, or `unix:/path`."""

    public: str
    internal: str


def build_bus(settings: Settings, store: Store) -> Bus:
    if settings.bus_url.startswith("local:"):
        return LocalBus()
    return RedisBus(
        settings.bus_url, prefix=settings.bus_prefix, node_id=settings.node_id, secret=store.shared_secret
    )


def build_presence(settings: Settings) -> Presence:
    grace = settings.presence.grace_seconds
    if settings.bus_url.startswith("local:"):
        return LocalPresence(grace_seconds=grace, clock=system_clock)
    return RedisPresence(
        settings.bus_url,
        prefix=settings.bus_prefix,
        node_id=settings.node_id,
        grace_seconds=grace,
        ttl_seconds=settings.presence.ttl_seconds,
    )


def build_judge(contacts: ContactBook, store: Store, presence: Presence) -> Judge:
    async def is_online(user: str) -> bool:
        return await presence.find(user) is not None

    return Judge(Sources(contacts=contacts, receipts=store.inboxes, is_online=is_online))


class Node:
    """One running node: everything that a process of Bellhop consists of.

    `start`, then once `stop`; in between, `drain` if the stop is to be a calm one.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        limits = settings.limits
        self._http: aiohttp.ClientSession | None = None
        self._key_set = (
            None if settings.keys.jwt_jwks_url is None else KeySet(settings.keys.jwt_jwks_url, self._fetch)
        )
        self.keys = Keys.of(
            secrets=settings.keys.jwt_secrets,
            public_key=settings.keys.jwt_public_key,
            published=self._key_set,
        )
        self.verifier = verifier = Verifier(
            self.keys,
            audience=settings.keys.jwt_audience,
            issuer=settings.keys.jwt_issuer,
            leeway_seconds=settings.keys.jwt_leeway_seconds,
            clock=system_clock,
        )
        self.clock = Timekeeper()
        self.store = connect_store(settings.store_url)
        self.bus = build_bus(settings, self.store)
        self.lineage = Lineage(
            self.store.epochs, self.store.streams, witness_of(settings), self.bus, self.clock
        )
        appends = Witnessed(TimedAppends(self.store.streams, self.metrics), self.lineage)
        self.writes = Writes(self.store, appends)
        self.commit = GroupCommit(self.writes, ping=self.store.ping)
        self.contacts = ContactBook(self.store.people)
        self.gossip = HeadGossip(learns=self.store.streams, bus=self.bus)
        self.presence = build_presence(settings)
        self.origins = Origins(settings.cors_origins, base_url=settings.base_url)
        self.server = Server(
            limits=EngineLimits(
                max_connections=limits.max_connections,
                connect_deadline_seconds=limits.connect_deadline_seconds,
                max_message_bytes=limits.max_message_bytes,
                client_events_per_second=limits.client_events_per_second,
                client_events_burst=limits.client_events_burst,
                send_buffer_bytes=limits.send_buffer_bytes,
                connect_rate=limits.connect_rate,
                connect_burst=limits.connect_burst,
                trusted_proxies=settings.trusted_proxies,
                ping_interval_seconds=settings.ping_interval_seconds,
                ping_timeout_seconds=settings.ping_timeout_seconds,
                transports=settings.transports,
            ),
            origins=self.origins,
        )
        self.delivery = Delivery(self.server, self.store.streams, self.bus, self.clock)
        self.presses = build_presses(settings)
        self.judge = build_judge(self.contacts, self.store, self.presence)
        self.mailing = (
            Mailing(
                settings,
                outbox=self.store.outbox,
                decide=self.judge.at_lease,
                presses=self.presses,
                metrics=self.metrics,
                # A mail that went out early cannot be called back.
                clock=self.clock.cautious,
            )
            if settings.mail.worker
            else None
        )
        self.notifier = Notifier(
            store=self.store,
            commit=self.commit,
            receiver=self.delivery,
            bus=self.bus,
            gossip=self.gossip,
            presence=self.presence,
            contacts=self.contacts,
            judge=self.judge,
            clock=self.clock,
            wake_mailer=self.mailing.wake if self.mailing is not None else _nobody_to_wake,
        )
        self.connections = Connections(
            server=self.server,
            verifier=verifier,
            inboxes=self.store.inboxes,
            notifier=self.notifier,
            delivery=self.delivery,
            presence=self.presence,
            bus=self.bus,
            contacts=self.contacts,
            lineage=self.lineage,
            clock=self.clock,
            token_clock=system_clock,
            node=settings.node_id,
            leeway_seconds=settings.keys.jwt_leeway_seconds,
            connections_per_user=limits.max_connections_per_user,
            replay_limit=limits.replay_limit,
        )
        self.connections.on_command(HeadGossip.COMMAND, self.gossip.obey)
        self.connections.on_command(Lineage.COMMAND, self.lineage.obey)
        self.lineage.on_turn = self.connections.turn
        self.delivery.on_gone_back = self.lineage.suspect
        self.trends = Trends(self.metrics.registry, system_clock)
        self.observatory = Observatory(self.trends, bus=self.bus, node=settings.node_id)
        self.feed = Feed(
            notifier=self.notifier, watchers=self.connections, bus=self.bus, node=settings.node_id
        )
        AdminEvents(
            self.connections,
            self.notifier,
            previewer=Previewer(notifier=self.notifier, presence=self.presence, presses=self.presses),
            feed=self.feed,
            observatory=self.observatory,
            metrics=self.metrics,
            node=settings.node_id,
            started_at=system_clock(),
        )
        self.neighbours = (
            Neighbours(settings.bus_url, prefix=settings.bus_prefix, receive=self.delivery.receive)
            if settings.foreign_emits
            else None
        )
        self.housekeeper = Housekeeper(
            self.store.streams,
            self.store.outbox,
            self.clock,
            history_days=limits.history_days,
            may_delete=lambda: self.clock.may_delete,
        )
        self.health = Health(store=self.writes, bus=self.bus, presence=self.presence, clock=self.clock)
        if self.mailing is not None:
            self.health.watch_warnings(self.mailing.warnings)
        services = Services(settings.keys.api_keys, verifier)
        self.public = public.build(
            settings=settings,
            origins=self.origins,
            notifier=self.notifier,
            verifier=verifier,
            contacts=self.contacts,
            health=self.health,
            metrics=self.metrics,
        )
        self.server.attach(self.public, prefix=settings.base_path)
        self.internal = internal.build(
            settings=settings,
            notifier=self.notifier,
            services=services,
            health=self.health,
            metrics=self.metrics,
        )
        self._watch()
        self.metrics.watch_presence(self.presence.counts)
        self._stops: AsyncExitStack = AsyncExitStack()

    def _watch(self) -> None:
        """Have the metrics read at each scrape what the parts count for themselves."""
        counter, gauge = self.metrics.watch_counter, self.metrics.watch_gauge
        sessions, engine, delivery = self.connections.sessions, self.server.stats, self.delivery.stats
        gauge("bellhop_connections", "Transports open on this node", self.server.connection_count)
        gauge("bellhop_sessions", "Sessions in either namespace", lambda: len(sessions))
        gauge("bellhop_users", "Users with a session on this node", lambda: sessions.users)
        gauge(
            "bellhop_draining", "1 while the node sends its clients away", lambda: int(self.health.draining)
        )
        counter("bellhop_deliveries", "Events written to a session", lambda: engine.deliveries)
        counter("bellhop_delivered_bytes", "Bytes of events written to sessions", lambda: engine.bytes)
        counter(
            "bellhop_socket_writes", "Writes to sockets; several events may share one", lambda: engine.writes
        )
        counter(
            "bellhop_slow_consumers", "Connections closed as slow consumers", lambda: engine.slow_consumers
        )
        counter(
            "bellhop_rate_limited", "Connections closed or refused by a rate", lambda: engine.rate_limited
        )
        counter("bellhop_malformed", "Connections closed for what they sent", lambda: engine.malformed)
        self.metrics.watch_counts(
            "bellhop_refused", "Clients not let in, by the code of the reason", "code", engine.refusals.counts
        )
        counter(
            "bellhop_origins_refused",
            "Requests of pages whose origin may not use the public site",
            lambda: self.origins.refused,
        )
        counter("bellhop_repeated_frames", "Frames dropped as repetitions", lambda: delivery.repeated)
        counter("bellhop_holes", "Holes that did not close by themselves", lambda: delivery.holes)
        counter("bellhop_repaired", "Notifications delivered from the store", lambda: delivery.repaired)
        counter(
            "bellhop_repair_failures",
            "Repairs that failed, to be tried again",
            lambda: delivery.repair_failures,
        )
        counter(
            "bellhop_misplaced_sessions",
            "Sessions put back into their rooms, or out of others'",
            lambda: delivery.put_right,
        )
        gauge("bellhop_append_queue", "Notifications that wait to be stored", lambda: self.commit.queued)
        gauge("bellhop_mail_owed", "Mail that is owed, of all nodes", lambda: self.housekeeper.mail_owed)
        counter("bellhop_log_dropped", LOG_DROPPED, outlet.dropped)
        gauge("bellhop_mail_dead", "Dead letters, of all nodes", lambda: self.housekeeper.mail_dead)
        if isinstance(self.bus, RedisBus):
            bus = self.bus.stats
            counter("bellhop_bus_published", "Frames that Redis has taken", lambda: bus.published)
            counter(
                "bellhop_bus_dropped",
                "Frames that could not be carried: the store has them",
                lambda: bus.dropped,
            )
            counter("bellhop_bus_received", "Frames of other nodes", lambda: bus.received)
            counter(
                "bellhop_bus_reconnects", "Connections to Redis that were replaced", lambda: bus.reconnects
            )
            gauge("bellhop_bus_canary_seconds", "How long the last canary took", lambda: bus.canary_seconds)
            gauge(
                "bellhop_bus_up",
                "1 while the node hears itself through Redis",
                lambda: int(not self.bus.reasons()),
            )
        if self.neighbours is not None:
            guests = self.neighbours.stats
            counter("bellhop_foreign_emits", "Emits taken from other processes", lambda: guests.received)
            counter(
                "bellhop_foreign_refused",
                "Messages of other processes that were no emit, or too many",
                lambda: guests.unreadable + guests.dropped,
            )
        presence = self.presence
        if isinstance(presence, RedisPresence):
            gauge(
                "bellhop_presence_up",
                "1 while Redis tells the node who is online",
                lambda: int(not presence.away),
            )

    async def start(self) -> Addresses:
        """Come up in the order in which things need one another; what has come up is stopped again by `stop`."""
        stops = self._stops
        # First of all: a template that cannot be used is known without any server.
        await start_presses(self.presses, stops)
        self._http = await stops.enter_async_context(aiohttp.ClientSession())
        stops.push_async_callback(self.keys.close)
        await open_store(self.store)
        stops.push_async_callback(self.store.close)
        mark = await self.lineage.start()
        stops.push_async_callback(self.lineage.stop)
        if mark is not None:
            self.clock.resume(mark.at)
        await self.clock.start(self.store.time)
        stops.push_async_callback(self.clock.stop)
        uuid7.follow(self.clock.nanoseconds)
        stops.callback(uuid7.follow, time.time_ns)
        stops.push_async_callback(self.commit.close)
        self.contacts.start()
        stops.push_async_callback(self.contacts.stop)
        await self.bus.start(
            receive=self.delivery.receive, obey=self.connections.obey, returned=self.delivery.reconcile
        )
        stops.push_async_callback(self.bus.stop)
        self.delivery.start()
        stops.push_async_callback(self.delivery.stop)
        await self.presence.start(self.notifier.announce)
        stops.push_async_callback(self.presence.stop)
        self.connections.start()
        stops.push_async_callback(self.connections.stop)
        if self.neighbours is not None:
            await self.neighbours.start()
            stops.push_async_callback(self.neighbours.stop)
        self.gossip.start()
        stops.push_async_callback(self.gossip.stop)
        self.feed.start()
        stops.push_async_callback(self.feed.stop)
        self.trends.start()
        stops.push_async_callback(self.trends.stop)
        self.observatory.start()
        stops.push_async_callback(self.observatory.stop)
        self.housekeeper.start()
        stops.push_async_callback(self.housekeeper.stop)
        if self.mailing is not None:
            self.mailing.start()
            stops.push_async_callback(self.mailing.stop)
        settings = self.settings
        internal = await listen(
            self.internal, settings.internal_hosts, settings.internal_port, stops, self.health
        )
        # The engine stops between the sites: emits are still answered while the clients are sent away.
        stops.push_async_callback(self.server.stop)
        public = await listen(
            self.public, settings.hosts, settings.port, stops, self.health, websockets=self.server.eio
        )
        logger.info("listening", extra={"public": ", ".join(public), "internal": ", ".join(internal)})
        if any(map(places.is_unix, settings.hosts)) and places.UNIX_PEER not in settings.trusted_proxies:
            logger.warning(
                "all who come by the unix socket count as one address: name `unix` in BELLHOP_TRUSTED_PROXIES to believe the "
                "X-Forwarded-For of what stands before it"
            )
        return Addresses(public=places.nearest(public), internal=places.nearest(internal))

    async def drain(self) -> None:
        """Send clients and mail away calmly, within the grace; answers to probes say 503 from now on."""
        self.health.draining = True
        budget = self.settings.drain_seconds
        async with asyncio.TaskGroup() as group:
            if self.mailing is not None:
                # What then remains is given back, which wants some of the grace too.
                group.create_task(self.mailing.drain(seconds=budget * 0.8), name="drain mail")
            group.create_task(
                self.server.drain(seconds=budget * 0.8, reason=Reason.DRAINING), name="drain clients"
            )

    async def stop(self) -> None:
        await self._stops.aclose()

    async def _fetch(self, url: str) -> bytes:
        assert self._http is not None
        async with self._http.get(
            url, timeout=aiohttp.ClientTimeout(JWKS_SECONDS), allow_redirects=False, raise_for_status=True
        ) as answer:
            return await answer.content.read(JWKS_BYTES_MAX + 1)


async def listen(
    app: web.Application,
    hosts: Sequence[str],
    port: int,
    stops: AsyncExitStack,
    health: Health,
    *,
    websockets: Websockets | None = None,
) -> tuple[str, ...]:
    """Open a site; answers where it listens. `stops` closes it again, `health` hears when it can accept nobody.

    The public site has `websockets`, who takes them. It leaves some descriptors to the rest of the process, and whoever
    can reach its unix socket may use it; an internal one is for its owner and group.
    """
    is_public = websockets is not None
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    stops.push_async_callback(runner.cleanup)
    site = PacedSite(
        runner,
        hosts,
        port,
        websockets=websockets,
        refuse=app[edge.REFUSE],
        mode=EVERYBODY if is_public else OWNER_AND_GROUP,
        reserve=descriptors.reserve() if is_public else 0,
    )
    try:
        await site.start()
    except OSError as error:
        raise OSError(
            f"cannot listen on {site.name}: {error.strerror or error}. End what listens there, or choose other ports: "
            "BELLHOP_PORT and BELLHOP_INTERNAL_PORT, or --port and --internal-port of the demo; or other addresses: "
            "BELLHOP_HOST and BELLHOP_INTERNAL_HOST"
        ) from error
    health.watch(lambda: [f"connections: {site.exhausted}"] if site.exhausted else [])
    return site.urls


def _nobody_to_wake(lanes: Iterable[LaneName]) -> None:
    """A worker in another process finds new mail when it looks next."""
    del lanes


async def open_store(store: Store) -> None:
    """Open the store, waiting a while for one that is away."""
    deadline = asyncio.get_running_loop().time() + STORE_PATIENCE_SECONDS
    pause = 0.5
    told = ""
    while True:
        try:
            await store.open()
        except StoreUnavailable as error:
            if asyncio.get_running_loop().time() + pause > deadline:
                raise
            if str(error) != told:
                told = str(error)
                logger.warning("the store is away; trying again", extra={"reason": told})
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)
        else:
            return


@asynccontextmanager
async def running(
    settings: Settings, *, extend: Callable[[Node], None] | None = None
) -> AsyncIterator[tuple[Node, Addresses]]:
    """A started node, stopped at the end. `extend` as for `run`."""
    node = Node(settings)
    if extend is not None:
        extend(node)
    try:
        yield node, await node.start()
    finally:
        await node.stop()


class MailOffice:
    """The mail worker alone, with a site for probes and metrics: what `bellhop mail` runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.store = connect_store(settings.store_url)
        self.metrics.watch_counter("bellhop_log_dropped", LOG_DROPPED, outlet.dropped)
        self.bus = LocalBus()
        self.presence = build_presence(settings)
        self.presses = build_presses(settings)
        self.clock = Timekeeper()
        self.mailing = Mailing(
            settings,
            outbox=self.store.outbox,
            decide=build_judge(ContactBook(self.store.people), self.store, self.presence).at_lease,
            presses=self.presses,
            metrics=self.metrics,
            clock=self.clock.cautious,
        )
        self.health = Health(store=Writes(self.store), bus=self.bus, presence=self.presence, clock=self.clock)
        self.health.watch_warnings(self.mailing.warnings)
        self._stops = AsyncExitStack()

    async def start(self) -> None:
        await start_presses(self.presses, self._stops)
        await open_store(self.store)
        self._stops.push_async_callback(self.store.close)
        await self.clock.start(self.store.time)
        self._stops.push_async_callback(self.clock.stop)
        await self.presence.start(_announce_to_nobody)
        self._stops.push_async_callback(self.presence.stop)
        app = edge.application("internal", self.metrics)
        app.add_routes([*self.health.liveness(), *self.health.readiness(), *self.metrics.routes()])
        settings = self.settings
        urls = await listen(app, settings.internal_hosts, settings.internal_port, self._stops, self.health)
        self.mailing.start()
        logger.info("mailing", extra={"internal": ", ".join(urls)})

    async def drain(self) -> None:
        self.health.draining = True
        await self.mailing.drain(seconds=self.settings.drain_seconds * 0.8)

    async def stop(self) -> None:
        await self.mailing.stop()
        await self._stops.aclose()


async def _announce_to_nobody(change: Joined | Left) -> None:
    """A mail worker has no admins of its own, and no connections that could come or go."""


async def begin_new_epoch(settings: Settings) -> str:
    """Tell the store that it was put back to an older state; answers the epoch that began. Nodes that run see it soon."""
    store, witness = connect_store(settings.store_url), witness_of(settings)
    try:
        await store.open()
        epoch = await store.epochs.turn()
        # What the witness had seen was of the former line.
        with contextlib.suppress(WitnessAway):
            await witness.write(Mark(epoch=epoch, room="", seq=0, at=system_clock()))
    finally:
        await witness.close()
        await store.close()
    return epoch


def run(
    settings: Settings,
    *,
    extend: Callable[[Node], None] | None = None,
    started: Callable[[Addresses], None] | None = None,
) -> int:
    """Serve until a signal asks for the end, drain, and answer the exit code.

    `extend` may add routes to the node's sites before it starts; `started` is told where it listens.
    """

    async def start(node: Node) -> None:
        if extend is not None:
            extend(node)
        addresses = await node.start()
        if started is not None:
            started(addresses)

    descriptors.prepare(settings.limits.max_connections)
    return lifetime.run(lambda: Node(settings), start, drain_seconds=settings.drain_seconds)


def run_mail(settings: Settings) -> int:
    """Mail until a signal asks for the end, finish what is under way, and answer the exit code."""
    descriptors.prepare()
    return lifetime.run(lambda: MailOffice(settings), MailOffice.start, drain_seconds=settings.drain_seconds)
