"""The composition root: builds a node from its settings, wires it, starts it, drains it.

Nothing else in the package creates what it uses: store, bus, presence, engine and worker come together here, and
here stands the order in which they start and stop.
"""

import asyncio
import gc
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiohttp
from aiohttp import web

from auth.errors import KeyConfigurationError
from auth.keys import JWKS_BYTES_MAX, Keys, KeySet
from auth.services import Services
from auth.tokens import Verifier
from gateway import descriptors, edge, internal, places, public
from gateway.admin import AdminEvents
from gateway.bus.base import Bus
from gateway.bus.local import LocalBus
from gateway.bus.redis import RedisBus
from gateway.clock import system_clock
from gateway.contacts import ContactBook
from gateway.delivery import Delivery
from gateway.engine import (
    KEEP_ALIVE_SECONDS,
    OWNER_AND_GROUP,
    EngineLimits,
    PacedSite,
    Reason,
    Server,
    Websockets,
)
from gateway.feed import Feed
from gateway.gossip import HeadGossip
from gateway.health import Health
from gateway.housekeeping import Housekeeper
from gateway.meters import TimedAppends
from gateway.metrics import Metrics
from gateway.neighbours import Neighbours
from gateway.notifier import Notifier
from gateway.origins import Origins
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
from mailer.errors import MailConfigurationError
from mailer.render import Renderer
from mailer.transport import Transport
from mailer.worker import Worker
from storage.connect import connect as connect_store
from storage.errors import StorageError, StoreConfigurationError, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.store import Store

EVERYBODY = 0o666
JWKS_SECONDS = 5
STORE_PATIENCE_SECONDS = 30
"""How long a start waits for a store that is away: in a cluster, things start in any order."""


GARBAGE_THRESHOLD = 20_000
"""Objects made, less those freed, before the collector looks at the young ones."""
SWITCH_SECONDS = 0.0001
"""How long a thread of the store waits for the interpreter before the loop must let go of it. A commit asks for it a dozen
times: at Python's default of 5 ms, each would wait for all that the loop writes to its sockets meanwhile."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a node is reached from its own machine: URLs, or `unix:/path`."""

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
            origins=self.origins,
            notifier=self.notifier,
            verifier=verifier,
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
        gauge("bellhop_append_queue", "Notifications that wait to be stored", lambda: self.commit.queued)
        gauge("bellhop_mail_owed", "Mail that is owed, of all nodes", lambda: self.housekeeper.mail_owed)
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
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS, shutdown_timeout=2)
    await runner.setup()
    stops.push_async_callback(runner.cleanup)
    site = PacedSite(
        runner,
        hosts,
        port,
        websockets=websockets,
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
        settings = self.settings
        urls = await listen(app, settings.internal_hosts, settings.internal_port, self._stops, self.health)
        self._mailing = asyncio.create_task(self.worker.run(), name="mail worker")
        logger.info("mailing", extra={"internal": ", ".join(urls)})

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


class Service(Protocol):
    async def start(self) -> object: ...
    async def drain(self) -> None: ...
    async def stop(self) -> None: ...


def run(
    settings: Settings,
    *,
    extend: Callable[[Node], None] | None = None,
    started: Callable[[Addresses], None] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, drain, and answer the exit code.

    `extend` may add routes to the node's sites before it starts; `started` is told where it listens.
    """

    async def start(node: Node) -> None:
        if extend is not None:
            extend(node)
        addresses = await node.start()
        if started is not None:
            started(addresses)

    descriptors.prepare(settings.limits.max_connections)
    return _run(lambda: Node(settings), start)


def run_mail(settings: Settings) -> int:
    """Mail until SIGTERM or SIGINT, finish what is under way, and answer the exit code."""
    descriptors.prepare()
    return _run(lambda: MailOffice(settings), MailOffice.start)


S = TypeVar("S", bound=Service)


def _run(build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(build, start))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it runs, else asyncio's own."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - Windows, PyPy
        return None
    return uvloop.new_event_loop


async def _serve(build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        service = build()
    except (KeyConfigurationError, StoreConfigurationError, MailConfigurationError) as error:
        return _fail(2, error)

    def stop_asked() -> None:
        if asked_to_stop.is_set():
            # Asked twice: whoever asks does not want to wait for the drain.
            os._exit(130)
        asked_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_asked)
    try:
        starting = asyncio.ensure_future(start(service))
        stopping = asyncio.create_task(asked_to_stop.wait(), name="stop signal")
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 0
        await starting
        # What was made to last is not looked at by every collection of garbage.
        gc.collect()
        gc.freeze()
        # A batch makes thousands of values, which reference counting frees. At the default of 700 the collector walks
        # over them, and time and again over every connection, for a tenth of the CPU of a batch, and finds nothing.
        gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
        sys.setswitchinterval(SWITCH_SECONDS)
        await stopping
        logger.info("draining")
        await service.drain()
    except (StoreConfigurationError, MailConfigurationError) as error:
        return _fail(2, error)
    except (StorageError, OSError) as error:
        return _fail(1, error)
    finally:
        await service.stop()
        logger.info("stopped")
    return 0


def _fail(code: int, error: Exception) -> int:
    print(f"bellhop: {error}", file=sys.stderr)  # noqa: T201 - the last word of a process that cannot go on
    return code
