"""Appends of many callers in few transactions: the way to the store for everything that is emitted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Protocol

from storage.coalescing import Coalescer
from storage.errors import IdempotencyMismatch, StorageError, StoreUnavailable, Unstorable
from storage.streams import Appended, Emission

SUSPICIOUS_SECONDS = 0.5
"""How long a batch may take before the store is asked whether it is there at all."""
PING_AGAIN_SECONDS = 0.25

AppendOutcome = Appended | StorageError
"""What became of an emission."""


class Appends(Protocol):
    """The one thing that is asked of a store here: `Streams.append`."""

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        """As `Streams.append` says: in order, durable when it answers, and a mismatch as an answer and no error."""
        ...


class GroupCommit:
    """Appends what callers hand it, in the order of their calls, a batch at a time.

    An answer means what `Streams.append` means by it: it is durable. What arrives while a batch is in flight goes out
    as the next one. A caller that is cancelled spoils nothing: its emission was accepted and is stored. One emission
    that can never be stored fails alone. One batch at a time is what keeps the order, and costs nothing: while the
    store works on one, the next one grows.

    With `ping`, nobody waits for a store that is away. A batch that fails or takes long is reason to ask; while no ping is
    answered, everybody hears `StoreUnavailable` at once, those of the batch in flight as well, and nothing new is
    accepted. Else each batch would wait its whole timeout, one behind the other, for callers who have long given up.
    """

    def __init__(
        self,
        store: Appends,
        *,
        ping: Callable[[], Awaitable[None]] | None = None,
        suspicious_seconds: float = SUSPICIOUS_SECONDS,
        batch_notifications: int = 1_000,
        queue_notifications: int = 20_000,
    ) -> None:
        """`ping` raises `StorageError`, within a second or two, when the store is away."""
        self._store = store
        self._ping = ping
        self._suspicious_seconds = suspicious_seconds
        self._batches = 0
        self._is_away = False
        self._watch: asyncio.Task[None] | None = None
        self._batch_notifications = batch_notifications
        self._coalescer: Coalescer[Sequence[Emission], list[AppendOutcome]] = Coalescer(
            self._append_batch,
            name="group-commit",
            batch_weight=batch_notifications,
            queue_weight=queue_notifications,
            weight=_weight,
        )

    @property
    def queued(self) -> int:
        """How many notifications wait for their batch."""
        return self._coalescer.queued

    async def append(self, emission: Emission) -> Appended:
        """Store one emission durably.

        Raises `IdempotencyMismatch`, `Unstorable`, or `StoreUnavailable`: at once and surely unstored when the queue is
        full or the store known to be away, else with nothing known.
        """
        self._turn_away()
        [outcome] = await self._coalescer.ask([emission])
        if isinstance(outcome, StorageError):
            raise outcome
        return outcome

    async def append_many(self, emissions: Sequence[Emission]) -> list[AppendOutcome]:
        """Store several, and answer each in order: what failed has its error in its place.

        Raises `StoreUnavailable`, having accepted none, when the queue has no room for all of them or the store is
        known to be away.
        """
        self._turn_away()
        parts = list(self._parts(emissions))
        futures = self._coalescer.submit(parts)
        if len(futures) == 1:
            # As nearly always.
            try:
                return await futures[0]
            except StorageError as error:
                return [error] * len(emissions)
        outcomes: list[AppendOutcome] = []
        heard = await asyncio.gather(*futures, return_exceptions=True)
        for part, answer in zip(parts, heard, strict=True):
            if isinstance(answer, StorageError):
                outcomes += [answer] * len(part)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                outcomes += answer
        return outcomes

    def _parts(self, emissions: Sequence[Emission]) -> Iterator[Sequence[Emission]]:
        """Cut a call where a batch would be full: what one caller brings must not be one endless transaction.

        An emission is never cut, so one that is heavier than a batch makes a batch by itself.
        """
        start, held = 0, 0
        for index, emission in enumerate(emissions):
            weight = len(emission.notifications)
            if held and held + weight > self._batch_notifications:
                yield emissions[start:index]
                start, held = index, 0
            held += weight
        if held:
            yield emissions[start:]

    async def close(self) -> None:
        """Accept nothing more and finish what was accepted; idempotent. The store stays open."""
        await self._coalescer.close()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _turn_away(self) -> None:
        if self._is_away:
            raise _away()

    async def _append_batch(self, calls: list[Sequence[Emission]]) -> list[list[AppendOutcome]]:
        outcomes = iter(await self._watched(list(chain.from_iterable(calls))))
        return [list(islice(outcomes, len(call))) for call in calls]

    async def _watched(self, emissions: list[Emission]) -> Sequence[AppendOutcome]:
        """Append; a store that fails or takes long is asked meanwhile whether it is there."""
        self._batches += 1
        suspicion = asyncio.get_running_loop().call_later(self._suspicious_seconds, self._suspect)
        try:
            return await self._append_all(emissions)
        except StoreUnavailable:
            self._suspect()
            raise
        finally:
            suspicion.cancel()
            self._batches += 1

    def _suspect(self) -> None:
        """One such task at a time; without a `ping` there is none, and nobody is ever turned away."""
        if self._ping is not None and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._see_whether_away(self._ping), name="group-commit-watch")

    async def _see_whether_away(self, ping: Callable[[], Awaitable[None]]) -> None:
        """Ping until the store answers, and the batch that was in flight has ended."""
        suspected = self._batches
        while True:
            try:
                await ping()
            except Exception:  # noqa: BLE001 - whatever it is, only an answer lets callers in again
                self._is_away = True
                self._coalescer.give_up(_away)
                await asyncio.sleep(PING_AGAIN_SECONDS)
            else:
                self._is_away = False
                if self._batches != suspected:
                    return
                await asyncio.sleep(self._suspicious_seconds)

    async def _append_all(self, emissions: list[Emission]) -> Sequence[AppendOutcome]:
        """Append them together; when that cannot be, as one of them can never be stored, one after the other.

        So each has an answer or an error of its own. Nothing of the first attempt is stored where `Unstorable` was
        raised, and what a store has stored of it all the same is answered as a duplicate.
        """
        try:
            return await self._store.append(emissions)
        except Unstorable:
            if len(emissions) == 1:
                raise
        answers: list[AppendOutcome] = []
        for emission in emissions:
            try:
                answers += await self._store.append([emission])
            except StorageError as error:
                answers.append(error)
        return answers


def _weight(emissions: Sequence[Emission]) -> int:
    return sum([len(emission.notifications) for emission in emissions])


def _away() -> StoreUnavailable:
    # One for each caller: a shared error would grow by a traceback with every one that raises it.
    return StoreUnavailable("the store is away")
