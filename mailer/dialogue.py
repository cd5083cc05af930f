"""What is said over an open session with a relay: commands, as many in one write as may be, and the replies in their order.

The library opens a session, and asks one thing after another over it; a relay with PIPELINING (RFC 2920) lets more be
asked at once. Whatever goes wrong is one of the library's errors, for `replies` to translate.
"""

import asyncio
from collections import deque

from aiosmtplib import (
    SMTPReadTimeoutError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
)

LONGEST_REPLY_BYTES = 32 * 1024
CLOSING = 421
MEANINGLESS = -1
"""The code of a reply that is none."""


class Dialogue(asyncio.Protocol):
    """Takes a transport over from whoever opened the session. One party asks at a time.

    Replies are matched to commands by their order alone, as SMTP has it. So a reply that is not waited for any more
    ends the connection: the next one would be taken for another command's.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._received = bytearray()
        self._lines: list[bytes] = []
        """Of the reply that has begun."""
        self._expected = 0
        """Replies that were asked for and have not come."""
        self._replies: deque[SMTPResponse] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost: SMTPServerDisconnected | None = None
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        """Whether anything can still be asked."""
        return self._lost is None and not self._transport.is_closing()

    def say(self, *commands: bytes) -> None:
        """Send commands in one write; each has a reply, and is sound.

        Raises `SMTPServerDisconnected` when the connection has gone.
        """
        self._write(b"".join(b"%b\r\n" % command for command in commands), replies=len(commands))

    def hand_over(self, content: bytes) -> None:
        """Send a message with CRLF line ends, and its end (RFC 5321, section 4.5.2); it has one reply.

        Lines that begin with a dot get another. Raises as `say`.
        """
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        self._write(stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"), replies=1)

    async def reply(self, seconds: float) -> SMTPResponse:
        """The next reply. Raises `SMTPReadTimeoutError`, and is no more alive then, or `SMTPServerDisconnected`.

        One of 421 closes the connection behind it (RFC 5321, section 3.8). Who is cancelled here must abort.
        """
        while not self._replies:
            if self._lost is not None:
                raise SMTPServerDisconnected("Connection lost") from self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._waiter
            except TimeoutError as error:
                # Its reply may still come, and would be taken for the next one.
                self.abort()
                raise SMTPReadTimeoutError("Timed out waiting for server response") from error
            finally:
                self._waiter = None
        said = self._replies.popleft()
        # Not one that is closed: of TLS it forgets what it is over then, and could not be aborted (Python 3.11.2).
        if said.code == CLOSING and not self._transport.is_closing():
            self._transport.close()
        return said

    async def expect(self, *codes: int, seconds: float) -> SMTPResponse:
        """The next reply, which must be one of these; raises `SMTPResponseException` for another, else as `reply`."""
        said = await self.reply(seconds)
        if said.code not in codes:
            raise SMTPResponseException(said.code, said.message)
        return said

    def abort(self) -> None:
        """Drop the connection at once; idempotent."""
        self._lose(None)
        self._transport.abort()

    # As the transport calls it

    def data_received(self, data: bytes) -> None:
        """Read lines as they come. A relay that sends more than `LONGEST_REPLY_BYTES` without an end is hung up on."""
        self._received += data
        while (end := self._received.find(b"\n")) >= 0:
            line = bytes(self._received[: end + 1])
            del self._received[: end + 1]
            self._read(line)
        if len(self._received) + sum(map(len, self._lines)) > LONGEST_REPLY_BYTES:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(error)

    def _read(self, line: bytes) -> None:
        """One line of a reply; the last of it makes it a reply (RFC 5321, section 4.2.1). One that has no code has
        `MEANINGLESS`.
        """
        if not self._expected:
            # Such as that it has waited for too long: it hangs up then, and that is seen.
            return
        self._lines.append(line)
        if line[3:4] == b"-" and line[:3].isdigit():
            return
        code = int(line[:3]) if line[:3].isdigit() else MEANINGLESS
        text = b"\n".join(each[4:].strip(b" \t\r\n") for each in self._lines)
        self._lines.clear()
        self._expected -= 1
        self._replies.append(SMTPResponse(code, text.decode("utf-8", "surrogateescape")))
        self._wake()

    def _write(self, data: bytes, *, replies: int) -> None:
        if not self.alive:
            raise SMTPServerDisconnected("Connection lost")
        self._expected += replies
        self._transport.write(data)

    def _lose(self, error: Exception | None) -> None:
        """The connection has gone: whoever waits hears it. The first reason stays."""
        if self._lost is None:
            self._lost = SMTPServerDisconnected("Connection lost")
            self._lost.__cause__ = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
