"""Fixtures of the contract suites: one of each adapter."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from storage.connect import connect
from storage.store import Store
from tests.contract.store_cases import Writer
from tests.support import servers

SPEAK_REDIS = {"redis": servers.redis_program, "valkey": servers.valkey_program}
"""What is held to the contracts of bus and presence, and where it is."""


@pytest.fixture(scope="session")
def url_of() -> Iterator[Callable[[str], str]]:
    """The URL of a server that speaks Redis's language, which other tests of this process use too: take names of your own."""
    urls = {"redis": given} if (given := os.environ.get("BELLHOP_TEST_REDIS")) else {}
    with ExitStack() as started:

        def url(name: str) -> str:
            if name not in urls:
                urls[name] = started.enter_context(servers.redis(program=SPEAK_REDIS[name]())).url
            return urls[name]

        yield url


@pytest.fixture(params=list(SPEAK_REDIS))
def redis_url(request, url_of) -> str:
    return url_of(request.param)


@pytest.fixture(params=list(SPEAK_REDIS))
def server(request) -> Iterator[servers.Server]:
    """A server of this test's own, to be tortured."""
    with servers.redis(program=SPEAK_REDIS[request.param]()) as own:
        yield own


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request, tmp_path) -> str:
    """A URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'store.db'}"
    return request.getfixturevalue("mongo_url")


@pytest.fixture(params=["sqlite", "mongodb"])
def new_store_url(request, tmp_path) -> str:
    """A URL of a store that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'store.db'}"
    return request.getfixturevalue("new_mongo_url")


@pytest.fixture
async def store(store_url) -> AsyncIterator[Store]:
    store = connect(store_url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other(store_url, store) -> AsyncIterator[Store]:
    """A second node on the same store."""
    other = connect(store_url)
    await other.open()
    yield other
    await other.close()


@pytest.fixture
def writers() -> Iterator[list[Writer]]:
    """Put in here what must not outlive the test."""
    started: list[Writer] = []
    yield started
    for writer in started:
        writer.close()
