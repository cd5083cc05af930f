"""The world of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.gateway.lanes.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "bellhop.db")
    await made.store.open()
    yield made
    for process in made.processes:
        await process.stop()
    await made.store.close()
