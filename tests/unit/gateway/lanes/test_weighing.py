"""What is counted by each process is weighed by all, within the window, and is not lost with a store that is away."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from gateway.notify.lanes import book as module
from gateway.notify.lanes import weighing
from storage.errors import StoreUnavailable
from storage.lanes import LaneOutcome
from tests.unit.gateway.lanes.world import BULK, DEADLINE_SECONDS, World, count


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
    monkeypatch.setattr(weighing, "LOOK_SECONDS", 0.01)
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
