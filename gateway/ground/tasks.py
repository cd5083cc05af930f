"""Work that goes on until its owner stops: one way to begin it and to end it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """The tasks of one owner, who starts them and stops them all."""

    def __init__(self) -> None:
        self._running: list[asyncio.Task[None]] = []

    def __bool__(self) -> bool:
        """Whether it was started and not stopped since."""
        return bool(self._running)

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` in a task of this name."""
        self._running.append(asyncio.create_task(work, name=name))

    async def stop(self) -> None:
        """Cancel all and return when they have ended, however they did; idempotent."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
