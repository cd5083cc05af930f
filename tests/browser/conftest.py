"""What every browser test begins with: a gateway, and a Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import run_browser
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path) as started:
        yield started


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with run_browser() as running:
        yield running
