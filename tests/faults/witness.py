"""Clients that keep a record: each follows PROTOCOL over raw websockets, and can tell afterwards what it was owed.

Hundreds of them live in this process, so they are no stock clients; the suite has a few of those beside them.
"""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson

from tests.support.gateway import token

HANDSHAKE_SECONDS = 10
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class Record:
    """What one client was given: per connection, in order; and when it first had each notification."""

    connections: list[list[tuple[str, int]]] = field(default_factory=list)
    arrived: dict[tuple[str, int], float] = field(default_factory=dict)
    first_heads: dict[str, int] = field(default_factory=dict)
    resyncs: int = 0


class Witness:
    """One user's client: connects to any of the nodes, keeps `since`, comes back whenever it is cut off."""

    def __init__(self, user: str, urls: Sequence[str], http: aiohttp.ClientSession) -> None:
        self.user = user
        self.record = Record()
        self.ready = asyncio.Event()
        self._urls = urls
        self._http = http
        self._since: dict[str, int] = {}
        self._token = token(user, topics=("news",))
        self._task: asyncio.Task[None] | None = None

    def start(self, first: int) -> None:
        self._task = asyncio.create_task(self._follow(first), name=f"witness {self.user}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, node: int) -> None:
        pause = PAUSE_SECONDS
        while True:
            began = time.monotonic()
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._connection(self._urls[node % len(self._urls)])
            self.ready.clear()
            node += 1
            if time.monotonic() - began > 5:
                pause = PAUSE_SECONDS
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _connection(self, url: str) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            socket = await self._http.ws_connect(
                f"{url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0, compress=0
            )
        async with socket:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                opening = orjson.loads((await socket.receive_str())[1:])
                await socket.send_str(
                    "40" + orjson.dumps({"token": self._token, "since": self._since}).decode()
                )
            patience = (opening["pingInterval"] + opening["pingTimeout"]) / 1000
            given: list[tuple[str, int]] = []
            self.record.connections.append(given)
            while True:
                async with asyncio.timeout(patience):
                    message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                if not await self._take(message.data, given, socket):
                    return

    async def _take(
        self, text: str, given: list[tuple[str, int]], socket: aiohttp.ClientWebSocketResponse
    ) -> bool:
        if text == "2":
            await socket.send_str("3")
        elif text.startswith("42"):
            event, payload = orjson.loads(text[2:])
            if event == "notification" and payload["seq"] is not None:
                place = (payload["room"], payload["seq"])
                given.append(place)
                self.record.arrived.setdefault(place, time.monotonic())
                self._since[place[0]] = max(place[1], self._since.get(place[0], 0))
            elif event == "ready":
                if not self.record.first_heads:
                    self.record.first_heads = dict(payload["heads"])
                self.record.resyncs += len(payload["resync"])
                self._since |= payload["heads"]
                self.ready.set()
        elif text.startswith(("41", "44")):
            return False
        return True


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
    longest_delay_seconds: float = 0.0


def missing(witness: Witness, answered: dict[tuple[str, int], float]) -> int:
    """How many of the answered notifications that the witness is entitled to it has not had."""
    return sum(place not in witness.record.arrived for place in _owed(witness, answered))


def _owed(witness: Witness, answered: dict[tuple[str, int], float]) -> list[tuple[str, int]]:
    heads = witness.record.first_heads
    return [(room, seq) for room, seq in answered if room in heads and seq > heads[room]]


def judge(witnesses: Sequence[Witness], answered: dict[tuple[str, int], float]) -> Verdict:
    """Hold every record against what was answered."""
    verdict = Verdict(answered=len(answered))
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
        for place in _owed(witness, answered):
            arrived = record.arrived.get(place)
            if arrived is None:
                verdict.lost += 1
            else:
                delay = arrived - answered[place]
                verdict.longest_delay_seconds = max(verdict.longest_delay_seconds, delay)
        verdict.resyncs += record.resyncs
    return verdict
