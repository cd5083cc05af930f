"""A stock client connects, or is told why not; it never hangs."""

import asyncio
import json

import pytest

from tests.support.gateway import SECRET, Gateway, gateway, token
from tests.support.node import NodeProcess

TRANSPORTS = pytest.mark.parametrize(
    "transports", [None, ("websocket",), ("polling",)], ids=["stock", "websocket", "polling"]
)


@TRANSPORTS
async def test_a_notification_reaches_a_stock_client_and_its_history(
    gateway: Gateway, node: NodeProcess, transports: tuple[str, ...] | None
):
    """The whole main job: post once, shown in the browser, kept in the history."""
    client = await node.open(gateway.public, auth={"token": token("ann")}, transports=transports)
    await client.connected()
    ready = await client.event("ready")

    emitted = await gateway.emit(
        "user:ann", "Shipped", body="It left", link="/orders/1", data={"order": 1, "π": ["≈", None, 1.5]}
    )

    notification = await client.event("notification")
    assert notification["title"] == "Shipped"
    assert notification["data"] == {"order": 1, "π": ["≈", None, 1.5]}
    assert {name: notification[name] for name in ("id", "room", "seq")} == emitted["notification"]
    assert set(notification) >= {"id", "room", "seq", "type", "title", "body", "link", "data", "created_at"}
    assert ready["user"] == "ann"
    assert ready["heads"] == {"user:ann": 0, "all": 0}
    assert (ready["unread"], ready["replayed"], ready["resync"]) == (0, 0, [])
    history = await client.call("history", {})
    assert history["ok"] is True
    assert [item["id"] for item in history["notifications"]] == [notification["id"]]
    assert (history["notifications"][0]["read"], history["next"]) == (False, None)


async def test_the_default_client_upgrades_to_websocket(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann")})
    await client.connected()

    assert (await client.upgraded())["transport"] == "websocket"

    await gateway.emit("user:ann", "after the upgrade")
    assert (await client.event("notification"))["title"] == "after the upgrade"


@TRANSPORTS
async def test_a_client_that_asks_for_a_subprotocol_connects(
    gateway: Gateway, node: NodeProcess, transports: tuple[str, ...] | None
):
    """A websocket that does not speak one of those it was asked for is closed by every client."""
    client = await node.open(
        gateway.public, auth={"token": token("ann")}, transports=transports, protocols=["shop.v2", "shop"]
    )

    await client.connected()
    if transports is None:
        assert (await client.upgraded())["transport"] == "websocket"
    assert (await client.event("ready"))["user"] == "ann"


@TRANSPORTS
async def test_a_client_with_the_cookies_of_a_whole_shop_connects(
    gateway: Gateway, node: NodeProcess, transports: tuple[str, ...] | None
):
    cookie = "; ".join(f"name{number}={'c' * 3000}" for number in range(10))
    client = await node.open(
        gateway.public, auth={"token": token("ann")}, transports=transports, extraHeaders={"Cookie": cookie}
    )

    await client.connected()
    if transports is None:
        assert (await client.upgraded())["transport"] == "websocket"
    assert (await client.event("ready"))["user"] == "ann"


@TRANSPORTS
@pytest.mark.parametrize(
    ("auth", "code", "retry"),
    [
        ({}, "missing_token", False),
        ({"token": None}, "missing_token", False),
        ({"token": "nonsense"}, "invalid_token", False),
        ({"token": token("ann", ttl_seconds=1)[:-3]}, "invalid_token", False),
        ({"token": 42}, "missing_token", False),
    ],
    ids=["none", "null", "nonsense", "forged", "number"],
)
async def test_who_has_no_good_token_is_refused_with_a_code(
    gateway: Gateway,
    node: NodeProcess,
    auth: dict[str, object],
    code: str,
    retry: bool,
    transports: tuple[str, ...] | None,
):
    client = await node.open(gateway.public, auth=auth, transports=transports)

    refused = await client.connect_error()

    assert refused["data"] == {"code": code, "retry": retry}
    assert refused["active"] is False


async def test_an_expired_token_is_refused_as_expired(gateway: Gateway, node: NodeProcess):
    import jwt

    old = jwt.encode({"sub": "ann", "exp": 1_600_000_000}, SECRET, algorithm="HS256")
    client = await node.open(gateway.public, auth={"token": old})

    assert (await client.connect_error())["data"] == {"code": "expired_token", "retry": False}


async def test_a_plain_user_is_refused_the_admin_namespace(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann")}, namespace="/admin")

    assert (await client.connect_error())["data"] == {"code": "forbidden", "retry": False}


@pytest.mark.parametrize(
    "since", [7, [1], {"user:ann": -1}, {"user:ann": "3"}, {"user:ann": True}, {"user:ann": 1.5}]
)
async def test_a_since_that_makes_no_sense_is_refused(gateway: Gateway, node: NodeProcess, since: object):
    client = await node.open(gateway.public, auth={"token": token("ann"), "since": since})

    assert (await client.connect_error())["data"]["code"] == "validation_failed"


@TRANSPORTS
async def test_a_store_that_is_away_closes_the_transport_so_that_the_client_tries_again(
    gateway: Gateway, node: NodeProcess, transports: tuple[str, ...] | None
):
    """A refusal would be final to it, whatever its data say."""
    assert gateway.node is not None
    await gateway.node.store.close()
    client = await node.open(gateway.public, auth={"token": token("ann")}, transports=transports)

    for _ in range(2):
        assert (await client.disconnected())["active"] is True
    assert all(error["data"] is None for error in client.received("connect_error"))


async def test_the_oldest_connection_makes_room_for_one_too_many(tmp_path, node: NodeProcess):
    async with gateway(tmp_path, MAX_CONNECTIONS_PER_USER="2") as limited:
        clients = []
        for _ in range(3):
            clients.append(await node.open(limited.public, auth={"token": token("ann")}))
            await clients[-1].event("ready")

        closing = await clients[0].event("closing")

        assert (closing["reason"], closing["reconnect"]) == ("replaced", False)
        assert (await clients[0].disconnected())["active"] is False
        await limited.emit("user:ann")
        await asyncio.gather(*(client.event("notification") for client in clients[1:]))


async def test_a_browser_of_another_origin_is_let_in_only_when_it_is_named(tmp_path, node: NodeProcess):
    async with gateway(tmp_path, CORS_ORIGINS="https://shop.example") as here:
        poll = f"{here.public}/socket.io/?EIO=4&transport=polling"

        named = await here.request("GET", poll, headers={"Origin": "https://shop.example"})
        other = await here.request("GET", poll, headers={"Origin": "https://evil.example"})

        assert named.status == 200
        assert named.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert other.status in (400, 403)
        assert json.dumps(other.body)
