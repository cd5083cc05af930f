"""Who writes the file and who reads it: transactions, checkpoints, and how SQLite's errors become ours."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.sqlite.crew import PASSING, Crew, DatabaseFile, keep_a_log

T = TypeVar("T")

READERS = 2
CHECKPOINT_SECONDS = 1.0
"""From the first commit after a checkpoint to the next checkpoint."""

logger = logging.getLogger(__name__)


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


def _write(
    connection: sqlite3.Connection,
    work: Callable[[sqlite3.Connection], T],
    then: Callable[[], None] | None,
) -> tuple[T, bool]:
    """What `work` answers, committed, and whether it has changed anything."""
    before = connection.total_changes
    answer = _transaction(connection, "BEGIN IMMEDIATE", work)
    if then is not None:
        then()
    return answer, connection.total_changes != before


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Fold into the file what of the log no reader needs any more; waits for nobody. Answers whether that was all of it."""
    _, pages, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return bool(pages == folded)


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
        self._file = file = DatabaseFile(path)
        self._writer = Crew(file, "sqlite-writer", writes=True)
        self._readers = Crew(file, "sqlite-reader", READERS)
        self._checkpointer = Crew(file, "sqlite-checkpointer")
        self._checkpoint_due: asyncio.TimerHandle | None = None
        self._checkpoint_failure: str | None = None
        self._checkpointing: asyncio.Task[None] | None = None
        self._is_closing = False

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
            if error.sqlite_errorcode & 0xFF in PASSING:
                raise StoreUnavailable(f"SQLite: {error}") from error
            raise StoreConfigurationError(
                f"the SQLite file {self._path} cannot be opened for writing: {error}"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreConfigurationError(f"{self._path} is not a usable SQLite database: {error}") from error

    async def write(
        self, work: Callable[[sqlite3.Connection], T], *, then: Callable[[], None] | None = None
    ) -> T:
        """Run `work` in a transaction that holds the file's write lock, and is durable when this returns.

        Once it is committed `then` is called, on the writer's thread before its next job; it raises nothing.
        """
        future = self._writer.do(lambda connection: _write(connection, work, then))
        try:
            answer, has_changed = await _answer(future)
        except asyncio.CancelledError:
            # It may be committed all the same, and nobody hears whether it has changed anything.
            self._owe_checkpoint()
            raise
        # Much of what may write finds nothing to do, every second: then there is nothing to fold either.
        if has_changed:
            self._owe_checkpoint()
        return answer

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
        self._is_closing = True
        if self._checkpointing is not None:
            await self._checkpointing
        if self._checkpoint_due is not None:
            self._checkpoint_due.cancel()
            # The connection of another process may be the last one.
            await self._checkpoint()
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
        keep_a_log(connection)
        prepare(connection)
        # Only now is there a log; it stays as long as this connection does.
        self._file.opened()

    def _owe_checkpoint(self) -> None:
        """Have the log folded in a moment, unless that is owed already, or the store closes."""
        if self._checkpoint_due is None and not self._is_closing:
            loop = asyncio.get_running_loop()
            self._checkpoint_due = loop.call_later(CHECKPOINT_SECONDS, self._start_checkpoint)

    def _start_checkpoint(self) -> None:
        """A timer's doing, as a commit has asked for it; the task is kept, for `close` to await."""
        self._checkpointing = asyncio.create_task(self._checkpoint(), name="sqlite-checkpoint")

    async def _checkpoint(self) -> None:
        """Fold the log into the file, first beside the writer and then by it. An error is told once for as long as it
        is the same. What was not folded, for an error or a reader, is owed again.
        """
        is_done = False
        try:
            await self._checkpointer.do(_checkpoint)
            is_done = await self._writer.do(_checkpoint)
        except (sqlite3.DatabaseError, StoreUnavailable) as error:
            # Nothing is lost: the log is read as the file is, and the next checkpoint takes it along.
            if str(error) != self._checkpoint_failure:
                self._checkpoint_failure = str(error)
                logger.warning("checkpoint failed", extra={"reason": str(error)})
        else:
            self._checkpoint_failure = None
        finally:
            self._checkpoint_due = None
            if not is_done:
                self._owe_checkpoint()


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
