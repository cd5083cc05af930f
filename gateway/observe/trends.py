"""Trends: what this node's metrics said over the last hour, for the dashboard of a site that has no Prometheus.

A sample every ten seconds, an hour of them, then the oldest goes. What it tells is this node's alone, and of this process:
a restart begins anew. `gateway.observe.overview` adds the nodes up.

It reads the registry that Prometheus would scrape, so that both say the same; but not what the system tells of the process.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.ground.tasks import Tasks

SAMPLE_SECONDS = 10.0
"""Between two samples."""
SAMPLES_KEPT = 361
"""An hour of differences between neighbours."""
EMIT_ROUTES = frozenset({"/internal/emit", "/internal/emit/batch"})
"""Whose times are those of emits."""

K = TypeVar("K")

Buckets = Mapping[float, float]
"""How many were at most so many seconds, since the start of the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The counters at one moment; all but `connections` only grow."""

    at: datetime
    connections: float = 0
    deliveries: float = 0
    emits: Mapping[str, float] = field(default_factory=dict)
    """By outcome."""
    mail: Mapping[str, float] = field(default_factory=dict)
    """By outcome."""
    append_seconds: Buckets = field(default_factory=dict)
    """How long the store took for batches."""
    emit_seconds: Buckets = field(default_factory=dict)
    """How long requests to emit took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendStep:
    """What happened from the sample before to `at`."""

    at: datetime
    seconds: float
    connections: float
    """At its end."""
    deliveries: float
    """In its time, as are the counts."""
    emits: Mapping[str, float]
    mail: Mapping[str, float]
    append_p99_seconds: float | None
    """None when nothing was stored in this time."""
    emit_p99_seconds: float | None
    """Of the HTTP requests to emit, from their arrival to their answer."""


class Trends(Part):
    """Samples of this process's metrics, the last hour of them.

    One for a node. It costs a scrape every ten seconds, on the loop.
    """

    def __init__(
        self, registry: CollectorRegistry, clock: Clock, *, sample_seconds: float = SAMPLE_SECONDS
    ) -> None:
        self.sample_seconds = sample_seconds
        self._registry = registry
        self._clock = clock
        self.started_at = clock()
        """When the process's metrics began."""
        self.readers: list[Callable[[Mapping[str, Metric], datetime], None]] = []
        """They are shown what the metrics say at each sample; must neither wait nor raise."""
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._sample_forever, name="trends")

    async def stop(self) -> None:
        await self._tasks.stop()

    def sample(self) -> None:
        """Read the metrics now.

        Readers are shown the same families, so that nothing is collected twice.
        """
        at = self._clock()
        families = {family.name: family for family in self._registry.collect()}
        self._samples.append(read(families, at))
        for show in self.readers:
            show(families, at)

    def steps(self, limit: int) -> list[TrendStep]:
        """The newest `limit` steps, oldest first.

        Made of neighbours when they are asked for; the first sample gives none.
        """
        first = max(0, len(self._samples) - 1 - limit)
        kept = itertools.islice(self._samples, first, None)
        return [step(before, after) for before, after in itertools.pairwise(kept)]

    async def _sample_forever(self) -> None:
        """At whole tens of seconds of the clock, so that the samples of all nodes are of the same moments."""
        while True:
            self.sample()
            await asyncio.sleep(self.sample_seconds - self._clock().timestamp() % self.sample_seconds)


def read(families: Mapping[str, Metric], at: datetime) -> Sample:
    """A sample of what the registry holds, by name.

    A metric that is not there is nothing.
    """
    return Sample(
        at=at,
        connections=_total(families.get("bellhop_connections")),
        deliveries=_total(families.get("bellhop_deliveries")),
        emits=_by_outcome(families.get("bellhop_emits")),
        mail=_by_outcome(families.get("bellhop_mail")),
        append_seconds=_buckets(families.get("bellhop_append_batch_seconds")),
        emit_seconds=_buckets(families.get("bellhop_http_request_seconds"), routes=EMIT_ROUTES),
    )


def step(before: Sample, after: Sample) -> TrendStep:
    """What happened between two samples."""
    return TrendStep(
        at=after.at,
        seconds=(after.at - before.at).total_seconds(),
        connections=after.connections,
        deliveries=after.deliveries - before.deliveries,
        emits=_grown(before.emits, after.emits),
        mail=_grown(before.mail, after.mail),
        append_p99_seconds=quantile(0.99, _grown(before.append_seconds, after.append_seconds)),
        emit_p99_seconds=quantile(0.99, _grown(before.emit_seconds, after.emit_seconds)),
    )


def quantile(share: float, buckets: Buckets) -> float | None:
    """The value that `share` of the observations do not exceed, as Prometheus reckons it; None without observations.

    Within a bucket the observations are taken as evenly spread; of what lies beyond the last bound, only that is known.
    """
    bounds: Sequence[float] = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    rank = share * buckets[bounds[-1]]
    below = lower = 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        below, lower = count, bound
    return lower


def _total(family: Metric | None) -> float:
    """All series of a metric together."""
    if family is None:
        return 0.0
    return sum(sample.value for sample in family.samples if not sample.name.endswith("_created"))


def _by_outcome(family: Metric | None) -> dict[str, float]:
    """The counts by outcome, whatever else they are parted by."""
    counts: dict[str, float] = {}
    for sample in () if family is None else family.samples:
        if sample.name.endswith("_total"):
            outcome = sample.labels["outcome"]
            counts[outcome] = counts.get(outcome, 0.0) + sample.value
    return counts


def _buckets(family: Metric | None, *, routes: frozenset[str] | None = None) -> dict[float, float]:
    """The buckets of a histogram, its series added up; of some routes alone, where these are given."""
    buckets: dict[float, float] = {}
    for sample in () if family is None else family.samples:
        if sample.name.endswith("_bucket") and (routes is None or sample.labels["route"] in routes):
            bound = float(sample.labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return buckets


def _grown(before: Mapping[K, float], after: Mapping[K, float]) -> dict[K, float]:
    """By how much each has grown; one that is new began at nothing."""
    return {key: value - before.get(key, 0.0) for key, value in after.items()}
