"""Fixtures that every kind of test may use: real servers, started once per test process when first asked for."""

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.support import servers

if TYPE_CHECKING:
    from pymongo import MongoClient

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


@pytest.fixture(scope="session")
def mongo_client(mongod_url: str) -> Iterator["MongoClient[Any]"]:
    """The way of the tests themselves to that server."""
    from pymongo import MongoClient

    with MongoClient(mongod_url) as client:
        yield client


@pytest.fixture
def mongo_url(mongod_url: str, mongo_client: "MongoClient[Any]") -> Iterator[str]:
    """A URL with a database of this test's own, which goes with it: each holds a hundred files open in the server."""
    head, _, query = mongod_url.partition("?")
    name = f"bellhop-{uuid.uuid4().hex[:12]}"
    yield f"{head}{name}?{query}"
    mongo_client.drop_database(name)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis that other tests of this process use too: take names of your own."""
    given = os.environ.get("BELLHOP_TEST_REDIS")
    if given:
        yield given
        return
    with servers.redis() as server:
        yield server.url
