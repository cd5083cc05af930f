"""The lanes of several processes over one store: what they pause together, and who resumes them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.notify.lanes.book import LanesChanged, PauseRequest
from storage.lanes import LaneOutcome
from tests.unit.gateway.lanes.world import BOUNDS, BULK, DEADLINE_SECONDS, TRANSACTIONAL, World, count
from tests.unit.gateway.suppressions.listing import NOW


class Gauges:
    """A part's meters, as far as gauges go."""

    def __init__(self) -> None:
        self.reads: dict[tuple[str, str], Any] = {}

    def watch_gauge(self, name: str, help_: str, read: Any, *, lane: str) -> None:
        self.reads[name, lane] = read

    def __getitem__(self, name: str) -> list[Any]:
        return [self.reads[name, lane]() for lane in (TRANSACTIONAL, BULK)]


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
    lanes.scales.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW)
    page = await lanes.resume(BULK, by="user:eve")

    assert (told, woken) == (["others"], ["worker"])
    health = next(lane.health for lane in page.lanes if lane.name is BULK)
    assert (health.mails, health.bounced) == (0, 0)
    world.clock.now += timedelta(minutes=5)
    count(lanes, sent=10, complained=6)
    await lanes.look()
    assert lanes.is_paused(BULK)


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
