"""What a node counts and measures, in the format that Prometheus scrapes.

Each process has a registry of its own. What is counted, and under which names, each part says in its `measure`
(`gateway.ground.parts.Meters`); here are only the versions, and what Python and the operating system tell of the process.

What others count anyway is read at the scrape (`watch`); the rest is told by a call.

Names are part of what operators build upon (docs/operating.md). Labels have few values each, and never one
that a caller may choose.
"""

import asyncio
import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.ground.parts import AskGauges, CountOne, Observe, ObserveBy
from gateway.observe.timings import Timings

ASK_SECONDS = 2.0
"""How long a scrape waits for what has to be asked for, as who is online."""

Read = Callable[[], float | None]
"""Reads a value at the scrape; None when there is none yet."""


def release() -> str:
    """The installed version of Bellhop. Also for `--version` and the User-Agent."""
    try:
        return version("bellhop-gateway")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A value that is read at the scrape."""

    name: str
    help: str
    read: Read
    family: type[CounterMetricFamily] | type[GaugeMetricFamily]
    labels: Mapping[str, str] = field(default_factory=dict)


class _Scraped(Collector):
    """A registry, behind what Python and the operating system tell of the process.

    These are for the scrape alone: to count the open files of a process with many connections takes the loop tens of
    milliseconds.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    def collect(self) -> Iterator[Metric]:
        yield from self._process.collect()
        yield from self._registry.collect()


class Metrics(Collector):
    """The registry of one process. Numbers of parts are read at the scrape; nothing is kept twice.

    Made first in a process. Whatever is told to it neither waits nor raises. Reading what is watched runs on
    the loop, at a scrape and at each sample of the trends.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        """What the parts count, and all that is told here."""
        self._watched: list[_Watched] = []
        self._watched_counts: list[tuple[str, str, str, Mapping[str, int]]] = []
        """Name, help, label, and the counts themselves, which their owner changes."""
        registry = self.registry
        registry.register(self)
        self._scraped = _Scraped(registry)
        self._timings: list[Timings] = []
        self._asked: list[tuple[Mapping[str, Gauge], AskGauges]] = []
        """What has to be asked for before each scrape."""
        build = Gauge(
            "bellhop_build_info",
            "1, with the versions of Bellhop and Python",
            ("version", "python"),
            registry=registry,
        )
        build.labels(release(), platform.python_version()).set(1)

    # Told

    def counter(self, name: str, help: str, labels: Sequence[str]) -> CountOne:  # noqa: A002 - the word Prometheus uses
        """Scrape how often what it answers was called, by labels; the name is given without `_total`."""
        family = Counter(name, help, labels, registry=self.registry)
        series: dict[tuple[str, ...], Counter] = {}

        def count(*values: str) -> None:
            told = series.get(values)
            if told is None:
                # The library takes a lock and makes text of the values each time that it is asked.
                told = series[values] = family.labels(*values)
            told.inc()

        return count

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Observe:  # noqa: A002 - as above
        """Scrape how many values were at most each of `bounds`. It is told on the loop alone."""
        return partial(self.histogram_by(name, help, (), bounds), ())

    def histogram_by(
        self,
        name: str,
        help: str,  # noqa: A002 - as above
        labels: Sequence[str],
        bounds: Sequence[float],
    ) -> ObserveBy:
        """The same by labels."""
        timings = Timings(name, help, labels, bounds)
        self._timings.append(timings)
        return timings.observe

    # Watched

    def watch_counter(self, name: str, help: str, read: Read) -> None:  # noqa: A002 - as above
        """Scrape what only grows; the name is given without `_total`."""
        self._watched.append(_Watched(name=name, help=help, read=read, family=CounterMetricFamily))

    def watch_counts(self, name: str, help: str, label: str, counts: Mapping[str, int]) -> None:  # noqa: A002 - as above
        """Scrape what only grows, by label: `counts` has a bounded set of keys, and is read at each scrape."""
        self._watched_counts.append((name, help, label, counts))

    def watch_gauge(self, name: str, help: str, read: Read, **labels: str) -> None:  # noqa: A002 - as above
        """Scrape what goes up and down; once for each of several `labels`."""
        self._watched.append(
            _Watched(name=name, help=help, read=read, family=GaugeMetricFamily, labels=labels)
        )

    def ask_gauges(self, gauges: Mapping[str, str], ask: AskGauges) -> None:
        """Scrape what `ask` answers of these, by name and help; it is asked before every scrape.

        What it leaves out, or does not answer within `ASK_SECONDS`, is NaN.
        """
        made = {name: Gauge(name, text, registry=self.registry) for name, text in gauges.items()}
        self._asked.append((made, ask))

    def collect(self) -> Iterator[Metric]:
        """What the parts count, by family, as they stand at this moment.

        prometheus-client calls it. A name that is watched with several labels is one family.
        """
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for watched in self._watched:
            value = watched.read()
            if value is not None:
                family = families.get(watched.name)
                if family is None:
                    family = watched.family(watched.name, watched.help, labels=list(watched.labels))
                    families[watched.name] = family
                family.add_metric(list(watched.labels.values()), value)
        yield from families.values()
        for timings in self._timings:
            yield from timings.collect()
        for name, text, label, counts in self._watched_counts:
            family = CounterMetricFamily(name, text, labels=[label])
            for key, count in counts.items():
                family.add_metric([key], count)
            yield family

    # Scraped

    def routes(self) -> list[web.RouteDef]:
        """The route that Prometheus scrapes."""
        return [web.get("/metrics", self._scrape)]

    async def _scrape(self, request: web.Request) -> web.Response:
        """Answer in the format that the scraper prefers."""
        await self._ask()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._scraped), headers={"Content-Type": content_type})

    async def _ask(self) -> None:
        """Have the gauges say what is known now."""
        for gauges, ask in self._asked:
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    values = await ask()
            except TimeoutError:
                values = {}
            for name, gauge in gauges.items():
                # What is not known is not shown: an old number would pass for a new one.
                gauge.set(values.get(name, math.nan))
