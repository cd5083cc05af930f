"""The threads that own the file's connections, and how SQLite's errors become ours."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from storage.errors import StoreConfigurationError, StoreUnavailable

T = TypeVar("T")

BUSY_SECONDS = 5.0
READERS = 2
CHECKPOINT_SECONDS = 1.0
"""From the first commit after a checkpoint to the next checkpoint."""
LOG_PAGES = 16_000
"""Beyond these, 64 MiB, a commit folds the log into the file itself: should the checkpoints fail, or not keep up."""

_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Errors that say nothing against the file."""

_Identity = tuple[int, int] | None
"""Device and inode; None for a path that names nothing."""

logger = logging.getLogger(__name__)


class _File:
    """Which file the path names, and whether it still is the one that was opened.

    An open connection goes on in a file that was moved, deleted or replaced, and what it commits there is lost with the
    process; a new connection would begin an empty database beside it. So each job looks, which costs some two
    microseconds. The log counts as well: until it is folded in, it alone holds what was committed.

    A file that is put back in its place is found again. What lies on another file system, or is copied over, counts as
    replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._opened: tuple[_Identity, _Identity] | None = None

    def opened(self) -> None:
        """The path names, from now on and for ever, what it names now."""
        self._opened = self._found()

    def check(self) -> None:
        """Raise `StoreUnavailable` when the path names another file, or none."""
        if self._opened is not None and self._found() != self._opened:
            raise StoreUnavailable(
                "SQLite: the database file or its -wal was moved, deleted or replaced under this process: "
                "put it back, or stop the process first"
            )

    def _found(self) -> tuple[_Identity, _Identity]:
        """The identities of the file and of its log. Two calls of `stat`, on the thread of the job."""
        return _identity(self.path), _identity(self._log)


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Crew:
    """Threads with a connection each, which do jobs in the order they come.

    Lighter than an executor, whose future has a lock and a condition of its own: a job costs half as much on its way.

    A job that raises has its error set on its future, whatever it is; the thread goes on. With several threads the
    order in which jobs end is not that in which they came.
    """

    def __init__(self, file: _File, name: str, size: int = 1, *, makes: bool = False) -> None:
        """`makes`: may make the file, when it is not there yet."""
        self._file = file
        self._mode = "rwc" if makes else "rw"
        self._jobs: SimpleQueue[tuple[asyncio.Future[Any], Callable[[sqlite3.Connection], Any]] | None] = (
            SimpleQueue()
        )
        # Daemons: a process that ends without closing the store loses nothing that it has answered.
        self._threads = [
            Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(size)
        ]
        self._started = False
        self._closed = False

    def do(self, job: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have `job` done; one that is cancelled before its turn is not."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, job))
        return future

    def refuse(self) -> None:
        """Accept nothing more. On the thread of the callers: what came behind the end would wait for ever."""
        self._closed = True

    def close(self) -> None:
        """Finish what was accepted before `refuse` and close the connections; blocks."""
        if self._started:
            for _ in self._threads:
                self._jobs.put(None)
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        """One thread's life: it opens its connection with the first job, and closes it at the end of the queue.

        The file is looked at before and after each job: what was committed to one that had gone must not be answered as
        kept.
        """
        connection: sqlite3.Connection | None = None
        while (given := self._jobs.get()) is not None:
            future, job = given
            if not future.cancelled():
                try:
                    self._file.check()
                    if connection is None:
                        connection = _connect(self._file, self._mode)
                    answer, error = job(connection), None
                    # What was committed to a file that had gone a moment before must not be answered.
                    self._file.check()
                except BaseException as raised:  # noqa: BLE001 - whatever it is, it is the caller's
                    answer, error = None, raised
                # A loop that has ended has nobody left who waits.
                with contextlib.suppress(RuntimeError):
                    future.get_loop().call_soon_threadsafe(_settle, future, answer, error)
            # Nothing of this job is kept while the next is waited for.
            del given, future, job
            answer = error = None
        if connection is not None:
            connection.close()


def _settle(future: asyncio.Future[Any], answer: object, error: BaseException | None) -> None:
    """On the loop that waits: a future that was cancelled meanwhile hears nothing."""
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


def _connect(file: _File, mode: str) -> sqlite3.Connection:
    # autocommit: transactions are begun and ended here, by name.
    """A connection to the file as it was opened. `mode` is SQLite's: `rwc` may make it, `rw` may not.

    It waits `BUSY_SECONDS` for a lock. Each commit syncs the log, so that it survives a loss of power.
    """
    connection = sqlite3.connect(
        f"{file.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        file.check()
        # FULL: with WAL, NORMAL would lose answered appends when the power goes.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Have the file in WAL mode; another process may be doing the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    # Changing the mode takes the file for itself: only if it is not so already, as other processes may be in.
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # Two that change it at once get in each other's way, and are not made to wait: one would wait for ever.
            if error.sqlite_errorcode & 0xFF not in _PASSING or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _transaction(connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` between `begin` and a commit; whatever it raises, and a commit that fails, undoes it.

    `BEGIN IMMEDIATE` takes the write lock at once, so that nothing that was read within can be old as it is written.
    `BEGIN` takes a snapshot with the first read.
    """
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


