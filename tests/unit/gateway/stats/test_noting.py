"""What happened is told within bounds, under names that are few, and a store that is away is waited for."""

import asyncio
import logging
from datetime import timedelta

import pytest

from gateway.notify.delivery import events
from gateway.notify.stats import hearing, noting
from gateway.notify.stats.names import OTHERS, Names
from storage.errors import StoreUnavailable
from storage.events import Outcome
from tests.contract.store_cases import notification
from tests.unit.gateway.stats.process import NOON, Process, series


async def test_a_store_that_is_away_is_waited_for_within_bounds(
    process: Process, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(hearing, "WAITING_MAX", 5)
    monkeypatch.setattr(noting, "WAITING_MAX", 5)
    process.fails = StoreUnavailable("away")
    frames = [notification("user:ann", type="ORDER", seq=seq) for seq in range(7)]
    for each in frames:
        process.noter.heard.emitted([each], "shop")
        process.noter.heard.written(each.room, events.frame("notification", each))
    process.noter.heard.replayed([])
    await process.noter.flush()
    assert process.noter.heard.lost == 2
    for minute in range(8):
        process.now = NOON + timedelta(minutes=minute)
        process.noter.heard.emitted([frames[0]], "shop")
        await process.noter.flush()
    assert process.noter.heard.lost == 2 + 4
    assert "statistics wait: the store is away" in caplog.messages
    assert "statistics were lost: the store is away, or too slow" in caplog.messages

    process.fails = None
    await process.noter.flush()

    assert await process.told() == {
        (series("ORDER"), Outcome.EMITTED): 7 + 4,
        (series("ORDER"), Outcome.DELIVERED): 5,
    }
    assert process.noter.heard.lost == 6


async def test_what_waited_for_too_long_is_lost(process: Process):
    process.fails = StoreUnavailable("away")
    process.noter.heard.emitted([notification("user:ann", seq=1)], "shop")
    await process.noter.flush()
    process.fails = None
    process.now += noting.OLDEST + timedelta(seconds=1)
    await process.noter.flush()

    assert (process.noter.heard.lost, await process.told()) == (1, {})


async def test_what_cannot_be_worked_out_is_given_up_and_the_rest_goes_on(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(noting, "FLUSH_SECONDS", 0)
    process.noter.heard.written("user:ann", b"no frame")
    process.noter.start()
    async with asyncio.timeout(20):
        while not process.noter.heard.lost:
            await asyncio.sleep(0)
    process.noter.heard.emitted([notification("user:ann", type="ORDER", seq=1)], "shop")
    await process.noter.stop()
    await process.noter.stop()

    assert "statistics cannot be told" in caplog.messages
    assert await process.told() == {(series("ORDER"), Outcome.EMITTED): 1}


async def test_what_cannot_be_worked_out_takes_nothing_along_that_was_before_it(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(noting, "STEP", 1)
    process.noter.heard.replayed([notification("user:ann", type="ORDER", seq=1)])
    await asyncio.sleep(0)  # the next turn of the loop
    process.noter.heard.written("user:ann", b"no frame")

    with pytest.raises(ValueError, match="JSON"):
        await process.noter.flush()

    assert await process.told() == {(series("ORDER"), Outcome.DELIVERED): 1}


def test_so_many_types_and_campaigns_of_a_day_are_told_by_name():
    names = Names(most=2)
    same = series("ONE")
    assert names.bound(same, NOON) is same
    assert names.bound(series("TWO", "email", campaign="autumn"), NOON).campaign == "autumn"
    assert names.bound(series("THREE"), NOON) == series(OTHERS)
    assert names.bound(series("TWO", campaign="winter"), NOON).campaign == "winter"
    assert names.bound(series("TWO", campaign="spring"), NOON) == series("TWO", campaign=OTHERS)
    assert names.bound(series("THREE"), NOON + timedelta(days=1)) == series("THREE")
