"""One session with a relay (RFC 5321): opened, encrypted and logged in, then one mail after another."""

import asyncio
import re
import socket
from collections.abc import Sequence
from typing import cast

from aiosmtplib import SMTP, SMTPException, SMTPStatus

from mailer.dialogue import Dialogue
from mailer.errors import (
    AuthenticationFailure,
    DeliveryFailure,
    EncryptionFailure,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
)
from mailer.refusals import SmtpStep
from mailer.relay import Relay, StartTLS
from mailer.replies import closing_line, refused, unwelcome
from mailer.transport import HandingOver, Outgoing

_Command = tuple[SmtpStep, bytes, tuple[int, ...]]
"""What it is about, the line without its end, and the codes of its replies that say yes."""
_DONE = (SMTPStatus.completed,)
RESET_SECONDS = 10.0
QUIT_SECONDS = 2.0
_WORD = re.compile(r"[^\s<>\x00-\x1f\x7f]+")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"')
_FULL_NAME = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}")


class Undecided(Exception):
    """Nothing of the mail was accepted, which may be the connection's fault: a fresh one decides."""

    def __init__(self, failure: DeliveryFailure | RelayFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class SmtpSession:
    """One session with the relay: opened, encrypted and logged in, then one mail after another.

    One mail at a time. Whoever is cancelled within one aborts the session.
    """

    def __init__(self, relay: Relay, talk: Dialogue, client: SMTP) -> None:
        """`client` has opened it, and has nothing more to say."""
        self._relay = relay
        self._talk = talk
        self._sized = client.supports_extension("size")
        self._takes_utf8 = client.supports_extension("smtputf8")
        self._pipelining = client.supports_extension("pipelining")
        self.encrypted = client.get_transport_info("sslcontext") is not None
        self.mails = 0
        """How many were begun over it."""
        self.accepted = 0
        """How many of them the relay took."""

    @classmethod
    async def open(cls, relay: Relay) -> "SmtpSession":
        """Open one: connect, say who we are, encrypt, log in. Within three times `step_seconds`.

        Raises what `replies.unwelcome` makes of a failure; nothing of a mail was said by then, so nothing is counted
        against one.
        """
        client = SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=relay.step_seconds,
            use_tls=relay.tls,
            start_tls=False,  # done below, where a failure can be told apart
            tls_context=relay.context,
            local_hostname="localhost",  # else looked up at every connect; what is said is told at EHLO
        )
        try:
            # Beside the bound on each step, one on all of it: this host's name is looked up without one.
            async with asyncio.timeout(3 * relay.step_seconds):
                await _introduce(client, relay)
        except TimeoutError as error:
            _drop(client)
            raise TemporaryFailure("the relay did not answer in time", heard=False) from error
        except BaseException:
            _drop(client)
            raise
        transport = client.transport
        if transport is None or not client.is_connected:
            raise TemporaryFailure("login: connection lost", heard=False)
        return cls(relay, Dialogue(cast("asyncio.Transport", transport)), client)

    @property
    def alive(self) -> bool:
        return self._talk.alive

    async def send(self, message: Outgoing, content: bytes, handing_over: HandingOver) -> str | None:
        """Answers the relay's closing words. Raises `Undecided` for a connection lost before the relay accepted
        anything, else as `Transport.send`.

        `content` is `message.content()`. With PIPELINING it is two round trips, without it four.
        """
        self.mails += 1
        if message.needs_utf8 and not self._takes_utf8:
            raise PermanentFailure("the address needs SMTPUTF8, which the relay does not offer")
        await self._begin(message, size=len(content))
        # From here on an answer that is lost may have been a yes, so nothing is repeated before the back-off.
        handing_over(self._relay.handover_seconds)
        with refused(SmtpStep.CONTENT):
            self._talk.hand_over(content)
            closing = await self._talk.expect(SMTPStatus.completed, seconds=self._relay.handover_seconds)
        self.accepted += 1
        return closing_line(closing.message) or None

    async def reset(self) -> bool:
        """Have the relay forget the envelope; False when the connection is of no more use."""
        return await self._is_done(b"RSET", seconds=RESET_SECONDS)

    async def quit(self) -> None:
        """Say goodbye and drop it, within `QUIT_SECONDS`; raises nothing."""
        await self._is_done(b"QUIT", seconds=QUIT_SECONDS)
        self.abort()

    def abort(self) -> None:
        """Drop it at once: a polite TLS goodbye would wait for a peer that may never answer."""
        self._talk.abort()

    async def _begin(self, message: Outgoing, *, size: int) -> None:
        """Name the sender and the recipient, and have the relay ask for the content."""
        commands = self._commands(message, size=size)
        if self._pipelining:
            # All at once, where the relay knows to keep them apart: of three round trips one is left.
            await self._ask(message, commands)
        else:
            for command in commands:
                await self._ask(message, [command])

    async def _ask(self, message: Outgoing, commands: Sequence[_Command]) -> None:
        """Say the commands, and hear that each is done."""
        replies = len(commands)
        for step, _, codes in commands:
            seconds = self._relay.handover_seconds if step is SmtpStep.CONTENT else self._relay.step_seconds
            try:
                with refused(step, utf8=message.needs_utf8):
                    if replies == len(commands):
                        self._talk.say(*(line for _, line, _ in commands))
                    replies -= 1
                    await self._talk.expect(*codes, seconds=seconds)
            except (DeliveryFailure, RelayFailure) as failure:
                await self._forgo(replies)
                if step is not SmtpStep.CONTENT and isinstance(failure, TemporaryFailure) and not self.alive:
                    raise Undecided(failure) from failure.__cause__
                raise

    def _commands(self, message: Outgoing, *, size: int) -> Sequence[_Command]:
        for step, address in ((SmtpStep.SENDER, message.sender), (SmtpStep.RECIPIENT, message.recipient)):
            if not _is_sound(address):
                raise PermanentFailure(f"the {step} cannot be written in a command")
        options = (f" SIZE={size}" if self._sized else "") + (" SMTPUTF8" if message.needs_utf8 else "")
        return (
            (SmtpStep.SENDER, f"MAIL FROM:<{message.sender}>{options}".encode(), _DONE),
            (
                SmtpStep.RECIPIENT,
                f"RCPT TO:<{message.recipient}>".encode(),
                (*_DONE, SMTPStatus.will_forward),
            ),
            (SmtpStep.CONTENT, b"DATA", (SMTPStatus.start_input,)),
        )

    async def _forgo(self, replies: int) -> None:
        """Hear what else was asked for, so that the next reply is the next command's; the connection goes when it does not come."""
        seconds = self._relay.step_seconds
        try:
            for _ in range(replies if self.alive else 0):
                said = await self._talk.reply(seconds)
                if said.code == SMTPStatus.start_input:
                    # It wants a content for nobody: an empty one, which it refuses (RFC 2920, section 3.1).
                    self._talk.say(b".")
                    await self._talk.reply(seconds)
        except SMTPException:
            self.abort()

    async def _is_done(self, command: bytes, *, seconds: float) -> bool:
        """Whether the relay has done what takes no answer into account but yes."""
        try:
            self._talk.say(command)
            return (await self._talk.reply(seconds)).code // 100 == 2
        except SMTPException:
            return False


def _is_sound(address: str) -> bool:
    """Whether nothing in it ends the command's argument (RFC 5321, section 4.1.2)."""
    local, _, domain = address.rpartition("@")
    return _WORD.fullmatch(domain) is not None and any(form.fullmatch(local) for form in (_WORD, _QUOTED))


def _drop(client: SMTP) -> None:
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _introduce(client: SMTP, relay: Relay) -> None:
    """Connect and say who we are, in the clear no more than the URL allows; then log in."""
    with unwelcome("greeting"):
        await client.connect()
        name = relay.helo or await _own_name(client)
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


async def _own_name(client: SMTP) -> str:
    """This host's full name, or else its address (RFC 5321, section 4.1.4): many relays refuse a short name."""
    name = await asyncio.to_thread(socket.getfqdn)
    if _FULL_NAME.fullmatch(name):
        return name
    address = client.get_transport_info("sockname")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
