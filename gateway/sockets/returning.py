"""Live returns: what has come back from a snooze is told to its user's sessions on this node, with what is unread then.

The worker of `gateway.notify` that ends snoozes tells all nodes by `CameBack`. Here it is looked up again,
since the command may come late or twice, and may name what was read or dismissed meanwhile.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from gateway.cluster.commands import CameBack
from gateway.ground.encoding import Json, dumps
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.notify.delivery.translations import spoken
from gateway.notify.inboxes.reading import Reading
from gateway.protocol import shapes
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StorageError
from storage.histories import InboxItem
from storage.inboxes import Inboxes
from storage.notifications import Notification
from storage.streams import Streams

PART_BYTES = 64 * 1024
"""Of what came back, so much is told in one event, or one that is larger by itself."""
PACE_SECONDS = 5.0
"""How long a user's clients may take over what comes in several events, before others have their turn."""

logger = logging.getLogger(__name__)


class LiveReturns(Part):
    """Tells the sessions of those users to whom something has come back.

    One for a node. What cannot be told while the store is away is not told later: the client finds it in its
    history, among what came back.
    """

    def __init__(self, sessions: Sessions, reading: Reading, inboxes: Inboxes, streams: Streams) -> None:
        self._sessions = sessions
        self._reading = reading
        self._inboxes = inboxes
        self._streams = streams
        self._due: dict[str, dict[str, None]] = {}
        """By user, the ids to tell: of users with sessions here alone, whose snoozes bound how many."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {CameBack: self._came_back}

    def start(self) -> None:
        self._tasks.start(self._tell_forever, name="live returns")

    async def stop(self) -> None:
        await self._tasks.stop()

    def settle(self, session: Session) -> None:
        """The session has come in, and something may have come back while its inbox was being read.

        Told without ids: its client reads the counts, and finds what came back in its history.
        """
        if session.missed_return:
            session.missed_return = False
            self._tell_soon(session.user, ())

    def _came_back(self, command: CameBack) -> None:
        """Take note of what came back to users of this node. Never waits."""
        for user, id_ in command.items:
            for session in self._sessions.of_user(user):
                if session.stage < Stage.READY:
                    session.is_unsettled = session.missed_return = True
                else:
                    self._tell_soon(user, (id_,))

    def _tell_soon(self, user: str, ids: Iterable[str]) -> None:
        """Make a user fall due. Ids that are due already are told once."""
        self._due.setdefault(user, {}).update(dict.fromkeys(ids))
        self._news.set()

    async def _tell_forever(self) -> None:
        """Tell one user after the other what came back from a snooze."""
        while True:
            await self._news.wait()
            user = next(iter(self._due))
            # Before the look-up: what comes back while it goes on is told afterwards.
            ids = list(self._due.pop(user))
            if not self._due:
                self._news.clear()
            try:
                await self._tell(user, ids)
            except StorageError:
                logger.info("what came back is not told: the store is away")
            except Exception:
                logger.exception("what came back could not be told")

    async def _tell(self, user: str, ids: list[str]) -> None:
        """Tell each session of the user what came back that it may hear, with its counts.

        In parts, where it is much. Who reads too slowly is not told the last of them, and finds it in the
        history. Raises `StorageError`, and then sessions later in the order were told nothing.
        """
        receipts = await self._inboxes.receipts_of(user, ids)
        found: list[Notification] = []
        for id_ in ids:
            notification = await self._streams.notification(id_)
            if notification is not None and receipts[id_].returned_at is not None:
                found.append(notification)
        large: list[tuple[Session, list[bytes]]] = []
        for session in self._sessions.of_user(user):
            if session.stage < Stage.READY:
                continue
            # Each by the rooms and the mutes that it has: its token may have other topics.
            count = await self._reading.unread(user, session.rooms)
            items = [
                InboxItem(notification=spoken(each, session.locale), receipt=receipts[each.id])
                for each in found
                if each.room in session.rooms and not (session.muted and session.muted.hides(each))
            ]
            told = [
                events.encode("inbox", {**events.count(count), "did": _did(part)})
                for part in _parts([shapes.inbox_item(item) for item in items])
            ]
            if len(told) == 1:
                self._sessions.write(session, told[0])
            else:
                large.append((session, told))
        with suppress(TimeoutError):
            async with asyncio.timeout(PACE_SECONDS):
                await asyncio.gather(*(self._sessions.write_all(session, told) for session, told in large))


def _did(part: Sequence[Json]) -> Json:
    return {"event": "back", "ids": [item["id"] for item in part], "notifications": part}


def _parts(items: Sequence[Json]) -> list[list[Json]]:
    """The items in their order, by `PART_BYTES`; one part with nothing in it where there are none."""
    parts: list[list[Json]] = [[]]
    size = 0
    for item in items:
        more = len(dumps(item))
        if parts[-1] and size + more > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(item)
        size += more
    return parts
