"""A mail server for the benchmark, in a process of its own: it takes mail, and writes down what and when.

    python -m bench.relay PORT LOG MODE

A line of the log is the time of its 250, the mail's id, and what the client calls itself. The file MODE says what it answers to recipients: nothing for
taking them, `hang` for no answer, else the answer.

It speaks as much SMTP as a client needs that is in order (RFC 5321, PIPELINING by RFC 2920), and costs little, so that what is measured is the
sender. A mail server of the library that the tests use takes as much of a core for a mail as Bellhop does.
"""

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

HANG = b"hang"
"""The mode in which it does not answer."""
MODE_BYTES = 200
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^@>]+)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"
_EXTENSIONS = b"250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 33554432\r\n"


class RelayConnection(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self, log: TextIO, mode: int) -> None:
        """`mode` is the descriptor of the file."""
        self._log = log
        self._mode = mode
        self._received = bytearray()
        self._in_content = False
        self._client = b"?"
        self._recipients = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (answer := self._content() if self._in_content else self._command()) is not None:
            self._transport.write(answer)

    def _content(self) -> bytes | None:
        """Take the mail, once all of it is there."""
        end = self._received.find(_END)
        if end < 0:
            return None
        found = _MESSAGE_ID.search(self._received, 0, self._received.index(b"\r\n\r\n"))
        assert found is not None
        self._log.write(f"{time.time()} {found[1].decode()} {self._client.decode()}\n")
        del self._received[: end + len(_END)]
        self._in_content = False
        self._recipients = 0
        return b"250 2.0.0 taken\r\n"

    def _command(self) -> bytes | None:
        """Do as the next line says, once that is there."""
        end = self._received.find(b"\r\n")
        if end < 0 or self._transport.is_closing():
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 2]
        match line[:4].upper():
            case b"EHLO":
                self._client = line[5:]
                return _EXTENSIONS
            case b"RCPT":
                return self._recipient()
            case b"DATA" if self._recipients:
                self._in_content = True
                return b"354 go on\r\n"
            case b"DATA":
                return b"554 5.5.1 no recipient\r\n"
            case b"QUIT":
                self._transport.write(b"221 2.0.0 bye\r\n")
                self._transport.close()
                return None
            case b"MAIL" | b"RSET":
                self._recipients = 0
                return b"250 2.0.0 ok\r\n"
        return b"502 5.5.1 not known here\r\n"

    def _recipient(self) -> bytes | None:
        answer = os.pread(self._mode, MODE_BYTES, 0)
        if answer == HANG:
            return None
        if answer:
            return answer + b"\r\n"
        self._recipients += 1
        return b"250 2.1.5 ok\r\n"


async def main(port: int, log: Path, mode: Path) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    with log.open("a", buffering=1) as lines, mode.open("rb") as said:
        server = await loop.create_server(lambda: RelayConnection(lines, said.fileno()), "127.0.0.1", port)
        await stopped.wait()
        server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
