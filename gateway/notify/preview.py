"""Previews: what an emit would do, and what a mail looks like, without sending either."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.cluster.presence.base import Presence
from gateway.ground.rooms import ALL, user_of
from gateway.notify.emitting import Emitter, NoAddress
from gateway.notify.requests import EmitRequest
from mailer.errors import RenderFailure, TemplateFailure
from mailer.press import Press
from mailer.transport import Outgoing
from storage.streams import Notification, Streams

ROOMS_SHOWN = 20
"""Each costs a look at presence and one at the contacts."""


class NoMail(Exception):
    """There is no mail to show; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPreview:
    """What an emit would do in one room."""

    room: str
    connections: int | None
    """None where only the nodes together would know."""
    mail_to: str | None = None
    mail_due_at: datetime | None = None
    problem: str | None = None
    """Why no mail would come of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rooms of an emit, how many there are beyond them, and the first mail that would be sent."""

    rooms: Sequence[RoomPreview]
    more: int
    mail: Outgoing | None


class Previewer:
    """The use cases of looking before sending. They raise `StoreUnavailable` and `PresenceUnavailable`."""

    def __init__(self, *, emitter: Emitter, streams: Streams, presence: Presence, press: Press) -> None:
        self._emitter = emitter
        self._streams = streams
        self._presence = presence
        self._press = press

    async def emit(self, request: EmitRequest) -> Preview:
        """Whom an emit would reach now, room by room, and the first mail that would come of it."""
        rooms: list[RoomPreview] = []
        first: Outgoing | None = None
        for room, draft in zip(
            request.rooms, await self._emitter.drafts(request, limit=ROOMS_SHOWN), strict=False
        ):
            shown, mail = await self._room(room, draft)
            rooms.append(shown)
            first = first or mail
        return Preview(rooms=rooms, more=len(request.rooms) - len(rooms), mail=first)

    async def _room(self, room: str, draft: Notification | NoAddress) -> tuple[RoomPreview, Outgoing | None]:
        connections = await self._connections(room)
        if isinstance(draft, NoAddress):
            return RoomPreview(room=room, connections=connections, problem=str(draft)), None
        if draft.mail is None:
            return RoomPreview(room=room, connections=connections), None
        mail, problem = None, None
        try:
            mail = await self._press.render(draft, draft.mail.order)
        except (RenderFailure, TemplateFailure) as error:
            problem = str(error)
        shown = RoomPreview(
            room=room, connections=connections, mail_to=draft.mail.order.to, mail_due_at=draft.mail.due_at,
            problem=problem,
        )  # fmt: skip
        return shown, mail

    async def stored(self, notification_id: str) -> Outgoing:
        """The mail of a notification that is kept. Raises `NoMail`, `RenderFailure` and `TemplateFailure`."""
        notification = await self._streams.notification(notification_id)
        if notification is None or notification.mail is None:
            raise NoMail("No mail has this id.")
        if notification.recalled_at is not None:
            raise NoMail("It was recalled: its text is gone.")
        return await self._press.render(notification, notification.mail.order)

    async def _connections(self, room: str) -> int | None:
        """How many connections are in the room; None where only the nodes together would know."""
        if room == ALL:
            return (await self._presence.counts())[1]
        user = user_of(room)
        if user is None:
            return None
        online = await self._presence.find(user)
        return 0 if online is None else online.connections
