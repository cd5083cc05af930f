"""The transport that hands mail to an SMTP relay (RFC 5321), over TLS unless told otherwise.

Knows connections and what a relay's answers mean; when to try again is for `backoff` and the worker.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from mailer.address import ascii_domain
from mailer.descriptors import ran_out
from mailer.errors import (
    AuthenticationFailure,
    DeliveryFailure,
    DescriptorFailure,
    EncryptionFailure,
    MailConfigurationError,
    PermanentFailure,
    RefusedByRelay,
    RelayFailure,
    TemporaryFailure,
    UnclearRefusal,
)
from mailer.refusals import Blame, Step, blame, is_throttle, status
from mailer.transport import HandingOver, Outgoing, unheeded

SMTP_FORMS = (
    "smtp://user:password@host:587?starttls=required|optional|never&cafile=path",
    "smtps://user:password@host:465?cafile=path",
)
STEP_SECONDS = 300.0
"""For the greeting and each command (RFC 5321, section 4.5.3.2)."""
HANDOVER_SHARE = 2
"""The answer to the final dot may take ten minutes where another takes five: who leaves earlier sends a mail twice."""
SESSION_MAILS = 100
IDLE_SECONDS = 30.0
RESET_SECONDS = 10.0
QUIT_SECONDS = 2.0

# RFC 4954, section 6, whichever command it answers.
_LOGIN_CODES = frozenset({530, 534, 535, 538})
_FULL_NAME = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}")
_REASON_LENGTH = 300
CLOSING_LENGTH = 200
"""Characters that are kept of what the relay said as it took a mail."""


class StartTLS(StrEnum):
    REQUIRED = "required"  # no mail leaves unencrypted
    OPTIONAL = "optional"  # used where offered; whoever sits in between can take the offer away
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mail is handed over, and how."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte (`smtps`)."""
    starttls: StartTLS
    username: str | None
    password: str = field(repr=False)
    context: ssl.SSLContext = field(repr=False)
    step_seconds: float
    """How long it may take to answer."""
    helo: str | None
    """What we call ourselves; None for the name of this host."""

    @classmethod
    def from_url(cls, url: str, *, step_seconds: float = STEP_SECONDS, helo: str | None = None) -> "Relay":
        """Raises `MailConfigurationError`; its text never holds the user's name or the password."""
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        options = _options_of(parts, {"cafile"} if tls else {"cafile", "starttls"})
        try:
            starttls = StartTLS(options.get("starttls", StartTLS.REQUIRED))
        except ValueError:
            raise MailConfigurationError("starttls has an unknown value", allowed=SMTP_FORMS) from None
        host, port = _endpoint_of(parts)
        return cls(
            host=host,
            port=port or (465 if tls else 587),
            tls=tls,
            starttls=StartTLS.NEVER if tls else starttls,
            username=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
            context=_context(options.get("cafile")),
            step_seconds=step_seconds,
            helo=helo,
        )

    @property
    def handover_seconds(self) -> float:
        """How long it may take to answer the final dot."""
        return HANDOVER_SHARE * self.step_seconds


