"""How many mails may leave a second: one budget, whoever draws on it.

It is kept by the generic cell rate algorithm: all that is known is when the next mail may leave, and each one that asks
is given its moment and moves that on by a fixed interval. So mail leaves evenly, and never in a burst.
"""

from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Budget(Protocol):
    """Gives each mail the moment at which it may leave. Of all nodes' mail of a lane it is the same budget.

    A reserved moment is not given back, so what is cancelled while it waits makes the lane a little slower and never
    faster.
    """

    async def reserve(self) -> float:
        """Seconds until one more mail may leave: that moment is then taken, whether it is used or not. Never raises."""
        ...

    def warnings(self) -> list[str]:
        """What an operator should know of how the rate is held now."""
        ...

    async def close(self) -> None:
        """Let go of what it holds; idempotent."""
        ...


class Unlimited:
    """No rate is set."""

    async def reserve(self) -> float:
        return 0.0

    def warnings(self) -> list[str]:
        return []

    async def close(self) -> None:
        return


class LocalBudget:
    """The budget of a process that shares it with no other."""

    def __init__(self, rate: float, *, time: Callable[[], float] = monotonic) -> None:
        """`rate` is in mails per second, and more than 0; `time` in seconds, and never goes back."""
        self.rate = rate
        """May be changed at any time: it holds from the next mail on."""
        self._time = time
        self._next = 0.0
        """When the next mail may leave."""

    async def reserve(self) -> float:
        """Take the next moment: now, or `1 / rate` seconds after the one before."""
        now = self._time()
        moment = max(self._next, now)
        self._next = moment + 1 / self.rate
        return moment - now

    def warnings(self) -> list[str]:
        return []

    async def close(self) -> None:
        return
