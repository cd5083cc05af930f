"""The sentences of `storage/store.py`, held against every store: its life."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from storage.connect import connect
from storage.errors import StoreUnavailable
from storage.outbox import ANY
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import (
    emission,
    fill,
    later,
    notification,
    sequences,
)


async def test_processes_that_ask_at_once_share_one_secret(store, other):
    told = await asyncio.gather(*(each.shared_secret() for each in (store, other) * 5))

    assert {*told} == {await other.shared_secret()}
    assert len(told[0]) == 32


async def test_opening_twice_and_closing_twice_is_well(store, other):
    await store.open()
    await store.ping()
    await fill(store, "a", 1)
    await store.close()
    await store.close()

    for attempt in (
        store.ping(),
        store.streams.heads(["a"]),
        store.streams.append([emission(notification("a"))]),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert await other.streams.heads(["a"]) == {"a": 1}


async def test_what_is_stored_outlives_the_store(store_url):
    for seq in (1, 2):
        store = connect(store_url)
        await store.open()
        [stored] = await fill(store, "a", 1)
        await store.close()
        assert stored.seq == seq


async def test_several_nodes_may_open_a_new_store_at_once(new_store_url):
    stores = [connect(new_store_url) for _ in range(4)]

    await asyncio.gather(*(node.open() for node in stores))

    await asyncio.gather(*(fill(node, "a", 5) for node in stores))
    assert await sequences(stores[0], "a") == list(range(1, 21))
    for node in stores:
        await node.close()


async def test_a_store_with_a_clock_of_its_own_tells_it(store):
    before = datetime.now(UTC)
    told = await store.time()
    after = datetime.now(UTC)

    assert told is None or before - timedelta(seconds=1) <= told <= after + timedelta(seconds=1)
    assert (told is None) == isinstance(store, SQLiteStore)


async def test_a_ping_writes_and_leaves_nothing_to_be_found(store):
    await fill(store, "a", 1)
    for size in (1, 70_000, 1):
        await store.ping(size=size)

    assert await sequences(store, "a") == [1]
    assert await store.streams.prune(before=later(10_000), limit=100) == 1
    assert (await store.outbox.mail_page(ANY, before=None, limit=10)).items == ()
