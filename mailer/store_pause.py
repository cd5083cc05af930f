"""Waiting for a store that is away, or fails: nothing is asked of it meanwhile, and the pauses grow."""

import asyncio
import logging

from mailer.backoff import Random, pause_seconds
from storage.errors import StoreUnavailable

STORE_PAUSE_SECONDS = (1.0, 30.0)
"""The first pause, and the longest."""

logger = logging.getLogger(__name__)


class StorePause:
    """How long a worker leaves the store alone. It tells the log when it begins to wait, and when that is over."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        """Since the store has last answered."""
        self.paused_until = 0.0
        """By the loop's clock."""

    def failed(self, error: Exception) -> None:
        """The store has raised this. One that is away may say for how long."""
        self._failures += 1
        first, longest = STORE_PAUSE_SECONDS
        pause = pause_seconds(self._failures, first=first, longest=longest, random=self._random)
        if isinstance(error, StoreUnavailable):
            pause = max(pause, min(error.retry_after, longest))
            if self._failures == 1:
                logger.warning("mail worker waits for the store", extra={"pause_seconds": round(pause, 1)})
        else:
            logger.error("mail worker failed", exc_info=error, extra={"pause_seconds": round(pause, 1)})
        self.paused_until = asyncio.get_running_loop().time() + pause

    def answered(self) -> None:
        """The store has answered."""
        if self._failures:
            logger.info("mail worker resumed", extra={"failures": self._failures})
            self._failures = 0
