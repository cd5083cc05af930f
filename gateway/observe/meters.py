"""The meter between group commit and the store: batches are measured where both sides are known."""

import time
from collections.abc import Sequence

from gateway.observe.metrics import Metrics
from storage.errors import IdempotencyMismatch
from storage.groupcommit import Appends
from storage.streams import Appended, Emission


class TimedAppends:
    """A store's `append`, with the size and the seconds of each batch measured."""

    def __init__(self, store: Appends, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        started = time.perf_counter()
        try:
            return await self._store.append(emissions)
        finally:
            size = sum(len(emission.notifications) for emission in emissions)
            self._metrics.append_batch(size, time.perf_counter() - started)
