"""Alerts, as a node judges itself: by the rules that Prometheus is given, over readings that a test holds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.cluster.bus.local import LocalBus
from gateway.observe.alert_rules import rules
from gateway.observe.alerts import Alerts
from gateway.observe.peers import Peers
from tests.support.browser import ROOT

BEGIN = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOBODY_CAN_TELL = {"BellhopGone"}


class Node:
    """A node's metrics, which are read when the test says that time has passed."""

    def __init__(self, *, max_connections: int = 100) -> None:
        self.registry = CollectorRegistry()
        self.now = BEGIN
        self.warnings: list[str] = []
        peers = Peers(bus=LocalBus(), node="here")
        self.alerts = Alerts(rules=rules(max_connections), peers=peers, warnings=lambda: self.warnings)

    def gauge(self, name: str, **labels: str) -> Any:
        gauge = Gauge(name, "x", tuple(labels), registry=self.registry)
        return gauge.labels(**labels) if labels else gauge

    def read(self, *, after: float = 0) -> None:
        self.now += timedelta(seconds=after)
        families = {family.name: family for family in self.registry.collect()}
        self.alerts.note(families, self.now)

    async def firing(self) -> list[tuple[str, str | None]]:
        return [(each.rule.name, each.lane) for each in (await self.alerts.page()).firing]


def test_the_rules_are_those_that_prometheus_is_given():
    """One text for both: a name, a time or a word that is changed in one place is missed in the other."""
    file = ROOT / "k8s" / "components" / "monitoring" / "rules.yaml"
    (group,) = yaml.safe_load(file.read_text())["spec"]["groups"]
    given = {
        rule["alert"]: (
            rule["labels"]["severity"],
            rule.get("for", "0m"),
            rule["annotations"]["summary"],
            " ".join(rule["annotations"]["description"].split()),
        )
        for rule in group["rules"]
    }

    own = {
        rule.name: (
            rule.severity.value,
            f"{rule.holding // timedelta(minutes=1)}m",
            rule.summary,
            rule.runbook,
        )
        for rule in rules(20_000)
    }

    assert set(given) - set(own) == NOBODY_CAN_TELL
    assert own == {name: told for name, told in given.items() if name not in NOBODY_CAN_TELL}
    asked = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    for rule in rules(20_000):
        assert re.search(rf"\b{rule.metric}(_total|_bucket)?\b", asked[rule.name]), rule.name


async def test_a_condition_fires_when_it_has_held_for_its_time_and_ends_with_it():
    node = Node()
    stopped = node.gauge("bellhop_mail_stopped", lane="bulk")
    stopped.set(1)
    node.read()
    node.read(after=290)
    assert await node.firing() == []

    node.read(after=10)
    [firing] = (await node.alerts.page()).firing
    stopped.set(0)
    node.read(after=10)

    assert (firing.rule.name, firing.lane, firing.since, firing.nodes) == (
        "BellhopMailStopped", "bulk", BEGIN, ("here",),
    )  # fmt: skip
    assert await node.firing() == []


@pytest.mark.parametrize(
    ("metric", "labels", "bad", "name"),
    [
        ("bellhop_bus_up", {}, 0, "BellhopBusDown"),
        ("bellhop_presence_up", {}, 0, "BellhopPresenceDown"),
        ("bellhop_append_queue", {}, 5001, "BellhopAppendsQueue"),
        ("bellhop_lane_bounce_rate", {"lane": "bulk"}, 0.051, "BellhopMailBounces"),
        ("bellhop_lane_complaint_rate", {"lane": "bulk"}, 0.0031, "BellhopMailComplaints"),
        ("bellhop_lane_complaints", {"lane": "transactional"}, 1, "BellhopReceiptComplaint"),
        ("bellhop_lane_paused", {"lane": "bulk"}, 1, "BellhopLanePaused"),
        ("bellhop_campaigns_stopped", {}, 1, "BellhopCampaignPaused"),
        ("bellhop_catalog_refused", {}, 1, "BellhopCatalogRefused"),
        ("bellhop_catalog_versions", {}, 2, "BellhopCatalogsDiffer"),
        ("bellhop_connections", {}, 91, "BellhopNodeNearlyFull"),
    ],
)
async def test_what_a_gauge_says_is_judged(metric: str, labels: dict[str, str], bad: float, name: str):
    node = Node()
    node.gauge(metric, **labels).set(bad)

    node.read()
    node.read(after=20 * 60)

    assert await node.firing() == [(name, labels.get("lane"))]


