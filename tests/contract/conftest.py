"""Fixtures of the contract suites: one of each adapter."""

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.connect import connect
from storage.store import Store
from tests.contract.store_cases import Writer


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request, tmp_path) -> str:
    """A URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'store.db'}"
    return request.getfixturevalue("mongo_url")


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
