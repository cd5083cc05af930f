"""Where mail comes back to: a small server of LMTP (RFC 2033) or SMTP (RFC 5321) that takes reports and nothing else.

Whoever can reach it can speak to it: it takes mail to a few addresses only, of a bounded size, over so many connections, and
answers for a report once it is dealt with. What cannot be dealt with now is to be sent again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.listen_address import ListenAddress

CONNECTIONS = 20
RECIPIENTS = 20
LARGEST_BYTES = 8 * 2**20
"""Held in memory while it comes, over each connection."""
LINE_BYTES = 64 * 1024
"""Of a line; a server that sends back what it has got may send longer ones than SMTP allows."""
IDLE_SECONDS = 60.0
COMMANDS = 200
"""Of a kind over one connection."""
AGAIN = "451 4.3.0 Not now: send it again"

TakeReceived = Callable[[bytes, Sequence[str]], Awaitable[None]]
"""Deals with a message that came to these addresses. Raises anything for one that is to be sent again."""

logger = logging.getLogger(__name__)


class Receiver:
    """Takes reports at one place, for as long as it is started. Nothing is kept here: a report is dealt with before it
    is answered for, so one that a crash cuts off is sent again.
    """

    def __init__(
        self, place: ListenAddress, *, name: str, takes: Callable[[str], bool], take: TakeReceived
    ) -> None:
        """`name` is what the server calls itself; `takes` says whether an address is one of ours."""
        self._place = place
        self._name = name
        self._takes = takes
        self._take = take
        self._open: set[SMTP] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; answers the port. Raises OSError where that is taken."""
        # What it logs is what strangers say, and return addresses, by which bounces could be forged.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self._place.host, self._place.port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Let go of everybody; who was not answered sends again.

        A report that is being dealt with is cut off, and comes again.
        """
        if self._server is not None:
            self._server.close()
            for protocol in list(self._open):
                assert isinstance(protocol.transport, asyncio.WriteTransport)
                protocol.transport.abort()

    def _protocol(self) -> SMTP:
        speak = _Lmtp if self._place.lmtp else _Smtp
        return speak(
            self,
            data_size_limit=LARGEST_BYTES,
            hostname=self._name,
            ident="Bellhop takes reports",
            timeout=IDLE_SECONDS,
            enable_SMTPUTF8=True,
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
            opened=self._opened,
            closed=self._open.discard,
        )

    def _opened(self, protocol: SMTP) -> bool:
        if len(self._open) >= CONNECTIONS:
            return False
        self._open.add(protocol)
        return True

    # What aiosmtpd asks of whom it works for

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whether the address is one of ours: anybody may ask,  so it says the same of all others."""
        del server, session, options
        if not self._takes(address):
            return "550 5.1.1 This takes reports of mail that was sent from here, and none of this address"
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Deal with the message, and answer then: 250 when it is, 451 when it is to be sent again. LMTP has one answer
        for each recipient.
        """
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        try:
            await self._take(content, envelope.rcpt_tos)
        except Exception as error:  # noqa: BLE001 - whatever it is, the report is not lost: it is sent again
            logger.warning("report not taken", extra={"error": type(error).__name__})
            answer = AGAIN
        else:
            answer = "250 2.0.0 Taken"
        # LMTP has an answer for each recipient.
        return "\r\n".join([answer] * (len(envelope.rcpt_tos) if self._place.lmtp else 1))

    async def handle_exception(self, error: Exception) -> str:
        """A command on which aiosmtpd fails, as on many an address that is none: who said it is not told how."""
        logger.info("a command was not understood", extra={"error": type(error).__name__})
        return AGAIN


class _BoundedConnection:
    """A connection that is known to its receiver while it is open, and holds no more than it may."""

    line_length_limit = LINE_BYTES
    _unanswered = 0
    """Bytes that have come since the last answer."""

    def __init__(
        self, *args: Any, opened: Callable[[Any], bool], closed: Callable[[Any], None], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._may_open = opened
        self._on_closed = closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._may_open(self):
            super().connection_made(transport)  # type: ignore[misc]  # the other base has it
        else:
            assert isinstance(transport, asyncio.Transport)
            # Whatever it says now is heard by nobody: this connection was never made.
            transport.set_protocol(asyncio.Protocol())
            transport.write(b"421 4.7.0 Too many connections\r\n")
            transport.close()

    def data_received(self, data: bytes) -> None:
        # A report that is too large is still heard to its end, for the answer; a line without an end has none.
        self._unanswered += len(data)
        if self._unanswered > 2 * LARGEST_BYTES:
            self.transport.abort()  # type: ignore[attr-defined]  # as above
        else:
            super().data_received(data)  # type: ignore[misc]  # as above

    async def push(self, status: AnyStr) -> None:
        self._unanswered = 0
        await super().push(status)  # type: ignore[misc]  # as above

    def connection_lost(self, error: Exception | None) -> None:
        self._on_closed(self)
        super().connection_lost(error)  # type: ignore[misc]  # as above


class _Smtp(_BoundedConnection, SMTP):
    pass


class _Lmtp(_BoundedConnection, LMTP):
    pass


def is_desk(address: str, domain: str) -> bool:
    """Whether it is one of the addresses in the domain that providers send complaints to."""
    local, _, of = address.lower().rpartition("@")
    return of == domain and local in ("postmaster", "abuse", "fbl")
