"""The desk of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.ids import uuid7
from storage.sqlite import SQLiteStore
from tests.unit.gateway.returns.desk import Desk


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    # Ten thousand writes to a disk take minutes, and prove nothing more.
    memory = Path("/dev/shm")
    folder = memory if "ten_thousand" in request.node.name and memory.is_dir() else tmp_path
    store = SQLiteStore(folder / f"{uuid7()}.db")
    await store.open()
    yield Desk(store)
    await store.close()
    for file in folder.glob(f"{store._threads._path.stem}*"):
        file.unlink()
