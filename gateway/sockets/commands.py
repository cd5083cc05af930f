"""What this node's sessions are commanded: by other nodes, admins and backends over the bus, and by the node itself.

Commands come on the loop and must not wait, while closing sessions does. So one is put into a queue, and one task takes
them out in their order. What is told of counts is `counting`'s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.cluster.commands import Command, Disconnect, Erase
from gateway.engine import ClosingReason, Server
from gateway.ground.parts import CarryOut
from gateway.ground.tasks import Tasks
from gateway.notify.delivery.cursors import Delivery
from gateway.notify.people.contacts import ContactBook
from gateway.sockets.sessions import Session, Sessions, Stage

COMMANDS_LIMIT = 10_000
"""Commands that may wait; more are dropped, and an error is logged. A dropped one is not asked for again."""

logger = logging.getLogger(__name__)


class Replace(Command, frozen=True, tag="replace"):
    """End these connections, for which a user has opened too many newer ones."""

    connections: tuple[str, ...]


class SessionCommands:
    """Takes commands at once, and carries them out one after the other.

    One for a node, a child of `Namespaces`, which starts and stops it. What is still in the queue at the stop
    is dropped: the sessions go with the node. A command that fails is logged, and the next is taken.
    """

    def __init__(
        self,
        *,
        server: Server,
        sessions: Sessions,
        delivery: Delivery,
        contacts: ContactBook,
    ) -> None:
        self._server = server
        self._sessions = sessions
        self._delivery = delivery
        self._contacts = contacts
        self._ends: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(COMMANDS_LIMIT)
        self._expired: list[Session] = []
        """Whose tokens have ended. Whatever ends sessions next takes them along, so that none of them is dropped."""
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._carry_out_forever, name="session ends")

    async def stop(self) -> None:
        await self._tasks.stop()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        """Those commands of the bus that are about sessions.

        Each is only put into the queue, as `CarryOut` demands.
        """
        return {Disconnect: self._disconnect, Erase: self._erase, Replace: self._replace}

    # By the node itself

    def expire(self, session: Session) -> None:
        """The session's token has ended."""
        self._expired.append(session)
        if len(self._expired) == 1:
            self._close_soon((), ClosingReason.TOKEN_EXPIRED)

    def turn(self, epoch: str) -> None:
        """The store was put back, and its sequences begin anew in this epoch: have all who were let in before come again.

        `Lineage.on_turn` calls it, on the loop. The cursors are rewound at once, before the sessions are
        closed, so that no frame of the new line is taken for a repetition. Sessions that are still joining
        stay: they compare the epoch themselves.
        """
        self._delivery.rewind()
        former = [
            session
            for session in self._sessions.all()
            if session.stage > Stage.JOINING and session.epoch != epoch
        ]
        self._close_soon(former, ClosingReason.UNAVAILABLE)

    # By the bus

    def _disconnect(self, command: Disconnect) -> None:
        """End every session that the user has here, with the reason `REVOKED`: a stock client stays away."""
        # Who comes while other commands are carried out is meant as well.
        self._put(lambda: self._close_all(self._sessions.of_user(command.user), ClosingReason.REVOKED))

    def _erase(self, command: Erase) -> None:
        """Forget the user's contact, and end the user's sessions here; what they still bring is not remembered."""
        self._contacts.forget(command.user)
        erased = self._sessions.of_user(command.user)
        for session in erased:
            # At once: a session that goes before the command is carried out would remember its user when it
            # leaves.
            session.erased = True
        self._close_soon(erased, ClosingReason.REVOKED)

    def _replace(self, command: Replace) -> None:
        """End those of the named connections that are this node's, with the reason `REPLACED`."""
        named = [self._sessions.named(name) for name in command.connections]
        mine = [session for session in named if session is not None]
        if mine:
            self._close_soon(mine, ClosingReason.REPLACED)

    # Carrying out

    def _close_soon(self, sessions: Sequence[Session], reason: ClosingReason) -> None:
        self._put(lambda: self._close_all(sessions, reason))

    def _put(self, command: Callable[[], Awaitable[None]]) -> None:
        """Put a command into the queue. Never waits and never raises: the bus and the watch over tokens call it."""
        try:
            self._ends.put_nowait(command)
        except asyncio.QueueFull:
            logger.error("a command is dropped: too many wait", extra={"commands": COMMANDS_LIMIT})  # noqa: TRY400 - no trace tells more

    async def _carry_out_forever(self) -> None:
        """Carry out one command after the other. What a command raises ends the command, not the task."""
        while True:
            command = await self._ends.get()
            try:
                await command()
            except Exception:
                logger.exception("a command failed")

    async def _close_all(self, sessions: Sequence[Session], reason: ClosingReason) -> None:
        """One that has gone meanwhile is passed over by the engine."""
        expired, self._expired = self._expired, []
        ends = [
            *((session, ClosingReason.TOKEN_EXPIRED) for session in expired),
            *((each, reason) for each in sessions),
        ]
        for session, why in ends:
            # Before: the engine passes over one that is not let in yet.
            session.ending = why
        for session, why in ends:
            try:
                await self._server.close(session.sid, session.namespace, why)
            except Exception:
                # The others end all the same.
                logger.exception("a session could not be ended", extra={"session": session.sid})
