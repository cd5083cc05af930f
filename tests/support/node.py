"""The stock JavaScript client, driven from a test: sockets live in one Node.js process, spoken to in JSON lines.

    async with run_client(url, auth={"token": token}) as client:
        await client.connected()
        notification = await client.event("notification")
        answer = await client.call("history", {"limit": 5})

Every wait has a deadline; when it passes, the failure says what arrived instead. That something did *not* arrive is
shown by a later answer on the same connection (`call`), never by waiting.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support import servers

PROJECT = Path(__file__).parent.parent / "journeys" / "node"
DEADLINE_SECONDS = 30.0
LINE_BYTES = 32 * 1024 * 1024

Json = Any


class NodeError(RuntimeError):
    """A command that failed in the JavaScript process, an acknowledgement that never came among them."""


class JSClient:
    """One stock socket. Events and states are queued by name: each wait takes the oldest not yet taken."""

    def __init__(
        self,
        process: "NodeProcess",
        name: str,
        deadline_seconds: float,
        hear: Callable[[Mapping[str, Json]], None] | None = None,
    ) -> None:
        self.name = name
        self.log: list[tuple[str, Json]] = []
        """Everything that arrived, in order: (event or state, arguments or facts)."""
        self._process = process
        self._deadline_seconds = deadline_seconds
        self._hear = hear
        self._events: dict[str, asyncio.Queue[list[Json]]] = defaultdict(asyncio.Queue)
        self._states: dict[str, asyncio.Queue[dict[str, Json]]] = defaultdict(asyncio.Queue)

    # What arrives.

    async def event(self, name: str) -> Json:
        """The next event of this name: its argument, or the list of them when there is not exactly one."""
        args = await self._next(self._events[name], f"event {name!r}")
        return args[0] if len(args) == 1 else args

    async def events(self, name: str, count: int) -> list[Json]:
        return [await self.event(name) for _ in range(count)]

    def received(self, name: str) -> list[Json]:
        """The arguments of all events of this name so far, taken or not."""
        return [args[0] if len(args) == 1 else args for event, args in self.log if event == name]

    async def connected(self) -> Json:
        """The next time it connects: `{id, transport}`."""
        return await self._next(self._states["connect"], "connect")

    async def disconnected(self) -> Json:
        """The next time it is disconnected: `{reason, active}`; active means that it will come back by itself."""
        return await self._next(self._states["disconnect"], "disconnect")

    async def connect_error(self) -> Json:
        """The next refusal or failed attempt: `{message, data, active}`."""
        return await self._next(self._states["connect_error"], "connect_error")

    async def upgraded(self) -> Json:
        """The end of the upgrade from polling: `{transport}`."""
        return await self._next(self._states["upgrade"], "upgrade")

    # What it does.

    async def call(self, event: str, *args: Json) -> Json:
        """Emit and answer with what the acknowledgement said."""
        timeout_ms = self._deadline_seconds * 1000
        return await self._command("call", event=event, args=args, timeout_ms=timeout_ms)

    async def emit(self, event: str, *args: Json) -> None:
        await self._command("emit", event=event, args=args)

    async def disconnect(self) -> None:
        await self._command("disconnect")

    async def connect(self) -> None:
        await self._command("connect")

    async def drop(self) -> None:
        """Lose the connection, as in a tunnel; a client with `reconnection` comes back by itself."""
        await self._command("drop")

    async def authenticate(self, auth: Mapping[str, Json]) -> None:
        """What its next CONNECT will carry."""
        await self._command("auth", auth=auth)

    async def state(self) -> Json:
        """Now: `{connected, id, transport, since}`."""
        return await self._command("state")

    async def close(self) -> None:
        """Forget the socket; its name may be taken again."""
        await self._command("close")
        self._process.forget(self.name)

    # Inside.

    def take(self, line: Mapping[str, Json]) -> None:
        """Note a line of this socket's."""
        if self._hear is not None:
            self._hear(line)
        if "event" in line:
            self.log.append((line["event"], line["args"]))
            self._events[line["event"]].put_nowait(line["args"])
        else:
            facts = {key: value for key, value in line.items() if key not in ("socket", "state")}
            self.log.append((line["state"], facts))
            self._states[line["state"]].put_nowait(facts)

    async def _next(self, queue: "asyncio.Queue[Any]", what: str) -> Any:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._process.alive(queue.get())
        except TimeoutError:
            arrived = "; ".join(f"{name} {json.dumps(value)[:200]}" for name, value in self.log[-10:])
            message = (
                f"no {what} on {self.name} within {self._deadline_seconds} s; last: {arrived or 'nothing'}"
            )
            raise AssertionError(message) from None

    async def _command(self, command: str, **fields: Json) -> Json:
        return await self._process.command(command, socket=self.name, **fields)


