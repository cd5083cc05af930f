"""From a URL to a store, and what an operator is told of one that cannot work."""

import gc
import sqlite3

import pytest

from storage.connect import connect
from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.mongo import MongoStore
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import fill, sequences


async def test_a_relative_and_an_absolute_path_name_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url, path in (
        ("sqlite:///var/a%20b.db", tmp_path / "var" / "a b.db"),
        (f"sqlite:///{tmp_path}/deep/er/c.db", tmp_path / "deep" / "er" / "c.db"),
    ):
        store = connect(url)
        assert isinstance(store, SQLiteStore)
        await store.open()
        await store.close()
        assert path.exists()


@pytest.mark.parametrize("url", ["mongodb://h/db", "MONGODB://h", "mongodb+srv://h.example.org/"])
def test_both_schemes_of_mongodb_name_a_mongodb(url):
    assert isinstance(connect(url), MongoStore)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bellhop.db",
        "postgres://u:secret@h",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/x",
        "sqlite:///x?y=1",
    ],
)
def test_any_other_url_is_refused_without_its_password(url):
    with pytest.raises(StoreConfigurationError) as refused:
        connect(url)

    assert "secret" not in str(refused.value)
    assert "sqlite:///" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:sec/ret@host/db",
        "mongodb://user:secret@host:port/db",
        "mongodb://user:secret@/db",
    ],
)
async def test_a_mongodb_url_that_cannot_be_read_is_told_without_its_password(url):
    with pytest.raises(StoreConfigurationError) as refused:
        await connect(url).open()

    assert "sec" not in str(refused.value).replace("percent-encoded", "")
    assert refused.value.__cause__ is None


async def test_a_mongodb_that_is_away_is_told_within_its_bound():
    store = connect("mongodb://user:secret@127.0.0.1:9/db?serverSelectionTimeoutMS=200")

    with pytest.raises(StoreUnavailable) as away:
        await store.open()

    assert "secret" not in str(away.value)
    with pytest.raises(StoreUnavailable):
        await store.ping()
    await store.close()


# The driver drops the sockets of monitors that it cancels while they connect, and leaves them to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_mongodb_that_refuses_the_user_is_told_as_such(mongod_url):
    url = mongod_url.replace("mongodb://", "mongodb://user:secret@")

    with pytest.raises(StoreConfigurationError, match="user name or the password") as refused:
        await connect(url).open()

    assert "secret" not in str(refused.value)
    gc.collect()


async def test_a_folder_that_cannot_be_made_and_a_file_that_is_none_are_told(tmp_path):
    (tmp_path / "file").write_text("this is no database " * 100)
    (tmp_path / "folder").mkdir()

    for path in (tmp_path / "file" / "x.db", tmp_path / "file", tmp_path / "folder"):
        store = SQLiteStore(path)
        with pytest.raises(StoreConfigurationError, match=str(tmp_path)):
            await store.open()
        await store.close()


async def test_a_file_of_a_later_release_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    store = SQLiteStore(tmp_path / "x.db")

    with pytest.raises(StoreConfigurationError, match="schema 99"):
        await store.open()

    await store.close()


async def test_a_file_locked_by_another_is_unavailable_and_then_well(tmp_path, monkeypatch):
    """Not for ever: a lock that is held longer than the wait ends the wait, not the store."""
    monkeypatch.setattr("storage.sqlite.crew.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("storage.sqlite.store.PING_SECONDS", 0.1)
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable):
        await fill(store, "a", 1)
    with pytest.raises(StoreUnavailable):
        await store.ping()
    assert await sequences(store, "a") == []

    other.execute("ROLLBACK")
    other.close()
    assert [n.seq for n in await fill(store, "a", 1)] == [1]
    await store.close()


async def test_a_full_disk_is_unavailable_and_stores_nothing_by_halves(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    await fill(store, "a", 1)
    await store._threads.write(lambda c: c.execute("PRAGMA max_page_count = 1"))

    with pytest.raises(StoreUnavailable):
        await fill(store, "a", 500, body="x" * 1000)

    await store._threads.write(lambda c: c.execute("PRAGMA max_page_count = 1000000"))
    assert [n.seq for n in await fill(store, "a", 1)] == [2]
    await store.close()
