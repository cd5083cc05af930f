"""The lanes of several processes over one store: what they count together, and the brake."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.notify import lanes as module
from gateway.notify.brakes import Bounds
from gateway.notify.lanes import LaneBook, LanesChanged, PauseRequest
from storage.errors import StoreUnavailable
from storage.lanes import LaneOutcome
from storage.mail import LaneName
from storage.sqlite import SQLiteStore
from tests.unit.gateway.test_suppressions import NOW, HeldClock

BOUNDS = Bounds(bounces=0.05, complaints=0.003, mails=10, window_seconds=3600)
BULK, TRANSACTIONAL = LaneName.BULK, LaneName.TRANSACTIONAL
DEADLINE_SECONDS = 30


class Gauges:
    """A part's meters, as far as gauges go."""

    def __init__(self) -> None:
        self.reads: dict[tuple[str, str], Any] = {}

    def watch_gauge(self, name: str, help_: str, read: Any, *, lane: str) -> None:
        self.reads[name, lane] = read

    def __getitem__(self, name: str) -> list[Any]:
        return [self.reads[name, lane]() for lane in (TRANSACTIONAL, BULK)]


class World:
    """A store, and the lanes of as many processes as are asked for."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.clock = HeldClock()
        self.processes: list[LaneBook] = []

    async def process(self, bounds: Bounds = BOUNDS) -> LaneBook:
        lanes = LaneBook(self.store.lanes, bounds, self.clock)  # type: ignore[arg-type]
        await lanes.start()
        self.processes.append(lanes)
        return lanes


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "bellhop.db")
    await made.store.open()
    yield made
    for process in made.processes:
        await process.stop()
    await made.store.close()


def count(lanes: LaneBook, lane: LaneName = BULK, *, campaign: str | None = None, **counts: int) -> None:
    for name, times in counts.items():
        for _ in range(times):
            lanes.count(lane, LaneOutcome(name), campaign=campaign)


async def test_what_one_sends_and_another_hears_of_pauses_bulk_mail_for_both(world: World) -> None:
    sender, hearer = await world.process(), await world.process()
    count(sender, sent=20)
    await sender.page()
    count(hearer, bounced=6)

    await hearer.look()
    await sender.look()

    [state] = (await world.store.lanes.states()).values()
    assert state.paused is not None
    assert (state.paused.by, state.paused.reason) == ("brake", "6 of 20 mails came back: 30 %, and 5 % may")
    assert sender.concerns() == [
        "mail: bulk mail is paused since 2026-11-26 10:30 UTC: 6 of 20 mails came back: 30 %, and 5 % may"
    ]
    assert not sender.is_paused(TRANSACTIONAL)


async def test_a_relay_that_goes_on_failing_pauses_bulk_mail_and_a_short_failure_does_not(
    world: World,
) -> None:
    lanes = await world.process(replace(BOUNDS, failures=3))
    count(lanes, sent=1)
    await lanes.look()
    world.clock.now += timedelta(minutes=31)
    count(lanes, failed=2)
    await lanes.look()
    world.clock.now += timedelta(minutes=5)
    count(lanes, failed=1)
    await lanes.look()
    assert lanes.braked() is None
    world.clock.now += timedelta(minutes=1)

    await lanes.look()

    assert lanes.braked() == "the relay has failed 3 times in a row, and taken no mail meanwhile"
    await lanes.resume(BULK, by="cli")
    world.clock.now += timedelta(minutes=6)
    await lanes.look()
    assert lanes.braked() is None
    # What was taken, or heard out, in between ends the row.
    count(lanes, failed=3)
    await lanes.look()
    world.clock.now += timedelta(minutes=6)
    count(lanes, sent=1)
    await lanes.look()
    assert lanes.braked() is None
    await lanes.pause(PauseRequest(lane=BULK), by="cli")
    assert lanes.braked() is None


async def test_mail_that_somebody_waits_for_is_never_paused(world: World) -> None:
    lanes = await world.process()
    gauges = Gauges()
    lanes.measure(gauges)  # type: ignore[arg-type]
    count(lanes, TRANSACTIONAL, sent=10, refused=10, bounced=10, complained=10)
    count(lanes, sent=9, bounced=9)

    await lanes.page()

    assert gauges["bellhop_lane_bounce_rate"] == [1.0, None]
    assert gauges["bellhop_lane_complaint_rate"] == [0.5, None]
    assert gauges["bellhop_lane_mails"] == [20, 9]
    assert gauges["bellhop_lane_complaints"] == [10, 0]
    assert gauges["bellhop_lane_paused"] == [0, 0]
    assert await world.store.lanes.states() == {}
    assert lanes.concerns() == []


async def test_a_pause_is_known_from_the_first_moment_after_a_restart(world: World) -> None:
    before = await world.process()
    await before.pause(PauseRequest(lane=BULK, reason="the list is old"), by="user:eve")

    after = await world.process()

    assert after.is_paused(BULK)


async def test_of_two_reasons_the_first_stays(world: World) -> None:
    lanes = await world.process()
    await lanes.pause(PauseRequest(lane=BULK), by="user:eve")

    page = await lanes.pause(PauseRequest(lane=BULK, reason="mine"), by="cli")

    paused = next(lane.state.paused for lane in page.lanes if lane.name is BULK)
    assert paused is not None
    assert (paused.by, paused.reason) == ("user:eve", "paused by an operator")


async def test_who_resumes_a_lane_has_it_judged_by_what_is_sent_from_then_on(world: World) -> None:
    """What was sent before comes back for days: it must not pause the lane again each time."""
    lanes, told, woken = await world.process(), [], []
    count(lanes, sent=20, bounced=20)
    await lanes.look()
    assert lanes.is_paused(BULK)

    async def tell() -> None:
        told.append("others")

    lanes.tell_others = tell
    lanes.resumed.append(lambda: woken.append("worker"))
    world.clock.now += timedelta(minutes=5)
    await lanes.resume(BULK, by="user:eve")
    lanes.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW)
    page = await lanes.resume(BULK, by="user:eve")

    assert (told, woken) == (["others"], ["worker"])
    health = next(lane.health for lane in page.lanes if lane.name is BULK)
    assert (health.mails, health.bounced) == (0, 0)
    world.clock.now += timedelta(minutes=5)
    count(lanes, sent=10, complained=6)
    await lanes.look()
    assert lanes.is_paused(BULK)


async def test_a_campaign_whose_own_mail_comes_back_is_braked_among_much_good_mail_of_others(
    world: World,
) -> None:
    sender, hearer = await world.process(), await world.process()
    count(sender, sent=1000)
    count(sender, campaign="bad", sent=90, refused=4)
    count(sender, campaign="good", sent=20, bounced=1)
    hearer.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="bad")
    await sender.look()
    await hearer.look()
    assert await hearer.brakes("bad", resumed=None) is None

    hearer.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="bad")
    await hearer.look()

    reason = "of its own mail: 6 of 94 mails came back: 6.38 %, and 5 % may"
    assert await sender.brakes("bad", resumed=None) == reason
    assert await sender.brakes("good", resumed=None) is None
    assert await sender.brakes("unknown", resumed=None) is None
    assert not sender.is_paused(BULK)


async def test_who_resumes_a_campaign_has_it_judged_by_what_is_sent_from_then_on(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=5000)
    count(lanes, campaign="one", sent=20, complained=6)
    await lanes.look()
    assert await lanes.brakes("one", resumed=None) is not None
    world.clock.now += timedelta(minutes=5)
    resumed = world.clock.now

    assert await lanes.brakes("one", resumed=resumed) is None
    world.clock.now += timedelta(minutes=5)
    # Of mail from before, heard of since.
    for _ in range(6):
        lanes.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="one")
    count(lanes, campaign="one", sent=10)
    await lanes.look()
    assert await lanes.brakes("one", resumed=resumed) is None
    count(lanes, campaign="one", bounced=6)
    await lanes.look()

    assert await lanes.brakes("one", resumed=resumed) is not None


async def test_a_campaign_is_braked_with_its_lane_whatever_its_own_figures(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=20, bounced=20)
    await lanes.look()

    assert await lanes.brakes("one", resumed=None) == "20 of 20 mails came back: 100 %, and 5 % may"


async def test_what_was_sent_before_the_window_is_not_judged(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=20, bounced=5)
    await lanes.page()

    world.clock.now += timedelta(minutes=59)
    assert [lane.health.mails for lane in (await lanes.page()).lanes] == [0, 20]
    world.clock.now += timedelta(minutes=2)

    assert [lane.health.mails for lane in (await lanes.page()).lanes] == [0, 0]


async def test_what_was_counted_while_the_store_was_away_is_stored_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "SELDOM_SECONDS", 0.01)
    lanes = await world.process()
    real, failed = world.store.lanes.add, asyncio.Event()

    async def away(*_: Any) -> None:
        failed.set()
        raise StoreUnavailable("away")

    monkeypatch.setattr(world.store.lanes, "add", away)
    with caplog.at_level(logging.WARNING):
        count(lanes, sent=3)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await failed.wait()
    monkeypatch.setattr(world.store.lanes, "add", real)

    assert [lane.health.mails for lane in (await lanes.page()).lanes] == [0, 3]


async def test_what_is_counted_last_is_stored_at_the_end_and_a_store_that_is_away_ends_it_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await world.process(), await world.process()
    count(one, sent=2)
    await one.stop()
    count(two, sent=2)
    monkeypatch.setattr(world.store.lanes, "add", _away)
    await two.stop()

    assert await world.store.lanes.sums(BULK, since=0) == {LaneOutcome.SENT: 2}


async def _away(*_: Any) -> None:
    raise StoreUnavailable("away")


async def test_counts_of_long_ago_are_cleared_while_the_clock_is_sure(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=1)
    await lanes.page()
    world.clock.now += timedelta(days=5)
    world.clock.may_delete = False

    await lanes.keep_house()
    assert await world.store.lanes.sums(BULK, since=0) == {LaneOutcome.SENT: 1}
    world.clock.may_delete = True
    await lanes.keep_house()

    assert await world.store.lanes.sums(BULK, since=0) == {}


async def test_what_another_node_says_is_looked_at_at_once(world: World) -> None:
    """The bus tells of a pause; who is told of none looks by itself, seldom."""
    one, two = await world.process(), await world.process()
    await one.pause(PauseRequest(lane=BULK), by="user:eve")
    await one.resume(BULK, by="user:eve")
    woken = asyncio.Event()
    two.resumed.append(woken.set)
    await one.pause(PauseRequest(lane=BULK), by="user:eve")
    await two.look()
    await one.resume(BULK, by="user:eve")

    two.commands()[LanesChanged](LanesChanged())

    async with asyncio.timeout(DEADLINE_SECONDS):
        await woken.wait()
