"""Whether the store takes what is written to it: told by the appends themselves, and by a probe when there are none.

It stands between the group commit and the store, and judges only whether writing works. Reads may fail by
themselves, and are told by who reads.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.groupcommit import Appends
from storage.streams import Appended, Emission

FRESH_SECONDS = 1.0
"""How long an answer of the store stands for the next question: probes may ask as often as they like."""
QUIET_SECONDS = 2.0
"""Without an append for this long, a probe may say that they would succeed again."""
PROBE_BYTES = 65_536
"""What a probe writes after a failed append: as much as one emit may bring, as a full disk still takes a few bytes."""
REASONS_TOLD = 20
"""Different reasons logged of one outage."""

Stored = Callable[[int, float], None]
"""Takes how many notifications a batch had, and how many seconds the store took for it."""

logger = logging.getLogger(__name__)


class ProbedStore(Protocol):
    """A store, as far as a probe writes to it."""

    async def ping(self, *, size: int = 1) -> None: ...


class Writes:
    """The appends of a node on their way to its store, and what is to be said of the store by what became of them.

    An append that fails makes the store unable to do its job until one succeeds, or, when nobody emits any more, a probe
    of the size of one. Why is logged once per reason and outage.

    One for a process. Probes may come at any time, and share one.
    """

    def __init__(
        self, store: ProbedStore, appends: Appends | None = None, *, stored: Stored | None = None
    ) -> None:
        """`appends` is asked for the appends themselves; a process that makes none has only the probe.

        `stored` is told of each batch, also of one that failed.
        """
        self._store = store
        self._appends = appends
        self._stored = stored
        self._failure: StoreUnavailable | None = None
        """Of the last append, if it failed."""
        self._failed_at = 0.0
        """By the loop's clock."""
        self._probed: StoreUnavailable | None = None
        """Of the last probe, if it failed."""
        self._answered_at = float("-inf")
        """When the store answered last, by the loop's clock."""
        self._probing = asyncio.Lock()
        self._told: set[str] = set()
        """Reasons logged of this outage."""

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        """Append, and remember how that went: readiness is judged by it. Raises as the store does.

        An error that is not the store's being away, as of what cannot be stored, says nothing of it.
        """
        assert self._appends is not None
        started = time.perf_counter()
        try:
            answers = await self._appends.append(emissions)
        except StoreUnavailable as error:
            self._failure, self._failed_at = error, _now()
            self._tell(error)
            raise
        finally:
            if self._stored is not None:
                size = sum([len(emission.notifications) for emission in emissions])
                self._stored(size, time.perf_counter() - started)
        self._succeeded()
        return answers

    async def ping(self) -> None:
        """Raise `StoreUnavailable`, with the reason, when an append would fail now.

        Several at once wait for one probe.
        """
        async with self._probing:
            if _now() - self._answered_at >= FRESH_SECONDS:
                await self._probe()
        error = self._failure or self._probed
        if error is not None:
            # Another for each who asks: a shared one would grow by a traceback each time.
            raise StoreUnavailable(str(error), retry_after=error.retry_after)

    async def _probe(self) -> None:
        """Ask the store, with as much as an emit if the last append failed."""
        try:
            await self._store.ping(size=PROBE_BYTES if self._failure else 1)
        except StoreUnavailable as error:
            self._probed = error
            self._tell(error)
        else:
            self._probed = None
            # A probe alone does not overrule an append that failed a moment ago: it may have been luckier.
            if _now() - self._failed_at >= QUIET_SECONDS:
                self._succeeded()
        self._answered_at = _now()

    def _succeeded(self) -> None:
        """The store takes what is written."""
        self._failure = self._probed = None
        self._answered_at = _now()
        if self._told:
            self._told.clear()
            logger.info("the store takes what is written again")

    def _tell(self, error: StoreUnavailable) -> None:
        """Log a reason, once in an outage."""
        reason = str(error)
        if reason not in self._told and len(self._told) < REASONS_TOLD:
            self._told.add(reason)
            logger.warning("the store does not take what is written", extra={"reason": reason})


def _now() -> float:
    return asyncio.get_running_loop().time()
