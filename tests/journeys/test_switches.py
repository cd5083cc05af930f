"""Switches over several nodes: in force on all within a second, whatever becomes of what carries the word."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog import folder as folders
from tests.support import servers
from tests.support.gateway import Gateway, GatewayProcess, gateway_process

SHOP = Path(folders.__file__).parent / "shop"
DEADLINE_SECONDS = 40
TYPE = "SALE_OFFER"


@pytest.fixture
def redis() -> Iterator[servers.Server]:
    """A Redis of this test's own, to be ended."""
    with servers.redis() as own:
        yield own


@pytest.fixture
async def nodes(tmp_path: Path, redis: servers.Server, mongo_url: str) -> AsyncIterator[list[GatewayProcess]]:
    """Three processes of `bellhop serve`, each with a folder of its own."""
    started = []
    for number in range(3):
        folder = tmp_path / str(number)
        shutil.copytree(SHOP, folder / "shop")
        started.append(
            GatewayProcess(
                folder, STORE_URL=mongo_url, BUS_URL=redis.url, NODE_ID=f"node-{number}",
                CATALOG=str(folder / "shop"), MAIL_WORKER="false",
            )
        )  # fmt: skip
    try:
        await asyncio.gather(*(each.start() for each in started))
        yield started
    finally:
        for each in started:
            await each.close()


async def switch(here: Gateway, **asked: Any) -> None:
    answered = await here.ask("PATCH", f"/internal/types/{TYPE}", body=asked)
    assert answered.status == 200, answered


async def rules_at(here: Gateway) -> tuple[str | None, str | None]:
    """By which rule what is emitted there now is not shown, and by which its mail is not owed."""
    emitted = await here.emit(
        "user:ann", type=TYPE, data={"name": "x", "discount": 0.1, "slug": "x"},
        email={"to": "ann@example.org", "after": 3600},
    )  # fmt: skip
    record = await here.ask("GET", f"/internal/notifications/{emitted['notification']['id']}")
    skipped = record.body["skipped"]
    assert (skipped is None) == (emitted["notification"]["seq"] is not None)
    return None if skipped is None else skipped["rule"], record.body["mail"]["decided_by"]


async def rule_at(here: Gateway) -> str | None:
    """By which rule a mail that is emitted there now is not owed."""
    _, mailed = await rules_at(here)
    return mailed


async def until_rule_is(here: Gateway, rule: str | None) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await rule_at(here) != rule:
            await asyncio.sleep(0.02)


async def test_a_switch_is_in_force_on_every_node_also_when_none_is_told(
    nodes: list[GatewayProcess], redis: servers.Server
):
    one, two, three = (each.gateway for each in nodes)
    everybody = {"channels": {"email": {"percent": 100}}}
    await switch(one, **everybody)
    for here in (one, two, three):
        await until_rule_is(here, None)

    await switch(two, enabled=False)
    assert await rule_at(two) == "switch"
    for here in (one, three):
        await until_rule_is(here, "switch")

    # Nobody can be told now, and when Redis is back, nobody is told again.
    redis.kill()
    await switch(three, enabled=None)
    assert await rule_at(three) is None
    for here in (one, two):
        await until_rule_is(here, None)
    redis.start()
    await switch(one, channels={"email": {"percent": 0}})
    for here in (two, three):
        await until_rule_is(here, "rollout")


@pytest.mark.alone
async def test_a_second_after_it_was_switched_off_no_node_emits_it(
    nodes: list[GatewayProcess], redis: servers.Server
):
    one, two, three = (each.gateway for each in nodes)
    await switch(one, channels={"email": {"percent": 100}})
    for here in (one, two, three):
        await until_rule_is(here, None)

    # Told by Redis, without it, and by one that was started anew.
    for redis_does in (None, redis.kill, redis.start):
        if redis_does is not None:
            redis_does()
        await switch(one, enabled=False)
        off_at = time.monotonic()
        # The promise is of a time: before it is over there is nothing to await.
        await asyncio.sleep(1 - (time.monotonic() - off_at))

        assert [await rules_at(here) for here in (two, three)] == [("switch", "switch")] * 2
        await switch(one, enabled=None)
        for here in (two, three):
            await until_rule_is(here, None)


async def test_a_node_that_comes_later_has_what_was_switched(
    nodes: list[GatewayProcess], tmp_path: Path, redis: servers.Server, mongo_url: str
):
    await switch(nodes[0].gateway, enabled=False)
    (tmp_path / "later").mkdir()

    async with gateway_process(tmp_path / "later", STORE_URL=mongo_url, BUS_URL=redis.url) as later:
        assert await rule_at(later.gateway) == "switch"


async def warnings(process: GatewayProcess) -> list[str]:
    ready = await process.gateway.request("GET", process.gateway.internal + "/readyz")
    return [text for text in ready.body.get("warnings", []) if text.startswith("catalog: ")]


async def test_nodes_that_run_different_catalogs_say_so_until_all_run_the_same(
    nodes: list[GatewayProcess], tmp_path: Path
):
    async def versions() -> dict[str, str]:
        told: dict[str, str] = (await nodes[0].gateway.ask("GET", "/internal/types")).body["nodes"]
        return told

    async def until_versions_are(count: int) -> dict[str, str]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(told := await versions()) < 3 or len(set(told.values())) != count:
                await asyncio.sleep(0.05)
        return told

    same = await until_versions_are(1)
    assert same.keys() == {"node-0", "node-1", "node-2"}
    assert await warnings(nodes[0]) == []

    await change_and_reload(nodes[1], tmp_path / "1")
    told = await until_versions_are(2)

    assert told["node-0"] == told["node-2"] != told["node-1"]
    [warning] = await warnings(nodes[0])
    assert f"{told['node-1']} at node-1" in warning
    assert f"{told['node-0']} at node-0, node-2" in warning
    metrics = await nodes[0].gateway.request("GET", nodes[0].gateway.internal + "/metrics")
    assert "\nbellhop_catalog_versions 2.0\n" in metrics.body

    for number in (0, 2):
        await change_and_reload(nodes[number], tmp_path / str(number))
    await until_versions_are(1)
    assert await warnings(nodes[0]) == []


async def change_and_reload(process: GatewayProcess, folder: Path) -> None:
    file = folder / "shop" / "catalog.toml"
    file.write_text(file.read_text("utf-8") + "\n# another version\n", "utf-8")
    process.signal(signal.SIGHUP)
