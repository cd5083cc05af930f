"""The nodes of a cluster, as each tells of itself, and one of them is sent away."""

import asyncio
from datetime import timedelta
from pathlib import Path

from gateway.observe.metrics import release
from gateway.observe.nodes import LOAD_SECONDS, Load
from tests.support.gateway import gateway_process, gateways, token
from tests.support.node import NodeProcess


async def test_whichever_node_is_asked_tells_of_all_and_has_another_leave(
    tmp_path: Path, redis_url: str, node: NodeProcess
):
    async with gateways(2, tmp_path, bus_url=redis_url) as (near, far):
        left = asyncio.Event()
        assert near.node is not None
        assert far.node is not None
        far.node.views.nodes.leave = left.set
        near.node.views.nodes.leave = lambda: None
        ann = await node.open(far.public, auth={"token": token("ann")})
        await ann.event("ready")

        before = (await near.ask("GET", "/internal/nodes")).body
        answered = await near.ask("POST", "/internal/nodes/node-1/drain")
        async with asyncio.timeout(40):
            await left.wait()
        after = (await near.ask("GET", "/internal/nodes")).body
        unknown = await near.ask("POST", "/internal/nodes/node-7/drain")

        nodes = {each["node"]: each for each in before["nodes"]}
        assert (list(nodes), before["asked"], before["silent"]) == (["node-0", "node-1"], "node-0", [])
        assert (nodes["node-0"]["sessions"], nodes["node-1"]["sessions"]) == (0, 1)
        assert {each["release"] for each in nodes.values()} == {release()}
        assert answered.status == 202
        assert [each["leaving"] for each in after["nodes"]] == [False, True]
        assert (unknown.status, unknown.body["code"]) == (404, "not_found")
        deed = (await near.ask("GET", "/internal/audit?operation=drain_node&target=node-1")).body["deeds"][0]
        assert (deed["by"], deed["outcome"]) == ("service:shop", "done")


async def test_any_node_tells_what_is_firing_on_which_and_what_to_do(tmp_path: Path, redis_url: str):
    async with gateways(2, tmp_path, bus_url=redis_url) as (near, far):
        assert far.node is not None
        await far.ask("POST", "/internal/lanes/bulk/pause", body={"reason": "a look at the list"})
        # The other node hears of it in its own time.
        trends, clock = far.node.views.trends, far.node.views.trends._clock
        await trends.stop()
        trends.sample()
        calm = (await near.ask("GET", "/internal/alerts")).body["alerts"]
        trends._clock = lambda: clock() + timedelta(minutes=6)
        trends.sample()

        told = (await near.ask("GET", "/internal/alerts")).body

        [alert] = told["alerts"]
        assert calm == []
        assert (alert["name"], alert["severity"], alert["lane"], alert["nodes"]) == (
            "BellhopLanePaused", "warning", "bulk", ["node-1"],
        )  # fmt: skip
        assert "bellhop lanes" in alert["runbook"]
        assert any(
            "a look at the list" in each["text"] for each in told["warnings"] if each["node"] == "node-1"
        )


async def test_a_process_that_is_to_leave_ends_as_by_its_operators_signal(tmp_path: Path):
    async with gateway_process(tmp_path, NODE_ID="only") as process:
        answered = await process.gateway.ask("POST", "/internal/nodes/only/drain")

        assert answered.status == 202
        assert await process.ended() == 0


def test_a_load_is_told_of_a_while_and_not_of_a_moment():
    now, used = [0.0], [0.0]
    load = Load(lambda: now[0], lambda: used[0])
    now[0], used[0] = LOAD_SECONDS / 2, LOAD_SECONDS / 2
    assert load.now() == 0
    now[0], used[0] = LOAD_SECONDS, LOAD_SECONDS / 4
    assert load.now() == 0.25
    now[0] += 1
    assert load.now() == 0.25
