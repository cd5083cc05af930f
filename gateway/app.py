"""The composition root: builds a node from its settings, wires it, starts it, drains it.

Nothing else in the package creates what it uses: store, bus, presence, engine and worker come together here, and
here stands the order in which they start and stop.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from auth.keys import JWKS_BYTES_MAX, Keys, KeySet
from auth.services import Services
from auth.tokens import Verifier
from gateway import edge, internal, outlet, process, public
from gateway.admin import AdminEvents
from gateway.bus.base import Bus
from gateway.bus.local import LocalBus
from gateway.bus.redis import RedisBus
from gateway.clock import system_clock
from gateway.contacts import ContactBook
from gateway.delivery import Delivery
from gateway.engine import KEEP_ALIVE_SECONDS, EngineLimits, PacedSite, Reason, Server, Websockets
from gateway.feed import Feed
from gateway.gossip import HeadGossip
from gateway.health import Health
from gateway.housekeeping import Housekeeper
from gateway.meters import TimedAppends
from gateway.metrics import Metrics
from gateway.neighbours import Neighbours
from gateway.notifier import Notifier
from gateway.overview import Observatory
from gateway.presence.base import Joined, Left, Presence
from gateway.presence.local import LocalPresence
from gateway.presence.redis import RedisPresence
from gateway.preview import Previewer
from gateway.rooms import user_of
from gateway.settings import Settings
from gateway.sockets import Connections
from gateway.trends import Trends
from mailer.connect import connect as connect_transport
from mailer.render import Renderer
from mailer.transport import Transport
from mailer.worker import Worker
from storage.connect import connect as connect_store
from storage.errors import StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.store import Store

JWKS_SECONDS = 5
STORE_PATIENCE_SECONDS = 30
"""How long a start waits for a store that is away: in a cluster, things start in any order."""

LOG_DROPPED = "Lines of the log that were dropped: nobody read them"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a node listens, as URLs."""

    public: str
    internal: str


def build_bus(settings: Settings) -> Bus:
    if settings.bus_url.startswith("local:"):
        return LocalBus()
    return RedisBus(settings.bus_url, prefix=settings.bus_prefix, node_id=settings.node_id)


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


def build_renderer(settings: Settings) -> Renderer:
    mail = settings.mail
    return Renderer(mail.sender, base_url=settings.base_url, templates=mail.templates)


def build_transport(settings: Settings) -> Transport:
    return connect_transport(settings.mail.url, connections=settings.mail.concurrency)


