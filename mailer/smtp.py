"""The transport that hands mail to an SMTP relay (RFC 5321), over TLS unless told otherwise.

Keeps connections, and decides whether a fresh one is tried; what is said over one, `smtp_session` knows, and `replies` what the answers mean.
When to try again is for `backoff` and the worker.
"""

import asyncio
from contextlib import suppress

from mailer.errors import DeliveryFailure, PermanentFailure, RelayFailure, TemporaryFailure
from mailer.relay import STEP_SECONDS, Relay
from mailer.smtp_session import SmtpSession, Undecided
from mailer.transport import HandingOver, Outgoing, unheeded

SESSION_MAILS = 100
IDLE_SECONDS = 30.0


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
        self._idle: dict[SmtpSession, asyncio.TimerHandle] = {}
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
        """As `Transport.send` says: over a kept connection first, if there is one, and else, or if that says nothing of
        the mail, over a fresh one.

        A place among the `connections` is waited for, without a bound of its own.
        """
        content = message.content()
        async with self._slots:
            kept = self._kept()
            if kept is not None:
                with suppress(Undecided):
                    return await self._send_over(kept, message, content, handing_over)
            fresh = await SmtpSession.open(self._relay)
            try:
                return await self._send_over(fresh, message, content, handing_over)
            except Undecided as undecided:
                raise undecided.failure from undecided.__cause__

    async def check(self) -> bool:
        """Return when the relay has let us in: whether by TLS. Raises as `send`, for what stands before the first mail.

        It opens a connection of its own and closes it. It is for the operator who asks whether the settings work.
        """
        connection = await SmtpSession.open(self._relay)
        encrypted = connection.encrypted
        await connection.quit()
        return encrypted

    async def close(self) -> None:
        """Say goodbye over those that are idle, and wait until it is said. Sends that are under way are their callers'
        to end.
        """
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            self._dismiss(connection)
        while self._farewells:
            await asyncio.wait(self._farewells)

    async def _send_over(
        self, connection: "SmtpSession", message: Outgoing, content: bytes, handing_over: HandingOver
    ) -> str | None:
        """Send over this connection, and keep it if it may be used again. Raises `Undecided` where a fresh one is to
        decide.
        """
        try:
            said = await connection.send(message, content, handing_over)
        except (DeliveryFailure, RelayFailure) as failure:
            if failure.code is not None and not isinstance(failure, PermanentFailure):
                if connection.accepted:
                    # The session may have had its number of mails, or its hour.
                    await connection.quit()
                    raise Undecided(failure) from failure.__cause__
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

    def _kept(self) -> "SmtpSession | None":
        # The one used last first, so that what a quiet hour does not need can grow idle and go.
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.alive:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: "SmtpSession") -> None:
        if 0 < self._session_mails <= connection.mails:
            self._dismiss(connection)
            return
        loop = asyncio.get_running_loop()
        self._idle[connection] = loop.call_later(self._idle_seconds, self._retire, connection)

    def _retire(self, connection: "SmtpSession") -> None:
        del self._idle[connection]
        self._dismiss(connection)

    def _dismiss(self, connection: "SmtpSession") -> None:
        farewell = asyncio.create_task(connection.quit(), name="smtp quit")
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)
