"""Previews: what an emit would do, and what a mail looks like, without sending either.

Of a request as it would be emitted, and of mail that is stored. A type by itself is previewed in
`types.preview`. Nothing is written, so a preview may be asked for as often as one likes; it costs a rendering
for each room with mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.cluster.presence.base import Presence
from gateway.ground.rooms import ALL, user_of
from gateway.notify.deciding.gates import address
from gateway.notify.deciding.verdicts import Send, words
from gateway.notify.emitting.owing import NoAddress
from gateway.notify.emitting.planning import Draft, Planner
from gateway.notify.requests import EmitRequest
from mailer.errors import RenderFailure, TemplateFailure
from mailer.press import Press
from mailer.transport import Outgoing
from storage.mail import LaneName
from storage.notifications import Notification
from storage.outbox import Outbox
from storage.streams import Streams

ROOMS_SHOWN = 20
"""How many rooms are shown: each costs a look at presence and one at the contacts."""


class NoMail(Exception):
    """There is no mail to show; the text says why.

    An ordinary answer, in words for the person who asked.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPreview:
    """What an emit would do in one room."""

    room: str
    connections: int | None
    """How many connections are in the room now. None where only the nodes together would know."""
    mail_to: str | None = None
    """Where the mail would go; None where there would be none."""
    mail_due_at: datetime | None = None
    problem: str | None = None
    """Why no mail would come of it."""
    decided_by: str | None = None
    """The rule that would stop the mail if it were decided now."""
    verdict: str | None = None
    """The same verdict in words; None where the mail would be sent."""
    collapse_key: str | None = None
    """The key under which it would take the place of older notifications; None: it would stand by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rooms of an emit, how many there are beyond them, and the first mail that would be sent."""

    rooms: Sequence[RoomPreview]
    more: int
    """Rooms of the request that were not looked at."""
    mail: Outgoing | None


class Previewer:
    """The use cases of looking before sending. They raise `StoreUnavailable` and `PresenceUnavailable`.

    The mail that is shown is rendered by the press of its lane, as a worker would, without what is put on it
    as it leaves: links of its own, a return address, signatures.
    """

    def __init__(
        self,
        *,
        planner: Planner,
        streams: Streams,
        outbox: Outbox,
        presence: Presence,
        presses: Mapping[LaneName, Press],
    ) -> None:
        self._planner = planner
        self._outbox = outbox
        self._streams = streams
        self._presence = presence
        self._presses = presses

    async def emit(self, request: EmitRequest) -> Preview:
        """Whom an emit would reach now, room by room, and the first mail that would come of it."""
        rooms: list[RoomPreview] = []
        first: Outgoing | None = None
        for draft in await self._planner.drafts(request, limit=ROOMS_SHOWN):
            shown, mail = await self._room(draft)
            rooms.append(shown)
            first = first or mail
        return Preview(rooms=rooms, more=len(request.rooms) - len(rooms), mail=first)

    async def _room(self, draft: Draft) -> tuple[RoomPreview, Outgoing | None]:
        """What would become of one room, and its mail as it would look; why there is none where none can be made.

        A template that fails is a `problem` of that room, and not an error: it is what the preview is for.
        """
        notification, verdict = draft.notification, draft.verdict
        mail, shown, problem = notification.mail, None, None
        if address.lacks(verdict):
            mail, problem = None, str(NoAddress([user_of(notification.room) or ""]))
        elif mail is not None:
            try:
                shown = await self._render(notification)
            except (RenderFailure, TemplateFailure) as error:
                problem = str(error)
        room = RoomPreview(
            room=notification.room,
            connections=await self._connections(notification.room),
            mail_to=None if mail is None else mail.order.to,
            mail_due_at=None if mail is None else mail.due_at,
            problem=problem,
            decided_by=None if isinstance(verdict, Send) else verdict.rule,
            verdict=words(verdict),
            collapse_key=None if notification.collapse is None else notification.collapse.key,
        )
        return room, shown

    async def stored(self, notification_id: str) -> Outgoing:
        """The mail of a notification that is kept, or one that stands by itself, as a digest's.

        Raises `NoMail`, `RenderFailure` and `TemplateFailure`.

        A digest's mail is found by the digest's id.
        """
        notification = await self._streams.notification(notification_id)
        if notification is None:
            notification = await self._outbox.find(notification_id)
        if notification is None or notification.mail is None:
            raise NoMail("No mail has this id.")
        if notification.recalled_at is not None:
            raise NoMail("It was recalled: its text is gone.")
        return await self._render(notification)

    async def _render(self, notification: Notification) -> Outgoing:
        """The mail by the lane that it would leave by. Raises `RenderFailure` and `TemplateFailure`."""
        assert notification.mail is not None
        order = notification.mail.order
        return await self._presses[order.lane].render(notification, order)

    async def _connections(self, room: str) -> int | None:
        """How many connections are in the room; None where only the nodes together would know."""
        if room == ALL:
            return (await self._presence.counts())[1]
        user = user_of(room)
        if user is None:
            return None
        online = await self._presence.find(user)
        return 0 if online is None else online.connections
