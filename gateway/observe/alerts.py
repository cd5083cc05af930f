"""The alerts that are firing, told by the nodes themselves, for the dashboard of a site that has no Prometheus.

Each node judges itself, every time that the trends are sampled, by the rules that `k8s/components/monitoring`
has for Prometheus; a test holds both to the same names, severities, times, metrics and words. What is of a whole
cluster there is of one node here. That no node is scraped (`BellhopGone`) no node can tell. A restart begins
anew, as for trends.

Nobody is notified by it: the page is there for who looks. Which rules there are is in `alert_rules`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from prometheus_client.metrics_core import Metric

from gateway.observe.peers import Facts, Peers
from gateway.observe.trends import quantile

ALERTS = "alerts"
"""The question to the nodes."""
KEPT = timedelta(hours=1)
"""For how long readings are kept: the longest time that a rule looks back."""
READINGS_KEPT = 361
"""An hour of one every ten seconds, with both ends."""

Values = Mapping[str, float]
"""Of one metric, by its labels, joined by `/`; under the empty name where it has none."""


class Severity(StrEnum):
    """How urgent an alert is; sorted by name, the critical ones come first."""

    CRITICAL = "critical"  # somebody is woken
    WARNING = "warning"  # somebody looks in the morning


@dataclass(frozen=True, slots=True)
class MetricSample:
    """A metric at one moment."""

    at: datetime
    values: Values
    """Nothing where it is not told."""


class MetricSamples:
    """The last hour of one metric, for rules to look at.

    One for each metric that a rule names; the oldest go by themselves.
    """

    def __init__(self) -> None:
        self._kept: deque[MetricSample] = deque(maxlen=READINGS_KEPT)

    def add(self, reading: MetricSample) -> None:
        """Keep a reading; later than all before it."""
        self._kept.append(reading)

    @property
    def now(self) -> Values:
        """The newest; there is one whenever rules are asked."""
        return self._kept[-1].values

    def grown(self, within: timedelta) -> tuple[Values, float]:
        """By how much each series has grown, and in how many seconds; nothing after a single reading.

        It looks back no farther than an hour, or to the start. Counters do not fall within a process.
        """
        newest = self._kept[-1]
        begin = newest.at - min(within, KEPT)
        looked_at = takewhile(lambda reading: reading.at >= begin, reversed(self._kept))
        # What is not told yet is not nothing: after a start it comes as if it had grown.
        first = [reading for reading in looked_at if reading.values][-1:]
        if not first:
            return {}, 0.0
        [earliest] = first
        seconds = (newest.at - earliest.at).total_seconds()
        grown = {label: value - earliest.values.get(label, 0) for label, value in newest.values.items()}
        return grown, seconds

    def rate(self, within: timedelta, *, label: str | None = None) -> float:
        """A second, of one series or of all. 0 where there is one reading alone."""
        grown, seconds = self.grown(within)
        total = sum(value for name, value in grown.items() if label in (None, name))
        return total / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alert: what it is called, when it holds, and what to do."""

    name: str
    severity: Severity
    summary: str
    """A line for people."""
    runbook: str
    """What it means, and what to do."""
    holding: timedelta = timedelta()
    """How long the condition must hold."""
    metric: str
    """What it looks at: as it is declared, so a counter's without `_total`. No other is kept."""
    holds: Callable[[MetricSamples], Iterable[str]]
    """The lanes for which the condition holds now; the empty name for what is of no lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An alert that is firing on some nodes."""

    rule: AlertRule
    lane: str | None
    """None for what is of no lane."""
    since: datetime
    """When the condition began to hold, on the first of them."""
    nodes: tuple[str, ...]
    """By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsPage:
    """What an admin is shown."""

    firing: Sequence[Firing]
    """What wakes somebody first; then the oldest first."""
    warnings: Mapping[str, Sequence[str]]
    """What /readyz of each node warns of, by node."""
    silent: Sequence[str]
    """Nodes that did not answer in time."""


class Alerts:
    """The use case of alerts, and this node's own answer to it.

    One for a node. `note` runs at each sample of the trends, so an alert is at most that old.
    """

    def __init__(
        self, *, rules: Sequence[AlertRule], peers: Peers, warnings: Callable[[], list[str]]
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._readings = {rule.metric: MetricSamples() for rule in rules}
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._since: dict[tuple[str, str], datetime] = {}
        """Since when each condition holds, by rule and lane; what holds no more is gone."""
        self._peers = peers
        self._warnings = warnings
        peers.answers[ALERTS] = self._own

    def note(self, families: Mapping[str, Metric], at: datetime) -> None:
        """Judge by what the metrics say now.

        Never waits. Costs a look at each rule.
        """
        for metric, readings in self._readings.items():
            readings.add(MetricSample(at, read(families.get(metric))))
        self._read_at = at
        holding = {
            (rule.name, lane)
            for rule in self._rules.values()
            for lane in rule.holds(self._readings[rule.metric])
        }
        self._since = {key: self._since.get(key, at) for key in holding}

    async def page(self) -> AlertsPage:
        """What is firing on any node.

        Waits for the other nodes, half a second at most.
        """
        told = await self._peers.ask(ALERTS, {})
        found: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        warnings: dict[str, list[str]] = {}
        for node, facts in sorted(told.answers.items()):
            warnings[node] = [str(each) for each in facts.get("warnings", ())]
            for name, lane, since in facts.get("firing", ()):
                # Another release may know other rules.
                if name in self._rules:
                    at = datetime.fromtimestamp(float(since), UTC)
                    found.setdefault((name, str(lane)), []).append((at, node))
        firing = [
            Firing(
                rule=self._rules[name],
                lane=lane or None,
                since=min(at for at, _ in each),
                nodes=tuple(node for _, node in each),
            )
            for (name, lane), each in found.items()
        ]
        return AlertsPage(
            firing=sorted(firing, key=lambda each: (each.rule.severity, each.since)),
            warnings={node: texts for node, texts in warnings.items() if texts},
            silent=told.silent,
        )

    def _own(self, asked: Facts) -> Facts:
        """This node's answer: what has held for long enough, and the warnings of its `/readyz`."""
        del asked
        firing = [
            [name, lane, since.timestamp()]
            for (name, lane), since in self._since.items()
            if self._read_at - since >= self._rules[name].holding
        ]
        return {"firing": firing, "warnings": self._warnings()}


def read(family: Metric | None) -> Values:
    """What rules look at of a metric; nothing of one that is not told.

    Of a histogram its buckets; values of labels are joined in the order of the labels' names.
    """
    values: dict[str, float] = {}
    if family is None:
        return values
    wanted = f"{family.name}_bucket" if family.type == "histogram" else family.name
    for sample in family.samples:
        if sample.name.removesuffix("_total") == wanted:
            label = "/".join(value for _, value in sorted(sample.labels.items()))
            values[label] = values.get(label, 0) + sample.value
    return values


def slowest(batches: MetricSamples, within: timedelta) -> float:
    """The time within which 99 of 100 batches were stored, in seconds; 0 where none was."""
    grown, _ = batches.grown(within)
    return quantile(0.99, {float(bound): count for bound, count in grown.items()}) or 0.0
