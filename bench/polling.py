"""Clients that poll and are told nothing: each has one connection, asks again when its poll ends, and answers pings."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.servers import ServerProcess

PATH = "/socket.io/?EIO=4&transport=polling"
SEPARATOR = "\x1e"
AT_ONCE = 64
DEADLINE_SECONDS = 300


class NotPollingError(RuntimeError):
    """A client that was refused, or dropped."""


class Poller:
    """One client. It ends with its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader = reader
        self._writer = writer
        self._port = port
        self._sid = ""

    async def come(self, token: str) -> None:
        """Open a session, and wait until it is `ready`."""
        opened = json.loads((await self._ask("GET"))[1:])
        self._sid = f"&sid={opened['sid']}"
        await self._ask("POST", f'40{{"token":"{token}"}}')
        while '42["ready"' not in (packets := await self._ask("GET")):
            if "44" in packets.split(SEPARATOR):
                raise NotPollingError(packets[:300])

    async def poll(self) -> None:
        """Ask again and again."""
        while True:
            if "2" in (await self._ask("GET")).split(SEPARATOR):
                await self._ask("POST", "3")

    async def _ask(self, method: str, body: str = "") -> str:
        data = body.encode()
        length = f"Content-Length: {len(data)}\r\nContent-Type: text/plain\r\n" if data else ""
        head = f"{method} {PATH}{self._sid} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{length}\r\n"
        self._writer.write(head.encode() + data)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(answer.partition("content-length:")[2].split("\r\n", 1)[0] or 0)
        told = (await self._reader.readexactly(size)).decode()
        if not answer.startswith("http/1.1 200"):
            raise NotPollingError(f"{answer}{told}"[:300])
        return told


@asynccontextmanager
async def pollers(server: ServerProcess, tokens: Sequence[str], addresses: int) -> AsyncIterator[None]:
    """A client for each token, until the end; raises `NotPollingError` if one could not stay.

    They come from so many addresses of the loopback network by turns.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def come(number: int, token: str) -> Poller:
        async with gate:
            own = (f"127.0.0.{2 + number % addresses}", 0)
            streams = await asyncio.open_connection("127.0.0.1", server.port, local_addr=own)
            poller = Poller(*streams, server.port)
            await poller.come(token)
            return poller

    async with asyncio.timeout(DEADLINE_SECONDS):
        came = await asyncio.gather(*(come(number, token) for number, token in enumerate(tokens)))
    polling = [asyncio.create_task(poller.poll()) for poller in came]
    try:
        yield
        gone = [error for task in polling if task.done() and (error := task.exception())]
        if gone:
            raise NotPollingError(
                f"{len(gone)} of {len(polling)} clients have gone, the first by {gone[0]!r}"
            )
    finally:
        for task in polling:
            task.cancel()
        await asyncio.gather(*polling, return_exceptions=True)
