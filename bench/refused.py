"""What callers cost who are refused: fifty bombs and fifty hostile handshakes at once, and how long the probe waits meanwhile.

    python -m bench.refused

The CPU is the gateway's own, of user and system, from before the first byte until the last answer.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.support.gateway import API_KEY, gateway_process

CALLERS = 50
MEGABYTES = 15
DEADLINE_SECONDS = 60
PROBE_PAUSE_SECONDS = 0.005
BLOCK_BYTES = 64 * 1024
PROCESSES = multiprocessing.get_context("spawn")

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX: a"
    + b" " * 7800
    + b"b\r\n\r\n"
)


def bomb() -> bytes:
    """Fifteen gigabytes in fifteen megabytes: one member of gzip after another."""
    member = zlib.compressobj(9, zlib.DEFLATED, 31)
    part = member.compress(b" " * 100_000_000) + member.flush()
    return part * (MEGABYTES * 1_000_000 // len(part))


async def call(port: int, data: bytes) -> int:
    """Send it all, or as much as is taken, and answer the status; 0 when the connection ended without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for start in range(0, len(data), BLOCK_BYTES):
            writer.write(data[start : start + BLOCK_BYTES])
            await writer.drain()

    sending = asyncio.create_task(send())
    try:
        line = await asyncio.wait_for(reader.readline(), DEADLINE_SECONDS)
    except (ConnectionError, TimeoutError):
        line = b""
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    writer.transport.abort()
    return int(line.split()[1]) if line else 0


def probe(port: int, done: Event, found: Connection) -> None:
    """Ask for the probe until `done`, from a process of its own; sends how often, and the longest wait."""
    count, longest = 0, 0.0
    while not done.is_set():
        started = time.perf_counter()
        http = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        http.request("GET", "/healthz")
        http.getresponse().read()
        http.close()
        count, longest = count + 1, max(longest, time.perf_counter() - started)
        if count == 1:
            found.send(None)
        time.sleep(PROBE_PAUSE_SECONDS)
    found.send((count, longest))


async def measure(name: str, process: psutil.Process, port: int, work: Callable[[], Awaitable[int]]) -> None:
    done, (found, told_by) = PROCESSES.Event(), PROCESSES.Pipe()
    probing = PROCESSES.Process(target=probe, args=(port, done, told_by))
    probing.start()
    found.recv()
    before = sum(process.cpu_times()[:2])
    statuses = await asyncio.gather(*(work() for _ in range(CALLERS)))
    spent = sum(process.cpu_times()[:2]) - before
    done.set()
    probes, longest = found.recv()
    probing.join()
    told = ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
    print(f"{name:44} {told:12} CPU {spent:5.2f} s   probe {longest * 1000:6.1f} ms ({probes})")


async def main() -> None:
    body = bomb()
    with tempfile.TemporaryDirectory() as folder:
        async with gateway_process(Path(folder), CONNECT_RATE="0") as running:
            process = psutil.Process(running.pid)
            public = urlsplit(running.gateway.public).port or 0
            internal = urlsplit(running.gateway.internal).port or 0

            def post(path: str, *fields: str) -> bytes:
                lines = [
                    f"POST {path} HTTP/1.1",
                    "Host: x",
                    "Content-Type: application/json",
                    "Content-Encoding: gzip",
                ]
                return "\r\n".join([*lines, *fields, f"Content-Length: {len(body)}", "", ""]).encode() + body

            key = f"Authorization: Bearer {API_KEY}"
            for name, port, data in (
                ("public, no token", public, post("/api/notifications/read")),
                ("public, no such path", public, post("/nothing")),
                ("public, a poll of no session", public, post("/socket.io/?EIO=4&transport=polling&sid=x")),
                ("internal, no key", internal, post("/internal/emit")),
                ("internal, a batch with its key", internal, post("/internal/emit/batch", key)),
                ("a handshake of blanks", public, HANDSHAKE),
            ):
                await measure(name, process, public, lambda port=port, data=data: call(port, data))  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
