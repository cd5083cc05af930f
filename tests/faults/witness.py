"""Clients that keep a record: each follows PROTOCOL, and can tell afterwards what it was given, connection by connection.

Hundreds of them are raw websockets in this process; a few are stock JavaScript clients. What comes of a fault is judged
by their records alone.
"""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import orjson

from tests.support.gateway import token
from tests.support.node import JSClient, NodeProcess

HANDSHAKE_SECONDS = 10
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
TOPIC = "news"

Answered = Mapping[str, Mapping[int, float]]
"""When each notification was answered 2xx: by room and sequence."""


@dataclass(slots=True)
class Record:
    """What one client was given: per connection, in order; and when it first had each notification."""

    connections: list[list[tuple[str, int]]] = field(default_factory=list)
    arrived: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    first_heads: dict[str, int] = field(default_factory=dict)
    resyncs: int = 0

    def given(self, room: str, seq: int) -> None:
        self.connections[-1].append((room, seq))
        self.arrived[room].setdefault(seq, time.monotonic())

    def opened(self, payload: Mapping[str, Any]) -> None:
        if not self.first_heads:
            self.first_heads = dict(payload["heads"])
        self.resyncs += len(payload["resync"])


@dataclass(slots=True)
class Stay:
    """A connection from its `ready` to its end, by the wall's clock."""

    node: int
    since: float
    until: float | None = None


class Keeper(Protocol):
    """A client with a record."""

    user: str
    record: Record
    ready: asyncio.Event
    stays: list[Stay]


class Follower:
    """A raw websocket that comes back whenever it is cut off, to the next of the nodes; a subclass hears the events."""

    def __init__(
        self,
        claim: str,
        urls: Sequence[str],
        http: aiohttp.ClientSession,
        *,
        namespace: str = "/",
        returns: bool = True,
    ) -> None:
        self.ready = asyncio.Event()
        self.stays: list[Stay] = []
        self._claim = claim
        self._urls = urls
        self._http = http
        self._prefix = "" if namespace == "/" else f"{namespace},"
        self._returns = returns
        self._task: asyncio.Task[None] | None = None

    def auth(self) -> dict[str, Any]:
        return {"token": self._claim}

    def connecting(self) -> None:
        """A connection has been opened; its events follow."""

    def heard(self, event: str, payload: Any) -> None:
        raise NotImplementedError

    def start(self, first: int) -> None:
        self._task = asyncio.create_task(self._follow(first), name="follower")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, node: int) -> None:
        pause = PAUSE_SECONDS
        while True:
            began = time.monotonic()
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._connection(node % len(self._urls))
            if self.ready.is_set():
                self.stays[-1].until = time.time()
                self.ready.clear()
                if not self._returns:
                    return
            node += 1
            if time.monotonic() - began > 5:
                pause = PAUSE_SECONDS
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _connection(self, node: int) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            socket = await self._http.ws_connect(
                f"{self._urls[node]}/socket.io/?EIO=4&transport=websocket",
                max_msg_size=0,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=2),
            )
        async with socket:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                opening = orjson.loads((await socket.receive_str())[1:])
                await socket.send_str(f"40{self._prefix}{orjson.dumps(self.auth()).decode()}")
            self.connecting()
            patience = (opening["pingInterval"] + opening["pingTimeout"]) / 1000
            while True:
                async with asyncio.timeout(patience):
                    message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                if message.data == "2":
                    await socket.send_str("3")
                elif message.data.startswith(("41", "44")):
                    return
                elif message.data.startswith("42"):
                    event, payload = orjson.loads(message.data[2 + len(self._prefix) :])
                    if event == "ready":
                        self.stays.append(Stay(node, time.time()))
                        self.ready.set()
                    self.heard(event, payload)


class Witness(Follower):
    """One user's client: keeps `since`, and a record."""

    def __init__(
        self, user: str, urls: Sequence[str], http: aiohttp.ClientSession, *, returns: bool = True
    ) -> None:
        super().__init__(token(user, topics=(TOPIC,)), urls, http, returns=returns)
        self.user = user
        self.record = Record()
        self._since: dict[str, int] = {}

    def auth(self) -> dict[str, Any]:
        return {**super().auth(), "since": self._since}

    def connecting(self) -> None:
        self.record.connections.append([])

    def heard(self, event: str, payload: Any) -> None:
        if event == "notification" and payload["seq"] is not None:
            room, seq = payload["room"], payload["seq"]
            self.record.given(room, seq)
            self._since[room] = max(seq, self._since.get(room, 0))
        elif event == "ready":
            self.record.opened(payload)
            self._since |= payload["heads"]


class StockWitness:
    """A user with the stock JavaScript client, which keeps `since` as the documented lines do and returns by itself."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.record = Record()
        self.ready = asyncio.Event()
        self.stays: list[Stay] = []
        self._node = -1
        self._client: JSClient | None = None

    async def start(
        self, process: NodeProcess, urls: Sequence[str], node: int, *, transports: tuple[str, ...] | None
    ) -> None:
        self._node = node
        self._client = await process.open(
            urls[node],
            auth={"token": token(self.user, topics=(TOPIC,))},
            follow_since=True,
            transports=transports,
            reconnection_delay_ms=250,
            hear=self._heard,
        )

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _heard(self, line: Mapping[str, Any]) -> None:
        match line:
            case {"state": "connect"}:
                self.record.connections.append([])
            case {"state": "disconnect"}:
                if self.ready.is_set():
                    self.stays[-1].until = time.time()
                    self.ready.clear()
            case {"event": "ready", "args": [payload]}:
                self.record.opened(payload)
                self.stays.append(Stay(self._node, time.time()))
                self.ready.set()
            case {"event": "notification", "args": [{"room": room, "seq": int(seq)}]}:
                self.record.given(room, seq)


@dataclass(slots=True)
class Verdict:
    """What came of the notifications that were answered 2xx."""

    answered: int = 0
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    resyncs: int = 0
    returns: int = 0
    """Connections beyond the first of each client."""
    longest_delay_seconds: float = 0.0


def lacks(witness: Keeper, answered: Answered) -> bool:
    """Whether the witness is entitled to something that it has not had."""
    arrived = witness.record.arrived
    return any(
        seq > head and seq not in arrived[room]
        for room, head in witness.record.first_heads.items()
        for seq in answered.get(room, ())
    )


def judge(witnesses: Sequence[Keeper], answered: Answered) -> Verdict:
    """Hold every record against what was answered."""
    verdict = Verdict(answered=sum(map(len, answered.values())))
    for witness in witnesses:
        record = witness.record
        seen: set[tuple[str, int]] = set()
        for given in record.connections:
            last: dict[str, int] = {}
            for room, seq in given:
                verdict.delivered += 1
                verdict.duplicated += (room, seq) in seen
                verdict.out_of_order += seq <= last.get(room, 0)
                seen.add((room, seq))
                last[room] = seq
        for room, head in record.first_heads.items():
            arrived = record.arrived[room]
            for seq, answered_at in answered.get(room, {}).items():
                if seq <= head:
                    continue
                if seq in arrived:
                    verdict.longest_delay_seconds = max(
                        verdict.longest_delay_seconds, arrived[seq] - answered_at
                    )
                else:
                    verdict.lost += 1
        verdict.resyncs += record.resyncs
        verdict.returns += len(record.connections) - 1
    return verdict
