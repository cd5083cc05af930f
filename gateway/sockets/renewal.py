"""Renewal: a newer token of the same user carries a connection on, with the rooms that it names."""

from collections.abc import Mapping
from typing import Any

from gateway.engine import Reason
from gateway.ground import encoding
from gateway.ground.rooms import membership
from gateway.notify import events
from gateway.notify.contacts import contact_of
from gateway.notify.reading import Reading
from gateway.protocol import asking
from gateway.protocol.parsing import Invalid
from gateway.sockets.arrival import REPLAYS, Reception, rooms_in
from gateway.sockets.events import ADMIN, ROOT, Answer, Events
from gateway.sockets.sessions import Session


class Renewal:
    """Registers the event `token` of both namespaces."""

    def __init__(self, registry: Events, reading: Reading, reception: Reception) -> None:
        self._reading = reading
        self._at = reception
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "token", self._token)

    async def _token(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        at = self._at
        principal = await at.verifier.verify(asking.token(payload))
        if principal.user != session.user:
            raise Invalid({"token": ["It is another user's."]})
        if session.namespace == ADMIN and not principal.is_admin:
            raise Invalid({"token": ["It has not the role admin."]})
        await self._move(session, rooms_in(session.namespace, principal))
        session.principal = principal
        session.ends_at = at.expiries.end_of(principal)
        at.expiries.watch(session)
        at.remember(session, contact_of(principal))
        return {"expires_at": encoding.time(principal.expires_at)}

    async def _move(self, session: Session, rooms: tuple[str, ...]) -> None:
        """Bring the session into the rooms it has gained, and out of those it has lost, and tell the client of it."""
        gained = [room for room in rooms if room not in session.rooms]
        lost = [room for room in session.rooms if room not in rooms]
        session.rooms = rooms
        if not gained and not lost:
            return
        at = self._at
        at.delivery.dismiss(session.sid, lost)
        try:
            heads = await self._join(session, gained) if gained else {}
        except BaseException:
            # Half in, it would hear nothing of them for good: the same token, sent again, finds them to be gained again.
            if at.sessions.is_live(session):
                session.rooms = tuple(room for room in rooms if room not in gained)
                at.delivery.dismiss(session.sid, gained)
            raise
        if heads is not None:
            at.sessions.write(
                session, events.encode("rooms", {"joined": gained, "left": lost, "heads": heads})
            )
            count = await self._reading.unread(session.user, rooms)
            at.sessions.write(session, events.encode("inbox", events.count(count)))

    async def _join(self, session: Session, rooms: list[str]) -> Mapping[str, int] | None:
        """Have a live session hear rooms from their heads on, which are answered; None if it is gone or too slow."""
        at = self._at
        await at.delivery.join(session.sid, rooms)
        for _ in range(REPLAYS):
            opening = await at.inboxes.opening(
                session.user,
                rooms,
                since={},
                limit=at.replay_limit,
                now=at.clock(),
                membership=membership(session.user),
            )
            if not at.sessions.is_live(session):
                return None
            if at.delivery.open(session.sid, opening.heads):
                return opening.heads
        await at.server.close(session.sid, session.namespace, Reason.SLOW_CONSUMER)
        return None
