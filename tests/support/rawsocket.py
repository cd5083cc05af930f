"""Raw Socket.IO clients: they send what no library would, and read only when told to."""

import asyncio
import base64
import contextlib
import json
import os
import socket
from types import TracebackType
from typing import Any, Self

import aiohttp

DEADLINE = 30


def masked(head: int, payload: bytes) -> bytes:
    """A client's frame; `head` is the first byte, final bit and opcode."""
    key = os.urandom(4)
    body = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    size = len(payload)
    if size < 126:
        return bytes((head, 0x80 | size)) + key + body
    if size < 65_536:
        return bytes((head, 0x80 | 126)) + size.to_bytes(2, "big") + key + body
    return bytes((head, 0x80 | 127)) + size.to_bytes(8, "big") + key + body


_open: "list[RawSocket]" = []


async def hang_up_all() -> None:
    """Close what tests have left open, above all those that failed."""
    while _open:
        _open[-1].writer.transport.abort()
        await _open.pop().hang_up()


class RawSocket:
    """A TCP connection that says what it is told, byte by byte if need be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.response = ""
        self.close_code: int | None = None
        self.sid: str | None = None
        _open.append(self)

    @classmethod
    async def dial(cls, port: int, *, receive_bytes: int | None = None) -> Self:
        """A TCP connection. A small `receive_bytes` makes a client that is soon full."""
        connection = socket.socket()
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=connection, limit=2**24))

    @classmethod
    async def open(
        cls, port: int, *, query: str = "", receive_bytes: int | None = None, **headers: str
    ) -> Self:
        """A websocket whose handshake is answered 101; with the query of a session, an upgrade of it."""
        raw = await cls.dial(port, receive_bytes=receive_bytes)
        raw.handshake(query, **headers)
        await raw.answered()
        return raw

    @classmethod
    async def join(
        cls, port: int, auth: Any = None, *, namespace: str = "/", receive_bytes: int | None = None
    ) -> Self:
        """A websocket client that is connected to `namespace`."""
        raw = await cls.open(port, receive_bytes=receive_bytes)
        assert (await raw.text())[0] == "0"
        await raw.connect(auth, namespace=namespace)
        return raw

    async def connect(self, auth: Any = None, *, namespace: str = "/") -> None:
        prefix = "" if namespace == "/" else namespace + ","
        self.say("40" + prefix + json.dumps(auth or {}))
        answer = await self.text()
        assert answer.startswith("40" + prefix), answer
        self.sid = json.loads(answer[2 + len(prefix) :])["sid"]

    def handshake(self, query: str = "", **headers: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.writer.write(
            f"GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{more}\r\n".encode()
        )

    async def answered(self) -> None:
        self.response = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), DEADLINE)).decode()
        assert " 101 " in self.response, self.response

    def say(self, text: str) -> None:
        self.writer.write(masked(0x81, text.encode()))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame, as (opcode, payload)."""
        async with asyncio.timeout(DEADLINE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def text(self) -> str:
        """The next text but PINGs, which are answered. EOFError when the connection ends."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
                raise EOFError(self.close_code)
            if payload == b"2":
                self.say("3")
            elif opcode == 1:
                return payload.decode()

    async def event(self) -> list[Any]:
        """The next event, as [name, …]."""
        while True:
            text = await self.text()
            if text.startswith("42"):
                return list(json.loads(text[text.index("[") :]))

    async def gone(self) -> int | None:
        """Wait until the server has ended the connection; answers its close code, None without one."""
        async with asyncio.timeout(DEADLINE):
            try:
                while True:
                    await self.text()
            except (EOFError, OSError):
                pass
            if self.close_code is not None:
                self.send(masked(0x88, self.close_code.to_bytes(2, "big")))
            try:
                while await self.reader.read(65_536):
                    pass
            except OSError:
                pass
        await self.hang_up()
        return self.close_code

    async def hang_up(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()


class RawPoller:
    """A client that polls, one request at a time and only when told."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self.sid = ""
        self.query = "EIO=4&transport=polling"

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, port: int) -> Self:
        poller = cls(http, f"http://127.0.0.1:{port}/socket.io/")
        opening = await poller.poll()
        poller.sid = json.loads(opening[0][1:])["sid"]
        poller.query += f"&sid={poller.sid}"
        return poller

    @classmethod
    async def join(cls, http: aiohttp.ClientSession, port: int, auth: Any = None) -> Self:
        poller = await cls.open(http, port)
        await poller.say("40" + json.dumps(auth or {}))
        assert (await poller.poll())[0].startswith("40")
        return poller

    async def poll(self) -> list[str]:
        """The packets of the next poll."""
        async with self._http.get(
            f"{self._url}?{self.query}", timeout=aiohttp.ClientTimeout(DEADLINE)
        ) as response:
            response.raise_for_status()
            return (await response.text()).split("\x1e")

    async def status(self) -> int:
        """The status of the next poll."""
        async with self._http.get(f"{self._url}?{self.query}") as response:
            return response.status

    async def say(self, *packets: str) -> int:
        """Post packets; answers the status."""
        async with self._http.post(f"{self._url}?{self.query}", data="\x1e".join(packets)) as response:
            return response.status
