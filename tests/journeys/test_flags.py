"""A node with the shop's own flag service: what it says is in force without a restart, and below an admin's word."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from gateway.catalog import folder as folders
from tests.journeys.test_types import mailed, switch
from tests.support.gateway import Gateway, environment
from tests.support.gateway import gateway as start_gateway

SHOP = Path(folders.__file__).parent / "shop"
ROOT = Path(__file__).parents[2]
FLAGS: dict[str, InMemoryFlag[bool]] = {}


class Provider(InMemoryProvider):
    """Says what FLAGS says when it is asked."""

    def resolve_boolean_details(self, *asked: Any, **more: Any) -> Any:
        self._flags = FLAGS
        return super().resolve_boolean_details(*asked, **more)


def provider() -> Provider:
    return Provider({})


def say(flag: str, value: bool) -> None:
    FLAGS[flag] = InMemoryFlag("said", {"said": value})


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    FLAGS.clear()
    say("bellhop.REVIEW", False)
    settings = {"CATALOG": str(SHOP), "FLAGS": f"{__name__}:provider", "FLAGS_EVERY": "1s"}
    async with start_gateway(tmp_path, **settings) as started:
        yield started


async def test_flags_switch_types_while_a_node_runs_and_an_admin_has_the_last_word(shop: Gateway):
    off = ("skipped", "switch", "not sent: the type is switched off by the flag service")
    assert await mailed(shop, "REVIEW") == off
    shown = await state(shop)
    assert (shown["enabled"], shown["changed"]) == (False, None)

    await switch(shop, "REVIEW", enabled=True)
    assert await mailed(shop, "REVIEW") == ("sent", None, None)
    await switch(shop, "REVIEW", enabled=None)
    assert await mailed(shop, "REVIEW") == off

    say("bellhop.REVIEW", True)
    say("bellhop.REVIEW.email", False)
    async with asyncio.timeout(20):
        while (email := (await state(shop))["channels"]["email"])["enabled"]:
            await asyncio.sleep(0.1)
    assert not email["overridden"]
    assert await mailed(shop, "REVIEW") == (
        "skipped", "switch", "not sent: the type's channel email is switched off by the flag service",
    )  # fmt: skip

    del FLAGS["bellhop.REVIEW.email"]
    told = "flags: 1 are known no more, such as bellhop.REVIEW.email; their last words stay in force"
    async with asyncio.timeout(20):
        while told not in (await shop.ask("GET", "/readyz")).body["warnings"]:
            await asyncio.sleep(0.1)
    assert not (await state(shop))["channels"]["email"]["enabled"]


async def state(shop: Gateway) -> Any:
    return (await shop.ask("GET", "/internal/types")).body["types"]["REVIEW"]


@pytest.mark.parametrize(
    ("maker", "told"),
    [
        ("no_such_module:provider", "No module named 'no_such_module'"),
        ("shop_flags.py", "BELLHOP_FLAGS must be the name of a function"),
    ],
)
def test_a_wrong_function_is_told_at_the_start(tmp_path: Path, maker: str, told: str):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve"],
        env=dict(os.environ) | environment(tmp_path, CATALOG=str(SHOP), FLAGS=maker),
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert told in done.stderr