async def test_a_node_that_takes_any_number_of_connections_is_never_nearly_full():
    node = Node(max_connections=0)
    node.gauge("bellhop_connections").set(30_000)

    node.read()
    node.read(after=20 * 60)

    assert await node.firing() == []


async def test_a_complaint_about_bulk_mail_is_told_by_its_rate_alone():
    node = Node()
    node.gauge("bellhop_lane_complaints", lane="bulk").set(7)

    node.read()
    node.read(after=20 * 60)

    assert await node.firing() == []


@pytest.mark.parametrize(
    ("metric", "labels", "name"),
    [
        ("bellhop_emits", {"outcome": "unavailable"}, "BellhopTurnsBackendsAway"),
        ("bellhop_bus_dropped", {}, "BellhopBusDropsFrames"),
        ("bellhop_repaired", {}, "BellhopRepairsAllTheTime"),
        ("bellhop_slow_consumers", {}, "BellhopSlowConsumers"),
        ("bellhop_mail", {"lane": "bulk", "outcome": "postponed"}, "BellhopMailStuck"),
    ],
)
async def test_what_grows_is_judged_by_how_fast_and_not_by_how_much(
    metric: str, labels: dict[str, str], name: str
):
    node = Node()
    counter: Any = Counter(metric, "x", tuple(labels), registry=node.registry)
    counter = counter.labels(**labels) if labels else counter
    counter.inc(1_000_000)
    for _ in range(20):
        node.read(after=60)
    assert await node.firing() == []

    for _ in range(20):
        counter.inc(120)
        node.read(after=60)
    assert await node.firing() == [(name, labels.get("lane"))]

    for _ in range(11):
        node.read(after=60)
    assert await node.firing() == []


async def test_mail_that_was_given_up_on_is_told_for_an_hour_and_what_was_before_a_start_is_not():
    node = Node()
    node.read()
    dead = node.gauge("bellhop_mail_dead")
    dead.set(7)
    node.read(after=10)
    node.read(after=10)
    assert await node.firing() == []

    dead.set(8)
    node.read(after=10)
    assert await node.firing() == [("BellhopMailBuried", None)]
    for _ in range(61):
        node.read(after=60)
    assert await node.firing() == []


async def test_a_store_is_slow_when_one_batch_in_a_hundred_is():
    node = Node()
    seconds = Histogram("bellhop_append_batch_seconds", "x", registry=node.registry, buckets=(0.1, 0.5, 1, 5))
    seconds.observe(0.01)
    node.read()
    for _ in range(6):
        for _ in range(98):
            seconds.observe(0.01)
        seconds.observe(4)
        seconds.observe(4)
        node.read(after=60)

    assert await node.firing() == [("BellhopStoreSlow", None)]


async def test_what_wakes_somebody_stands_first_and_warnings_are_told_by_node():
    node = Node()
    node.warnings = ["mail: bulk mail is paused since 2026-11-26 12:00 UTC: by mira"]
    node.gauge("bellhop_lane_paused", lane="bulk").set(1)
    node.read()
    node.gauge("bellhop_bus_up").set(0)
    node.read(after=10)
    node.read(after=300)

    page = await node.alerts.page()

    assert [each.rule.name for each in page.firing] == ["BellhopBusDown", "BellhopLanePaused"]
    assert page.warnings == {"here": node.warnings}
