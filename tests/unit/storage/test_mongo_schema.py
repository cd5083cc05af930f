"""Changing the schema of a MongoDB database: one node at a time, under a lease by the server's clock."""

import asyncio
import logging

import pytest
from pymongo import IndexModel

from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.mongo import schema
from storage.mongo.collections import FACTS, Collections
from storage.mongo.schema import RAN, Migration, migrate

LEASE_SECONDS = 0.9


@pytest.fixture
def mongo_url(new_mongo_url: str) -> str:
    """Of a database that nobody has brought to any schema yet."""
    return new_mongo_url


@pytest.fixture
async def c(mongo_url):
    collections = Collections(f"{mongo_url}&timeoutMS=2000")
    yield collections
    await collections.close()


async def _change(c: Collections, *migrations: Migration, indexes: schema.Indexes = ()) -> None:
    await migrate(c, migrations, indexes, lease_seconds=LEASE_SECONDS)


async def _document(c: Collections) -> dict[str, object]:
    found = await c[FACTS].find_one({"_id": RAN})
    assert found is not None
    return found


async def test_migrations_run_once_in_their_order_and_the_lease_is_given_back(c, caplog):
    caplog.set_level(logging.INFO, "storage.mongo.schema")
    ran: list[str] = []

    async def run(name: str) -> None:
        ran.append(name)

    first = Migration(name="a-1", run=lambda _: run("a-1"))
    second = Migration(name="b-1", run=lambda _: run("b-1"))
    await _change(c, first)
    await _change(c, first, second)
    await _change(c, first, second)

    assert ran == ["a-1", "b-1"]
    assert [record.change for record in caplog.records] == ran
    assert await _document(c) == {"_id": RAN, "ran": ["a-1", "b-1"]}


async def test_one_that_takes_longer_than_an_operation_and_than_the_lease_runs_once(mongo_url):
    """Two nodes start at once: the one waits as long as the other works."""
    hurried = Collections(f"{mongo_url}&timeoutMS=700")
    await hurried["kept"].insert_one({})

    async def slow(c: Collections) -> None:
        await c["runs"].insert_one({})
        await c["kept"].find({"$where": "sleep(3000) || true"}).to_list()

    migration = Migration(name="slow-1", run=slow)
    await asyncio.gather(*(_change(hurried, migration) for _ in range(3)))

    assert await hurried["runs"].count_documents({}) == 1
    await hurried.close()


async def test_one_that_fails_is_begun_again_by_the_next_at_once(c):
    outcomes = iter([StoreUnavailable("away"), None])

    async def run(_: Collections) -> None:
        if (error := next(outcomes)) is not None:
            raise error

    migration = Migration(name="a-1", run=run)
    with pytest.raises(StoreUnavailable, match="away"):
        await _change(c, migration)
    assert (await _document(c))["ran"] == []
    await _change(c, migration)

    assert (await _document(c))["ran"] == ["a-1"]


async def test_a_node_that_has_lost_the_lease_stops_and_writes_nothing_down(c):
    stopped = asyncio.Event()

    async def run(c: Collections) -> None:
        await c[FACTS].update_one({"_id": RAN}, {"$set": {"holder": "another"}})
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(StoreUnavailable, match="taken over"):
        await _change(c, Migration(name="a-1", run=run))

    assert stopped.is_set()
    document = await _document(c)
    assert (document["ran"], document["holder"]) == ([], "another")


async def test_a_node_that_is_waited_for_too_long_is_told_of(c, monkeypatch):
    async def nothing(_: Collections) -> None: ...

    monkeypatch.setattr(schema, "PATIENCE_SECONDS", 0.0)
    await c[FACTS].insert_one({"_id": RAN, "ran": []})
    await c[FACTS].update_one(
        {"_id": RAN}, [{"$set": {"holder": "another", "until": {"$add": ["$$NOW", 60_000]}}}]
    )

    with pytest.raises(StoreUnavailable, match="another node is changing the schema"):
        await _change(c, Migration(name="a-1", run=nothing))
    await c[FACTS].update_one({"_id": RAN}, [{"$set": {"until": "$$NOW"}}])
    await _change(c, Migration(name="a-1", run=nothing))

    assert (await _document(c))["ran"] == ["a-1"]


async def test_indexes_that_are_missing_are_made_also_by_several_at_once(c):
    def of(*names: str) -> schema.Indexes:
        return [("kept", [IndexModel([(name, 1)], name=name)]) for name in names]

    await _change(c, indexes=of("a"))
    await c["kept"].drop_index("a")
    await asyncio.gather(*(_change(c, indexes=of("a", "b")) for _ in range(4)))

    assert set(await c["kept"].index_information()) == {"_id_", "a", "b"}


async def test_what_a_newer_release_has_run_is_named(c):
    await c[FACTS].insert_one({"_id": RAN, "ran": ["b-2", "a-1"]})

    with pytest.raises(StoreConfigurationError, match=r"newer release \(a-1, b-2\)"):
        await _change(c)
