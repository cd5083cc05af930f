"""Who a client is, where HAProxy stands before the gateway and tells of it in a line of its own."""

from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.gateway import gateway, token
from tests.support.haproxy import haproxy
from tests.support.node import NodeProcess

BURST = 3


async def knock(url: str, transport: str, source: str, made_up: str) -> int:
    """Ask for a connection from the loopback address `source`; answers the status."""
    headers = {"X-Forwarded-For": made_up}
    query = f"{url}/socket.io/?EIO=4&transport={transport}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(source, 0))) as http:
        if transport == "polling":
            async with http.get(query, headers=headers) as answer:
                return answer.status
        try:
            async with http.ws_connect(query, headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_client_behind_haproxy_cannot_choose_its_address(tmp_path: Path, transport: str):
    """HAProxy leaves the client's line alone and adds another: only the last entry of all is its own."""
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "CONNECT_RATE": "0.001", "CONNECT_BURST": str(BURST)}
    async with gateway(tmp_path, **settings) as running:
        port = urlsplit(running.public).port
        assert port is not None
        with haproxy(port) as proxy:
            first = [
                await knock(proxy.url, transport, "127.0.0.2", f"7.7.7.{number}")
                for number in range(BURST + 2)
            ]
            # Nor is anybody locked out in the name of another.
            other = await knock(proxy.url, transport, "127.0.0.3", "127.0.0.2")

    let_in = 101 if transport == "websocket" else 200
    assert first == [let_in] * BURST + [429] * 2
    assert other == let_in


async def test_a_stock_client_gets_through_haproxy(tmp_path: Path, node: NodeProcess):
    async with gateway(tmp_path, TRUSTED_PROXIES="127.0.0.1") as running:
        port = urlsplit(running.public).port
        assert port is not None
        with haproxy(port) as proxy:
            client = await node.open(proxy.url, auth={"token": token("ann")})
            await client.connected()
            await client.event("ready")
            await client.upgraded()

            await running.emit("user:ann", "through HAProxy")

            assert (await client.event("notification"))["title"] == "through HAProxy"
            await client.close()
