"""Live counts: when something is recalled from a room, its sessions on this node are told anew how much is unread.

Each session has its own rooms, mutes and marks, so that each user is a question to the store. Of several recalls that
come while it is asked one round of questions is made.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.cluster.commands import Recount
from gateway.ground.parts import CarryOut
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.notify.inboxes.reading import Reading
from gateway.sockets.events import ROOT
from gateway.sockets.sessions import Session, Sessions
from storage.errors import StorageError

ROOMS_DUE = 10_000
"""Rooms that may wait to be counted; more are dropped, and an error is logged. A dropped one is told with its next change."""
RECOUNTS_AT_ONCE = 4
"""Reads of the store at the same time while rooms are told their counts."""

logger = logging.getLogger(__name__)


class LiveCounts:
    """Tells the sessions of rooms their counts, one round after the other.

    One for a node, a child of `Namespaces`, which starts and stops it. A room that falls due during a round is counted in
    the next one, with all others that did: what is told last is read after the last change.
    """

    def __init__(self, sessions: Sessions, reading: Reading) -> None:
        self._sessions = sessions
        self._reading = reading
        self._due: set[str] = set()
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._tell_forever, name="session counts")

    async def stop(self) -> None:
        await self._tasks.stop()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {Recount: self.recount}

    def recount(self, command: Recount) -> None:
        """Have the sessions of a room told anew how much is unread. Never waits and never raises: the bus calls it."""
        if len(self._due) >= ROOMS_DUE and command.room not in self._due:
            logger.error("a room is not counted: too many wait", extra={"rooms": ROOMS_DUE})
            return
        self._due.add(command.room)
        self._news.set()

    async def _tell_forever(self) -> None:
        """Make a round for all rooms that are due. What a round raises ends the round, not the task."""
        while True:
            await self._news.wait()
            # Before the look-up: what changes while it goes on falls due again.
            self._news.clear()
            rooms, self._due = self._due, set()
            try:
                await self._tell(rooms)
            except StorageError:
                logger.info("counts are not told: the store is away")
            except Exception:
                logger.exception("counts could not be told")

    async def _tell(self, rooms: Collection[str]) -> None:
        """Tell this node's users in `rooms` their unread count, each once, over the rooms that they are in.

        Sessions of a user with the same rooms share one read. Those of `/admin` are left out. Raises
        `StorageError` where the store is away; who was not told then is told with the next change.
        """
        badges: dict[tuple[str, tuple[str, ...]], list[Session]] = {}
        for session in self._members(rooms):
            if session.namespace == ROOT:
                badges.setdefault((session.user, session.rooms), []).append(session)
        at_once = asyncio.Semaphore(RECOUNTS_AT_ONCE)

        async def recount(user: str, counted: Sequence[str], shown: Sequence[Session]) -> None:
            async with at_once:
                count = await self._reading.unread(user, counted)
            event = events.encode("inbox", events.count(count))
            for session in shown:
                self._sessions.write(session, event)

        told = await asyncio.gather(
            *(recount(user, counted, shown) for (user, counted), shown in badges.items()),
            return_exceptions=True,
        )
        for failure in told:
            if failure is not None:
                raise failure

    def _members(self, rooms: Collection[str]) -> Collection[Session]:
        """The sessions that are in one of the rooms. All of the node are looked at only for a room of many."""
        owners = {room: user_of(room) for room in rooms}
        shared = {room for room, user in owners.items() if user is None}
        if shared:
            return [each for each in self._sessions.all() if not owners.keys().isdisjoint(each.rooms)]
        return [each for user in owners.values() if user is not None for each in self._sessions.of_user(user)]