def build_worker(
    settings: Settings, store: Store, presence: Presence, transport: Transport, metrics: Metrics
) -> Worker:
    async def is_online(user: str) -> bool:
        return await presence.find(user) is not None

    mail = settings.mail
    return Worker(
        outbox=store,
        inboxes=store,
        transport=transport,
        renderer=build_renderer(settings),
        is_online=is_online,
        user_of=user_of,
        concurrency=mail.concurrency,
        attempts=mail.attempts,
        retry_seconds=mail.retry_seconds,
        lease_seconds=mail.lease_seconds,
        clock=system_clock,
        random=random.random,
        observe=lambda outcome: metrics.mail_outcome(outcome.result),
    )


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
        self.store = connect_store(settings.store_url)
        self.commit = GroupCommit(TimedAppends(self.store, self.metrics), ping=self.store.ping)
        self.contacts = ContactBook(self.store)
        self.bus = build_bus(settings)
        self.gossip = HeadGossip(learns=self.store, bus=self.bus)
        self.presence = build_presence(settings)
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
            cors_origins=settings.cors_origins or None,
        )
        self.delivery = Delivery(self.server, self.store, self.bus, system_clock)
        self.transport = build_transport(settings)
        self.worker = (
            build_worker(settings, self.store, self.presence, self.transport, self.metrics)
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
            clock=system_clock,
            wake_mailer=self.worker.wake if self.worker is not None else _nobody_to_wake,
        )
        self.connections = Connections(
            server=self.server,
            verifier=verifier,
            inboxes=self.store,
            notifier=self.notifier,
            delivery=self.delivery,
            presence=self.presence,
            bus=self.bus,
            contacts=self.contacts,
            clock=system_clock,
            node=settings.node_id,
            leeway_seconds=settings.keys.jwt_leeway_seconds,
            connections_per_user=limits.max_connections_per_user,
            replay_limit=limits.replay_limit,
        )
        self.connections.on_command(HeadGossip.COMMAND, self.gossip.obey)
        self.trends = Trends(self.metrics.registry, system_clock)
        self.observatory = Observatory(self.trends, bus=self.bus, node=settings.node_id)
        self.feed = Feed(
            notifier=self.notifier, watchers=self.connections, bus=self.bus, node=settings.node_id
        )
        AdminEvents(
            self.connections,
            self.notifier,
            previewer=Previewer(
                notifier=self.notifier, presence=self.presence, renderer=build_renderer(settings)
            ),
            feed=self.feed,
            observatory=self.observatory,
            metrics=self.metrics,
            node=settings.node_id,
            started_at=system_clock(),
        )
        is_alone = settings.bus_url.startswith("local:")
        self.neighbours = None if is_alone else Neighbours(settings.bus_url, self.server)
        self.housekeeper = Housekeeper(self.store, self.store, system_clock, history_days=limits.history_days)
        self.health = Health(store=self.store, bus=self.bus)
        services = Services(settings.keys.api_keys, verifier)
        self.public = public.build(
            settings=settings,
            notifier=self.notifier,
            verifier=verifier,
            contacts=self.contacts,
            health=self.health,
            metrics=self.metrics,
        )
        self.server.attach(self.public)
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
        self._mailing: asyncio.Task[None] | None = None

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
        counter("bellhop_refused", "Connections refused", lambda: engine.refused)
        counter("bellhop_repeated_frames", "Frames dropped as repetitions", lambda: delivery.repeated)
        counter("bellhop_holes", "Holes that did not close by themselves", lambda: delivery.holes)
        counter("bellhop_repaired", "Notifications delivered from the store", lambda: delivery.repaired)
        counter(
            "bellhop_repair_failures",
            "Repairs that failed, to be tried again",
            lambda: delivery.repair_failures,
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
        self._http = await stops.enter_async_context(aiohttp.ClientSession())
        stops.push_async_callback(self.keys.close)
        await open_store(self.store)
        stops.push_async_callback(self.store.close)
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
        if self.worker is not None:
            self._mailing = asyncio.create_task(self.worker.run(), name="mail worker")
            stops.push_async_callback(self._stop_mailing)
        internal_url = await listen(
            self.internal, self.settings.internal_host, self.settings.internal_port, stops
        )
        # The engine stops between the sites: emits are still answered while the clients are sent away.
        stops.push_async_callback(self.server.stop)
        public_url = await listen(
            self.public, self.settings.host, self.settings.port, stops, websockets=self.server.eio
        )
        addresses = Addresses(public=public_url, internal=internal_url)
        logger.info("listening", extra={"public": addresses.public, "internal": addresses.internal})
        return addresses

    async def drain(self) -> None:
        """Send clients and mail away calmly, within the grace; answers to probes say 503 from now on."""
        self.health.draining = True
        budget = self.settings.drain_seconds
        async with asyncio.TaskGroup() as group:
            if self.worker is not None:
                group.create_task(self.worker.drain(seconds=budget), name="drain mail")
            group.create_task(
                self.server.drain(seconds=budget * 0.8, reason=Reason.DRAINING), name="drain clients"
            )

    async def stop(self) -> None:
        await self._stops.aclose()

    async def _stop_mailing(self) -> None:
        assert self.worker is not None
        assert self._mailing is not None
        await self.worker.drain(seconds=0)
        await self._mailing
        await self.transport.close()

    async def _fetch(self, url: str) -> bytes:
        assert self._http is not None
        async with self._http.get(
            url, timeout=aiohttp.ClientTimeout(JWKS_SECONDS), allow_redirects=False, raise_for_status=True
        ) as answer:
            return await answer.content.read(JWKS_BYTES_MAX + 1)


async def listen(
    app: web.Application, host: str, port: int, stops: AsyncExitStack, *, websockets: Websockets | None = None
) -> str:
    """Open a site, whose websockets `websockets` takes; answers its URL. `stops` closes it again."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS, shutdown_timeout=2)
    await runner.setup()
    stops.push_async_callback(runner.cleanup)
    site = PacedSite(runner, host, port, websockets=websockets)
    try:
        await site.start()
    except OSError as error:
        raise OSError(
            f"cannot listen on {site.name}: {error.strerror or error}. End what listens there, or choose other ports: "
            "BELLHOP_PORT and BELLHOP_INTERNAL_PORT, or --port and --internal-port of the demo"
        ) from error
    name, number = runner.addresses[0][:2]
    return f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"


def _nobody_to_wake() -> None:
    """A worker in another process finds new mail when it looks next."""


async def open_store(store: Store) -> None:
    """Open the store, waiting a while for one that is away."""
    deadline = asyncio.get_running_loop().time() + STORE_PATIENCE_SECONDS
    pause = 0.5
    while True:
        try:
            await store.open()
        except StoreUnavailable:
            if asyncio.get_running_loop().time() + pause > deadline:
                raise
            logger.warning("the store is away; trying again", extra={"pause_seconds": pause})
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
        self.transport = build_transport(settings)
        self.worker = build_worker(settings, self.store, self.presence, self.transport, self.metrics)
        self.health = Health(store=self.store, bus=self.bus)
        self._stops = AsyncExitStack()
        self._mailing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await open_store(self.store)
        self._stops.push_async_callback(self.store.close)
        await self.presence.start(_announce_to_nobody)
        self._stops.push_async_callback(self.presence.stop)
        app = edge.application("internal", self.metrics)
        app.add_routes([*self.health.liveness(), *self.health.readiness(), *self.metrics.routes()])
        url = await listen(app, self.settings.internal_host, self.settings.internal_port, self._stops)
        self._mailing = asyncio.create_task(self.worker.run(), name="mail worker")
        logger.info("mailing", extra={"internal": url})

    async def drain(self) -> None:
        self.health.draining = True
        await self.worker.drain(seconds=self.settings.drain_seconds)

    async def stop(self) -> None:
        if self._mailing is not None:
            await self.worker.drain(seconds=0)
            await self._mailing
            await self.transport.close()
        await self._stops.aclose()


async def _announce_to_nobody(change: Joined | Left) -> None:
    """A mail worker has no admins of its own, and no connections that could come or go."""


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

    return process.run(lambda: Node(settings), start, drain_seconds=settings.drain_seconds)


def run_mail(settings: Settings) -> int:
    """Mail until a signal asks for the end, finish what is under way, and answer the exit code."""
    return process.run(lambda: MailOffice(settings), MailOffice.start, drain_seconds=settings.drain_seconds)
