"""The inboxes of all connections: one by one what each has brought is worked on, by a task that lives as long as there is work.

This is what Engine.IO knows of the Socket.IO server. What the packets mean is the server's to say.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from gateway.engine.closing import ClosingReason
from gateway.engine.connection import Connection
from gateway.engine.entrance import SendAway
from gateway.engine.inbox import ACKNOWLEDGEMENTS, End, Inbox, check
from gateway.engine.manager import Manager

EXCESS_SECONDS = 5
"""What a client that sends too much is asked to wait."""
STOP_SECONDS = 5.0

Do = Callable[[Connection, Any], Awaitable[None]]
"""Does what a packet asks for, or an `End`. What it raises is a bug in a handler."""

logger = logging.getLogger(__name__)


class Intake:
    """Takes messages apart and has `do` work on them, in their order. No one connection waits for another."""

    def __init__(self, manager: Manager, *, message_bytes: int, do: Do, send_away: SendAway) -> None:
        self._manager = manager
        self._message_bytes = message_bytes
        self._do = do
        self._send_away = send_away
        self._inboxes: dict[str, Inbox] = {}
        """By the connection's sid: of those that have sent something which is not worked on yet."""
        self._works: set[asyncio.Task[None]] = set()
        self._gives_up = False
        """Whether nothing is begun any more but the end of connections: the stop has waited long enough."""

    def get(self, sid: str) -> Inbox | None:
        """The inbox of a connection, if it has one at the moment."""
        return self._inboxes.get(sid)

    async def stop(self) -> None:
        """Return when all work has ended, by itself or because it took too long."""
        if self._works:
            _, late = await asyncio.wait(self._works, timeout=STOP_SECONDS)
            # The library takes a handler that was cancelled for one that has answered: the next would be called.
            self._gives_up = True
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # What Engine.IO tells and asks

    def message(self, connection: Connection, data: str | bytes) -> None:
        """Put what a message asks for in the inbox, once it is whole. Raises what malformed ones raise."""
        inbox = self._inboxes.get(connection.sid)
        if inbox is None:
            inbox = self._inboxes[connection.sid] = Inbox()
        assembled = inbox.assemble(data, limit=self._message_bytes)
        if assembled is None:
            return
        packet, size = assembled
        check(packet)
        if packet.packet_type in ACKNOWLEDGEMENTS:
            # Past the inbox: the handler at work may be the one that waits for it.
            self._acknowledged(connection, packet)
            self._tidy(connection, inbox)
            return
        inbox.put(packet, size)
        if inbox.size > self._message_bytes and connection.socket is not None:
            connection.socket.hold()
        self._work_on(connection, inbox)

    def excess(self, connection: Connection) -> None:
        self._send_away(connection, ClosingReason.RATE_LIMITED, retry_after=EXCESS_SECONDS)

    def ended(self, connection: Connection, reason: str) -> None:
        inbox = self._inboxes.get(connection.sid)
        is_busy = inbox is not None and inbox.worker is not None
        if not is_busy and not self.has_session(connection):
            self._inboxes.pop(connection.sid, None)
            return
        if inbox is None:
            inbox = self._inboxes[connection.sid] = Inbox()
        inbox.put(End(reason), 0)
        self._work_on(connection, inbox)

    def has_session(self, connection: Connection) -> bool:
        return bool(self._manager.sessions_of(connection))

    def is_settled(self, connection: Connection) -> bool:
        inbox = self._inboxes.get(connection.sid)
        return (inbox is None or inbox.worker is None) and self.has_session(connection)

    async def catch_up(self, connection: Connection, *, size: int) -> None:
        while (
            (inbox := self._inboxes.get(connection.sid)) is not None
            and inbox.worker is not None
            and inbox.size > size
        ):
            await asyncio.wait([inbox.worker])

    # Working

    def _acknowledged(self, connection: Connection, packet: Any) -> None:
        session = self._manager.session_of(connection, packet.namespace or "/")
        callback = None if session is None else self._manager.callback(session.sid, packet.id)
        if session is None or callback is None:
            return
        self._own(self._manager.call_back(callback, packet.data), name=f"acknowledgement of {session.sid}")

    def _work_on(self, connection: Connection, inbox: Inbox) -> None:
        if inbox.worker is None:
            inbox.worker = self._own(self._work(connection, inbox), name=f"connection {connection.sid}")

    def _own(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that `stop` waits for."""
        task = asyncio.create_task(work, name=name)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def _work(self, connection: Connection, inbox: Inbox) -> None:
        """Do what is in the inbox, one by one, and end."""
        try:
            while (next_item := inbox.next()) is not None:
                item, size = next_item
                if self._gives_up and not isinstance(item, End):
                    continue
                try:
                    await self._do(connection, item)
                except Exception:
                    # A bug in a handler. Once per connection: a client must not be able to fill the log.
                    if not inbox.faulted:
                        inbox.faulted = True
                        logger.exception("handler failed", extra={"connection": connection.sid})
                inbox.size -= size
        finally:
            inbox.worker = None
            self._tidy(connection, inbox)
        if connection.socket is not None:
            connection.socket.go_on()

    def _tidy(self, connection: Connection, inbox: Inbox) -> None:
        """Let go of an inbox that holds nothing any more."""
        if inbox.is_needless or (connection.closed and inbox.worker is None):
            self._inboxes.pop(connection.sid, None)
