"""The store, the clock and the list of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.notify.suppressions.listing import SuppressionList
from storage.sqlite import SQLiteStore
from tests.unit.gateway.suppressions.listing import HeldClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def suppressed(store: SQLiteStore, clock: HeldClock) -> SuppressionList:
    return SuppressionList(store.suppressions, clock)  # type: ignore[arg-type]
