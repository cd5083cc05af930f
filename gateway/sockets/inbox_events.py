"""What everybody may ask about an inbox: its history, what was missed, and to have something done with notifications.

It parses with `gateway.protocol.asking`, calls a use case of `gateway.notify`, and shapes the answer. It
decides nothing itself: an id outside the session's rooms is judged by the store. The same over HTTP is made
of the table of operations.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from gateway.ground.clock import Clock
from gateway.ground.encoding import time_or_none
from gateway.notify import events
from gateway.notify.acting import Acting
from gateway.notify.reading import Reading
from gateway.notify.replaying import Replaying
from gateway.notify.translations import spoken
from gateway.protocol import asking, shapes
from gateway.protocol.problems import Problem
from gateway.sockets.events import ADMIN, ROOT, Answer, Ask, Events
from gateway.sockets.sessions import Session
from storage.inboxes import Marked

Do = Callable[[str, Sequence[str], Sequence[str]], Awaitable[Marked]]
"""A use case on ids: takes the user, the user's rooms and the ids, and answers the counts that hold afterwards."""
M = TypeVar("M", bound=Marked)


class InboxEvents:
    """Registers the events of both namespaces; each is about the rooms that the session is in.

    It has no state beside what it was given. Each answer has the counts as they are after it, so that a
    client need not add up itself.
    """

    def __init__(
        self,
        registry: Events,
        reading: Reading,
        acting: Acting,
        replaying: Replaying,
        *,
        clock: Clock,
    ) -> None:
        self._reading = reading
        self._acting = acting
        self._replaying = replaying
        self._clock = clock
        # The admins' history may read any room: it is of `gateway.sockets.admin_events`.
        registry.on(ROOT, "history", self._history)
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "read", self._read)
            registry.on(namespace, "seen", self._seen)
            registry.on(namespace, "dismiss", self._doing(acting.dismiss))
            registry.on(namespace, "undismiss", self._doing(acting.undismiss))
            registry.on(namespace, "unread", self._doing(acting.mark_unread))
            registry.on(namespace, "archive", self._doing(acting.archive))
            registry.on(namespace, "unarchive", self._doing(acting.unarchive))
            registry.on(namespace, "snooze", self._snooze)
            registry.on(namespace, "act", self._act)
            registry.on(namespace, "replay", self._replay)

    async def _history(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """A page of what the session's rooms hold, in the reader's language. Raises `InvalidCursor` for a cursor
        of another place.
        """
        page = await self._reading.history(
            session.user, session.rooms, asking.history(payload), locale=session.locale
        )
        return shapes.history(page)

    async def _read(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Mark some or all as read. Idempotent: what was read stays read since the first time."""
        marked = await self._reading.read(session.user, session.rooms, asking.read(payload))
        return events.count(marked)

    async def _seen(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Mark as seen, which changes no count; the answer is empty."""
        await self._reading.seen(session.user, session.rooms, asking.ids(payload))
        return {}

    def _doing(self, do: Do) -> Ask:
        """Has something done with ids. All of them are alike but for the use case: they take `ids`, and answer the counts."""

        async def ask(session: Session, payload: Mapping[str, Any]) -> Answer:
            return events.count(await do(session.user, session.rooms, asking.ids(payload)))

        return ask

    async def _snooze(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Hide one notification until a time. Raises `Problem` `not_found`, and `Invalid` for a time that is
        past or too far ahead.
        """
        asked = asking.snooze(payload)
        asking.check_until(asked.until, self._clock())
        return events.count(
            _shown(await self._acting.snooze(session.user, session.rooms, asked.id, until=asked.until))
        )

    async def _act(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Note that the user has pressed an action of one notification. The first press stays; a later one is
        answered with it.
        """
        asked = asking.act(payload)
        acted = _shown(await self._acting.act(session.user, session.rooms, asked.id, action=asked.action))
        return {**events.count(acted), "acted": acted.acted, "acted_at": time_or_none(acted.acted_at)}

    async def _replay(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """What was missed of the session's rooms since the sequences that the client names, and the counts beside it.

        Unlike the replay of an arrival it is an answer, and so bounded: `resync` says of which rooms more was
        missed than that.
        """
        given = payload.get("since")
        since, epoch = asking.since(given, session.rooms), asking.epoch(given)
        opening = await self._replaying.answer(
            session.user, session.rooms, since=since, epoch=epoch, muted=lambda: session.muted
        )
        return {
            "notifications": [
                events.notification(spoken(notification, session.locale)) for notification in opening.missed
            ],
            "resync": opening.resync,
            "epoch": opening.epoch,
            **events.count(opening),
        }


def _shown(marked: M | None) -> M:
    """What was done. Raises `Problem` `not_found` where the store knew no such notification in these rooms."""
    if marked is None:
        raise Problem("not_found", "No notification of this inbox has this id.")
    return marked
