"""One session with a relay (RFC 5321): opened, encrypted and logged in, then one mail after another."""

import asyncio
import re
import socket
from contextlib import suppress

from aiosmtplib import SMTP, SMTPException

from mailer.errors import (
    AuthenticationFailure,
    DeliveryFailure,
    EncryptionFailure,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
)
from mailer.refusals import Step
from mailer.relay import Relay, StartTLS
from mailer.replies import closing_line, refused, unwelcome
from mailer.transport import HandingOver, Outgoing

RESET_SECONDS = 10.0
QUIT_SECONDS = 2.0
_FULL_NAME = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}")


class Undecided(Exception):
    """Nothing of the mail was accepted, which may be the connection's fault: a fresh one decides."""

    def __init__(self, failure: DeliveryFailure | RelayFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Session:
    """One session with the relay: opened, encrypted and logged in, then one mail after another."""

    def __init__(self, client: SMTP, relay: Relay) -> None:
        self._client = client
        self._relay = relay
        self.mails = 0
        """How many were begun over it."""
        self.accepted = 0
        """How many of them the relay took."""

    @classmethod
    async def open(cls, relay: Relay) -> "Session":
        client = SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=relay.step_seconds,
            use_tls=relay.tls,
            start_tls=False,  # done below, where a failure can be told apart
            tls_context=relay.context,
            local_hostname="localhost",  # else looked up at every connect; what is said is told at EHLO
        )
        connection = cls(client, relay)
        try:
            # Beside the bound on each step, one on all of it: this host's name is looked up without one.
            async with asyncio.timeout(3 * relay.step_seconds):
                await connection._introduce()
        except TimeoutError as error:
            raise TemporaryFailure("the relay did not answer in time", heard=False) from error
        except BaseException:
            connection.abort()
            raise
        return connection

    @property
    def alive(self) -> bool:
        return self._client.is_connected

    @property
    def encrypted(self) -> bool:
        return self._client.get_transport_info("sslcontext") is not None

    async def send(self, message: Outgoing, content: bytes, handing_over: HandingOver) -> str | None:
        """Answers the relay's closing words. Raises `Undecided` for a connection lost before the relay accepted anything, else as `Transport.send`."""
        self.mails += 1
        client = self._client
        options = [f"SIZE={len(content)}"] if client.supports_extension("size") else []
        encoding = "ascii"
        if message.needs_utf8:
            if not client.supports_extension("smtputf8"):
                raise PermanentFailure("the address needs SMTPUTF8, which the relay does not offer")
            options.append("SMTPUTF8")
            encoding = "utf-8"
        try:
            with refused(Step.SENDER, utf8=message.needs_utf8):
                await client.mail(message.sender, options=options, encoding=encoding)
            with refused(Step.RECIPIENT):
                await client.rcpt(message.recipient, encoding=encoding)
        except TemporaryFailure as failure:
            if not self.alive:
                raise Undecided(failure) from failure.__cause__
            raise
        # From here on an answer that is lost may have been a yes, so nothing is repeated before the back-off.
        handing_over(self._relay.handover_seconds)
        with refused(Step.CONTENT):
            closing = await client.data(content, timeout=self._relay.handover_seconds)
        self.accepted += 1
        return closing_line(closing.message) or None

    async def reset(self) -> bool:
        """Have the relay forget the envelope; False when the connection is of no more use."""
        try:
            await self._client.rset(timeout=RESET_SECONDS)
        except SMTPException:
            return False
        return True

    async def quit(self) -> None:
        with suppress(SMTPException):
            await self._client.quit(timeout=QUIT_SECONDS)
        self.abort()

    def abort(self) -> None:
        """Drop it at once: a polite TLS goodbye would wait for a peer that may never answer."""
        transport = self._client.transport
        self._client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    async def _introduce(self) -> None:
        client, relay = self._client, self._relay
        with unwelcome("greeting"):
            await client.connect()
            name = relay.helo or await self._own_name()
            await client.ehlo(hostname=name)
        if relay.starttls is not StartTLS.NEVER:
            if client.supports_extension("starttls"):
                with unwelcome("STARTTLS"):
                    await client.starttls()
                    await client.ehlo(hostname=name)
            elif relay.starttls is StartTLS.REQUIRED:
                raise EncryptionFailure("the relay offers no STARTTLS, and the mail URL requires it")
        if relay.username is not None:
            if not client.supported_auth_methods:
                raise AuthenticationFailure("the relay offers no way to log in that is known here")
            with unwelcome("login"):
                await client.login(relay.username, relay.password)

    async def _own_name(self) -> str:
        """This host's full name, or else its address (RFC 5321, section 4.1.4): many relays refuse a short name."""
        name = await asyncio.to_thread(socket.getfqdn)
        if _FULL_NAME.fullmatch(name):
            return name
        address = self._client.get_transport_info("sockname")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
