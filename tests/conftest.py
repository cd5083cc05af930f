"""Fixtures that every kind of test may use: real servers, started once per test process when first asked for."""

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.support import servers
from tests.support.amounts import LONG, amount

if TYPE_CHECKING:
    from pymongo import MongoClient

    from tests.support.databases import Databases

# How long an example takes is the machine's business, which other tests use too. Every day the same examples are tried, so
# that a change is judged by what it changes; what nobody has thought of yet is looked for in the long runs.
settings.register_profile(
    "bellhop", deadline=None, derandomize=not LONG, print_blob=True, max_examples=amount(25, long=100)
)
settings.load_profile("bellhop")


def pytest_configure() -> None:
    """Have Ctrl-C heard by what is tested: what a shell begins in the background is deaf to it, and so is all that it begins."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs no measuring, and leave to the long runs what is marked `long(only=True)`."""
    for item in items:
        if _is_unmeasured(item):
            item.add_marker(pytest.mark.unmeasured)
    if LONG:
        return
    left = [item for item in items if (mark := item.get_closest_marker("long")) and mark.kwargs.get("only")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _is_unmeasured(item: pytest.Item) -> bool:
    """Whether it runs no line that others do not: journeys on a second store, and what pages show."""
    kind = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    callspec = getattr(item, "callspec", None)
    return kind == "browser" or (kind == "journeys" and callspec is not None and "mongodb" in callspec.id)


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


@pytest.fixture(scope="session")
def databases(mongod_url: str, mongo_client: "MongoClient[Any]") -> Iterator["Databases"]:
    from tests.support.databases import Databases

    made = Databases(mongod_url, mongo_client)
    yield made
    made.drop()


@pytest.fixture
def mongo_url(databases: "Databases") -> Iterator[str]:
    """The URL of an empty database for this test alone; other tests have had it, and left nothing in it."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def new_mongo_url(databases: "Databases") -> Iterator[str]:
    """The URL of a database that is made by whoever opens it first."""
    with databases.new() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis that other tests of this process use too: take names of your own."""
    given = os.environ.get("BELLHOP_TEST_REDIS")
    if given:
        yield given
        return
    with servers.redis() as server:
        yield server.url
