"""`bellhop serve` where people let it listen: on both kinds of addresses, on unix sockets, with few file descriptors."""

import asyncio
import json
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from tests.support.gateway import API_KEY, GatewayProcess, gateway_process, token

FOREVER = 30


@asynccontextmanager
async def over(path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http:
        yield http


def logged(process: GatewayProcess, message: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"].startswith(message)]


# Addresses


@pytest.mark.parametrize("host", ["::", "127.0.0.1,::1"])
async def test_both_kinds_of_addresses_are_served(tmp_path: Path, host: str):
    async with gateway_process(tmp_path, HOST=host, INTERNAL_HOST=host) as process:
        public, internal = (
            url.rpartition(":")[2] for url in (process.gateway.public, process.gateway.internal)
        )
        for address in ("127.0.0.1", "[::1]"):
            for port in (public, internal):
                answered = await process.gateway.request("GET", f"http://{address}:{port}/healthz")
                assert answered.status == 200
        client = socketio.AsyncClient()
        await client.connect(f"http://[::1]:{public}", auth={"token": token("ann")}, transports=["websocket"])
        await client.disconnect()
        (line,) = logged(process, "listening")
        assert line["public"].count(public) == host.count(",") + 1


# Unix sockets


@pytest.fixture
async def on_sockets(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A node that is reached by TCP only from its tests: its internal site is on both."""
    process = GatewayProcess(
        tmp_path,
        HOST=f"unix:{tmp_path}/public.sock",
        INTERNAL_HOST=f"127.0.0.1,unix:{tmp_path}/internal.sock",
        TRUSTED_PROXIES="unix",
        CONNECT_RATE="0.001",
        CONNECT_BURST="2",
    )
    await process.start()
    try:
        yield process
    finally:
        await process.close()


async def test_a_node_on_unix_sockets_serves_and_leaves_nothing_behind(
    on_sockets: GatewayProcess, tmp_path: Path
):
    public, internal = tmp_path / "public.sock", tmp_path / "internal.sock"
    assert (public.stat().st_mode & 0o777, internal.stat().st_mode & 0o777) == (0o666, 0o660)

    async with over(internal) as http, http.get("http://bellhop/readyz") as answer:
        assert answer.status == 200
    async with over(public) as http:
        client = socketio.AsyncClient(http_session=http)
        ready = asyncio.get_running_loop().create_future()
        client.on("ready", ready.set_result)
        await client.connect("http://bellhop", auth={"token": token("ann")}, transports=["websocket"])
        assert (await asyncio.wait_for(ready, FOREVER))["user"] == "ann"
        await client.disconnect()

    assert await on_sockets.terminate() == 0
    assert not public.exists()
    assert not internal.exists()


async def test_behind_a_unix_socket_each_client_has_its_own_rate(on_sockets: GatewayProcess, tmp_path: Path):
    poll = "http://bellhop/socket.io/?EIO=4&transport=polling"
    async with over(tmp_path / "public.sock") as http:
        statuses = []
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
            async with http.get(poll, headers={"X-Forwarded-For": address}) as answer:
                statuses.append(answer.status)

    assert statuses == [200, 200, 429, 200]
    assert not logged(on_sockets, "all who come by the unix socket")


async def test_who_does_not_trust_the_unix_socket_is_told_what_that_means(tmp_path: Path):
    async with gateway_process(tmp_path, HOST=f"unix:{tmp_path}/public.sock") as process:
        assert len(logged(process, "all who come by the unix socket")) == 1


async def test_after_a_crash_the_next_start_takes_its_socket_back(on_sockets: GatewayProcess, tmp_path: Path):
    await on_sockets.kill()
    assert (tmp_path / "public.sock").is_socket()

    await on_sockets.start()

    async with over(tmp_path / "public.sock") as http, http.get("http://bellhop/healthz") as answer:
        assert answer.status == 200


async def test_a_second_node_on_the_socket_of_a_first_fails_and_the_first_goes_on(
    on_sockets: GatewayProcess, tmp_path: Path
):
    (tmp_path / "second").mkdir()
    second = GatewayProcess(tmp_path / "second", HOST=f"unix:{tmp_path}/public.sock")
    # Its internal site may be seen as ready for a moment before.
    with suppress(RuntimeError):
        await second.start()
    assert await second.ended() == 1
    assert "somebody listens there" in second.log.read_text()
    await second.close()

    async with over(tmp_path / "public.sock") as http, http.get("http://bellhop/healthz") as answer:
        assert answer.status == 200


# What asks it on its own machine


async def test_the_health_check_and_the_command_find_the_node_where_its_settings_say(
    on_sockets: GatewayProcess, tmp_path: Path
):
    port = on_sockets.gateway.internal.rpartition(":")[2]
    unix, nowhere = f"unix:{tmp_path}/internal.sock", f"unix:{tmp_path}/nowhere.sock"

    for host in ("127.0.0.1", "0.0.0.0", unix, f"{nowhere}, {unix}"):
        assert await run("-P", "-m", "gateway.process.alive", INTERNAL_HOST=host, INTERNAL_PORT=port) == (
            0,
            "",
        )
    emit = ("emit", "--to", "user:ann", "--type", "TEST", "--title", "Hello")
    for host in ("0.0.0.0", unix):
        given = {"INTERNAL_HOST": host, "INTERNAL_PORT": port, "API_KEYS": f"shop:{API_KEY}"}
        assert await run("-m", "gateway", *emit, **given) == (0, "")


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", "1"), ("unix:/nowhere/x.sock", "8081"), ("a b", "8081"), ("127.0.0.1", "x")]
)  # fmt: skip
async def test_the_health_check_fails_where_no_node_is(host: str, port: str):
    code, said = await run("-m", "gateway.process.alive", INTERNAL_HOST=host, INTERNAL_PORT=port)

    assert code == 1
    assert said.startswith("not alive: ")


async def run(*command: str, **settings: str) -> tuple[int | None, str]:
    """Run Python with these settings; answers the exit code and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={f"BELLHOP_{name}": value for name, value in settings.items()},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), FOREVER)
    return process.returncode, said.decode()


# File descriptors


def limits(process: GatewayProcess) -> tuple[int, int]:
    return resource.prlimit(process.pid, resource.RLIMIT_NOFILE)


@asynccontextmanager
async def with_descriptors(
    folder: Path, soft: int, hard: int, **settings: str
) -> AsyncIterator[GatewayProcess]:
    """A node that is started with these limits."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    process = GatewayProcess(folder, program=("prlimit", f"--nofile={soft}:{hard}"), **settings)
    try:
        await process.start()
        yield process
    finally:
        await process.close()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


async def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path: Path):
    async with with_descriptors(tmp_path, 200, 600, MAX_CONNECTIONS="400") as process:
        assert limits(process) == (600, 600)
        assert not logged(process, "there are fewer file descriptors")


async def test_fewer_descriptors_than_connections_are_told_at_the_start_with_what_to_do(tmp_path: Path):
    async with with_descriptors(tmp_path, 200, 600, MAX_CONNECTIONS="1000") as process:
        (line,) = logged(process, "there are fewer file descriptors")

    assert line["level"] == "warning"
    assert (line["descriptors"], line["needed"], line["max_connections"]) == (600, 1164, 1000)
    assert line["enough_for"] == 487
    assert "LimitNOFILE" in line["message"]


async def test_a_node_out_of_descriptors_is_not_ready_until_it_has_some_again(tmp_path: Path):
    """Probes, the store and mail go on meanwhile: connections never take the last descriptors."""
    async with with_descriptors(tmp_path, 200, 200, CONNECT_RATE="0", CONNECT_DEADLINE="0") as process:
        port = int(process.gateway.public.rpartition(":")[2])
        hello = (
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        held: list[socket.socket] = []
        async with asyncio.timeout(FOREVER):
            while True:
                answered = await process.gateway.ask("GET", "/readyz")
                if answered.status == 503:
                    break
                for _ in range(20):
                    client = socket.create_connection(("127.0.0.1", port), timeout=5)
                    client.sendall(hello)
                    held.append(client)

        assert answered.body["reasons"] == ["connections: Too many open files"]
        emitted = await process.gateway.ask(
            "POST", "/internal/emit", body={"to": "user:ann", "type": "TEST", "title": "Hello"}
        )
        assert emitted.status == 202
        assert len(logged(process, "cannot accept connections")) == 1

        for client in held:
            client.close()
        # Nobody comes: it finds out by itself.
        async with asyncio.timeout(FOREVER):
            while (await process.gateway.ask("GET", "/readyz")).status != 200:
                await asyncio.sleep(0.05)
        assert (await process.gateway.request("GET", f"{process.gateway.public}/healthz")).status == 200
        assert len(logged(process, "accepting connections again")) == 1
