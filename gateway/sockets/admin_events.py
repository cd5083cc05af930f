"""What only admins may ask: who is online, anyone's history, mail, emitting, and what the dashboard shows beyond that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.ground import encoding
from gateway.ground.rooms import inbox_rooms, user_of
from gateway.notify.notifier import Notifier, left_out
from gateway.observe import overview
from gateway.observe.feed import Feed
from gateway.observe.metrics import Metrics
from gateway.observe.overview import Observatory
from gateway.protocol import problems, schemas, shapes
from gateway.protocol.problems import Problem
from gateway.sockets.connections import ADMIN, Answer, Connections
from gateway.sockets.preview import Previewer
from gateway.sockets.sessions import Session
from storage.mail import MailState


class AdminEvents:
    """Registers the events of the namespace `/admin` that go beyond those of `/`."""

    def __init__(
        self,
        connections: Connections,
        notifier: Notifier,
        *,
        previewer: Previewer,
        feed: Feed,
        observatory: Observatory,
        metrics: Metrics,
        node: str,
        started_at: datetime,
    ) -> None:
        self._notifier = notifier
        self._previewer = previewer
        self._feed = feed
        self._observatory = observatory
        self._metrics = metrics
        self._node = node
        self._started_at = started_at
        for obeyed in (feed, observatory):
            for command in obeyed.COMMANDS:
                connections.on_command(command, obeyed.obey)
        for event, ask in {
            "presence": self._presence,
            "history": self._history,
            "user": self._user,
            "disconnect_user": self._disconnect_user,
            "erase_user": self._erase_user,
            "mail": self._mail,
            "mail_counts": self._mail_counts,
            "revive": self._revive,
            "revive_all": self._revive_all,
            "emit": self._emit,
            "preview": self._preview,
            "preview_mail": self._preview_mail,
            "notification": self._notification,
            "recall": self._recall,
            "overview": self._overview,
            "feed": self._watch_feed,
        }.items():
            connections.on(ADMIN, event, ask)

    # Users

    async def _presence(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.roster(payload)
        return shapes.roster(await self._notifier.roster(after=ask.after, limit=ask.limit, prefix=ask.prefix))

    async def _history(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        ask = schemas.admin_history(payload)
        user, rooms = session.user, session.rooms
        if ask.room is not None:
            # A user's own room is shown as that user sees it; of a shared one, what this admin has read.
            user, rooms = user_of(ask.room) or session.user, (ask.room,)
        elif ask.user is not None:
            user, rooms = ask.user, inbox_rooms(ask.user, await self._topics(ask.user))
        page = await self._notifier.history(
            user,
            rooms,
            before=ask.page.before,
            limit=ask.page.limit,
            types=ask.page.types,
            unread_only=ask.page.unread_only,
        )
        return shapes.admin_history(page)

    async def _user(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        user = schemas.user(payload)
        online = await self._notifier.find(user)
        topics = () if online is None else online.topics
        contact = await self._notifier.contact(user)
        return {
            "user": user,
            "online": None if online is None else {**shapes.online(online), "topics": topics},
            "email": contact and contact.email,
            "name": contact and contact.name,
            "last_seen": encoding.time(contact.last_seen) if contact and contact.last_seen else None,
            "unread": (await self._notifier.unread(user, inbox_rooms(user, topics))).unread,
        }

    async def _topics(self, user: str) -> Sequence[str]:
        """Those that the user's token names; none while the user is away, or presence is."""
        try:
            online = await self._notifier.find(user)
        except PresenceUnavailable:
            return ()
        return () if online is None else online.topics

    async def _disconnect_user(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.disconnect(payload)
        return {"disconnected": await self._notifier.disconnect_user(ask.user, ask.reason)}

    async def _erase_user(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        return {"erased": await self._notifier.erase_user(schemas.user(payload))}

    # Mail

    async def _mail(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        ask = schemas.mail(payload)
        page = await self._notifier.mail_page(state=ask.state, before=ask.before, limit=ask.limit)
        return shapes.mail_page(page)

    async def _mail_counts(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session, payload
        counts = await self._notifier.mail_counts()
        return {"counts": {state: counts.get(state, 0) for state in MailState}}

    async def _revive(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        return {"revived": await self._notifier.revive(schemas.ids(payload))}

    async def _revive_all(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session, payload
        revived, more = await self._notifier.revive_all()
        return {"revived": revived, "more": more}

    async def _preview_mail(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        return await self._previewer.stored(schemas.id_(payload))

    # Notifications

    async def _emit(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        try:
            emitted = await self._notifier.emit(schemas.emit(payload), scope=f"admin:{session.user}")
        except Exception as error:
            self._metrics.emitted(problems.of(error).code)
            raise
        self._metrics.emitted("duplicate" if emitted.duplicate else "accepted")
        return shapes.emitted(emitted, left_out(emitted.notifications))

    async def _preview(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        return await self._previewer.emit(schemas.emit(payload))

    async def _notification(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        notification_id = schemas.id_(payload)
        found = await self._notifier.notification(notification_id)
        if found is None:
            raise Problem("not_found", "No notification has this id.")
        receipts = await self._notifier.receipts(notification_id)
        return {"notification": {**shapes.record(found), "receipts": shapes.receipts(receipts)}}

    async def _recall(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        recalled = await self._notifier.recall(schemas.id_(payload))
        if recalled is None:
            raise Problem("not_found", "No notification has this id.")
        return {"notification": shapes.record(recalled)}

    # What happens

    async def _overview(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        del session
        seen = await self._observatory.look(schemas.overview_minutes(payload) * 60)
        return overview.shape(seen, node=self._node, started_at=self._started_at)

    async def _watch_feed(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        if schemas.watch(payload):
            await self._feed.watch(session.sid)
        else:
            self._feed.unwatch(session.sid)
        return {}
