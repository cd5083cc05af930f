"""A real SMTP relay on loopback that can be told, per step, to refuse, to fall silent or to hang up."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.authority import Authority

DEADLINE_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer this line and do nothing else; hang up after it if `close`."""

    line: str
    close: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """Send bytes that are no answer."""

    data: bytes


class Hang:
    """Fall silent for good."""


class Drop:
    """Hang up without a word."""


class DropInside:
    """At DATA: ask for the content, take some of it, hang up."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do as a good relay does, but not before the event."""

    until: asyncio.Event


class Normal:
    """Do as a good relay does; to script the second time."""


Action = Reply | Raw | Hang | Drop | DropInside | Wait | Normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    utf8: bool
    peer: str
    """The address that it came from."""
    at: float = field(default_factory=time.monotonic)
    """When it was taken."""


def _step(step: str) -> Callable[["_Session", str | None], Awaitable[None]]:
    """A command that asks the script before it does as a good relay does."""

    async def perform(session: "_Session", argument: str | None) -> None:
        if step == "EHLO":
            session.relay.greetings.append(argument or "")
        if step == "RCPT" and (refusal := session.relay.refusal_of(argument or "")):
            session.relay.steps.append(step)
            await session.push(refusal.line)
        elif not await session.scripted(step):
            await getattr(SMTP, f"smtp_{step}")(session, argument)

    return perform


class _Session(SMTP):
    """One client's session; consults the relay's script before each step."""

    def __init__(self, relay: "SMTPRelay", **options: object) -> None:
        super().__init__(relay, **options)  # type: ignore[arg-type]
        self.relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._original_transport is None:
            self.relay.opened += 1
            assert self._handler_coroutine is not None
            self.relay.accepted.append((cast("asyncio.Transport", transport), self._handler_coroutine))
        self.relay.sessions.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.relay.sessions.discard(self)
        super().connection_lost(error)
        self.relay.changed.set()

    async def _handle_client(self) -> None:
        try:
            if not await self.scripted("CONNECT"):
                await super()._handle_client()
        except asyncio.CancelledError:
            self._writer.close()
            raise

    async def scripted(self, step: str) -> bool:
        """Perform what the script says of the step; False when it is to go the normal way."""
        self.relay.steps.append(step)
        self.relay.changed.set()
        actions = self.relay.script[step]
        action = actions.popleft() if actions else Normal()
        transport = cast("asyncio.Transport", self.transport)
        match action:
            case Normal():
                return False
            case Wait(until):
                self.relay.waiting.append(self.session.peer[0])
                await until.wait()
                return False
            case Reply(line, close):
                await self.push(line)
                if close:
                    transport.close()
            case Raw(data):
                self._writer.write(data)
                await self._writer.drain()
            case Hang():
                await asyncio.Event().wait()
            case DropInside():
                await self.push("354 go on")
                await self._reader.readline()
                transport.abort()
            case Drop():
                transport.abort()
        return True

    # aiosmtpd finds its commands by these names.
    smtp_EHLO = _step("EHLO")  # noqa: N815
    smtp_STARTTLS = _step("STARTTLS")  # noqa: N815
    smtp_AUTH = _step("AUTH")  # noqa: N815
    smtp_MAIL = _step("MAIL")  # noqa: N815
    smtp_RCPT = _step("RCPT")  # noqa: N815
    smtp_DATA = _step("DATA")  # noqa: N815
    smtp_RSET = _step("RSET")  # noqa: N815
    smtp_QUIT = _step("QUIT")  # noqa: N815


