"""Deadlines: many waits of the same length on one timer."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

GRAIN_SECONDS = 0.02
"""Deadlines this near to one another are met together: up to half of it early or late."""


class Deadlines(Generic[T]):
    """Calls `expired(item)` a fixed time after `put(item)`.

    The waits are equally long, so they end in the order in which they began: a queue and one timer do for any number,
    where a timer per connection would fill the loop's heap. An item cannot be taken back; `expired` looks whether it
    still matters. Zero seconds switch it off.
    """

    __slots__ = ("_a_turn", "_expired", "_queue", "_seconds", "_timer")

    def __init__(self, seconds: float, expired: Callable[[T], None], *, a_turn: int = sys.maxsize) -> None:
        """No more than `a_turn` are met in one turn of the loop; others that are due have to wait for its other work."""
        self._seconds = seconds
        self._expired = expired
        self._a_turn = a_turn
        self._queue: deque[tuple[float, T]] = deque()
        self._timer: asyncio.Handle | None = None

    def put(self, item: T) -> None:
        if not self._seconds:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + self._seconds
        self._queue.append((when, item))
        if self._timer is None:
            self._timer = loop.call_at(when, self._fire)

    def clear(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        queue = self._queue
        horizon = loop.time() + GRAIN_SECONDS / 2
        left = self._a_turn
        while queue and queue[0][0] <= horizon and left:
            left -= 1
            try:
                self._expired(queue.popleft()[1])
            except Exception:
                # The others' deadlines hang on the same timer.
                logger.exception("deadline failed")
        if not queue:
            self._timer = None
        elif queue[0][0] <= horizon:
            self._timer = loop.call_soon(self._fire)
        else:
            self._timer = loop.call_at(max(queue[0][0], loop.time() + GRAIN_SECONDS), self._fire)
