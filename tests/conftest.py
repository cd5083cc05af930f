"""Fixtures that every kind of test may use: real servers, started once per test process when first asked for."""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import servers

# How long an example takes is the machine's business, which other tests use too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def mongod_url() -> Iterator[str]:
    """The URL of a replica set, without a database."""
    given = os.environ.get("BELLHOP_TEST_MONGODB")
    if given:
        yield given
        return
    with servers.mongod() as server:
        yield server.url


@pytest.fixture
def mongo_url(mongod_url: str) -> str:
    """A URL with a database of this test's own."""
    head, _, query = mongod_url.partition("?")
    return f"{head}bellhop-{uuid.uuid4().hex[:12]}?{query}"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis that other tests of this process use too: take names of your own."""
    given = os.environ.get("BELLHOP_TEST_REDIS")
    if given:
        yield given
        return
    with servers.redis() as server:
        yield server.url
