"""The office of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.sqlite import SQLiteStore
from tests.unit.gateway.digests.office import Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    yield Office(store)
    await store.close()
