"""The process of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.gateway.stats.process import Process


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    one = Process(tmp_path / "bellhop.db")
    await one.store.open()
    yield one
    await one.store.close()
