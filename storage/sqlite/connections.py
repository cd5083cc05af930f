"""The threads that own the file's connections, and how SQLite's errors become ours."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.sqlite.schema import migrate

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5.0
READERS = 2


class Connections:
    """One writing connection on a thread of its own, and a few reading ones, so that no read waits for a commit.

    Every job is one transaction, run whole on its thread: a caller that is cancelled leaves no half of one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._of_thread = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def open(self) -> None:
        await self._run(self._writer, self._prepare)

    async def write(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction that holds the file's write lock, and is durable when this returns."""
        return await self._run(
            self._writer, lambda: self._transaction("BEGIN IMMEDIATE", lambda c: work(c, *args, **kwargs))
        )

    async def read(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` on one snapshot of the file."""
        return await self._run(
            self._readers, lambda: self._transaction("BEGIN", lambda c: work(c, *args, **kwargs))
        )

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        # On a thread of its own: what it waits for are the threads of this store.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        # The writer's last: the last connection to go folds the log into the file, and readers may not.
        for connection in reversed(self._opened):
            connection.close()
        self._opened.clear()

    async def _run(self, executor: ThreadPoolExecutor, job: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, job)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            raise StoreUnavailable(f"SQLite: {error}") from error
        except RuntimeError as error:
            if "shutdown" in str(error):
                raise StoreUnavailable("the store is closed") from error
            raise

    def _transaction(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection()
        connection.execute(begin)
        try:
            answer = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            # A full disk or a failed COMMIT may have rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return answer

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            # autocommit: transactions are begun and ended here, by name. Closed by another thread, in `_close`.
            connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._opened.append(connection)
            # FULL: with WAL, NORMAL would lose answered appends when the power goes.
            connection.execute("PRAGMA synchronous = FULL")
            self._of_thread.connection = connection
        return connection

    def _prepare(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreConfigurationError(
                f"the folder of the SQLite file {self._path} cannot be made: {error.strerror}"
            ) from error
        try:
            connection = self._connection()
            # Changing the mode takes the file for itself: only if it is not so already, as other processes may be in.
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            migrate(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
                sqlite3.SQLITE_FULL,
            ):
                raise
            raise StoreConfigurationError(
                f"the SQLite file {self._path} cannot be opened for writing: {error}"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreConfigurationError(f"{self._path} is not a usable SQLite database: {error}") from error
