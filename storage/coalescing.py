"""Many callers, few round trips: what arrives while a batch is in flight goes out as the next batch.

So load makes it more efficient, and an idle system pays no delay.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from storage.errors import StoreUnavailable

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Coalescer(Generic[Request, Answer]):
    """Answers single requests by running batches of them, in the order of the calls, one batch at a time.

    `run` answers a batch in order; an exception in its list is raised for that request alone, one that it raises
    for all of the batch. A caller that is cancelled takes nothing out of a batch: what was accepted is run. A batch
    holds at most `batch_weight`, the queue at most `queue_weight` (beyond it, callers are turned away at once).
    One task, called `name`, runs all batches; `close` lets it finish what was accepted. With `gather_seconds` a batch
    waits for so long after its first request: for what is in no hurry.
    """

    def __init__(
        self,
        run: Callable[[list[Request]], Awaitable[Sequence[Answer | Exception]]],
        *,
        name: str,
        batch_weight: int,
        queue_weight: int,
        weight: Callable[[Request], int] = lambda _: 1,
        gather_seconds: float = 0.0,
    ) -> None:
        """Weights are in whatever `weight` answers for a request, by default one each. Nothing is started before the
        first request.
        """
        self._run = run
        self._name = name
        self._weight = weight
        self._gather_seconds = gather_seconds
        self._batch_weight = batch_weight
        self._queue_weight = queue_weight
        self._queue: deque[tuple[Request, int, asyncio.Future[Answer]]] = deque()
        self._running: list[asyncio.Future[Answer]] = []
        self._queued = 0
        self._last_batch_seconds = 0.0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def queued(self) -> int:
        """The weight of what waits for its batch."""
        return self._queued

    def submit(self, requests: Sequence[Request]) -> list[asyncio.Future[Answer]]:
        """Accept all of `requests`, in this order, or none; raises `StoreUnavailable` when closed or full."""
        if self._closing:
            raise StoreUnavailable(f"{self._name} is closed")
        weighed = [(request, self._weight(request)) for request in requests]
        added = sum(weight for _, weight in weighed)
        # One request heavier than the whole queue must still pass when it is alone.
        if self._queued and self._queued + added > self._queue_weight:
            raise StoreUnavailable(f"{self._name} is full", retry_after=self._drained_after())
        loop = asyncio.get_running_loop()
        futures = []
        for request, weight in weighed:
            future: asyncio.Future[Answer] = loop.create_future()
            self._queue.append((request, weight, future))
            futures.append(future)
        self._queued += added
        self._arrived.set()
        if self._task is None:
            self._task = loop.create_task(self._work(), name=self._name)
        return futures

    async def ask(self, request: Request) -> Answer:
        """Submit one, and wait for its answer. Raises what `run` has for it, or `StoreUnavailable` as `submit` does.

        Whoever is cancelled here is not waited for any more; the request is run all the same.
        """
        return await self.submit([request])[0]

    def give_up(self, error: Callable[[], Exception]) -> None:
        """Answer all who wait with an error each: the batch in flight goes on unheard, what is queued is never run."""
        waiting = self._running + [future for _, _, future in self._queue]
        self._queue.clear()
        self._queued = 0
        for future in waiting:
            if not future.done():
                future.set_exception(error())

    async def close(self) -> None:
        """Accept nothing more, and return when everything accepted is answered; idempotent."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            # Shielded: whoever stops waiting here must not take the accepted batches along.
            await asyncio.shield(self._task)

    def _drained_after(self) -> float:
        """Seconds after which the queue may have room: as many batches as wait, each as long as the last one took.

        Between a tenth of a second and ten, whatever that comes to: before the first batch nothing is known.
        """
        batches = 1 + self._queued // self._batch_weight
        return min(max(batches * self._last_batch_seconds, 0.1), 10.0)

    async def _work(self) -> None:
        """Run batch after batch until it is closed and the queue is empty. With `gather_seconds` closing does not wait
        for more.
        """
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if self._gather_seconds and not self._closing:
                await asyncio.sleep(self._gather_seconds)
            await self._run_batch(self._take())

    def _take(self) -> list[tuple[Request, asyncio.Future[Answer]]]:
        """The next batch, from the front of the queue; at least one request, however heavy."""
        batch: list[tuple[Request, asyncio.Future[Answer]]] = []
        held = 0
        while self._queue and (not batch or held + self._queue[0][1] <= self._batch_weight):
            request, weight, future = self._queue.popleft()
            held += weight
            batch.append((request, future))
        self._queued -= held
        return batch

    async def _run_batch(self, batch: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        """Run one batch, and answer everybody in it. No error of `run` ends the task that calls this, only its
        cancellation.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._running = [future for _, future in batch]
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._run([request for request, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller must hear of it
            answers = [error] * len(batch)
        except BaseException:
            # The task itself is being cancelled: nobody may be left waiting for an answer.
            for future in [future for _, future in batch] + [future for _, _, future in self._queue]:
                future.cancel()
            self._queue.clear()
            self._queued = 0
            self._closing = True
            raise
        finally:
            self._running = []
        self._last_batch_seconds = loop.time() - began
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
