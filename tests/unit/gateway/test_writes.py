"""Readiness asks for a write: what fails to be stored is told, until something is stored again."""

import asyncio
import logging

import pytest

from gateway.observe import writes
from gateway.observe.writes import Writes
from storage.errors import StoreUnavailable
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import emission, notification
from tests.support.gateway import gateway

TEXT = "x" * 4000


class Full:
    """Lets a store's file grow no further, as a disk does that is full."""

    def __init__(self, store: SQLiteStore) -> None:
        self._writer = store._threads._writer

    async def set(self) -> None:
        await self._writer.do(lambda c: c.execute("PRAGMA max_page_count = 1").fetchone())

    async def unset(self) -> None:
        await self._writer.do(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    await store.ping()
    yield store
    await store.close()


@pytest.fixture
def now(monkeypatch):
    """The seconds of the loop, as the test wants them."""
    seconds = [0.0]
    monkeypatch.setattr(writes, "_now", lambda: seconds[0])
    return seconds


def note(text: str = TEXT):
    return emission(notification("a", body=text))


async def fill_up(appends: Writes) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailable, match="full"):
            while True:
                await appends.append([note()])


async def test_a_failed_append_is_told_until_one_succeeds(store, now, caplog):
    caplog.set_level(logging.INFO, "gateway.observe.writes")
    seen = Writes(store, store.streams)
    await seen.ping()

    await Full(store).set()
    await fill_up(seen)
    for _ in range(3):
        now[0] += 0.1
        with pytest.raises(StoreUnavailable):
            await seen.append([note()])
        with pytest.raises(StoreUnavailable, match="database or disk is full"):
            await seen.ping()
    await Full(store).unset()
    await seen.append([note()])

    await seen.ping()
    assert [(r.message, getattr(r, "reason", None)) for r in caplog.records] == [
        ("the store does not take what is written", "SQLite: database or disk is full"),
        ("the store takes what is written again", None),
    ]


async def test_without_traffic_a_probe_as_large_as_an_emit_tells(store, now):
    """A full disk still takes a few bytes: a small probe would say that all is well, and the next emit fail."""
    seen = Writes(store, store.streams)
    await Full(store).set()
    await fill_up(seen)
    await store.ping()

    now[0] += writes.QUIET_SECONDS + writes.FRESH_SECONDS
    with pytest.raises(StoreUnavailable, match="full"):
        await seen.ping()

    await Full(store).unset()
    now[0] += writes.FRESH_SECONDS
    await seen.ping()


async def test_while_appends_go_on_failing_no_probe_says_that_all_is_well(store, now):
    class Refusing:
        async def append(self, emissions):
            raise StoreUnavailable("MongoDB: document failed validation")

    seen = Writes(store, Refusing())
    for _ in range(5):
        now[0] += writes.FRESH_SECONDS
        with pytest.raises(StoreUnavailable):
            await seen.append([note()])
        with pytest.raises(StoreUnavailable, match="validation"):
            await seen.ping()


async def test_however_often_it_is_asked_the_store_is_written_to_once_a_second(store, now):
    sizes = []

    class Counting:
        async def ping(self, *, size=1):
            sizes.append(size)
            await store.ping(size=size)

    seen = Writes(Counting(), store.streams)
    now[0] = 100.0
    await asyncio.gather(*(seen.ping() for _ in range(50)))
    assert sizes == [1]

    now[0] += writes.FRESH_SECONDS
    await seen.append([note()])
    await seen.ping()
    assert sizes == [1]


async def test_a_store_that_goes_from_reason_to_reason_fills_no_log(now, caplog):
    reasons = iter(range(1000))

    class Refusing:
        async def ping(self, *, size=1):
            raise StoreUnavailable(f"reason {next(reasons) % 50}")

    seen = Writes(Refusing())
    for _ in range(200):
        now[0] += writes.FRESH_SECONDS
        with pytest.raises(StoreUnavailable):
            await seen.ping()

    assert len(caplog.records) == writes.REASONS_TOLD


async def test_a_gateway_whose_disk_is_full_is_not_ready_and_says_why(tmp_path):
    async with gateway(tmp_path) as site:
        full = Full(site.node.store)
        await full.set()
        body = {"to": "all", "type": "TEST", "title": "x", "body": TEXT}
        async with asyncio.timeout(20):
            while (await site.ask("POST", "/internal/emit", body=body)).status == 202:
                pass

        ready = await site.ask("GET", "/readyz")
        assert (ready.status, ready.body["reasons"]) == (503, ["store: SQLite: database or disk is full"])
        await full.unset()
        await site.emit("all")
        assert (await site.ask("GET", "/readyz")).status == 200


async def test_a_gateway_whose_file_was_deleted_refuses_emits_and_is_not_ready(tmp_path):
    async with gateway(tmp_path) as site:
        await site.emit("all")
        for path in tmp_path.glob("bellhop.db*"):
            path.unlink()

        body = {"to": "all", "type": "TEST", "title": "x"}
        assert (await site.ask("POST", "/internal/emit", body=body)).status == 503
        ready = await site.ask("GET", "/readyz")
        assert ready.status == 503
        assert "moved, deleted or replaced" in ready.body["reasons"][0]
        assert not list(tmp_path.glob("bellhop.db*"))
