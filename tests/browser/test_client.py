"""`@bellhop/client` as published, with each end of its range of socket.io-client, on a real gateway."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support import servers
from tests.support.gateway import Gateway, gateway_process, token

CLIENT = Path(__file__).parents[2] / "web" / "client"
DEADLINE_SECONDS = 15
LINE_BYTES = 8 * 1024 * 1024
Json = Any


class Inbox:
    """One inbox in the JavaScript process."""

    def __init__(self, host: "Host", name: str) -> None:
        self._host = host
        self._name = name
        self.now: Json = None
        self._snapshots: list[Json] = []
        self.arrived: list[str] = []
        self.states: list[str] = []
        self.reasons: list[str | None] = []

    def take(self, line: Json) -> None:
        self.arrived += line.get("arrived", [])
        if "snapshot" in line:
            self.now = line["snapshot"]
            self._snapshots.append(self.now)
            self.states.append(self.now["state"])
            self.reasons.append(self.now["reason"])

    @property
    def titles(self) -> list[str]:
        return [item["title"] for item in self.now["items"]]

    async def until(self, holds: Callable[[Json], bool]) -> Json:
        """The first snapshot of which it holds: of the newest one and those that come, none of them passed over."""
        at = max(0, len(self._snapshots) - 1)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    for snapshot in self._snapshots[at:]:
                        if holds(snapshot):
                            return snapshot
                    # The newest is looked at again: it may take an arrival, told in a line of its own, for it to hold.
                    at = max(0, len(self._snapshots) - 1)
                    await self._host.news()
        except TimeoutError:
            raise AssertionError(f"it did not come to pass; last: {json.dumps(self.now)[:1500]}") from None

    async def ready(self) -> None:
        await self.until(lambda now: now["state"] == "ready" and not now["loading"])

    async def act(self, method: str, *args: Json) -> None:
        await self._host.command("act", inbox=self._name, method=method, args=args)


class Host:
    """The process that hosts the inboxes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._inboxes: dict[str, Inbox] = {}
        self._replies: dict[int, asyncio.Future[Json]] = {}
        self._commands = 0
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="inbox-host-reader")

    async def open(self, url: str, *tokens: str, **options: Json) -> Inbox:
        """An inbox whose `getToken` gives `tokens` in turn, the last for ever."""
        name = f"inbox-{len(self._inboxes)}"
        inbox = self._inboxes[name] = Inbox(self, name)
        await self.command("open", inbox=name, tokens=tokens, options={"url": url, **options})
        return inbox

    async def command(self, command: str, **fields: Json) -> Json:
        self._commands += 1
        number = self._commands
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self._stdin.write(json.dumps({"id": number, "do": command, **fields}).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await reply

    async def news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def close(self) -> None:
        self._stdin.close()
        await self._reader

    async def _read(self) -> None:
        while text := await self._stdout.readline():
            line = json.loads(text)
            if "inbox" in line:
                self._inboxes[line["inbox"]].take(line)
                self._news.set()
            elif "error" in line:
                self._replies.pop(line["reply"]).set_exception(RuntimeError(line["error"]))
            else:
                self._replies.pop(line["reply"]).set_result(line["value"])


@asynccontextmanager
async def run_host(version: str) -> AsyncIterator[Host]:
    if not (CLIENT / "dist" / "index.js").exists():
        raise servers.ServerMissing("@bellhop/client is not built; `make pages` builds it")
    process = await asyncio.create_subprocess_exec(
        str(servers.node_program()), "test/host.mjs", *([version] if version else []),
        cwd=CLIENT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
    )  # fmt: skip
    host = Host(process)
    try:
        yield host
    finally:
        await host.close()
        await process.wait()


@pytest_asyncio.fixture(
    loop_scope="module",
    params=["socket.io-client-4.0", ""],
    ids=["socket.io-client 4.0", "socket.io-client 4.8"],
)
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    async with run_host(request.param) as running:
        yield running


async def test_what_was_missed_comes_in_order_and_once(host: Host, gateway: Gateway):
    await gateway.emit("user:ann", "From before")
    ann = await host.open(gateway.public, token("ann"))
    await ann.ready()
    assert (ann.titles, ann.arrived, ann.now["unread"]) == (["From before"], [], 1)
    await gateway.emit("user:ann", "Live")
    await ann.until(lambda now: now["unread"] == 2)

    assert gateway.node is not None
    for connection in list(gateway.node.server.eio.sockets.values()):
        connection.socket.abort()
    await ann.until(lambda now: now["state"] == "offline")
    for number in range(30):
        await gateway.emit(["user:ann", "all"][number % 2], f"Missed {number}")
    await ann.until(lambda now: now["state"] == "ready" and now["unread"] == 32)
    await gateway.emit("user:ann", "After")
    await ann.until(lambda now: now["unread"] == 33 and len(ann.arrived) == 32)

    assert sorted(ann.arrived) == sorted(["Live", *(f"Missed {number}" for number in range(30)), "After"])
    own = [title for title in ann.arrived if title in ("Live", "After") or int(title.split()[1]) % 2 == 0]
    assert own == ["Live", *(f"Missed {number}" for number in range(0, 30, 2)), "After"]


async def test_without_shared_tabs_each_has_its_connection_and_marks_still_meet(host: Host, gateway: Gateway):
    sent = [await gateway.emit("user:ann", f"Letter {number}") for number in range(4)]
    ids = [one["notification"]["id"] for one in sent]
    one, two = [await host.open(gateway.public, token("ann")) for _ in range(2)]
    for inbox in (one, two):
        await inbox.ready()
    presence = await gateway.ask("GET", "/internal/presence/ann")
    assert presence.body["connections"] == 2

    await one.act("read", ids[0])
    await two.until(lambda now: now["unread"] == 3 and [n["read"] for n in now["items"]].count(True) == 1)
    await two.act("dismiss", ids[1])
    await one.until(lambda now: now["unread"] == 2 and len(now["items"]) == 3)
    await one.act("readAll")
    await two.until(lambda now: now["unread"] == 0 and all(n["read"] for n in now["items"]))
    answered = await gateway.ask("DELETE", f"/internal/notifications/{ids[2]}")
    assert answered.status in (200, 204)
    for inbox in (one, two):
        await inbox.until(lambda now: len(now["items"]) == 2)


async def test_the_history_comes_in_pages_and_by_filter(host: Host, gateway: Gateway):
    for number in range(25):
        await gateway.emit("user:ann", f"Letter {number}", type="OFFER" if number % 5 == 0 else "LETTER")
    ann = await host.open(gateway.public, token("ann"), pageSize=10)
    await ann.ready()
    assert (len(ann.titles), ann.now["hasMore"]) == (10, True)

    await ann.act("loadMore")
    await ann.until(lambda now: len(now["items"]) == 20 and not now["loading"])
    await ann.act("loadMore")
    await ann.until(lambda now: len(now["items"]) == 25 and not now["hasMore"])
    await ann.act("setFilter", {"type": ["OFFER"]})
    await ann.until(lambda now: len(now["items"]) == 5 and not now["loading"])

    assert ann.titles == [f"Letter {number}" for number in (20, 15, 10, 5, 0)]


async def test_a_token_is_renewed_before_its_end_on_the_live_connection(
    host: Host, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.sockets.expiries.EXPIRING_SECONDS", 3597)
    later = datetime.now(UTC) + timedelta(seconds=3660)
    ann = await host.open(gateway.public, token("ann", ttl_seconds=3600), token("ann", ttl_seconds=7200))
    await ann.ready()
    assert gateway.node is not None
    (session,) = gateway.node.sessions.namespaces.sessions.of_user("ann")

    async with asyncio.timeout(DEADLINE_SECONDS):
        while session.ends_at < later:
            await gateway.emit("user:ann", "A turn")

    assert len(gateway.node.sessions.namespaces.sessions) == 1
    assert set(ann.states[ann.states.index("ready") :]) == {"ready"}


async def test_a_drain_is_waited_out_and_a_final_refusal_stops(host: Host, tmp_path: Path):
    """The gateway says when to return; a token that it never takes is not shown to it twice."""
    async with gateway_process(tmp_path) as process:
        here = process.gateway
        ann = await host.open(here.public, token("ann"))
        await ann.ready()
        stranger = await host.open(here.public, token("bob") + "x")
        stopped = await stranger.until(lambda now: now["state"] == "stopped")
        assert stopped["reason"] == "invalid_token"

        assert await process.terminate() == 0
        await ann.until(lambda now: now["state"] == "offline")
        # An attempt that came while the process ended has given another reason since.
        assert "draining" in ann.reasons
        await process.start()
        await here.emit("user:ann", "Meanwhile")

        await ann.until(lambda now: now["state"] == "ready" and now["unread"] == 1)
        await ann.until(lambda _: ann.arrived == ["Meanwhile"])
        assert stranger.states[-1] == "stopped"


async def test_a_disconnected_user_stays_away(host: Host, gateway: Gateway):
    ann = await host.open(gateway.public, token("ann"))
    await ann.ready()

    await gateway.ask("POST", "/internal/users/ann/disconnect")

    stopped = await ann.until(lambda now: now["state"] == "stopped")
    assert stopped["reason"] == "revoked"
    await ann.act("reconnect")
    await ann.until(lambda now: now["state"] == "ready")
