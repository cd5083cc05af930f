import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from tests.support import rawsocket
from tests.unit.engine.hosts import Host, engine, hosted, stock

SHOWN_TO_FAIL = pytest.mark.xfail(strict=True, reason="the stock libraries have this hole")


@pytest.fixture
async def hosts() -> AsyncIterator[Callable[..., Any]]:
    """Serves engines with the limits given, until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def serve(**limits: Any) -> Host:
            return await stack.enter_async_context(hosted(engine(**limits)))

        yield serve
        await rawsocket.hang_up_all()


@pytest.fixture(params=["bellhop", pytest.param("stock", marks=SHOWN_TO_FAIL)])
async def holes(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    """Serves the engine, and in a second run the stock server, on which the test must fail."""
    if request.param == "stock":
        monkeypatch.setattr(rawsocket, "DEADLINE", 1)
        for name in ("socketio.server", "engineio.server"):
            monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    async with contextlib.AsyncExitStack() as stack:

        async def serve(**limits: Any) -> Host:
            server = engine(**limits) if request.param == "bellhop" else stock(**limits)
            return await stack.enter_async_context(hosted(server))

        yield serve
        await rawsocket.hang_up_all()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
