"""A Redis that others use too: whatever another application says there, nothing of it is heard and nothing lost.

`BELLHOP_TEST_STRANGER_SECONDS` (3) is how long the stranger goes on.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.cluster.settings import ClusterSettings
from tests.support import servers
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import JSClient, NodeProcess

SECONDS = float(os.environ.get("BELLHOP_TEST_STRANGER_SECONDS", "3"))
ROOT = Path(__file__).parent.parent.parent
USERS = 20
EMITS_PER_SECOND = 50
OURS = {"notification", "ready", "connect", "upgrade"}


@pytest.fixture(params=["false", "true"], ids=["no guests", "guests"])
async def nodes(request, tmp_path: Path, mongo_url: str) -> AsyncIterator[list[Gateway]]:
    """Two nodes on a Redis of this test's own, which is full of what the stranger says."""
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(servers.redis())
        yield [
            await stack.enter_async_context(
                gateway(
                    tmp_path, STORE_URL=mongo_url, BUS_URL=redis.url, BUS_PREFIX="shop", NODE_ID=f"node-{number}",
                    FOREIGN_EMITS=request.param, CONNECT_RATE="0",
                )
            )
            for number in range(2)
        ]  # fmt: skip


async def emit_for(seconds: float, nodes: list[Gateway]) -> dict[str, list[str]]:
    """Emit to users and rooms through both nodes; answers what each user is owed, in each room's order."""
    owed: dict[str, list[str]] = {
        room: [] for room in ("all", *(f"user:u{number}" for number in range(USERS)))
    }
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    number = 0
    while loop.time() < end:
        room = "all" if number % 5 == 0 else f"user:u{number % USERS}"
        await nodes[number % 2].emit(room, str(number))
        owed[room].append(str(number))
        number += 1
        await asyncio.sleep(1 / EMITS_PER_SECOND)
    return owed


async def test_a_stranger_on_the_same_redis_is_not_heard_and_costs_nobody_anything(
    nodes: list[Gateway], node: NodeProcess
):
    clients: list[JSClient] = []
    for number in range(USERS):
        clients.append(await node.open(nodes[number % 2].public, auth={"token": token(f"u{number}")}))
        await clients[-1].event("ready")
    sessions = [
        (each.node, session)
        for each in nodes
        for number in range(USERS)
        for session in each.node.sessions.namespaces.sessions.of_user(f"u{number}")
    ]
    told = {
        "url": nodes[0].node.settings[ClusterSettings].bus_url,
        "channels": ["socketio", "shop", "shop:0:socketio"],
        "sids": [session.sid for _, session in sessions],
        "rooms": ["all", "user:u0", "user:u1", "admins"],
        "seconds": SECONDS,
    }
    stranger = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.stranger",
        json.dumps(told),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )

    owed = await emit_for(SECONDS, nodes)
    said, _ = await stranger.communicate()
    for room in owed:
        await nodes[0].emit(room, "last")
        owed[room].append("last")

    did = json.loads(said)
    assert min(did.get(kind, 0) for kind in ("emit", "order", "forged")) > 0
    allowed = nodes[0].node.settings[ClusterSettings].foreign_emits
    for number, client in enumerate(clients):
        for room in ("all", f"user:u{number}"):
            while [n["title"] for n in client.received("notification") if n["room"] == room][-1:] != ["last"]:
                await client.event("notification")
            heard = [n["title"] for n in client.received("notification") if n["room"] == room]
            assert heard == owed[room]
        assert {event for event, _ in client.log} <= (OURS | {"foreign"} if allowed else OURS)
    for gateway_node, session in sessions:
        assert gateway_node.server.manager.sessions[session.sid].rooms == set(session.rooms)
    for each in nodes:
        assert each.node.delivery.stats.put_right == 0
        assert (await each.ask("GET", "/readyz")).body == {"status": "ready", "reasons": []}
    print(f"\n{did}; {sum(map(len, owed.values()))} emits, {USERS} clients, none lost")
