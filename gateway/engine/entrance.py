"""The entrance: every CONNECT becomes a session or a refusal that tells why. Whatever happens, the client hears of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from socketio import packet as sio
from socketio.exceptions import ConnectionRefusedError as Refused

from gateway.engine.closing import ClosingReason
from gateway.engine.connection import Connection
from gateway.engine.deadlines import Deadlines
from gateway.engine.engine_io import EngineIO
from gateway.engine.manager import Manager
from gateway.engine.messages import message, welcome
from gateway.engine.namespace_session import NamespaceSession, NamespaceStage
from gateway.engine.refusals import OTHER, Refusal
from gateway.engine.stats import EngineStats

LATER_SECONDS = 2.0
"""How long a client that cannot be let in for now is kept before its transport closes.

A stock client comes back about a second after a transport that had opened, however often that has been in vain: this
pause is what keeps it from trying every second.
"""

ConnectHandler = Callable[..., Awaitable[Any]]
"""Calls the connect handler with (namespace, sid, environ, auth)."""

logger = logging.getLogger(__name__)


class SendAway(Protocol):
    """Says why a connection ends, and closes it so that a stock client comes back."""

    def __call__(
        self, connection: Connection, reason: ClosingReason, *, retry_after: float | None
    ) -> None: ...


class Entrance:
    """Decides on CONNECTs: a few at a time, each with `deadline_seconds` for its handler.

    `serves` tells which namespaces there are.
    """

    def __init__(
        self,
        *,
        manager: Manager,
        eio: EngineIO,
        stats: EngineStats,
        deadline_seconds: float,
        serves: Callable[[str], bool],
        ask: ConnectHandler,
        send_away: SendAway,
    ) -> None:
        self._manager = manager
        self._eio = eio
        self._stats = stats
        self._serves = serves
        self._ask = ask
        self._send_away = send_away
        self._asked = Deadlines(deadline_seconds, self._interrupt)
        self._put_off = Deadlines(LATER_SECONDS, self._send_for_later)

    def clear(self) -> None:
        """Stop all timers."""
        self._asked.clear()
        self._put_off.clear()

    async def decide(self, connection: Connection, namespace: str, auth: Any) -> NamespaceSession | None:
        """Let the client in, or refuse it. Answers the session, open and welcomed, if it was let in."""
        await self._eio.gate.passage()
        if connection.closed:
            return None
        refusal = self._objection(namespace)
        sid = None if refusal else await self._manager.pre_connect(connection.sid, namespace)
        if sid is None:
            self._refuse(connection, namespace, refusal or Refusal.final(OTHER, "Already connected"))
            return None
        session = self._manager.sessions[sid]
        refusal = await self._judgement(session, auth)
        if refusal:
            await self._manager.disconnect(sid, namespace, ignore_queue=True)
            self._refuse(connection, namespace, refusal)
            return None
        # Queued before the session is open, so that it is the first thing the client gets.
        connection.write(welcome(namespace, sid))
        await self._manager.connect(sid, namespace)
        self._stats.opened += 1
        return session

    def _objection(self, namespace: str) -> Refusal | None:
        if not self._serves(namespace):
            return Refusal.final("invalid_namespace", "Invalid namespace")
        return Refusal.for_now("draining") if self._eio.stopping else None

    async def _judgement(self, session: NamespaceSession, auth: Any) -> Refusal | None:
        """Call the connect handler; answers the refusal, if it is one.

        A handler that fails or takes too long is a refusal as well: the library would leave the client without an
        answer, and the rooms with a member that nobody is.
        """
        session.decider = asyncio.current_task()
        self._asked.put(session)
        try:
            answer = await self._ask(session.namespace, session.sid, session.connection.environ, auth)
        except Refused as refused:
            return Refusal.of(refused.error_args)
        except asyncio.CancelledError:
            if not session.overdue:
                raise
            answer = None
        except Exception as failure:
            logger.exception("connect handler failed", extra={"kind": type(failure).__name__})
            return Refusal.for_now("unavailable")
        finally:
            decider, session.decider = session.decider, None
        if session.overdue:
            # The library takes a handler that was cancelled for one that has answered nothing.
            logger.error("connect handler took too long")
            if decider is not None:
                decider.uncancel()
            return Refusal.for_now("unavailable")
        return Refusal.final(OTHER, "Connection rejected by server") if answer is False else None

    def _interrupt(self, session: NamespaceSession) -> None:
        """End a connect handler that has had its time; one timer for all of them, where each would need its own."""
        if session.decider is not None and session.stage is NamespaceStage.PENDING:
            session.overdue = True
            session.decider.cancel()

    def _refuse(self, connection: Connection, namespace: str, refusal: Refusal) -> None:
        self._stats.refusals.note(refusal.code, connection.environ["REMOTE_ADDR"])
        if not refusal.temporary:
            connection.write(message(sio.CONNECT_ERROR, namespace, refusal.told))
            self._eio.refused(connection)
        elif self._eio.stopping:
            # Its next handshake is refused here, or let in by another node.
            self._send_for_later(connection)
        else:
            self._put_off.put(connection)

    def _send_for_later(self, connection: Connection) -> None:
        """Close the transport of a client that could not be let in, so that it comes back."""
        self._send_away(connection, ClosingReason.UNAVAILABLE, retry_after=1)
