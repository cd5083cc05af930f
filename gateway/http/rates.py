"""How often a service may emit: a limit per service and node, counted by `limits` in memory.

It bounds services only. Clients are bound by the engine, and mail by its lanes. Nodes do not share it: with
two nodes a service has twice the rate.
"""

import math
import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from gateway.protocol.problems import Problem

WINDOW_SECONDS = 10
"""The rate is held over this time, so a service may be ahead of it for a moment, with a batch above all. A
sliding window, which `limits` reckons from two counters.
"""


class EmitRate:
    """Lets each service emit `per_second` notifications on average; 0 lets everything pass.

    It lives with the internal site; a restart begins with a full allowance. It has one counter for a service,
    of which there are few.
    """

    def __init__(self, per_second: float) -> None:
        self._item = None
        self._paid_at: dict[str, float] = {}
        """By service, when the rate has caught up with what was more than a window holds."""
        if per_second:
            self._item = RateLimitItemPerSecond(max(1, round(per_second * WINDOW_SECONDS)), WINDOW_SECONDS)
            self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def spend(self, service: str, count: int) -> None:
        """Take `count` from what the service may still emit. Raises Problem `rate_limited`, and then takes nothing.

        Notifications are counted by room: an emit to three rooms takes three. More than a window holds would never fit:
        it passes at once, and nothing does after it until the rate has caught up. `Retry-After` says in how many
        seconds to try again.
        """
        if self._item is None:
            return
        amount, now = self._item.amount, time.monotonic()
        owed_seconds = self._paid_at.get(service, now) - now
        if owed_seconds > 0:
            raise self._refusal(owed_seconds)
        if count > amount:
            self._paid_at[service] = now + count * WINDOW_SECONDS / amount
        elif not await self._limiter.hit(self._item, service, cost=count):
            stats = await self._limiter.get_window_stats(self._item, service)
            raise self._refusal(stats.reset_time - time.time())

    def _refusal(self, seconds: float) -> Problem:
        assert self._item is not None
        return Problem(
            "rate_limited",
            f"{self._item.amount} notifications in {WINDOW_SECONDS} seconds at most.",
            headers={"Retry-After": str(max(1, math.ceil(seconds)))},
        )
