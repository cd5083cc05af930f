"""The file and its write-ahead log: folded in beside the commits, and noticed when they are not there any more."""

import asyncio
import logging
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from storage.errors import StoreConfigurationError, StoreUnavailable, Unstorable
from storage.sqlite import SQLiteStore, crew, threads
from storage.sqlite.schema import Migration, migrate, statements
from tests.contract.store_cases import NOW, emission, fill, key, notification


@pytest.fixture(autouse=True)
def checkpoints_at_once(monkeypatch):
    monkeypatch.setattr(threads, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    yield store
    await store.close()


async def test_the_log_begins_anew_while_commits_go_on(store, tmp_path):
    """A log that only grows costs ever more to read, and in the end the disk."""
    log = tmp_path / "x.db-wal"
    text = "x" * 1000
    count = 0
    beginnings = set()
    async with asyncio.timeout(60):
        while len(beginnings) < 4:
            await fill(store, "a", 10, body=text)
            count += 10
            # The salts in the log's head, which each beginning draws anew.
            beginnings.add(log.read_bytes()[16:24])

    assert log.stat().st_size < crew.LOG_PAGES * 4096 / 4
    newest = range(count - 9, count + 1)
    assert [n.seq for n in await store.streams.span("a", after=count - 10, limit=100)] == list(newest)


async def test_of_a_batch_in_which_one_is_refused_nothing_is_stored(store):
    """Whichever row of a statement it is: what stood before it in the batch, and in other statements, is undone."""
    [taken] = await fill(store, "a", 1)
    batch = [emission(notification("b")) for _ in range(150)]
    batch[100] = emission(notification("b", id=taken.id), key=key())

    with pytest.raises(Unstorable):
        await store.streams.append(batch)

    assert await store.streams.heads(["b"]) == {"b": 0}
    assert await store.streams.notification(batch[0].notifications[0].id) is None
    assert (await fill(store, "b", 1))[0].seq == 1


async def test_a_store_that_closes_leaves_one_file(store, tmp_path):
    await fill(store, "a", 1)
    await store.close()

    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


async def test_a_checkpoint_that_fails_costs_nothing_and_is_made_up_for(store, monkeypatch, caplog):
    loop = asyncio.get_running_loop()
    made_up_for = asyncio.Event()
    works = threads._checkpoint
    failures = iter([sqlite3.OperationalError("disk I/O error")])

    def checkpoint(connection):
        for failure in failures:
            raise failure
        loop.call_soon_threadsafe(made_up_for.set)
        return works(connection)

    monkeypatch.setattr(threads, "_checkpoint", checkpoint)
    async with asyncio.timeout(40):
        while not made_up_for.is_set():
            await fill(store, "a", 1)

    assert "checkpoint failed" in caplog.messages


async def test_what_has_changed_nothing_asks_for_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "CHECKPOINT_SECONDS", 60.0)
    here = threads.Threads(tmp_path / "x.db")
    await here.open(lambda connection: migrate(connection, []))
    await here.write(lambda connection: connection.execute("CREATE TABLE things (name TEXT)"))
    await here.write(lambda connection: connection.execute("DELETE FROM things"))
    assert here._checkpoint_due is None

    # Whoever does not wait for it does not hear whether it has changed anything.
    asked = asyncio.create_task(
        here.write(lambda connection: connection.execute("INSERT INTO things VALUES ('x')"))
    )
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert here._checkpoint_due is not None

    await here.close()
    assert here._checkpoint_due is None
    assert not (tmp_path / "x.db-wal").exists()


async def test_a_log_that_a_reader_holds_back_is_folded_later(tmp_path, monkeypatch):
    """The next commit may be hours away."""
    monkeypatch.setattr(threads, "CHECKPOINT_SECONDS", 0.05)
    folded: list[bool] = []
    works = threads._checkpoint
    monkeypatch.setattr(
        threads, "_checkpoint", lambda connection: folded.append(works(connection)) or folded[-1]
    )
    here = threads.Threads(tmp_path / "x.db")
    await here.open(lambda connection: migrate(connection, []))
    await here.write(lambda connection: connection.execute("CREATE TABLE things (name TEXT)"))
    may_end, reads = threading.Event(), threading.Event()

    def read(connection):
        connection.execute("SELECT * FROM things").fetchall()
        reads.set()
        may_end.wait(20)

    reading = asyncio.create_task(here.read(read))
    await asyncio.to_thread(reads.wait, 20)
    await here.write(lambda connection: connection.execute("INSERT INTO things VALUES ('x')"))
    async with asyncio.timeout(20):
        while False not in folded:
            await asyncio.sleep(0.01)

    may_end.set()
    await reading

    async with asyncio.timeout(20):
        while not folded[-1]:
            await asyncio.sleep(0.01)
    await here.close()


async def test_a_write_that_ends_as_the_store_closes_leaves_no_timer(tmp_path, caplog):
    here = threads.Threads(tmp_path / "x.db")
    await here.open(lambda connection: migrate(connection, []))
    may_end = threading.Event()

    def write(connection):
        may_end.wait(20)
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES ('x')")

    writing = asyncio.create_task(here.write(write))
    await asyncio.sleep(0)
    closing = asyncio.create_task(here.close())
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(writing, closing)

    assert here._checkpoint_due is None
    assert not caplog.records


async def test_a_store_that_is_closed_says_so(store):
    await store.close()

    with pytest.raises(threads.StoreUnavailable):
        await fill(store, "a", 1)
    await store.close()


