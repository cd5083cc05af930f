"""What only admins may ask: the roster, anyone's history, disconnecting, mail, and emitting."""

from collections.abc import Mapping
from typing import Any

from gateway import schemas, wire
from gateway.notifier import Notifier
from gateway.rooms import ALL, user_of, user_room
from gateway.sessions import Session
from gateway.sockets import ADMIN, Answer, Connections


class AdminEvents:
    """Registers the events of the namespace `/admin` that go beyond those of `/`."""

    def __init__(self, connections: Connections, notifier: Notifier) -> None:
        self._connections = connections
        self._notifier = notifier
        for event, ask in {
            "presence": self._presence,
            "history": self._history,
            "disconnect_user": self._disconnect_user,
            "mail": self._mail,
            "revive": self._revive,
            "emit": self._emit,
        }.items():
            connections.on(ADMIN, event, ask)

    async def _presence(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.roster(payload)
        return wire.roster(await self._notifier.roster(after=ask.after, limit=ask.limit, prefix=ask.prefix))

    async def _history(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        ask = schemas.admin_history(payload)
        user, rooms = session.user, session.rooms
        if ask.room is not None:
            # A user's own room is shown as that user sees it; of a shared one, what this admin has read.
            user, rooms = user_of(ask.room) or session.user, (ask.room,)
        elif ask.user is not None:
            user, rooms = ask.user, (user_room(ask.user), ALL)
        return await self._connections.history(ask.page, user, rooms)

    async def _disconnect_user(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.disconnect(payload)
        return {"disconnected": await self._notifier.disconnect_user(ask.user, ask.reason)}

    async def _mail(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.mail(payload)
        page = await self._notifier.mail_page(state=ask.state, before=ask.before, limit=ask.limit)
        return wire.mail_page(page)

    async def _revive(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        return {"revived": await self._notifier.revive(schemas.ids(payload))}

    async def _emit(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        emitted = await self._notifier.emit(schemas.emit(payload), scope=f"admin:{session.user}")
        return {
            "notifications": [wire.address(notification) for notification in emitted.notifications],
            "duplicate": emitted.duplicate,
        }
