"""Appends of many callers in few transactions: the way to the store for everything that is emitted."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from storage.coalescing import Coalescer
from storage.errors import IdempotencyMismatch, StorageError, Unstorable
from storage.models import Appended, Emission


class Appends(Protocol):
    """The one thing that is asked of a store here: `Streams.append`."""

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]: ...


class GroupCommit:
    """Appends what callers hand it, in the order of their calls, a batch at a time.

    An answer means what `Streams.append` means by it: it is durable. What arrives while a batch is in flight goes out
    as the next one. A caller that is cancelled spoils nothing: its emission was accepted and is stored. One emission
    that can never be stored fails alone. One batch at a time is what keeps the order, and costs nothing: while the
    store works on one, the next one grows.
    """

    def __init__(
        self, store: Appends, *, batch_notifications: int = 1_000, queue_notifications: int = 20_000
    ) -> None:
        self._store = store
        self._coalescer: Coalescer[Emission, Appended] = Coalescer(
            self._append_batch,
            name="group-commit",
            batch_weight=batch_notifications,
            queue_weight=queue_notifications,
            weight=lambda emission: len(emission.notifications),
        )

    @property
    def queued(self) -> int:
        """How many notifications wait for their batch."""
        return self._coalescer.queued

    async def append(self, emission: Emission) -> Appended:
        """Store one emission durably.

        Raises `IdempotencyMismatch`, `Unstorable`, or `StoreUnavailable`: at once and surely unstored when the queue is
        full, else with nothing known.
        """
        return await self._coalescer.ask(emission)

    async def append_many(self, emissions: Sequence[Emission]) -> list[Appended | StorageError]:
        """Store several, and answer each in order: what failed has its error in its place.

        Raises `StoreUnavailable`, having accepted none, when the queue has no room for all of them.
        """
        futures = self._coalescer.submit(emissions)
        answers: list[Appended | StorageError] = []
        for answer in await asyncio.gather(*futures, return_exceptions=True):
            if not isinstance(answer, Appended | StorageError):
                raise answer
            answers.append(answer)
        return answers

    async def close(self) -> None:
        """Accept nothing more and finish what was accepted; idempotent. The store stays open."""
        await self._coalescer.close()

    async def _append_batch(self, emissions: list[Emission]) -> Sequence[Appended | Exception]:
        try:
            return await self._store.append(emissions)
        except Unstorable:
            if len(emissions) == 1:
                raise
        answers: list[Appended | Exception] = []
        for emission in emissions:
            try:
                answers += await self._store.append([emission])
            except StorageError as error:
                answers.append(error)
        return answers