async def test_what_is_asked_of_a_store_that_is_closing_is_refused_at_once(tmp_path):
    """It would stand behind the end of a thread's work, and be waited for in vain."""
    here = threads.Threads(tmp_path / "x.db")
    await here.open(lambda connection: migrate(connection, []))
    may_end = threading.Event()
    read = asyncio.create_task(here.read(lambda _: may_end.wait(10)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(here.close())
    await asyncio.sleep(0)

    for ask in (here.read, here.write):
        with pytest.raises(threads.StoreUnavailable, match="closed"):
            await ask(lambda _: None)
    may_end.set()

    assert await read
    await closing


def _move(folder, name):
    (folder / "elsewhere").mkdir()
    for path in folder.glob(f"{name}*"):
        path.rename(folder / "elsewhere" / path.name)


def _delete(folder, name):
    for path in folder.glob(f"{name}*"):
        path.unlink()


def _replace(folder, name):
    shutil.copy(folder / name, folder / "new")
    (folder / "new").rename(folder / name)


def _delete_the_log(folder, name):
    (folder / f"{name}-wal").unlink()


@pytest.mark.parametrize("done", [_move, _delete, _replace, _delete_the_log])
@pytest.mark.parametrize("has_read", [True, False])
async def test_a_file_that_is_not_where_it_was_takes_and_gives_nothing(store, tmp_path, done, has_read):
    """What is committed to it would go with the process, and a reader that comes later would make an empty one."""
    await fill(store, "a", 1)
    if has_read:
        await store.streams.heads(["a"])

    done(tmp_path, "x.db")
    there = sorted(tmp_path.iterdir())

    for asked in (
        fill(store, "a", 1),
        store.streams.heads(["a"]),
        store.ping(),
        store.inboxes.opening("1", ["a"], since={}, limit=1, now=NOW),
    ):
        with pytest.raises(StoreUnavailable, match="moved, deleted or replaced"):
            await asked
    assert sorted(tmp_path.iterdir()) == there


async def test_a_file_that_is_put_back_is_gone_on_with(store, tmp_path):
    await fill(store, "a", 1)
    _move(tmp_path, "x.db")
    with pytest.raises(StoreUnavailable):
        await fill(store, "a", 1)

    for path in (tmp_path / "elsewhere").iterdir():
        path.rename(tmp_path / path.name)

    [stored] = await fill(store, "a", 1)
    assert stored.seq == 2


async def test_a_file_whose_name_is_full_of_signs_is_found(tmp_path):
    store = SQLiteStore(tmp_path / "a ?mode=ro&x#y%41é.db")
    await store.open()
    await fill(store, "a", 1)
    assert await store.streams.heads(["a"]) == {"a": 1}
    await store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a ?mode=ro&x#y%41é.db"]


async def test_a_file_that_does_not_say_what_it_has_had_is_refused(tmp_path):
    """To run all migrations on tables that are there would only fail later, and less clearly."""
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    await store.close()
    with sqlite3.connect(tmp_path / "x.db") as file:
        file.execute("DELETE FROM facts WHERE name = 'migrations'")
    file.close()
    again = SQLiteStore(tmp_path / "x.db")

    with pytest.raises(StoreConfigurationError, match="which changes of its schema"):
        await again.open()

    await again.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path):
    file = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    first = Migration(name="a-1", run=statements("CREATE TABLE a (x);\n"))
    broken = Migration(name="a-2", run=statements("CREATE TABLE b (x);\nCREATE TABLE a (x);\n"))
    migrate(file, [first])
    before = list(file.iterdump())

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(file, [first, broken])

    assert list(file.iterdump()) == before
    file.close()


def test_why_a_change_of_the_schema_failed_is_told_when_sqlite_has_undone_it_by_itself():
    """As it does where the disk is full: then there is no transaction left to be rolled back."""

    def fill_up(connection):
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as file,
        pytest.raises(sqlite3.OperationalError, match="full"),
    ):
        migrate(file, [Migration(name="one", run=fill_up)])


@pytest.mark.parametrize("schema", [1, 2, 3])
async def test_a_file_of_a_numbered_schema_becomes_what_a_new_one_is(tmp_path, schema, caplog):
    """Files kept a number before they kept names: it tells which of the migrations of that time ran."""
    caplog.set_level(logging.INFO, "storage.sqlite.schema")
    old, new = SQLiteStore(tmp_path / "old.db"), SQLiteStore(tmp_path / "new.db")
    migrations = [migration for shelf in old._shelves for migration in shelf.MIGRATIONS]
    file = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    migrate(file, [migration for migration in migrations if (migration.schema or schema + 1) <= schema])
    file.execute("DROP TABLE facts" if schema < 3 else "DELETE FROM facts WHERE name = 'migrations'")
    file.execute(f"PRAGMA user_version = {schema}")
    file.close()

    for store in (new, old):
        await store.open()
        await fill(store, "a", 1)

    assert await _columns(old) == await _columns(new)
    assert len(await old.epochs.current()) == 8
    changed = [record.change for record in caplog.records]
    assert changed == [m.name for m in migrations if m.schema is None or m.schema > schema]
    for store in (new, old):
        await store.close()


async def _columns(store: SQLiteStore) -> list[object]:
    """All columns and indexes there are; a column that was added later has another place."""
    return await store._threads.read(
        lambda c: sorted(
            c.execute(
                "SELECT m.name, p.name, p.type FROM sqlite_master m JOIN pragma_table_info(m.name) p"
                " UNION SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            )
        )
    )
