"""A MongoDB of the test's own that stands still, is killed, comes back, refuses writes, or asks who comes."""

import asyncio
import gc
import time

import pytest
from pymongo import AsyncMongoClient

from storage.connect import connect
from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.mongo.collections import connected
from tests.contract.store_cases import NOW, Writer, emission, fill, key, notification, sequences
from tests.support import servers
from tests.support.amounts import AT_LENGTH


@pytest.fixture
def server():
    with servers.mongod() as server:
        yield server


async def test_every_answered_append_survives_the_killing_of_the_server(server, writers):
    """The writer repeats what it was told nothing about, under the same ids: each is there once."""
    url = server.url + "&timeoutMS=2000&serverSelectionTimeoutMS=2000"
    writer = Writer(url, ["a", "b"], count=60)
    writers.append(writer)
    for _ in range(10):
        assert await writer.line()

    server.kill()
    await asyncio.to_thread(server.start)
    assert await asyncio.wait_for(writer.finish(), 60) == 0

    assert len(writer.answered) == 300
    store = connect(server.url)
    await store.open()
    for notification_id, room, seq in writer.answered:
        stored = await store.streams.notification(notification_id)
        assert stored is not None
        assert (stored.room, stored.seq) == (room, seq)
    for room in "ab":
        assert await sequences(store, room) == list(range(1, 151))
    await store.close()


async def test_a_server_that_stands_still_is_unavailable_within_bounds_and_then_well(server):
    store = connect(server.url + "&timeoutMS=1500&serverSelectionTimeoutMS=1000")
    await store.open()
    await fill(store, "a", 1)
    asked = emission(notification("a"), key=key())
    server.pause()
    try:
        for attempt in (
            lambda: store.streams.append([asked]),
            store.ping,
            lambda: store.inboxes.opening("1", ["a"], since={}, limit=5, now=NOW),
        ):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await attempt()
            assert time.monotonic() - began < 10
    finally:
        server.resume()

    deadline = time.monotonic() + 20
    while True:
        try:
            [answer] = await store.streams.append([asked])
            break
        except StoreUnavailable:
            assert time.monotonic() < deadline
    assert [n.seq for n in answer.notifications] == [2]
    assert await sequences(store, "a") == [1, 2]
    await store.close()


@AT_LENGTH
@pytest.mark.timeout(180)
async def test_a_server_that_stood_still_for_a_minute_is_well_within_seconds_of_its_return(server):
    """The driver takes for its distance what its first answer took, and asks nothing that has no time for that."""
    store = connect(server.url)
    await store.open()
    server.pause()
    try:
        # As long as it takes until both monitors of the driver's have lost it, and ask again.
        ends = time.monotonic() + 57
        while time.monotonic() < ends:
            with pytest.raises((StoreUnavailable, TimeoutError)):
                await asyncio.wait_for(store.ping(), 3)
            await asyncio.sleep(0.2)
    finally:
        server.resume()

    async with asyncio.timeout(6):
        while True:
            try:
                await store.streams.append([emission(notification("a"))])
                break
            except StoreUnavailable:
                await asyncio.sleep(0.1)
    await store.close()


def test_the_driver_looks_every_second_unless_the_url_says_otherwise():
    url = "mongodb://127.0.0.1:1/x"

    assert connected(url).client.options._options["heartbeatfrequencyms"] == 1
    assert connected(f"{url}?heartbeatFrequencyMS=5000").client.options._options["heartbeatfrequencyms"] == 5


async def test_what_fails_when_nobody_waits_for_it_any_more_is_not_told_to_the_log(server, caplog):
    """The driver's own words quote what was asked, and whoever hung up has no use for them."""
    store = connect(server.url + "&timeoutMS=1000&serverSelectionTimeoutMS=1000")
    await store.open()
    server.pause()
    try:
        asking = asyncio.create_task(store.streams.append([emission(notification("a"))]))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        del asking
        async with asyncio.timeout(10):
            while any(task.get_name() == "mongo-operation" for task in asyncio.all_tasks()):
                await asyncio.sleep(0.05)
    finally:
        server.resume()
    gc.collect()

    assert caplog.messages == []
    await store.close()


async def test_a_server_that_answers_and_takes_no_writes_is_unavailable(server):
    store = connect(server.url)
    await store.open()
    await store.ping()
    async with AsyncMongoClient(server.url) as admin:
        await admin.admin.command("fsync", lock=True)
        try:
            with pytest.raises(StoreUnavailable, match="MongoDB: "):
                await store.ping()
        finally:
            await admin.admin.command("fsyncUnlock")

    async with asyncio.timeout(20):
        while True:
            try:
                await store.ping()
                break
            except StoreUnavailable:
                continue
    await store.close()


async def test_why_a_server_refuses_is_told_in_its_own_words_and_without_secrets():
    """A user whose role is taken away, one with a wrong password, and a server that nobody's CA has signed."""
    with servers.mongod(asks=True) as server:
        own = f"mongodb://shop:hush-hush@127.0.0.1:{server.port}/bellhop?replicaSet=rs0"
        async with AsyncMongoClient(server.url) as admin:
            database = admin["bellhop"]
            await database.command("createUser", "shop", pwd="hush-hush", roles=["readWrite"])
            store = connect(own)
            await store.open()
            await fill(store, "a", 1)

            await database.command("revokeRolesFromUser", "shop", roles=["readWrite"])
            await database.command("grantRolesToUser", "shop", roles=["read"])

            for refused in (
                store.ping(),
                store.streams.append([emission(notification("a", title="A secret"))]),
            ):
                with pytest.raises(StoreUnavailable, match="not authorized on bellhop") as told:
                    await refused
                assert "code 13" in str(told.value)
                assert "A secret" not in str(told.value)
            await store.close()

            with pytest.raises(StoreConfigurationError, match="not authorized on bellhop"):
                await connect(own).open()
            with pytest.raises(StoreConfigurationError, match="Authentication failed") as told:
                await connect(own.replace("hush-hush", "wrong-one")).open()
            assert "wrong-one" not in str(told.value)
            with pytest.raises(StoreUnavailable, match="certificate verify failed") as told:
                await connect(own + "&tls=true").open()
            assert "hush-hush" not in str(told.value)
            assert "Topology" not in str(told.value)
        with pytest.raises(
            StoreUnavailable, match="nowhere.invalid:27017: .*Name or service not known|nowhere"
        ):
            await connect("mongodb://nowhere.invalid/?serverSelectionTimeoutMS=500").open()