class SMTPTransport:
    """Sends through a relay, at most `connections` mails at once, each on a connection kept for the next one.

    A kept connection costs no attempt: when it turns out to have gone before anything of the mail was accepted, or the
    relay refuses over it what it might take over another, the mail goes out over a fresh one. A connection is closed
    after `session_mails` mails (0: after any number), or when it has been idle for `idle_seconds`.
    """

    def __init__(
        self,
        relay: Relay,
        *,
        connections: int = 8,
        session_mails: int = SESSION_MAILS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._relay = relay
        self._slots = asyncio.Semaphore(connections)
        self._session_mails = session_mails
        self._idle_seconds = idle_seconds
        self._idle: dict[_Connection, asyncio.TimerHandle] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        return self._relay.host

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        connections: int = 8,
        session_mails: int = SESSION_MAILS,
        step_seconds: float = STEP_SECONDS,
        helo: str | None = None,
    ) -> "SMTPTransport":
        relay = Relay.from_url(url, step_seconds=step_seconds, helo=helo)
        return cls(relay, connections=connections, session_mails=session_mails)

    async def send(self, message: Outgoing, *, handing_over: HandingOver = unheeded) -> str | None:
        content = message.content()
        async with self._slots:
            kept = self._kept()
            if kept is not None:
                with suppress(_Undecided):
                    return await self._send_over(kept, message, content, handing_over)
            fresh = await _Connection.open(self._relay)
            try:
                return await self._send_over(fresh, message, content, handing_over)
            except _Undecided as undecided:
                raise undecided.failure from undecided.__cause__

    async def check(self) -> bool:
        """Return when the relay has let us in: whether by TLS. Raises as `send`, for what stands before the first mail."""
        connection = await _Connection.open(self._relay)
        encrypted = connection.encrypted
        await connection.quit()
        return encrypted

    async def close(self) -> None:
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            self._dismiss(connection)
        while self._farewells:
            await asyncio.wait(self._farewells)

    async def _send_over(
        self, connection: "_Connection", message: Outgoing, content: bytes, handing_over: HandingOver
    ) -> str | None:
        try:
            said = await connection.send(message, content, handing_over)
        except (DeliveryFailure, RelayFailure) as failure:
            if failure.code is not None and not isinstance(failure, PermanentFailure):
                if connection.accepted:
                    # The session may have had its number of mails, or its hour.
                    await connection.quit()
                    raise _Undecided(failure) from failure.__cause__
                if not isinstance(failure, TemporaryFailure):
                    await connection.quit()  # what is mended over there may hold for new sessions only
            # A refusal leaves the connection as good as it was, if the relay agrees to forget the envelope.
            if connection.alive and await connection.reset():
                self._keep(connection)
            else:
                connection.abort()
            raise
        except BaseException:
            connection.abort()  # gone, or cancelled between a command and its answer: never to be used again
            raise
        self._keep(connection)
        return said

    def _kept(self) -> "_Connection | None":
        # The one used last first, so that what a quiet hour does not need can grow idle and go.
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.alive:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: "_Connection") -> None:
        if 0 < self._session_mails <= connection.mails:
            self._dismiss(connection)
            return
        loop = asyncio.get_running_loop()
        self._idle[connection] = loop.call_later(self._idle_seconds, self._retire, connection)

    def _retire(self, connection: "_Connection") -> None:
        del self._idle[connection]
        self._dismiss(connection)

    def _dismiss(self, connection: "_Connection") -> None:
        farewell = asyncio.create_task(connection.quit(), name="smtp quit")
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


