"""A mail server for the benchmark, in a process of its own: it takes mail, and writes down what and when.

    python -m bench.relay PORT LOG MODE

A line of the log is the time of its 250, the mail's id, and what the client calls itself. The file MODE says what it answers to recipients: nothing for
taking them, `hang` for no answer, else the answer.
"""

import asyncio
import signal
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path
from typing import TextIO

from aiosmtpd.smtp import SMTP, Envelope, Session

HANG = "hang"
"""The mode in which it does not answer."""


class Handler:
    """What aiosmtpd asks of one who handles mail."""

    def __init__(self, log: TextIO, mode: Path) -> None:
        self._log = log
        self._mode = mode

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if (answer := self._mode.read_text()) == HANG:
            await asyncio.Event().wait()
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        head = envelope.content.partition(b"\r\n\r\n")[0]
        message_id = message_from_bytes(head, policy=policy.default)["Message-ID"].strip("<>")
        self._log.write(f"{time.time()} {message_id.partition('@')[0]} {session.host_name}\n")
        return "250 2.0.0 taken"


async def main(port: int, log: Path, mode: Path) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    with log.open("a", buffering=1) as lines:
        handler = Handler(lines, mode)
        server = await loop.create_server(
            lambda: SMTP(handler, hostname="relay.example", loop=loop), "127.0.0.1", port
        )
        await stopped.wait()
        server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
