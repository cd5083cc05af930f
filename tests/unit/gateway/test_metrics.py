"""Metrics: what is counted, and that each node counts for itself."""

import asyncio
import importlib.metadata
import math
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from gateway.cluster.part import PresencePart
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.presence.local import LocalPresence
from gateway.ground.clock import system_clock
from gateway.http.times import RequestTimes
from gateway.notify.store import Batches
from gateway.observe import metrics
from gateway.observe.metrics import Metrics
from gateway.observe.writes import Writes
from storage.errors import StoreUnavailable
from storage.notifications import Notification
from storage.streams import Appended, Emission
from tests.support.gateway import gateway


def sample(measured: Metrics, name: str, **labels: str) -> float | None:
    return measured.registry.get_sample_value(name, labels)


def test_two_nodes_in_one_process_share_nothing():
    one, other = Metrics(), Metrics()
    count, _ = (each.counter("bellhop_greetings", "Greetings given", ("by",)) for each in (one, other))

    count("ann")
    count("ann")

    assert sample(one, "bellhop_greetings_total", by="ann") == 2
    assert sample(other, "bellhop_greetings_total", by="ann") is None


def test_what_is_told_is_counted():
    measured, batches, times = Metrics(), Batches(), RequestTimes()
    batches.measure(measured)
    times.measure(measured)

    batches.stored(17, 0.004)
    times.answered("internal", "POST", "/internal/emit", 202, 0.01)

    assert sample(measured, "bellhop_append_batch_notifications_sum") == 17
    assert sample(measured, "bellhop_append_batch_seconds_bucket", le="0.005") == 1
    labels = {"site": "internal", "method": "POST", "route": "/internal/emit", "status": "202"}
    assert sample(measured, "bellhop_http_request_seconds_count", **labels) == 1


def test_what_is_told_before_anybody_measures_is_lost_and_harms_nobody():
    measured, batches = Metrics(), Batches()

    batches.stored(17, 0.004)
    batches.measure(measured)

    assert sample(measured, "bellhop_append_batch_notifications_count") == 0


def test_a_method_that_somebody_made_up_makes_no_new_series():
    measured, times = Metrics(), RequestTimes()
    times.measure(measured)

    times.answered("public", "BREW", "unknown", 405, 0.1)

    labels = {"site": "public", "method": "other", "route": "unknown", "status": "405"}
    assert sample(measured, "bellhop_http_request_seconds_count", **labels) == 1


def test_what_others_count_is_read_at_the_scrape():
    measured, counted = Metrics(), {"delivered": 0}
    measured.watch_counter("bellhop_deliveries", "Frames delivered", lambda: counted["delivered"])
    measured.watch_gauge("bellhop_canary_seconds", "Last canary", lambda: None)

    counted["delivered"] = 5

    assert sample(measured, "bellhop_deliveries_total") == 5
    assert sample(measured, "bellhop_canary_seconds") is None


class Forgetful(LocalPresence):
    """Tells once who is online."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = iter([(2, 3)])

    async def counts(self) -> tuple[int, int]:
        try:
            return next(self._answers)
        except StopIteration:
            raise PresenceUnavailable("away") from None


async def unheard(change: object) -> None:
    raise AssertionError("nobody comes or goes")


async def test_presence_is_asked_at_the_scrape_and_unknown_when_it_cannot_tell():
    measured = Metrics()
    PresencePart(Forgetful(), unheard).measure(measured)

    await measured._ask()
    assert sample(measured, "bellhop_presence_users") == 2
    assert sample(measured, "bellhop_presence_connections") == 3
    await measured._ask()
    assert math.isnan(sample(measured, "bellhop_presence_users") or 0)
    assert math.isnan(sample(measured, "bellhop_presence_connections") or 0)


async def test_a_scrape_does_not_wait_for_who_does_not_answer(monkeypatch: pytest.MonkeyPatch):
    async def never() -> dict[str, float]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(metrics, "ASK_SECONDS", 0.01)
    measured = Metrics()
    measured.ask_gauges({"bellhop_guests": "Guests", "bellhop_rooms": "Rooms"}, never)

    await measured._ask()

    assert math.isnan(sample(measured, "bellhop_guests") or 0)
    assert math.isnan(sample(measured, "bellhop_rooms") or 0)


def test_what_the_system_tells_is_for_the_scrape_alone_as_counting_files_takes_long():
    measured = Metrics()

    assert not [family.name for family in measured.registry.collect() if "bellhop" not in family.name]
    assert any(family.name == "python_info" for family in measured._scraped.collect())


def test_a_process_without_sessions_asks_nobody_how_many_are_online():
    measured = Metrics()
    PresencePart(Forgetful(), unheard, counted=False).measure(measured)

    assert sample(measured, "bellhop_presence_users") is None


async def test_a_batch_on_its_way_to_the_store_is_measured_also_when_it_fails():
    class Store:
        async def append(self, emissions: object) -> list[Appended]:
            if len(list(emissions)) > 1:  # type: ignore[call-overload]
                raise StoreUnavailable("away")
            return [Appended(notifications=())]

    class Unasked:
        async def ping(self, *, size: int = 1) -> None:
            raise AssertionError("nobody probes")

    measured, batches = Metrics(), Batches()
    batches.measure(measured)
    notification = Notification(id="i", room="all", type="X", title="x", created_at=system_clock(), data={})
    emission = Emission(notifications=(notification, notification))
    store = Writes(Unasked(), Store(), stored=batches.stored)

    await store.append([emission])
    with pytest.raises(StoreUnavailable):
        await store.append([emission, emission])

    assert sample(measured, "bellhop_append_batch_notifications_sum") == 6
    assert sample(measured, "bellhop_append_batch_seconds_count") == 2


def test_the_version_is_known_or_said_to_be_unknown(monkeypatch):
    assert metrics.release() == importlib.metadata.version("bellhop-gateway")

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metrics, "version", missing)
    assert metrics.release() == "unknown"


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
async def test_a_scrape_shows_routes_by_their_pattern_and_emits_by_outcome(tmp_path: Path, accept: str):
    async with gateway(tmp_path) as site:
        await site.emit("user:ann", key="k")
        await site.emit("user:ann", key="k")
        await site.ask("POST", "/internal/emit", body={})
        await site.ask("GET", "/internal/presence/ann")
        await site.ask("GET", "/wp-login.php")

        answered = await site.ask("GET", "/metrics", Accept=accept)

    assert answered.status == 200
    assert answered.headers["Content-Type"].startswith(
        "application/openmetrics-text" if accept else "text/plain"
    )
    parse = openmetrics_families if accept else text_families
    families = {family.name: family for family in parse(answered.body)}
    emits = {
        each.labels["outcome"]: each.value
        for each in families["bellhop_emits"].samples
        if each.name.endswith("_total")
    }
    assert emits == {"accepted": 1, "duplicate": 1, "validation_failed": 1}
    routes = {each.labels["route"] for each in families["bellhop_http_request_seconds"].samples}
    assert {"/internal/emit", "/internal/presence/{user}", "unknown"} <= routes
    assert not any("ann" in route or "wp-login" in route for route in routes)
    assert families["bellhop_build_info"].samples[0].value == 1
