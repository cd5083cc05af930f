"""Work that goes on until its owner stops: one way to begin it and to end it.

What such a loop does not expect must not end it: whoever relies on it would not hear that it is gone. So it is told, and the
loop begins again.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any

AGAIN_SECONDS = (1.0, 60.0)
"""How long work rests that has failed: the first time, and at most. It doubles while the work goes on failing."""

_BEAT_BEGINS = random.uniform(0, 60)  # noqa: S311 - parts processes, guards nothing
"""Where the beats begin that rests end with: elsewhere in each process, or all of a machine would ask the store at once."""

logger = logging.getLogger(__name__)


def in_step(seconds: float) -> float:
    """A rest of at most `seconds` (and a hundredth) that ends together with all others of this process that are as long.

    For looking now and then whether there is something to do: a process that does nothing has little to pay but for
    waking up. One of 2 s and one of 10 s end together every ten seconds. To be called on the loop.
    """
    if seconds <= 0:
        return seconds
    left = seconds - (asyncio.get_running_loop().time() - _BEAT_BEGINS) % seconds
    # A timer may have been a moment early.
    return left if left > seconds / 100 else left + seconds


class Tasks:
    """The tasks of one owner, who starts them and stops them all."""

    def __init__(self) -> None:
        self._running: list[asyncio.Task[None]] = []

    def __bool__(self) -> bool:
        """Whether it was started and not stopped since."""
        return bool(self._running)

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], *, name: str) -> None:
        """Run `work` in a task of this name, until it returns or `stop`.

        What it raises is logged, and it is called again after a rest: it must be such that it can begin anew.
        """
        self._running.append(asyncio.create_task(_kept(work, name), name=name))

    async def stop(self) -> None:
        """Cancel all and return when they have ended, however they did; idempotent."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _kept(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    """Do the work until it returns."""
    first, longest = AGAIN_SECONDS
    loop = asyncio.get_running_loop()
    rest = first
    while True:
        began = loop.time()
        try:
            await work()
        except Exception:
            if loop.time() - began > longest:
                rest = first  # it did well for a while
            logger.exception("work in the background has failed", extra={"work": name, "again_in": rest})
        else:
            return
        await asyncio.sleep(rest)
        rest = min(2 * rest, longest)
