"""A small IMAP server on loopback that says what a test wants it to: what no Dovecot can be made to say."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Scripted:
    """One folder of messages by their UIDs, and what is odd about the server."""

    messages: dict[int, bytes] = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 MOVE"
    flags: str = "[PERMANENTFLAGS (\\Seen \\*)] ok"
    validity: int = 7
    instead: dict[str, bytes] = field(default_factory=dict)
    """What is answered to a command, by its name (`UID FETCH`), instead of what is right; `%s` is its tag."""
    silent: frozenset[str] = frozenset()
    """Commands that are not answered."""
    port: int = 0
    heard: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a command that is not answered has come."""

    def url(self, query: str = "") -> str:
        return f"imap://u:p@127.0.0.1:{self.port}/INBOX?starttls=never{query}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed.clear()
        # Who has had enough hangs up in the middle of it.
        with contextlib.suppress(ConnectionError):
            await self._serve(reader, writer)
        self.closed.set()
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK here\r\n")
        while line := (await reader.readline()).decode():
            tag, _, command = line.rstrip("\r\n").partition(" ")
            self.heard.append(command)
            name = " ".join(command.split()[: 2 if command.startswith("UID") else 1])
            if name in self.silent:
                self.waiting.set()
                continue
            if name in self.instead:
                writer.write(self.instead[name].replace(b"%s", tag.encode()))
                continue
            writer.write(self._answer(name, command) + f"{tag} OK done\r\n".encode())

    def _answer(self, name: str, command: str) -> bytes:
        match name:
            case "CAPABILITY":
                return f"* CAPABILITY {self.capabilities}\r\n".encode()
            case "SELECT":
                return f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] ok\r\n* OK {self.flags}\r\n".encode()
            case "UID SEARCH":
                return f"* SEARCH {' '.join(map(str, self.messages))}\r\n".encode()
            case "UID FETCH":
                found = re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command)
                assert found is not None
                raw = self.messages.get(int(found[1]))
                if raw is None:
                    return b""
                raw = raw[: int(found[2])]
                return b"* 1 FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n" % (found[1].encode(), len(raw), raw)
            case "UID MOVE":
                del self.messages[int(command.split()[2])]
        return b""


@asynccontextmanager
async def imap(script: Scripted) -> AsyncIterator[Scripted]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
