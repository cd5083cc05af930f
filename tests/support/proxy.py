"""A TCP proxy that can fail in ways that a server cannot be made to: one direction at a time, or only some connections."""

import asyncio
import contextlib
import ssl

from tests.support.servers import free_port

CHUNK_BYTES = 65536


class Proxy:
    """Stands before a server on loopback. What it is told holds for connections that exist as well as for new ones."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """`source` is the loopback address that the server sees it come from; with `tls` clients have to speak that."""
        self.port = free_port()
        self.mute = False
        """Nothing that a client sends arrives; the connections stay open."""
        self.deaf = False
        """Nothing arrives at connections that have subscribed to something; the others notice nothing."""
        self._target = port
        self._source = source
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, ssl=self._tls)

    async def refuse(self) -> None:
        """Close every connection and accept none, until `listen`; idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there, back = await asyncio.open_connection(
                    "127.0.0.1", self._target, local_addr=(self._source, 0)
                )
                try:
                    await self._both_ways(reader, writer, there, back)
                finally:
                    back.transport.abort()
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        subscribed = False

        async def forth() -> None:
            nonlocal subscribed
            while data := await reader.read(CHUNK_BYTES):
                subscribed = subscribed or b"SUBSCRIBE" in data
                if not self.mute:
                    back.write(data)
                    await back.drain()

        async def answer() -> None:
            while data := await there.read(CHUNK_BYTES):
                if not (self.deaf and subscribed):
                    writer.write(data)
                    await writer.drain()

        ways = [
            asyncio.create_task(forth(), name="proxy forth"),
            asyncio.create_task(answer(), name="proxy back"),
        ]
        try:
            # Either end closing closes both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
