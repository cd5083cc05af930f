"""Several nodes are one gateway: whoever is connected where gets what is emitted anywhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import socketio

from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def nodes(tmp_path: Path, redis_url: str, mongo_url: str) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                gateway(
                    tmp_path,
                    STORE_URL=mongo_url,
                    BUS_URL=redis_url,
                    BUS_PREFIX=tmp_path.name,
                    NODE_ID=f"node-{number}",
                    MAX_CONNECTIONS_PER_USER="2",
                    FOREIGN_EMITS="true",
                )
            )
            for number in range(2)
        ]


async def test_what_one_node_is_told_reaches_the_clients_of_the_other(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    here = await node.open(one.public, auth={"token": token("ann")})
    there = await node.open(two.public, auth={"token": token("ann")})
    await asyncio.gather(here.event("ready"), there.event("ready"))

    for number in range(20):
        await nodes[number % 2].emit("user:ann", str(number))

    for client in (here, there):
        titles = [n["title"] for n in await client.events("notification", 20)]
        assert titles == [str(number) for number in range(20)]
    await here.call("read", {"all": True})
    assert await there.event("inbox") == {"unread": 0, "heads": {"user:ann": 20, "all": 0}}


async def test_a_store_is_told_how_far_the_other_node_has_appended(
    nodes: list[Gateway], monkeypatch: pytest.MonkeyPatch
):
    one, two = nodes
    assert two.node is not None
    heard: asyncio.Queue[Mapping[str, int]] = asyncio.Queue()
    monkeypatch.setattr(two.node.store.streams, "learn", heard.put_nowait)

    await one.emit("user:ann", "first")
    async with asyncio.timeout(40):
        assert await heard.get() == {"user:ann": 1}


async def test_presence_limits_and_disconnecting_span_the_nodes(nodes: list[Gateway], node: NodeProcess):
    one, two = nodes
    admin = await node.open(two.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
    await admin.event("ready")
    first = await node.open(one.public, auth={"token": token("ann")})
    await first.event("ready")
    assert (await admin.event("presence:joined"))["user"] in ("ann", "root")
    second = await node.open(two.public, auth={"token": token("ann")})
    await second.event("ready")
    third = await node.open(two.public, auth={"token": token("ann")})
    await third.event("ready")

    assert (await first.event("closing"))["reason"] == "replaced"
    await first.disconnected()
    # Its node tells the others after it has sent it away.
    async with asyncio.timeout(40):
        while (online := (await admin.call("presence", {"prefix": "ann"}))["online"])[0]["connections"] > 2:
            await asyncio.sleep(0.05)
    assert [(user["user"], user["connections"]) for user in online] == [("ann", 2)]

    assert (await one.ask("POST", "/internal/users/ann/disconnect")).body == {"disconnected": 2}

    for client in (second, third):
        assert (await client.event("closing"))["reason"] == "revoked"
        await client.disconnected()
    while (await admin.event("presence:left"))["user"] != "ann":
        pass
    assert [p["user"] for p in admin.received("presence:joined")].count("ann") == 1


async def test_however_many_connections_are_beyond_the_limit_they_end_on_every_node(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    """As where the limit was lowered, and nodes of before hold many connections of one user."""
    one, two = nodes
    oldest = await node.open(one.public, auth={"token": token("ann")})
    await oldest.event("ready")
    assert one.node is not None and two.node is not None
    [session] = one.node.sessions.namespaces.sessions.all()
    many = [f"{'n' * 100}/{number:020}" for number in range(1000)]
    surplus = [one.node.sessions.namespaces.sessions.name_of(session), *many]

    async def enter(*_: object, **__: object) -> list[str]:
        return surplus

    monkeypatch.setattr(two.node.presence, "enter", enter)
    newest = await node.open(two.public, auth={"token": token("ann")})
    await newest.event("ready")

    assert (await oldest.event("closing"))["reason"] == "replaced"


async def test_the_admins_of_all_nodes_are_told_the_same_in_one_order(
    nodes: list[Gateway], node: NodeProcess
):
    admins = [
        await node.open(each.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
        for each in nodes
    ]
    await asyncio.gather(*(admin.event("ready") for admin in admins))

    async def come_and_go(user: str) -> None:
        for turn in range(3):
            client = await node.open(nodes[turn % 2].public, auth={"token": token(user)})
            await client.event("ready")
            await client.close()
            # Until it has left, a return elsewhere would be a reload.
            while sum(gone["user"] == user for gone in admins[0].received("presence:left")) <= turn:
                await admins[0].event("presence:left")

    for user in ("ann", "bob"):
        await come_and_go(user)
    while len(admins[1].received("presence:left")) < 6:
        await admins[1].event("presence:left")

    told = [
        [(event, args[0]["user"]) for event, args in admin.log if "presence:" in event] for admin in admins
    ]
    told = [[each for each in one if each[1] != "root"] for one in told]
    assert told[0] == told[1]
    for user in ("ann", "bob"):
        kinds = [event for event, whose in told[0] if whose == user]
        assert kinds == ["presence:joined", "presence:left"] * 3


async def test_another_python_socketio_process_reaches_the_clients(
    nodes: list[Gateway], node: NodeProcess, redis_url: str
):
    """A `write_only` manager of the library itself, as a backend may have it already."""
    clients = [await node.open(each.public, auth={"token": token("ann")}) for each in nodes]
    for client in clients:
        await client.event("ready")

    assert nodes[0].node is not None and nodes[0].node.sessions.neighbours is not None
    channel = nodes[0].node.sessions.neighbours.channel
    manager = socketio.AsyncRedisManager(redis_url, channel=channel, write_only=True)
    await manager.emit("greeting", {"from": "elsewhere"}, namespace="/", room="user:ann")
    await manager.emit("greeting", {"from": "nobody"}, namespace="/", room="user:bob")
    await manager.close_room("all", namespace="/")
    await manager.emit("closing", {"reason": "revoked"}, namespace="/", room="all")
    await manager.emit("greeting", {"from": "everywhere"}, namespace="/", room="all")
    await manager.redis.aclose()

    for client in clients:
        assert await client.event("greeting") == {"from": "elsewhere"}
        assert await client.event("greeting") == {"from": "everywhere"}
        assert client.received("closing") == []


async def test_any_node_tells_what_all_of_them_did(nodes: list[Gateway], node: NodeProcess):
    admin = await node.open(
        nodes[1].public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
    )
    await admin.event("ready")
    for number in range(3):
        await nodes[number % 2].emit("user:ann", str(number))
    for each in nodes:
        assert each.node is not None
        trends = each.node.views.trends
        await trends.stop()
        trends._samples.clear()
        for number in range(3):
            trends._clock = lambda number=number: NOON + timedelta(seconds=10 * number)
            trends.sample()
            await each.emit("user:bob", str(number))

    overview = await admin.call("overview", {"minutes": 60})

    assert (overview["node"], overview["nodes"]) == ("node-1", ["node-0", "node-1"])
    assert overview["at"] == ["2026-01-01T12:00:10.000Z", "2026-01-01T12:00:20.000Z"]
    assert overview["emits"] == {"accepted": [2, 2]}
    assert overview["connections"] == [1, 1]
