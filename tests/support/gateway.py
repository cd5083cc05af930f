"""A whole gateway to talk to: in this process, or as the command `bellhop serve` in one of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from auth.signing import Signer
from gateway.catalog.loading import load as catalog_of
from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.witness import Witness
from gateway.ground.settings import Settings
from gateway.notify.settings import StoreSettings
from gateway.process import node
from gateway.process.settings import load
from storage.connect import file_of
from tests.support.servers import free_port

SECRET = "a-secret-of-the-tests-that-is-long-enough"
API_KEY = "an-api-key-of-the-tests-long-enough"
START_SECONDS = 90

Json = Any


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """What a gateway is started with: embedded defaults below `folder`, and `settings` without the prefix."""
    values = {
        "PORT": "0",
        "INTERNAL_PORT": "0",
        "STORE_URL": f"sqlite:///{folder}/bellhop.db",
        "MAIL_URL": f"spool:///{folder}/mail",
        "JWT_SECRET": SECRET,
        "API_KEYS": f"shop:{API_KEY}",
        "LOG_FORMAT": "json",
        "PRESENCE_GRACE": "0.2",
    } | settings
    return {f"BELLHOP_{name}": value for name, value in values.items()}


def token(
    user: str,
    *,
    ttl_seconds: float = 3600,
    roles: tuple[str, ...] = (),
    topics: tuple[str, ...] = (),
    email: str | None = None,
    name: str | None = None,
    locale: str | None = None,
) -> str:
    ttl = timedelta(seconds=ttl_seconds)
    return Signer(SECRET).sign(
        user, ttl=ttl, roles=roles, topics=topics, email=email, name=name, locale=locale
    )


def witness_of(settings: Settings) -> Witness:
    """The witness of the store that a gateway with these settings has."""
    return connect(settings[ClusterSettings]).witness(file_of(settings[StoreSettings].url))


@dataclass(slots=True)
class Answered:
    status: int
    body: Json
    headers: Mapping[str, str]


class Gateway:
    """A gateway's two sites, as a backend and a browser see them."""

    def __init__(self, public: str, internal: str, http: aiohttp.ClientSession) -> None:
        self.public = public
        self.internal = internal
        self._http = http
        self.node: node.Node | None = None
        """The node itself, when it lives in this process."""

    async def ask(
        self, method: str, path: str, *, body: Json = None, raw: bytes | None = None, **headers: str
    ) -> Answered:
        """A request to the internal site, with the API key; `headers` by name, with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {API_KEY}")
        return await self.request(method, self.internal + path, body=body, raw=raw, headers=named)

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: Json = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        given: dict[str, Any] = {"headers": dict(headers or {})}
        if raw is not None:
            given["data"] = raw
        elif body is not None:
            given["json"] = body
        async with self._http.request(method, url, **given) as answer:
            text = await answer.text()
            parsed = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
            return Answered(answer.status, parsed, answer.headers)

    async def emit(
        self, to: str | list[str], title: str = "Hello", *, key: str | None = None, **fields: Json
    ) -> Json:
        """Emit, and answer the body of the 202; the first notification stands under `notification`."""
        body = {"to": to, "type": "TEST", "title": title, **fields}
        headers = {} if key is None else {"Idempotency_Key": key}
        answered = await self.ask("POST", "/internal/emit", body=body, **headers)
        assert answered.status == 202, answered
        return answered.body | {"notification": answered.body["notifications"][0]}

    async def batch(self, items: list[Json]) -> list[Json]:
        answered = await self.ask("POST", "/internal/emit/batch", body={"notifications": items})
        assert answered.status == 207, answered
        return answered.body["results"]


@asynccontextmanager
async def gateway(
    folder: Path, *, extend: Callable[[node.Node], None] | None = None, **settings: str
) -> AsyncIterator[Gateway]:
    """A gateway in this process; `extend` may add to it before it starts."""
    async with (
        node.running(load(environment(folder, **settings), serving=True), extend=extend) as (
            started,
            addresses,
        ),
        aiohttp.ClientSession() as http,
    ):
        here = Gateway(addresses.public, addresses.internal, http)
        here.node = started
        yield here


@asynccontextmanager
async def gateways(
    count: int,
    folder: Path,
    *,
    bus_url: str,
    extend: Callable[[node.Node], None] | None = None,
    **settings: str,
) -> AsyncIterator[list[Gateway]]:
    """So many nodes of one cluster in this process."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                gateway(
                    folder, extend=extend, BUS_URL=bus_url, BUS_PREFIX=folder.name, NODE_ID=f"node-{number}",
                    **settings,
                )
            )
            for number in range(count)
        ]  # fmt: skip


def with_catalog(folder: Path, text: str) -> Callable[[node.Node], None]:
    """Has a node begin with this catalog, which lies in the folder from now on."""
    folder.mkdir()
    (folder / "catalog.toml").write_text(text, encoding="utf-8")

    def extend(started: node.Node) -> None:
        started.catalog.replace(catalog_of(folder))

    return extend


class GatewayProcess:
    """`bellhop serve` in a process of its own, on ports that stay the same over restarts.

    `output` is where it prints and logs to, if not to its `log`; `command` may be `mail` instead. `program` is what starts
    it, as `prlimit` with its options; it must become the node itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        output: int | None = None,
        command: str = "serve",
        program: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self._output = output
        self._command = command
        self._program = program
        self._port, self._internal_port = free_port(), free_port()
        self._environment = environment(
            folder, PORT=str(self._port), INTERNAL_PORT=str(self._internal_port), **settings
        )
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._http = aiohttp.ClientSession()
        self.gateway = Gateway(
            f"http://127.0.0.1:{self._port}", f"http://127.0.0.1:{self._internal_port}", self._http
        )
        self.log = folder / f"gateway-{self._port}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def environment(self) -> dict[str, str]:
        return dict(self._environment)

    async def witnessed(self, room: str, seq: int) -> None:
        """Return when what was appended last is known outside the store."""
        witness = witness_of(load(self._environment))
        async with asyncio.timeout(START_SECONDS):
            while (mark := await witness.read()) is None or (mark.room, mark.seq) != (room, seq):
                await asyncio.sleep(0.02)
        await witness.close()

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
        with self.log.open("ab") as log:
            output = log if self._output is None else self._output
            self._process = await asyncio.create_subprocess_exec(
                *self._program, sys.executable, "-m", "gateway", self._command,
                env=inherited | self._environment, cwd=self._folder, stdout=output, stderr=output,
            )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_ready():
                if self._process.returncode is not None:
                    raise RuntimeError(f"bellhop serve did not start: {self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.02)

    async def _is_ready(self) -> bool:
        try:
            answered = await self.gateway.request("GET", self.gateway.internal + "/readyz")
        except aiohttp.ClientError:
            return False
        return answered.status == 200

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self, deadline_seconds: float = 40) -> int:
        """Ask it to stop; answers its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self.ended(deadline_seconds)

    async def ended(self, deadline_seconds: float = 40) -> int:
        """Wait for its end; answers its exit code."""
        assert self._process is not None
        async with asyncio.timeout(deadline_seconds):
            return await self._process.wait()

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._http.close()


@asynccontextmanager
async def gateway_process(
    folder: Path, *, output: int | None = None, command: str = "serve", **settings: str
) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(folder, output=output, command=command, **settings)
    try:
        await process.start()
        yield process
    finally:
        await process.close()
