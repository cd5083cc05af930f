"""Trends tell what happened between two readings of the metrics."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.http.times import RequestTimes
from gateway.notify.store import Batches
from gateway.observe.metrics import Metrics
from gateway.observe.trends import SAMPLES_KEPT, Trends, quantile

START = datetime(2026, 1, 1, tzinfo=UTC)


def ticking(seconds: float = 10) -> Callable[[], datetime]:
    """A clock that moves on at every look."""
    moment = START

    def clock() -> datetime:
        nonlocal moment
        moment += timedelta(seconds=seconds)
        return moment

    return clock


def test_a_step_tells_what_grew_between_two_samples():
    metrics = Metrics()
    delivered = 100.0
    metrics.watch_counter("bellhop_deliveries", "", lambda: delivered)
    metrics.watch_gauge("bellhop_connections", "", lambda: 7)
    emits = Counter({"accepted": 5})
    metrics.watch_counts("bellhop_emits", "", "outcome", emits)
    mailed = metrics.counter("bellhop_mail", "", ("lane", "outcome"))
    trends = Trends(metrics.registry, ticking())
    trends.sample()

    emits.update({"accepted": 2, "rate_limited": 1})
    mailed("transactional", "sent")
    delivered = 130.0
    trends.sample()

    (step,) = trends.steps(10)
    assert (step.seconds, step.connections, step.deliveries) == (10, 7, 30)
    assert step.emits == {"accepted": 2, "rate_limited": 1}
    assert step.mail == {"sent": 1}


def test_latencies_are_of_the_step_alone_and_none_when_nothing_happened():
    metrics, batches, times = Metrics(), Batches(), RequestTimes()
    batches.measure(metrics)
    times.measure(metrics)
    trends = Trends(metrics.registry, ticking())
    batches.stored(1, 9.0)
    trends.sample()
    for _ in range(100):
        batches.stored(1, 0.003)
        times.answered("internal", "POST", "/internal/emit", 202, 0.02)
        times.answered("internal", "GET", "/internal/mail", 200, 4.0)
    trends.sample()
    trends.sample()

    busy, idle = trends.steps(10)

    assert busy.append_p99_seconds == pytest.approx(0.0025 + 0.0025 * 0.99)
    assert busy.emit_p99_seconds == pytest.approx(0.01 + 0.015 * 0.99)
    assert (idle.append_p99_seconds, idle.emit_p99_seconds) == (None, None)


def test_no_more_than_an_hour_is_kept_and_the_newest_are_given():
    trends = Trends(Metrics().registry, ticking())
    for _ in range(SAMPLES_KEPT + 20):
        trends.sample()

    steps = trends.steps(10_000)

    assert len(steps) == SAMPLES_KEPT - 1
    assert steps[-1].at - steps[0].at == timedelta(seconds=10 * (SAMPLES_KEPT - 2))
    assert trends.steps(3) == steps[-3:]


def test_a_node_that_has_just_started_has_no_step_yet():
    trends = Trends(Metrics().registry, ticking())

    assert trends.steps(360) == []
    trends.sample()
    assert trends.steps(360) == []


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, None),
        ({1.0: 0, math.inf: 0}, None),
        ({1.0: 100, 2.0: 100, math.inf: 100}, 0.99),
        ({1.0: 0, 2.0: 100, math.inf: 100}, 1.99),
        ({1.0: 50, 2.0: 50, math.inf: 100}, 2.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: dict[float, float], expected: float | None):
    """Beyond the last bound only the bound is known."""
    assert quantile(0.99, buckets) == (None if expected is None else pytest.approx(expected))
