"""Every kind of URL that leads to a Redis, given to `bellhop serve`: it becomes ready, and hears another node."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.authority import Authority
from tests.support.gateway import gateway, gateway_process, token
from tests.support.node import NodeProcess
from tests.support.proxy import Proxy


class Redises:
    """Servers behind the URLs; they end with the test."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder

    async def plain(self) -> str:
        return self._stack.enter_context(servers.redis()).url + "?socket_keepalive=true"

    async def with_password(self) -> str:
        url = self._stack.enter_context(servers.redis("--requirepass", "p@ss w/rd")).url
        return url.replace("redis://", "redis://:p%40ss%20w%2Frd@").replace("/0", "/7")

    async def by_socket(self) -> str:
        self._stack.enter_context(servers.redis("--unixsocket", f"{self._folder}/redis.sock"))
        return f"unix://{self._folder}/redis.sock?db=2"

    async def by_tls(self) -> str:
        authority = Authority.make(self._folder / "authority")
        port = await self._tls(self._stack.enter_context(servers.redis()).port, authority)
        return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.cafile}"

    async def behind_sentinels(self) -> str:
        primary = self._stack.enter_context(servers.redis("--requirepass", "pw"))
        told = ("sentinel auth-pass orders pw", "requirepass spw")
        sentinels = [
            self._stack.enter_context(servers.sentinel("orders", primary.port, *told)).port for _ in range(2)
        ]
        hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
        return f"redis+sentinel://:pw@{hosts}/orders/3?sentinel_password=spw"

    async def behind_sentinels_by_tls(self) -> str:
        authority = Authority.make(self._folder / "authority")
        port = await self._tls(self._stack.enter_context(servers.redis()).port, authority)
        sentinel = self._stack.enter_context(servers.sentinel("orders", port))
        return f"rediss+sentinel://127.0.0.1:{sentinel.port}/orders?ssl_ca_certs={authority.cafile}"

    async def _tls(self, port: int, authority: Authority) -> int:
        proxy = Proxy(port, tls=authority.server)
        await proxy.listen()
        self._stack.push_async_callback(proxy.refuse)
        return proxy.port


@pytest.fixture
async def redises(tmp_path: Path) -> AsyncIterator[Redises]:
    async with AsyncExitStack() as stack:
        yield Redises(stack, tmp_path)


@pytest.mark.parametrize(
    "lead",
    [
        Redises.plain,
        Redises.with_password,
        Redises.by_socket,
        Redises.by_tls,
        Redises.behind_sentinels,
        Redises.behind_sentinels_by_tls,
    ],
)
async def test_nodes_of_any_url_are_ready_and_hear_each_other(
    lead: Callable, redises: Redises, tmp_path: Path, mongo_url: str, node: NodeProcess
):
    given = {"BUS_URL": await lead(redises), "STORE_URL": mongo_url}
    # In this order: while a node starts here, the proxy before a Redis stands still, and who speaks by it takes that for away.
    async with gateway(tmp_path, **given) as two, gateway_process(tmp_path, **given) as one:
        client = await node.open(one.gateway.public, auth={"token": token("ann")})
        await client.event("ready")

        await two.emit("user:ann", "from the other node")

        assert (await client.event("notification"))["title"] == "from the other node"
        presence = (await two.ask("GET", "/internal/presence/ann")).body
        assert (presence["online"], presence["connections"]) == (True, 1)
        assert "away" not in one.log.read_text()
