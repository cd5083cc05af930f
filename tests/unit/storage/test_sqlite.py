"""SQLite's write-ahead log: folded into the file beside the commits, and never for long the longer one."""

import asyncio
import sqlite3
import threading

import pytest

from storage.sqlite import SQLiteStore, connections
from tests.contract.store_cases import fill


@pytest.fixture(autouse=True)
def checkpoints_at_once(monkeypatch):
    monkeypatch.setattr(connections, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    yield store
    await store.close()


async def test_the_log_begins_anew_while_commits_go_on(store, tmp_path):
    """A log that only grows costs ever more to read, and in the end the disk."""
    text = "x" * 1000
    for _ in range(400):
        await fill(store, "a", 10, body=text)

    assert (tmp_path / "x.db-wal").stat().st_size < 400 * 10 * len(text) / 4
    assert [n.seq for n in await store.span("a", after=3990, limit=100)] == list(range(3991, 4001))


async def test_a_store_that_closes_leaves_one_file(store, tmp_path):
    await fill(store, "a", 1)
    await store.close()

    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


async def test_a_checkpoint_that_fails_costs_nothing_and_is_made_up_for(store, monkeypatch, caplog):
    loop = asyncio.get_running_loop()
    made_up_for = asyncio.Event()
    works = connections._checkpoint
    failures = iter([sqlite3.OperationalError("disk I/O error")])

    def checkpoint(connection):
        for failure in failures:
            raise failure
        loop.call_soon_threadsafe(made_up_for.set)
        return works(connection)

    monkeypatch.setattr(connections, "_checkpoint", checkpoint)
    async with asyncio.timeout(10):
        while not made_up_for.is_set():
            await fill(store, "a", 1)

    assert "checkpoint failed" in caplog.messages


async def test_a_store_that_is_closed_says_so(store):
    await store.close()

    with pytest.raises(connections.StoreUnavailable):
        await fill(store, "a", 1)
    await store.close()


async def test_what_is_asked_of_a_store_that_is_closing_is_refused_at_once(tmp_path):
    """It would stand behind the end of a thread's work, and be waited for in vain."""
    here = connections.Connections(tmp_path / "x.db")
    await here.open()
    may_end = threading.Event()
    read = asyncio.create_task(here.read(lambda _: may_end.wait(10)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(here.close())
    await asyncio.sleep(0)

    for ask in (here.read, here.write):
        with pytest.raises(connections.StoreUnavailable, match="closed"):
            await ask(lambda _: None)
    may_end.set()

    assert await read
    await closing
