"""A round takes what is due, and looks only while it knows of nothing."""

import asyncio
import logging
import math
from datetime import UTC, datetime, timedelta

from gateway.notify.rounds import Due, Rounds

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Shelf:
    """What is due next, on a clock that stands where it is put."""

    def __init__(self, due: datetime | None) -> None:
        self.now = NOON
        self.due = due
        self.looks = 0

    async def next_due(self) -> datetime | None:
        self.looks += 1
        return self.due

    def until(self) -> Due:
        return Due(self.next_due, lambda: self.now, shortest=0.02, longest=5)


async def test_while_nothing_is_due_it_rests_within_bounds():
    for due in (None, NOON + timedelta(hours=1)):
        assert 0.02 < await Shelf(due).until().rest() <= 5.05
    assert await Shelf(NOON + timedelta(seconds=3)).until().rest() == 3
    assert await Shelf(NOON + timedelta(microseconds=1)).until().rest() == 0.02
    assert await Shelf(NOON).until().rest() == 0


async def test_what_was_found_before_is_taken_in_its_time_without_another_look():
    shelf = Shelf(NOON + timedelta(seconds=3))
    due = shelf.until()
    await due.rest()
    shelf.now += timedelta(seconds=3)

    assert [await due.rest(), await due.rest()] == [0, 0]
    assert shelf.looks == 1


async def test_while_nothing_is_due_every_round_looks_for_what_is_due_sooner():
    shelf = Shelf(NOON + timedelta(seconds=3))
    due = shelf.until()
    await due.rest()
    shelf.due = NOON + timedelta(seconds=1)

    assert await due.rest() == 1


async def test_what_is_gone_is_looked_for_after_a_rest():
    """It must not be asked again and again by a node that another one is faster than."""
    shelf = Shelf(NOON)
    due = shelf.until()
    assert await due.rest() == 0

    assert due.took_nothing() == 0.02
    shelf.due = None
    assert await due.rest() > 0.02


class Work:
    """Rounds that are told as they begin, and rest until there is news."""

    def __init__(self, **options: float) -> None:
        self.begun: asyncio.Queue[float] = asyncio.Queue()
        self.rounds = Rounds(self._make, logging.getLogger(__name__), "failed", **options)

    async def _make(self) -> float:
        self.begun.put_nowait(asyncio.get_running_loop().time())
        return math.inf

    async def next(self) -> float:
        async with asyncio.timeout(40):
            return await self.begun.get()


async def test_a_rest_without_end_ends_with_news():
    work = Work()
    running = asyncio.create_task(work.rounds.run())
    await work.next()
    await asyncio.sleep(0.02)
    assert work.begun.empty()

    work.rounds.wake()
    await work.next()
    running.cancel()


async def test_more_is_gathered_after_news_and_what_comes_in_the_round_makes_another():
    work = Work(gather_seconds=0.2)
    running = asyncio.create_task(work.rounds.run())
    await work.next()

    told = asyncio.get_running_loop().time()
    for _ in range(3):
        work.rounds.wake()
        await asyncio.sleep(0.01)
    assert await work.next() - told >= 0.19
    work.rounds.wake()
    await work.next()
    await asyncio.sleep(0.02)
    assert work.begun.empty()
    running.cancel()
