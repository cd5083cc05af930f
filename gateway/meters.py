"""Where a node's counters meet its metrics: one place that knows both sides."""

import time
from collections.abc import Sequence, Sized

from gateway.bus.base import Bus
from gateway.delivery import DeliveryStats
from gateway.engine.stats import Stats as EngineStats
from gateway.metrics import Metrics
from gateway.presence.base import Presence
from storage.errors import IdempotencyMismatch
from storage.groupcommit import Appends
from storage.models import Appended, Emission


class TimedAppends:
    """A store's `append`, with the size and the seconds of each batch measured."""

    def __init__(self, store: Appends, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        started = time.perf_counter()
        try:
            return await self._store.append(emissions)
        finally:
            size = sum(len(emission.notifications) for emission in emissions)
            self._metrics.append_batch(size, time.perf_counter() - started)


def watch(
    metrics: Metrics,
    *,
    sessions: Sized,
    delivery: DeliveryStats,
    engine: EngineStats,
    bus: Bus,
    presence: Presence,
) -> None:
    """Have the node's counters read at every scrape."""
    gauge, counter = metrics.watch_gauge, metrics.watch_counter
    gauge("bellhop_connections", "Connections of this node", lambda: len(sessions))
    counter("bellhop_deliveries", "Frames handed to connections", lambda: engine.deliveries)
    counter(
        "bellhop_slow_consumers",
        "Connections closed because they did not read",
        lambda: engine.slow_consumers,
    )
    counter(
        "bellhop_rate_limited", "Connections closed because they sent too much", lambda: engine.rate_limited
    )
    counter("bellhop_writes", "Writes to websockets", lambda: engine.writes)
    counter("bellhop_written_bytes", "Bytes in these writes", lambda: engine.bytes)
    counter("bellhop_opened", "Connections let in", lambda: engine.opened)
    counter("bellhop_refused", "Connections refused", lambda: engine.refused)
    counter("bellhop_throttled", "Handshakes turned away, with 429 or 503", lambda: engine.throttled)
    counter("bellhop_malformed", "Packets that could not be understood", lambda: engine.malformed)
    counter("bellhop_delivered", "Notifications that a room's cursor passed", lambda: delivery.delivered)
    counter("bellhop_repeated", "Frames that had been delivered before, dropped", lambda: delivery.repeated)
    counter("bellhop_holes", "Holes seen in a room's sequence", lambda: delivery.holes)
    counter(
        "bellhop_repaired",
        "Notifications delivered from the store instead of the bus",
        lambda: delivery.repaired,
    )
    counter(
        "bellhop_repair_failures", "Repairs that the store could not serve", lambda: delivery.repair_failures
    )
    # Only a bus that leaves the process has anything to count.
    stats = getattr(bus, "stats", None)
    if stats is not None:
        counter("bellhop_bus_published", "Frames the bus has taken", lambda: stats.published)
        counter("bellhop_bus_dropped", "Frames the bus could not carry", lambda: stats.dropped)
        counter("bellhop_bus_received", "Frames of other nodes", lambda: stats.received)
        counter("bellhop_bus_unreadable", "Messages nobody could read", lambda: stats.unreadable)
        counter("bellhop_bus_reconnects", "Times the bus was connected anew", lambda: stats.reconnects)
        gauge("bellhop_bus_canary_seconds", "How long the last canary took", lambda: stats.canary_seconds)
    metrics.watch_presence(presence.counts)