class SMTPRelay:
    """`async with SMTPRelay(…) as relay`: listens, records what it takes, obeys `relay.on(step, action, …)`.

    Steps: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, CONTENT (after the final dot), RSET, QUIT.
    """

    def __init__(
        self,
        authority: Authority | None = None,
        *,
        implicit_tls: bool = False,
        login: tuple[str, str] | None = None,
        utf8: bool = True,
        pipelining: bool = True,
    ) -> None:
        self.received: list[Received] = []
        self.turned_away: list[bytes] = []
        """The contents that were answered with a reply of the script."""
        self.steps: list[str] = []
        self.sessions: set[_Session] = set()
        self.greetings: list[str] = []
        """What clients called themselves, at each EHLO."""
        self.waiting: list[str] = []
        """The addresses of the clients that were made to wait."""
        self.accepted: list[tuple[asyncio.Transport, asyncio.Task[None]]] = []
        self.opened = 0
        self.script: dict[str, deque[Action]] = defaultdict(deque)
        self.refuse: dict[str, Reply] = {}
        """What is always answered to a recipient of this address."""
        self.closing = "2.0.0 taken"
        """What it says as it takes a mail."""
        self.changed = asyncio.Event()
        self.port = 0
        self._authority = authority
        self._implicit_tls = implicit_tls
        self._login = login
        self._utf8 = utf8
        self._pipelining = pipelining
        self._server: asyncio.Server | None = None

    def on(self, step: str, *actions: Action) -> None:
        """The next times the step comes, do these, one each; afterwards as normal."""
        self.script[step].extend(actions)

    def url(self, *, user: str = "", query: str = "", host: str = "127.0.0.1") -> str:
        """`user` is what stands before the @, if anything; the certificate's authority is named."""
        options = [query] if query else []
        if self._authority is not None and "cafile" not in query:
            options.append(f"cafile={self._authority.cafile}")
        scheme = "smtps" if self._implicit_tls else "smtp"
        return f"{scheme}://{user and user + '@'}{host}:{self.port}?{'&'.join(options)}"

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` holds, looking at every change."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def until_received(self, count: int) -> None:
        await self.until(lambda: len(self.received) >= count)

    def refusal_of(self, argument: str) -> Reply | None:
        return next((reply for address, reply in self.refuse.items() if f"<{address}>" in argument), None)

    def hang_up(self) -> None:
        """Close every connection, as a relay does with those idle for too long."""
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.close()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody listens, and who was connected is not any more; back at the same port afterwards."""
        assert self._server is not None
        self._server.close()
        self.hang_up()
        try:
            yield
        finally:
            self._server = await self._listen(self.port)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: object, session: Session, _envelope: object, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *(["250-PIPELINING"] if self._pipelining else []), responses[-1]]

    async def handle_DATA(self, session: _Session, _state: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd finds it by this name
        planned = self.script["CONTENT"]
        if planned and isinstance(reply := planned[0], Reply):
            planned.popleft()
            self.steps.append("CONTENT")
            assert envelope.original_content is not None
            self.turned_away.append(envelope.original_content)
            return reply.line
        if await session.scripted("CONTENT"):
            # The connection has gone; aiosmtpd would answer all the same.
            raise asyncio.CancelledError
        assert envelope.mail_from is not None
        assert envelope.original_content is not None
        self.received.append(
            Received(
                sender=envelope.mail_from,
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.original_content,
                utf8=envelope.smtp_utf8,
                peer=session.session.peer[0],
            )
        )
        self.changed.set()
        return f"250 {self.closing}"

    def _authenticate(
        self, _server: object, _session: object, _envelope: object, _how: str, given: object
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        known = self._login is not None and (given.login.decode(), given.password.decode()) == self._login
        return AuthResult(success=known, handled=False)

    def _session(self) -> _Session:
        offered = self._authority is not None and not self._implicit_tls
        return _Session(
            self,
            enable_SMTPUTF8=self._utf8,
            hostname="relay.test",
            tls_context=self._authority.server if offered and self._authority else None,
            authenticator=self._authenticate,
            auth_require_tls=offered,
            auth_exclude_mechanism=None if self._login else ["PLAIN", "LOGIN"],
            loop=asyncio.get_running_loop(),
        )

    async def __aenter__(self) -> Self:
        self._server = await self._listen(0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self, port: int) -> asyncio.Server:
        context = self._authority.server if self._implicit_tls and self._authority else None
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._session, "127.0.0.1", port, ssl=context)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        # A session whose handshake failed is told of nothing any more: its connection and its task are ended here.
        for transport, handler in self.accepted:
            if not transport.is_closing():
                transport.abort()
            handler.cancel()
        if self.accepted:
            await asyncio.wait([handler for _, handler in self.accepted], timeout=DEADLINE_SECONDS)
        await self._server.wait_closed()
