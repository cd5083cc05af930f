"""Threads with a connection each, and the file that they are connected to."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from storage.errors import StoreUnavailable

T = TypeVar("T")

BUSY_SECONDS = 5.0
LOG_PAGES = 16_000
"""Beyond these, 64 MiB, a commit folds the log into the file itself: should the checkpoints fail, or not keep up."""
PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Errors that say nothing against the file."""

# Before it binds None or bytes, sqlite3 asks whether anybody converts them, and on Python 3.11 it does so by way of errors that it
# makes and drops: it takes five times as long as to bind a number. Who says that they stay as they are is asked alone.
sqlite3.register_adapter(type(None), lambda nothing: nothing)
sqlite3.register_adapter(bytes, bytes)

_Identity = tuple[int, int] | None
"""Device and inode; None for a path that names nothing."""


class DatabaseFile:
    """Which file the path names, and whether it still is the one that was opened.

    An open connection goes on in a file that was moved, deleted or replaced, and what it commits there is lost with the
    process; a new connection would begin an empty database beside it. So each job looks, which costs some two
    microseconds. The log counts as well: until it is folded in, it alone holds what was committed.

    A file that is put back in its place is found again. What lies on another file system, or is copied over, counts as
    replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # As text: a path would be spelled anew for each look.
        self._names = str(path), f"{path}-wal"
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
        file, log = self._names
        return _identity(file), _identity(log)


def _identity(name: str) -> _Identity:
    try:
        found = os.stat(name)  # noqa: PTH116 - it is looked at for each job
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Crew:
    """Threads with a connection each, which do jobs in the order they come.

    Lighter than an executor, whose future has a lock and a condition of its own: a job costs half as much on its way.

    A job that raises has its error set on its future, whatever it is; the thread goes on. With several threads the
    order in which jobs end is not that in which they came.
    """

    def __init__(self, file: DatabaseFile, name: str, size: int = 1, *, writes: bool = False) -> None:
        """`writes`: may make the file, when it is not there yet, and commits nothing to one that has gone."""
        self._file = file
        self._writes = writes
        self._mode = "rwc" if writes else "rw"
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

        The file is looked at after each job: what was read in one that had gone, or committed to it, must not be answered.
        What writes looks before as well. A look lets go of the interpreter's lock, so there are no more than that.
        """
        connection: sqlite3.Connection | None = None
        while (given := self._jobs.get()) is not None:
            future, job = given
            if not future.cancelled():
                try:
                    if self._writes:
                        self._file.check()
                    if connection is None:
                        connection = _connect(self._file, self._mode)
                    answer, error = job(connection), None
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


def _connect(file: DatabaseFile, mode: str) -> sqlite3.Connection:
    # autocommit: transactions are begun and ended here, by name.
    """A connection to the file as it was opened. `mode` is SQLite's: `rwc` may make it, `rw` may not.

    It waits `BUSY_SECONDS` for a lock. Each commit syncs the log, so that it survives a loss of power.
    """
    # Before, for the words that say what has become of it; and after, for what may have while it was opened.
    file.check()
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


def keep_a_log(connection: sqlite3.Connection) -> None:
    """Have the file in WAL mode; another process may be doing the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    # Changing the mode takes the file for itself: only if it is not so already, as other processes may be in.
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # Two that change it at once get in each other's way, and are not made to wait: one would wait for ever.
            if error.sqlite_errorcode & 0xFF not in PASSING or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
