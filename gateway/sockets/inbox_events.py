"""What everybody may ask about an inbox: its history, what was missed, and to have notifications read, seen, dismissed."""

from collections.abc import Mapping
from typing import Any

from gateway.ground.clock import Clock
from gateway.notify import events
from gateway.notify.reading import Reading
from gateway.notify.translations import spoken
from gateway.protocol import asking, shapes
from gateway.sockets.arrival import REPLAYS
from gateway.sockets.events import ADMIN, ROOT, Answer, Events
from gateway.sockets.sessions import Session
from storage.inboxes import Inboxes


class InboxEvents:
    """Registers the events of both namespaces; each is about the rooms that the session is in."""

    def __init__(
        self, registry: Events, reading: Reading, inboxes: Inboxes, *, clock: Clock, replay_limit: int
    ) -> None:
        self._reading = reading
        self._inboxes = inboxes
        self._clock = clock
        self._replay_limit = replay_limit
        # The admins' history may read any room: it is of `gateway.sockets.admin_events`.
        registry.on(ROOT, "history", self._history)
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "read", self._read)
            registry.on(namespace, "seen", self._seen)
            registry.on(namespace, "dismiss", self._dismiss)
            registry.on(namespace, "replay", self._replay)

    async def _history(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        page = await self._reading.history(
            session.user, session.rooms, asking.history(payload), locale=session.principal.locale
        )
        return shapes.history(page)

    async def _read(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        marked = await self._reading.read(session.user, session.rooms, asking.read(payload))
        return events.count(marked)

    async def _seen(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        await self._reading.seen(session.user, session.rooms, asking.ids(payload))
        return {}

    async def _dismiss(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        marked = await self._reading.dismiss(session.user, session.rooms, asking.ids(payload))
        return events.count(marked)

    async def _replay(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        given = payload.get("since")
        since, epoch = asking.since(given, session.rooms), asking.epoch(given)
        for _ in range(REPLAYS):
            muted = session.muted
            opening = await self._inboxes.opening(
                session.user,
                session.rooms,
                since=since,
                limit=self._replay_limit,
                now=self._clock(),
                epoch=epoch,
                muted=muted,
            )
            # Else the client has been told meanwhile what it counts up to now.
            if session.muted == muted:
                break
        return {
            "notifications": [
                events.notification(spoken(notification, session.principal.locale))
                for notification in opening.missed
            ],
            "resync": opening.resync,
            "epoch": opening.epoch,
            **events.count(opening),
        }
