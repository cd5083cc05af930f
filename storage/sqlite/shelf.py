"""What every shelf in the file has: its migrations, the threads that do its work, and the way there."""

import sqlite3
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from storage.people import Erasure
from storage.sqlite.schema import Migration
from storage.sqlite.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")


class SQLiteShelf:
    """One noun of the store: what can be asked of it, beside its tables."""

    MIGRATIONS: ClassVar[tuple[Migration, ...]] = ()
    """How its tables came to be what they are, oldest first."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:  # noqa: ARG002 - for those that keep something of users
        """Forget the user; part of the transaction in which all shelves do.

        Answers how many notifications that has wiped.
        """
        return 0

    async def close(self) -> None:
        """Finish what is under way; the threads are still there.

        Called once, before the threads end. Most shelves have nothing under way by themselves.
        """


Shelf = TypeVar("Shelf", bound=SQLiteShelf)


def reading(
    work: Callable[Concatenate[Shelf, sqlite3.Connection, P], T],
) -> Callable[Concatenate[Shelf, P], Coroutine[Any, Any, T]]:
    """A method that runs `work` on one snapshot of the file, on the thread of a reader.

    `work` runs on another thread: it must touch nothing of the shelf that changes. One that is cancelled before its
    turn is not run.
    """

    @wraps(work)
    async def method(self: Shelf, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._threads.read(lambda connection: work(self, connection, *args, **kwargs))

    return method


def writing(
    work: Callable[Concatenate[Shelf, sqlite3.Connection, P], T],
) -> Callable[Concatenate[Shelf, P], Coroutine[Any, Any, T]]:
    """A method that runs `work` in a transaction that holds the write lock, and is durable when the method returns.

    `work` runs once: no transaction is begun again, since none can fail for another's sake once it has the lock.
    """

    @wraps(work)
    async def method(self: Shelf, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._threads.write(lambda connection: work(self, connection, *args, **kwargs))

    return method