class NodeProcess:
    """The process that hosts the sockets."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._ids = itertools.count(1)
        self._names = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Json]] = {}
        self._clients: dict[str, JSClient] = {}
        self._reader = asyncio.create_task(self._read(), name="node-client-reader")

    async def open(
        self,
        url: str,
        *,
        auth: Mapping[str, Json] | None = None,
        namespace: str = "/",
        transports: tuple[str, ...] | None = None,
        reconnection: bool = True,
        reconnection_delay_ms: int = 50,
        follow_since: bool = False,
        deadline_seconds: float = DEADLINE_SECONDS,
        hear: Callable[[Mapping[str, Json]], None] | None = None,
        library: str = "socket.io-client",
        **options: Json,
    ) -> JSClient:
        """Open a socket with a connection of its own; does not wait until it is connected.

        `library` names the release of the client, the newest unless given; `transports` is its default (polling, then websocket) unless given; `follow_since` keeps `auth.since` as
        the documented snippet does, so that a reconnect asks for what was missed; `hear` is told each line as it comes; other options go to `io()` as they are.
        """
        client = JSClient(self, f"socket-{next(self._names)}", deadline_seconds, hear)
        self._clients[client.name] = client
        options |= {
            "reconnection": reconnection,
            "reconnectionDelay": reconnection_delay_ms,
            "reconnectionDelayMax": reconnection_delay_ms * 4,
        }
        if transports is not None:
            options["transports"] = transports
        await self.command(
            "open",
            socket=client.name,
            url=url.rstrip("/") + namespace,
            auth=auth or {},
            follow_since=follow_since,
            library=library,
            options=options,
        )
        return client

    async def command(self, command: str, **fields: Json) -> Json:
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self._stdin.write(json.dumps({"id": number, "do": command, **fields}).encode() + b"\n")
        try:
            # One second more than a call's own timeout, whose message says more.
            async with asyncio.timeout(fields.get("timeout_ms", DEADLINE_SECONDS * 1000) / 1000 + 1):
                return await self.alive(reply)
        finally:
            del self._replies[number]

    async def alive(self, awaitable: Awaitable[Any]) -> Any:
        """Await it, unless the process ends first: then nothing can come any more."""
        wanted = asyncio.ensure_future(awaitable)
        try:
            await asyncio.wait({wanted, self._reader}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            wanted.cancel()
            raise
        if not wanted.done():
            wanted.cancel()
            await self._reader
            raise NodeError("the JavaScript process has ended; its errors are on stderr")
        return await wanted

    def forget(self, name: str) -> None:
        self._clients.pop(name, None)

    async def close(self) -> None:
        """End the process, which disconnects every socket first."""
        self._stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._reader
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        while text := await self._stdout.readline():
            line = json.loads(text)
            if "reply" not in line:
                if client := self._clients.get(line["socket"]):
                    client.take(line)
                continue
            reply = self._replies.get(line["reply"])
            if reply is None or reply.done():
                continue
            if "error" in line:
                reply.set_exception(NodeError(line["error"]))
            else:
                reply.set_result(line["value"])


@asynccontextmanager
async def run_clients() -> AsyncIterator[NodeProcess]:
    """A JavaScript process in which any number of sockets can be opened."""
    if not (PROJECT / "node_modules" / "socket.io-client").is_dir():
        raise servers.ServerMissing(
            "no socket.io-client here: `make test` installs it, or `npm ci` in tests/journeys/node"
        )
    process = await asyncio.create_subprocess_exec(
        str(servers.node_program()),
        str(PROJECT / "client.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    node = NodeProcess(process)
    try:
        yield node
    finally:
        await node.close()


@asynccontextmanager
async def run_client(url: str, **options: Json) -> AsyncIterator[JSClient]:
    """One socket in a process of its own; options as for `NodeProcess.open`."""
    async with run_clients() as node:
        yield await node.open(url, **options)
