"""What every shelf in the database has: its indexes, its migrations, and the way to its collections."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from pymongo import IndexModel
from pymongo.errors import PyMongoError

from storage.errors import StorageError, StoreUnavailable
from storage.mongo.collections import Collections, connected
from storage.mongo.errors import translated, translated_at_open
from storage.mongo.schema import Migration
from storage.people import Erasure

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Operations:
    """Runs what is asked of the shelves on the collections of one store, while that is open.

    Each question is a task of its own, which runs to its end: a client that hangs up cancels the waiting, and not the work.
    """

    def __init__(self, url: str) -> None:
        self.collections: Collections | None = None
        self._url = url
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self, prepare: Callable[[Collections], Awaitable[None]]) -> None:
        """Connect, and have `prepare` look at the server; idempotent.

        A first opening that fails closes its client, so that the next one begins anew. One that fails later leaves the
        store open.
        """
        collections = self.collections or connected(self._url)
        try:
            with translated_at_open():
                await prepare(collections)
        except BaseException:
            if self.collections is None:
                await collections.close()
            raise
        if self.collections is None:
            self.collections = collections

    async def run(self, work: Callable[[Collections], Coroutine[Any, Any, T]]) -> T:
        """Run `work` to its end, whether or not the caller waits for it.

        What takes several writes is not left half done by a client that goes away, and the driver, which gives
        up a connection at each cancellation, keeps its connections.

        Raises `StoreUnavailable` when the store is not open, and for every error of the driver's.
        """
        if self.collections is None:
            raise StoreUnavailable("the store is not open")
        task = asyncio.create_task(work(self.collections), name="mongo-operation")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            with translated():
                return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_unheard)
            raise

    async def close(self) -> None:
        """Let what is under way end, and close the client; what is asked from now on is refused. Idempotent."""
        collections, self.collections = self.collections, None
        if collections is not None:
            await asyncio.gather(*self._running, return_exceptions=True)
            await collections.close()


def _unheard(task: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more. That the store is away is told by who asks next; a defect is told here.

    Left alone, asyncio would log the driver's own words, which quote what was asked.
    """
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, (PyMongoError, StorageError)):
        logger.error("an operation that nobody waited for failed", exc_info=error)


class MongoShelf:
    """One noun of the store: what can be asked of it, beside its collections."""

    INDEXES: ClassVar[Mapping[str, Sequence[IndexModel]]] = {}
    """By collection. Those that are missing are made after the migrations: one of another shape needs another name."""
    MIGRATIONS: ClassVar[tuple[Migration, ...]] = ()
    """How its documents came to be what they are, oldest first."""
    ERASED_IN_TURN: ClassVar[int] = 0
    """Later than others for what the user's addresses are known by: an erasure that is begun again reads them there."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def erase(self, c: Collections, erasure: Erasure) -> int:  # noqa: ARG002 - for those that keep something of users
        """Forget the user, as all shelves do one after the other; may be done again.

        Answers how many notifications that has wiped.

        Each shelf does it in writes of its own: a crash leaves the user forgotten on some, and repeating it does the rest.
        """
        return 0

    async def close(self) -> None:
        """Finish what is under way; the collections are still there."""


Shelf = TypeVar("Shelf", bound=MongoShelf)


def operation(
    work: Callable[Concatenate[Shelf, Collections, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Shelf, P], Coroutine[Any, Any, T]]:
    """A method that runs `work` on the store's collections, as `Operations.run` does."""

    @wraps(work)
    async def method(self: Shelf, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._operations.run(lambda collections: work(self, collections, *args, **kwargs))

    return method
