"""What this node's sessions are ordered: by other nodes, admins and backends over the bus, and by the node itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.cluster.commands import Disconnect, Erase, Recount, Replace
from gateway.engine import Reason, Server
from gateway.ground.parts import CarryOut
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify import events
from gateway.notify.contacts import ContactBook
from gateway.notify.delivery import Delivery
from gateway.notify.reading import Reading
from gateway.sockets.events import ROOT
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StorageError

ORDERS_LIMIT = 10_000
RECOUNTS_AT_ONCE = 4

logger = logging.getLogger(__name__)


class SessionCommands:
    """Takes orders at once, and carries them out one after the other."""

    def __init__(
        self,
        *,
        server: Server,
        sessions: Sessions,
        reading: Reading,
        delivery: Delivery,
        contacts: ContactBook,
    ) -> None:
        self._server = server
        self._sessions = sessions
        self._reading = reading
        self._delivery = delivery
        self._contacts = contacts
        self._orders: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(ORDERS_LIMIT)
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._carry_out_forever(), name="session commands")

    async def stop(self) -> None:
        await self._tasks.stop()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        """Those commands of the bus that are about sessions."""
        return {
            Disconnect: self._disconnect,
            Erase: self._erase,
            Replace: self._replace,
            Recount: self._recount,
        }

    # By the node itself

    def expire(self, session: Session) -> None:
        """The session's token has ended."""
        self._close_soon([session], Reason.TOKEN_EXPIRED)

    def turn(self, epoch: str) -> None:
        """The store was put back, and its sequences begin anew in this epoch: have all who were let in before come again."""
        self._delivery.rewind()
        former = [
            session
            for session in self._sessions.all()
            if session.stage > Stage.JOINING and session.epoch != epoch
        ]
        self._close_soon(former, Reason.UNAVAILABLE)

    # By the bus

    def _disconnect(self, command: Disconnect) -> None:
        # Who comes while other orders are carried out is meant as well.
        self._order(lambda: self._close_all(self._sessions.of_user(command.user), Reason.REVOKED))

    def _erase(self, command: Erase) -> None:
        self._contacts.forget(command.user)
        erased = self._sessions.of_user(command.user)
        for session in erased:
            session.erased = True
        self._close_soon(erased, Reason.REVOKED)

    def _replace(self, command: Replace) -> None:
        named = [self._sessions.named(name) for name in command.connections]
        mine = [session for session in named if session is not None]
        if mine:
            self._close_soon(mine, Reason.REPLACED)

    def _recount(self, command: Recount) -> None:
        self._order(lambda: self._tell_counts(command.room))

    # Carrying out

    def _close_soon(self, sessions: Sequence[Session], reason: Reason) -> None:
        self._order(lambda: self._close_all(sessions, reason))

    def _order(self, order: Callable[[], Awaitable[None]]) -> None:
        try:
            self._orders.put_nowait(order)
        except asyncio.QueueFull:
            logger.error("an order is dropped: too many wait", extra={"orders": ORDERS_LIMIT})  # noqa: TRY400 - no trace tells more

    async def _carry_out_forever(self) -> None:
        while True:
            order = await self._orders.get()
            try:
                await order()
            except StorageError:
                logger.info("an order is dropped: the store is away")
            except Exception:
                logger.exception("an order failed")

    async def _close_all(self, sessions: Sequence[Session], reason: Reason) -> None:
        for session in sessions:
            await self._server.close(session.sid, session.namespace, reason)

    async def _tell_counts(self, room: str) -> None:
        """Tell this node's users in `room` their unread count anew, each once, over the rooms that they are in."""
        own = user_of(room)
        sessions = self._sessions.of_room(room) if own is None else self._sessions.of_user(own)
        badges: dict[tuple[str, tuple[str, ...]], list[Session]] = {}
        for session in sessions:
            if session.namespace == ROOT:
                badges.setdefault((session.user, session.rooms), []).append(session)
        at_once = asyncio.Semaphore(RECOUNTS_AT_ONCE)

        async def recount(user: str, rooms: Sequence[str], shown: Sequence[Session]) -> None:
            async with at_once:
                count = await self._reading.unread(user, rooms)
            event = events.encode("inbox", events.count(count))
            for session in shown:
                self._sessions.write(session, event)

        async with asyncio.TaskGroup() as group:
            for (user, rooms), shown in badges.items():
                group.create_task(recount(user, rooms, shown), name="recount")
