"""Work in the background: it goes on until it is stopped, whatever it stumbles over."""

import asyncio

import pytest

from gateway.ground import tasks
from gateway.ground.tasks import Tasks, in_step


async def _until(told: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await told.wait()


async def test_rests_of_a_process_end_together_and_in_their_time(monkeypatch):
    monkeypatch.setattr(tasks, "_BEAT_BEGINS", asyncio.get_running_loop().time() - 3.0)

    left = {seconds: in_step(seconds) for seconds in (2.0, 5.0, 10.0)}

    assert left == pytest.approx({2.0: 1.0, 5.0: 2.0, 10.0: 7.0}, abs=0.1)
    assert [in_step(seconds) for seconds in (0, -1)] == [0, -1]


async def test_a_rest_whose_timer_was_early_is_no_second_one_of_a_moment(monkeypatch):
    monkeypatch.setattr(tasks, "_BEAT_BEGINS", asyncio.get_running_loop().time() + 0.2)

    assert in_step(40) == pytest.approx(40.2, abs=0.2)


async def test_work_that_fails_is_told_and_begins_again(monkeypatch, caplog):
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", (0.01, 0.02))
    begun, third = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise LookupError("nobody has thought of this")
        third.set()
        await asyncio.Event().wait()

    running = Tasks()
    running.start(work, name="sweep")
    await _until(third)
    await running.stop()

    assert begun == 3
    failures = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(record.work, record.again_in) for record in failures] == [("sweep", 0.01), ("sweep", 0.02)]
    assert "nobody has thought of this" in caplog.text


async def test_work_that_did_well_for_a_while_rests_shortly(monkeypatch, caplog):
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", (0.01, 0.02))
    begun, third = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            third.set()
        await asyncio.sleep(0.05)
        raise LookupError("nobody has thought of this")

    running = Tasks()
    running.start(work, name="sweep")
    await _until(third)
    await running.stop()

    assert [record.again_in for record in caplog.records if record.levelname == "ERROR"] == [0.01, 0.01]


async def test_work_that_is_done_is_not_begun_again():
    begun = []

    async def work() -> None:
        begun.append(1)

    running = Tasks()
    assert not running
    running.start(work, name="load")
    assert running
    await asyncio.sleep(0.01)
    await running.stop()

    assert begun == [1]
    assert not running


@pytest.mark.parametrize("waits", [True, False])
async def test_a_stop_ends_it_also_while_it_rests(waits, caplog):
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        if waits:
            await asyncio.Event().wait()
        raise LookupError("nobody has thought of this")

    running = Tasks()
    running.start(work, name="sweep")
    await _until(begun)
    async with asyncio.timeout(1):
        await running.stop()
        await running.stop()