def _checkpoint(connection: sqlite3.Connection) -> None:
    """Fold into the file what of the log no reader needs any more; waits for nobody."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


class Threads:
    """One writing connection on a thread of its own, and a few reading ones, so that no read waits for a commit.

    Every job is one transaction, run whole on its thread: a caller that is cancelled leaves no half of one.

    Left to itself, SQLite makes every so many commits a checkpoint, which writes and syncs a thousand pages while all
    who emit wait. Here a third connection makes them, beside the commits. What was committed meanwhile, a few pages, the
    writer adds: only a log that is folded to its end begins anew, and so stays small.

    So one process writes one transaction at a time; several processes take turns by SQLite's lock, which waits for
    `BUSY_SECONDS` and then raises `StoreUnavailable`. Readers see what was committed before their snapshot, and never
    wait.

    A file beside other processes must lie on a disk of this machine: the lock and the log's shared memory are none over
    a network.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened or started before `open`."""
        self._path = path
        self._file = file = _File(path)
        self._writer = _Crew(file, "sqlite-writer", makes=True)
        self._readers = _Crew(file, "sqlite-reader", READERS)
        self._checkpointer = _Crew(file, "sqlite-checkpointer")
        self._checkpoint_due: asyncio.TimerHandle | None = None
        self._checkpoint_failure: str | None = None
        self._checkpointing: asyncio.Task[None] | None = None

    async def open(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Make or open the file, and have the writer `prepare` it before all else."""
        try:
            await asyncio.to_thread(self._path.parent.mkdir, parents=True, exist_ok=True)
            await self._writer.do(lambda connection: self._open(connection, prepare))
        except OSError as error:
            raise StoreConfigurationError(
                f"the folder of the SQLite file {self._path} cannot be made: {error.strerror}"
            ) from error
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _PASSING:
                raise StoreUnavailable(f"SQLite: {error}") from error
            raise StoreConfigurationError(
                f"the SQLite file {self._path} cannot be opened for writing: {error}"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreConfigurationError(f"{self._path} is not a usable SQLite database: {error}") from error

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction that holds the file's write lock, and is durable when this returns."""
        if self._checkpoint_due is None:
            loop = asyncio.get_running_loop()
            self._checkpoint_due = loop.call_later(CHECKPOINT_SECONDS, self._start_checkpoint)
        return await _answer(
            self._writer.do(lambda connection: _transaction(connection, "BEGIN IMMEDIATE", work))
        )

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on one snapshot of the file."""
        return await _answer(self._readers.do(lambda connection: _transaction(connection, "BEGIN", work)))

    async def look(self, statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The one row of one statement, which is a snapshot by itself. The thread does nothing but ask."""
        return await _answer(
            self._readers.do(lambda connection: connection.execute(statement, parameters).fetchone())
        )

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        if self._checkpointing is not None:
            await self._checkpointing
        if self._checkpoint_due is not None:
            self._checkpoint_due.cancel()
        for crew in (self._readers, self._checkpointer, self._writer):
            crew.refuse()
        # On a thread of its own: what it waits for are the threads of this store.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.close()
        self._checkpointer.close()
        # The last connection to go folds what is left of the log into the file, and removes it.
        self._writer.close()

    def _open(self, connection: sqlite3.Connection, prepare: Callable[[sqlite3.Connection], None]) -> None:
        _keep_a_log(connection)
        prepare(connection)
        # Only now is there a log; it stays as long as this connection does.
        self._file.opened()

    def _start_checkpoint(self) -> None:
        """A timer's doing, as a commit has asked for it; the task is kept, for `close` to await."""
        self._checkpointing = asyncio.create_task(self._checkpoint(), name="sqlite-checkpoint")

    async def _checkpoint(self) -> None:
        """Fold the log into the file, first beside the writer and then by it. An error is told once for as long as it
        is the same.
        """
        try:
            await self._checkpointer.do(_checkpoint)
            await self._writer.do(_checkpoint)
        except (sqlite3.DatabaseError, StoreUnavailable) as error:
            # Nothing is lost: the log is read as the file is, and the next checkpoint takes it along.
            if str(error) != self._checkpoint_failure:
                self._checkpoint_failure = str(error)
                logger.warning("checkpoint failed", extra={"reason": str(error)})
        else:
            self._checkpoint_failure = None
        finally:
            self._checkpoint_due = None


async def _answer(future: asyncio.Future[T]) -> T:
    """What the job answers; SQLite's errors are `StoreUnavailable`, but for a constraint that was broken.

    An `IntegrityError` is for the shelf, which knows what it means by it. What is no error of SQLite's (text that is
    not Unicode, a number that is too large) passes as it is.
    """
    try:
        return await future
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"SQLite: {error}") from error
