"""Live memberships: when the store gives a user other topics, the user's sessions on this node are moved.

What comes by the bus says only whose topics to read anew, so that it may come late, twice, or in any order. The revision of
all memberships tells whether something was missed: then everybody who is here is looked up.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.cluster.commands import TopicsChanged
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks
from gateway.notify.people.topics import TopicBook
from gateway.sockets.events import ROOT
from gateway.sockets.moving import Mover
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StorageError

USERS_AT_ONCE = 500
"""Whose topics are read in one query. It bounds the query and what one failure puts back."""
MOVES_AT_ONCE = 8
"""Sessions that are moved at the same time: each reads the store for the heads of its new rooms."""

logger = logging.getLogger(__name__)


class LiveMemberships(Part):
    """Settles the sessions of those users whose topics may have changed.

    One for a node. It is behind the store by a moment of the bus, or by a housekeeping where the bus has lost
    a command. Only sessions of `/` have topics of the store; those of `/admin` are never moved by it.
    """

    def __init__(self, book: TopicBook, sessions: Sessions, mover: Mover) -> None:
        self._book = book
        self._sessions = sessions
        self._mover = mover
        self._known = 0
        """The revision up to which all that changed is settled here, or due. -1 after a failure: no revision is
        that, so the next housekeeping looks everybody up.
        """
        self._due: dict[str, None] = {}
        """Users with sessions here, in the order in which they fell due: their sessions bound how many."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {TopicsChanged: self._changed}

    async def start(self) -> None:
        """Learn the revision before anything is settled. Raises `StorageError`: a node does not start without its store."""
        self._known = await self._book.learn()
        self._tasks.start(self._settle_forever, name="live memberships")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Look everybody up if the bus has not told of every change.

        Costs one read of the revision where nothing was missed.
        """
        revision = await self._book.learn()
        if revision != self._known:
            # Before the look-ups: what changes after this read has a revision of its own.
            self._known = revision
            self._settle_soon(session.user for session in self._sessions.all())

    def settle(self, session: Session) -> None:
        """The session has come in while its user's topics changed. Only looked up again; whether anything has
        changed in fact, the mover finds.
        """
        session.is_unsettled = False
        self._settle_soon([session.user])

    def _changed(self, command: TopicsChanged) -> None:
        """Take note of a change that another node, or this one, has made. Never waits."""
        self._book.in_use = True
        # Only the very next: behind a gap the older revision stays, and the housekeeping sees that something
        # was missed.
        if command.revision == self._known + 1:
            self._known = command.revision
        self._settle_soon(command.users)

    def _settle_soon(self, users: Iterable[str]) -> None:
        """Make users fall due, as far as they have sessions here; a session on its way in is settled when it has come."""
        for user in users:
            for session in self._sessions.of_user(user):
                if session.stage < Stage.ENTERED:
                    session.is_unsettled = True
                elif session.namespace == ROOT:
                    self._due[user] = None
        if self._due:
            self._news.set()

    async def _settle_forever(self) -> None:
        """Settle users whose topics have changed, some at a time.

        While the store is away, all are left for the next housekeeping.
        """
        while True:
            await self._news.wait()
            users = list(self._due)[:USERS_AT_ONCE]
            # Before the look-up: what changes while it goes on falls due again.
            for user in users:
                del self._due[user]
            if not self._due:
                self._news.clear()
            try:
                await self._settle(users)
            except StorageError:
                logger.info("memberships wait: the store is away")
                # The house is kept every half minute: everybody is looked up then.
                self._known = -1
            except Exception:
                logger.exception("memberships could not be settled")
                self._known = -1

    async def _settle(self, users: list[str]) -> None:
        """Move the sessions of these users to the topics that they have now.

        Idempotent: a session that is in its rooms already is not written to. Raises the first error after all
        have been tried.
        """
        topics = await self._book.of_many(users)
        at_once = asyncio.Semaphore(MOVES_AT_ONCE)

        async def move(session: Session) -> None:
            async with at_once:
                await self._mover.move(session, topics=topics.get(session.user, ()))

        moves = [
            move(session)
            for user in users
            for session in self._sessions.of_user(user)
            if session.namespace == ROOT and session.stage is Stage.ENTERED
        ]
        # Each is moved, also when another cannot be.
        failed = [
            error for error in await asyncio.gather(*moves, return_exceptions=True) if error is not None
        ]
        if failed:
            raise failed[0]
