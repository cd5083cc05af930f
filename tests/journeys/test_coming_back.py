"""Whatever ends a connection for a while, every stock client comes back by itself, and none is stranded.

The clients are those that people have: JavaScript of several releases and Python, each by its default, by polling and by
websocket. Nothing in them is told to try again; they do what their own reconnection does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from tests.support import servers
from tests.support.gateway import GatewayProcess, gateway_process, token
from tests.support.node import JSClient, NodeProcess

TRANSPORTS: tuple[tuple[str, ...] | None, ...] = (None, ("websocket",), ("polling",))
LIBRARIES = ("socket.io-client", "socket.io-client-4.0", "socket.io-client-3")
BACK_SECONDS = 30.0

Comes = Callable[[], Awaitable[None]]


class PythonClient:
    """A stock python-socketio client."""

    def __init__(self) -> None:
        self.notifications: asyncio.Queue[Any] = asyncio.Queue()
        self.readies: asyncio.Queue[Any] = asyncio.Queue()
        # Its own would be left open by attempts that fail.
        self._http = aiohttp.ClientSession()
        self._socket = socketio.AsyncClient(
            reconnection_delay=0.1, reconnection_delay_max=1, handle_sigint=False, http_session=self._http
        )
        self._socket.on("notification", self.notifications.put)
        self._socket.on("ready", self.readies.put)

    async def connect(self, url: str, auth: Any, transports: tuple[str, ...] | None) -> None:
        await self._socket.connect(
            url, auth=auth, transports=transports and list(transports), wait_timeout=15
        )

    async def ready(self) -> Any:
        async with asyncio.timeout(BACK_SECONDS):
            return await self.readies.get()

    async def close(self) -> None:
        await self._socket.shutdown()
        await self._http.close()


async def _everyone(node: NodeProcess, url: str) -> tuple[list[JSClient], list[PythonClient]]:
    """A client of each kind, connected and given its `ready`."""
    scripts = [
        await node.open(
            url,
            auth={"token": token("ann")},
            transports=transports,
            library=library,
            deadline_seconds=BACK_SECONDS,
        )
        for library in LIBRARIES
        for transports in TRANSPORTS
    ]
    snakes = [PythonClient() for _ in TRANSPORTS]
    for client, transports in zip(snakes, TRANSPORTS, strict=True):
        await client.connect(url, {"token": token("ann")}, transports)
    await asyncio.gather(*(each.event("ready") for each in scripts), *(each.ready() for each in snakes))
    return scripts, snakes


@pytest.mark.parametrize("end", ["drain", "kill"])
async def test_every_client_comes_back_after_the_end_of_its_node(tmp_path: Path, node: NodeProcess, end: str):
    async with gateway_process(tmp_path, DRAIN_SECONDS="2") as process:
        scripts, snakes = await _everyone(node, process.gateway.public)

        if end == "drain":
            assert await process.terminate() == 0
        else:
            await process.kill()
        await process.start()

        await asyncio.gather(*(each.event("ready") for each in scripts), *(each.ready() for each in snakes))
        await process.gateway.emit("user:ann", "after")
        for script in scripts:
            assert (await script.event("notification"))["title"] == "after"
        for snake in snakes:
            async with asyncio.timeout(BACK_SECONDS):
                assert (await snake.notifications.get())["title"] == "after"
            await snake.close()


@pytest.mark.parametrize("transports", TRANSPORTS, ids=["default", "websocket", "polling"])
async def test_a_python_client_gets_more_than_a_poll_may_carry(
    tmp_path: Path, transports: tuple[str, ...] | None
):
    """Its Engine.IO takes 16 packets in one body, and gives the connection up when there are more."""
    async with gateway_process(tmp_path) as process:
        for number in range(60):
            await process.gateway.emit("user:ann", str(number))
        client = PythonClient()

        await client.connect(
            process.gateway.public, {"token": token("ann"), "since": {"user:ann": 0}}, transports
        )

        ready = await client.ready()
        assert ready["replayed"] == 60
        titles = [client.notifications.get_nowait()["title"] for _ in range(60)]
        assert titles == [str(number) for number in range(60)]
        await client.close()


async def test_clients_that_come_while_the_store_is_away_are_let_in_when_it_is_back(
    tmp_path: Path, node: NodeProcess
):
    with servers.mongod() as mongod:
        head, _, query = mongod.url.partition("?")
        async with gateway_process(tmp_path, STORE_URL=f"{head}back?{query}") as process:
            mongod.kill()
            clients = [
                await node.open(
                    process.gateway.public,
                    auth={"token": token("ann")},
                    transports=transports,
                    library=library,
                    deadline_seconds=60,
                )
                for library in LIBRARIES
                for transports in TRANSPORTS
            ]
            for client in clients:
                assert (await client.disconnected())["reason"] in ("transport close", "transport error")
            assert await _refused(process, "unavailable") >= len(clients)

            mongod.start()

            for client in clients:
                await client.event("ready")
                # A poll that fails is an error of the client's own, and no refusal: `data` would be the gateway's.
                assert all(error["data"] is None for error in client.received("connect_error"))


async def test_a_node_at_its_limit_lets_clients_in_as_others_go(tmp_path: Path, node: NodeProcess):
    async with gateway_process(tmp_path, MAX_CONNECTIONS="3") as process:
        url, auth = process.gateway.public, {"token": token("ann")}
        first = [await node.open(url, auth=auth) for _ in range(3)]
        for client in first:
            await client.event("ready")
        waiting = [
            await node.open(url, auth=auth, transports=transports, deadline_seconds=BACK_SECONDS)
            for transports in TRANSPORTS
        ]
        for client in waiting:
            assert (await client.connect_error())["active"] is True
        assert await _refused(process, "too_many_connections") >= len(waiting)

        for client in first:
            await client.disconnect()

        for client in waiting:
            await client.event("ready")


async def test_why_clients_are_refused_is_counted_and_said_without_what_they_sent(
    tmp_path: Path, node: NodeProcess
):
    async with gateway_process(tmp_path) as process:
        for _ in range(5):
            client = await node.open(process.gateway.public, auth={"token": "not.a.token"})
            assert (await client.connect_error())["data"] == {"code": "invalid_token", "retry": False}

        assert await _refused(process, "invalid_token") == 5
        log = process.log.read_text()
        lines = [line for line in log.splitlines() if "client refused" in line]
        assert len(lines) == 1
        assert '"code": "invalid_token"' in lines[0] or '"code":"invalid_token"' in lines[0]
        assert "127.0.0.1" in lines[0]
        assert "not.a.token" not in log


async def _refused(process: GatewayProcess, code: str) -> float:
    """How many the node says it has refused for this reason."""
    metrics = (await process.gateway.ask("GET", "/metrics")).body
    prefix = f'bellhop_refused_total{{code="{code}"}} '
    (line,) = [line for line in metrics.splitlines() if line.startswith(prefix)]
    return float(line.removeprefix(prefix))
