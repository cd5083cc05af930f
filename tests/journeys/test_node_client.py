"""The journeys stand on `tests.support.node`: it must show what the stock client sees, and fail rather than hang."""

from collections.abc import AsyncIterator

import pytest
import socketio
from aiohttp import web

from tests.support import servers
from tests.support.node import NodeError, run_client, run_clients


@pytest.fixture
async def stock() -> AsyncIterator[tuple[socketio.AsyncServer, str]]:
    """A stock python-socketio server, and where it listens."""
    sio = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1, ping_timeout=2)

    @sio.event
    async def connect(sid, environ, auth):
        auth = auth or {}
        if auth.get("token") == "bad":
            raise socketio.exceptions.ConnectionRefusedError(
                "refused", {"code": "invalid_token", "retry": False}
            )
        await sio.emit("hello", auth, to=sid)

    @sio.event
    async def echo(sid, *args):
        await sio.emit("echoed", args, to=sid)
        return {"ok": True, "args": list(args)}

    @sio.event
    async def notify(sid, room, seq):
        await sio.emit("notification", {"room": room, "seq": seq}, to=sid)

    @sio.event
    async def leave(sid):
        await sio.disconnect(sid)

    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = servers.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield sio, f"http://127.0.0.1:{port}"
    await sio.shutdown()
    await runner.cleanup()


@pytest.fixture
def url(stock) -> str:
    return stock[1]


async def test_a_default_client_begins_with_polling_and_upgrades(url):
    async with run_client(url, auth={"token": "good"}) as client:
        await client.connected()
        assert (await client.upgraded())["transport"] == "websocket"
        assert (await client.event("hello"))["token"] == "good"


async def test_a_websocket_only_client_calls_and_gets_the_acknowledgement(url):
    async with run_client(url, transports=("websocket",)) as client:
        assert (await client.connected())["transport"] == "websocket"

        assert await client.call("echo", {"a": 1}, "two") == {"ok": True, "args": [{"a": 1}, "two"]}

        assert await client.event("echoed") == [{"a": 1}, "two"]


async def test_a_refusal_is_seen_with_its_data(url):
    async with run_client(url, auth={"token": "bad"}) as client:
        error = await client.connect_error()

        assert error == {
            "message": "refused",
            "data": {"code": "invalid_token", "retry": False},
            "active": False,
        }


async def test_a_dropped_client_returns_and_asks_from_where_it_was(url):
    async with run_client(url, auth={"token": "good", "since": {"all": 3}}, follow_since=True) as client:
        await client.connected()
        assert (await client.event("hello"))["since"] == {"all": 3}
        await client.emit("notify", "user:1", 7)
        await client.event("notification")

        await client.drop()

        assert (await client.disconnected())["active"]
        await client.connected()
        assert (await client.event("hello"))["since"] == {"all": 3, "user:1": 7}


async def test_a_client_that_the_server_dismissed_stays_away_until_told(url):
    async with run_client(url, auth={"token": "good"}) as client:
        await client.connected()

        await client.emit("leave")

        assert await client.disconnected() == {"reason": "io server disconnect", "active": False}
        await client.authenticate({"token": "newer"})
        await client.connect()
        await client.connected()
        assert [hello["token"] for hello in await client.events("hello", 2)] == ["good", "newer"]


async def test_one_process_hosts_many_clients_apart(url):
    async with run_clients() as node:
        one = await node.open(url, auth={"token": "one"}, transports=("websocket",))
        two = await node.open(url, auth={"token": "two"}, transports=("polling",))

        assert (await one.event("hello"))["token"] == "one"
        assert (await two.event("hello"))["token"] == "two"
        assert (await two.state())["transport"] == "polling"
        assert one.received("hello") == [{"token": "one"}]


async def test_what_never_comes_fails_at_the_deadline_and_says_what_came(url):
    async with run_client(url, deadline_seconds=2) as client:
        with pytest.raises(AssertionError, match=r"no event 'never'.*last: .*hello"):
            await client.event("never")
        with pytest.raises(NodeError, match="timed out"):
            await client.call("nobody_answers_this")
