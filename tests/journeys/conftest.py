"""What every journey begins with: a gateway, and a Node.js process for stock clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway
from tests.support.node import NodeProcess, run_clients


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path) as started:
        yield started


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of an empty store."""
    return {"STORE_URL": request.getfixturevalue("mongo_url")} if request.param == "mongodb" else {}


@pytest.fixture
async def node() -> AsyncIterator[NodeProcess]:
    async with run_clients() as process:
        yield process


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that a gateway runs on in production; the other tests use asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}
