"""What every journey begins with: a gateway, and a Node.js process for stock clients."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway
from tests.support.node import NodeProcess, run_clients


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path) as started:
        yield started


@pytest.fixture
async def node() -> AsyncIterator[NodeProcess]:
    async with run_clients() as process:
        yield process
