"""Live mutes: when what a user has muted changes, the user's sessions on this node are told, with what is unread then.
A language that was chosen holds for them as well.

The book of preferences says whose choices to look at anew, whether it heard of them by the bus or found them in the store;
a new catalog may mute other types for everybody who has chosen. What a session was told last is kept with it.
"""

import asyncio
import logging
from collections.abc import Iterable

from gateway.ground.parts import Part
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.inboxes.reading import Reading
from gateway.notify.wording.languages import Languages
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StorageError
from storage.histories import Muted

logger = logging.getLogger(__name__)


class LiveMutes(Part):
    """Settles the sessions of those users whose mutes may have changed.

    One for a node. Users fall due as often as one likes; a user who is due already is looked at once. While
    the store is away a user is dropped from what is due, and found again by the next housekeeping, which
    looks at all who may have muted anything.
    """

    def __init__(self, mutes: Mutes, languages: Languages, sessions: Sessions, reading: Reading) -> None:
        self._mutes = mutes
        self._languages = languages
        self._sessions = sessions
        self._reading = reading
        self._due: dict[str, None] = {}
        """Users with sessions here, in the order in which they fell due: their sessions bound how many."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to settle users who fall due."""
        self._tasks.start(self._settle_forever, name="live mutes")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Look at all again: once in a while the store has been away when somebody fell due."""
        self.look_at_all()

    def look_at_all(self) -> None:
        """Other types may be muted now, by whoever has muted anything.

        Called by the housekeeping and when a catalog comes into force. Never waits; costs nothing for those
        who have chosen nothing.
        """
        self.note({session.user for session in self._sessions.all() if self._mutes.may_have(session.user)})

    def note(self, users: Iterable[str]) -> None:
        """What these users have chosen has changed, or may have.

        Never waits. Users without a session here are passed over, which bounds what is due.
        """
        for user in users:
            for session in self._sessions.of_user(user):
                if session.stage < Stage.READY:
                    # It is looked at when it has come in.
                    session.is_unsettled = True
                else:
                    self._due[user] = None
        if self._due:
            self._news.set()

    async def _settle_forever(self) -> None:
        """Settle one user after the other whose mutes may have changed.

        One after the other, so that a new catalog does not have thousands read the store at once.
        """
        while True:
            await self._news.wait()
            user = next(iter(self._due))
            # Before the look-up: what changes while it goes on falls due again.
            del self._due[user]
            if not self._due:
                self._news.clear()
            try:
                await self._settle(user)
            except StorageError:
                logger.info("mutes wait: the store is away")
            except Exception:
                logger.exception("mutes could not be settled")

    async def _settle(self, user: str) -> None:
        """Tell those sessions of the user that go by other mutes than these. Idempotent: who knows already is
        told nothing. What comes from now on in shared rooms is in the language that the user has chosen.
        """
        muted = await self._mutes.of(user)
        for session in self._sessions.of_user(user):
            session.locale = await self._languages.of_reader(user, session.principal.locale)
            if session.stage >= Stage.READY and session.muted != muted:
                await self._tell(session, muted)

    async def _tell(self, session: Session, muted: Muted | None) -> None:
        """Have the session go by other mutes: it is told of them with the count that goes with them."""
        count = await self._reading.unread(session.user, session.rooms)
        # After the count was read, and without a wait before the write: what the session has and what its
        # client was told stay the same.
        session.muted = muted
        event = events.encode("inbox", {**events.count(count), "muted": events.muted(muted)})
        self._sessions.write(session, event)