class _Undecided(Exception):
    """Nothing of the mail was accepted, which may be the connection's fault: a fresh one decides."""

    def __init__(self, failure: DeliveryFailure | RelayFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Connection:
    """One session with the relay: opened, encrypted and logged in, then one mail after another."""

    def __init__(self, client: SMTP, relay: Relay) -> None:
        self._client = client
        self._relay = relay
        self.mails = 0
        """How many were begun over it."""
        self.accepted = 0
        """How many of them the relay took."""

    @classmethod
    async def open(cls, relay: Relay) -> "_Connection":
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
        """Answers the relay's closing words. Raises `_Undecided` for a connection lost before the relay accepted anything, else as `Transport.send`."""
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
            with _refused(Step.SENDER, utf8=message.needs_utf8):
                await client.mail(message.sender, options=options, encoding=encoding)
            with _refused(Step.RECIPIENT):
                await client.rcpt(message.recipient, encoding=encoding)
        except TemporaryFailure as failure:
            if not self.alive:
                raise _Undecided(failure) from failure.__cause__
            raise
        # From here on an answer that is lost may have been a yes, so nothing is repeated before the back-off.
        handing_over(self._relay.handover_seconds)
        with _refused(Step.CONTENT):
            closing = await client.data(content, timeout=self._relay.handover_seconds)
        self.accepted += 1
        return _line(closing.message) or None

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
        with _unwelcome("greeting"):
            await client.connect()
            name = relay.helo or await self._own_name()
            await client.ehlo(hostname=name)
        if relay.starttls is not StartTLS.NEVER:
            if client.supports_extension("starttls"):
                with _unwelcome("STARTTLS"):
                    await client.starttls()
                    await client.ehlo(hostname=name)
            elif relay.starttls is StartTLS.REQUIRED:
                raise EncryptionFailure("the relay offers no STARTTLS, and the mail URL requires it")
        if relay.username is not None:
            if not client.supported_auth_methods:
                raise AuthenticationFailure("the relay offers no way to log in that is known here")
            with _unwelcome("login"):
                await client.login(relay.username, relay.password)

    async def _own_name(self) -> str:
        """This host's full name, or else its address (RFC 5321, section 4.1.4): many relays refuse a short name."""
        name = await asyncio.to_thread(socket.getfqdn)
        if _FULL_NAME.fullmatch(name):
            return name
        address = self._client.get_transport_info("sockname")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


@contextmanager
def _unwelcome(step: str) -> Iterator[None]:
    """Translate a failure before the first mail: nothing in it is any mail's fault."""
    try:
        yield
    except SMTPResponseException as error:
        reason = _reason(step, error)
        if 400 <= error.code < 500:
            raise TemporaryFailure(reason, code=error.code, heard=False) from error
        if step == "STARTTLS":
            raise EncryptionFailure(reason, code=error.code) from error
        if error.code >= 500 or isinstance(error, SMTPAuthenticationError):
            raise AuthenticationFailure(reason, code=error.code) from error
        raise TemporaryFailure(reason, heard=False) from error
    except (SMTPException, OSError, ValueError) as error:
        if ran_out(error):
            raise DescriptorFailure("no connection could be opened: no file descriptor is left") from error
        fault = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(fault, ssl.SSLCertVerificationError):
            detail = f"the relay's certificate is not trusted: {fault.verify_message}"
            raise EncryptionFailure(detail) from error
        if isinstance(fault, ssl.SSLError):
            raise EncryptionFailure(f"no TLS with the relay: {fault.reason or 'handshake failed'}") from error
        raise TemporaryFailure(_lost(step, error), heard=False) from error


@contextmanager
def _refused(step: Step, *, utf8: bool = False) -> Iterator[None]:
    """Translate a failure of a command about one mail, which need not be that mail's: `refusals` says whose."""
    try:
        yield
    except SMTPResponseException as error:
        raise _failure(step, error, utf8=utf8) from error
    except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
        raise TemporaryFailure(_lost(step, error)) from error
    except ValueError as error:
        # The library refuses an address that would break the command line.
        raise PermanentFailure(f"the {step} cannot be written in a command") from error


def _failure(step: Step, error: SMTPResponseException, *, utf8: bool) -> DeliveryFailure | RelayFailure:
    code, reason = error.code, _reason(step, error)
    if not 400 <= code < 600:
        return TemporaryFailure(reason)
    of_recipient = status(code, error.message) if step is Step.RECIPIENT else None
    match blame(step, code, error.message, utf8=utf8):
        case Blame.MAIL:
            return PermanentFailure(reason, code=code, recipient_status=of_recipient)
        case Blame.MOMENT:
            throttled = is_throttle(code, error.message)
            return TemporaryFailure(reason, code=code, recipient_status=of_recipient, throttled=throttled)
        case Blame.UNSAID:
            return UnclearRefusal(reason, code=code)
        case Blame.US if code in _LOGIN_CODES:
            return AuthenticationFailure(reason, code=code)
        case Blame.US if step is Step.SENDER:
            return RelayFailure(reason, code=code)
        case _:
            return RefusedByRelay(reason, code=code)


def _line(text: str) -> str:
    """What the relay said as it took a mail, as one short line: it names the mail as the relay knows it."""
    printable = "".join(
        each if each.isprintable() else " " for each in text.encode(errors="replace").decode()
    )
    return " ".join(printable.split())[:CLOSING_LENGTH]


def _reason(step: str, error: SMTPResponseException) -> str:
    """What the relay said, as one short line without addresses: it is kept, shown to admins, and may be logged."""
    words = error.message.encode(errors="replace").decode().split()
    # Word by word: the relay's text is anybody's, and a pattern for addresses would go over it again and again.
    said = " ".join("<address>" if "@" in word[1:-1] else word for word in words)
    return f"{step} refused: {error.code} {said}"[:_REASON_LENGTH]


def _lost(step: str, error: Exception) -> str:
    what = "no answer in time" if isinstance(error, TimeoutError) else "connection lost"
    return f"{step}: {what}"


def _options_of(parts: SplitResult, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.path not in ("", "/") or parts.fragment or not options.keys() <= known:
        raise MailConfigurationError("the mail URL has a part that is not known", allowed=SMTP_FORMS)
    return options


def _endpoint_of(parts: SplitResult) -> tuple[str, int | None]:
    try:
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else ascii_domain(host)
        host.encode("idna")  # ASCII by now: nothing is judged but the lengths of its labels
    except ValueError:
        # Not `from` the error: with an unescaped "/" or ":" in it, the "port" it quotes is the password.
        raise MailConfigurationError("the mail URL's host or port is wrong", allowed=SMTP_FORMS) from None
    if not host:
        raise MailConfigurationError("the mail URL names no host", allowed=SMTP_FORMS)
    return host, port


def _context(cafile: str | None) -> ssl.SSLContext:
    if cafile is not None and not Path(cafile).is_file():
        raise MailConfigurationError(f"the cafile {cafile} is not there")
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise MailConfigurationError(f"the cafile {cafile} holds no certificate that can be read") from error
