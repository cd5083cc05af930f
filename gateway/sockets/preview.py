"""Previews: what an emit would do, and what a mail looks like, without sending either."""

from collections.abc import Mapping

from gateway.cluster.presence.base import Presence
from gateway.ground import encoding
from gateway.ground.rooms import ALL, user_of
from gateway.notify.gates import address
from gateway.notify.notifier import EmitRequest, NoAddress, Notifier
from gateway.notify.verdicts import Send, Skip, words
from gateway.protocol import shapes
from gateway.protocol.problems import Problem
from mailer.errors import RenderFailure, TemplateFailure
from mailer.press import Press
from storage.mail import LaneName
from storage.streams import Notification

ROOMS_SHOWN = 20
"""Each costs a look at presence and one at the contacts."""


class Previewer:
    def __init__(self, *, notifier: Notifier, presence: Presence, presses: Mapping[LaneName, Press]) -> None:
        self._notifier = notifier
        self._presence = presence
        self._presses = presses

    async def emit(self, request: EmitRequest) -> encoding.Json:
        """Whom an emit would reach now, room by room, and the first mail that would come of it."""
        drafts = await self._notifier.drafts(request, limit=ROOMS_SHOWN)
        rendered: encoding.Json | None = None
        rooms = []
        for draft in drafts:
            notification, verdict = draft.notification, draft.verdict
            mail, problem = notification.mail, None
            if isinstance(verdict, Skip) and verdict.rule == address.RULE:
                mail, problem = None, str(NoAddress([user_of(notification.room) or ""]))
            elif mail is not None:
                try:
                    shown = await self._mail(notification)
                except (RenderFailure, TemplateFailure) as error:
                    problem = str(error)
                else:
                    rendered = rendered or shown
            rooms.append(
                {
                    "room": notification.room,
                    "connections": await self._connections(notification.room),
                    "mail_to": None if mail is None else mail.order.to,
                    "mail_due_at": None if mail is None else encoding.time(mail.due_at),
                    "problem": problem,
                    "decided_by": None if isinstance(verdict, Send) else verdict.rule,
                    "verdict": words(verdict),
                }
            )
        return {"rooms": rooms, "more": len(request.rooms) - len(rooms), "mail": rendered}

    async def stored(self, notification_id: str) -> encoding.Json:
        """The mail of a notification that is kept. Raises `Problem` where there is none to show."""
        notification = await self._notifier.notification(notification_id)
        if notification is None or notification.mail is None:
            raise Problem("not_found", "No mail has this id.")
        if notification.recalled_at is not None:
            raise Problem("not_found", "It was recalled: its text is gone.")
        try:
            return await self._mail(notification)
        except (RenderFailure, TemplateFailure) as error:
            raise Problem("validation_failed", f"This mail cannot be rendered: {error}.") from error

    async def _mail(self, notification: Notification) -> encoding.Json:
        assert notification.mail is not None
        order = notification.mail.order
        return shapes.rendered(await self._presses[order.lane].render(notification, order))

    async def _connections(self, room: str) -> int | None:
        """How many connections are in the room; None where only the nodes together would know."""
        if room == ALL:
            return (await self._presence.counts())[1]
        user = user_of(room)
        if user is None:
            return None
        online = await self._presence.find(user)
        return 0 if online is None else online.connections
