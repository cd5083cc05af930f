"""Arrival: how a client becomes a session that has all it missed, and hears all that comes.

It is verified and its inbox is read before it is let in, so that every failure is a refusal with a code; what it missed is
written after it was let in, while live frames are held back. The stages are those of `Arrival`, in the order of its methods.

`gateway.sockets.door` calls them and turns what they raise into codes. The order is the promise: rooms are
joined, then the store is read, then the client is let in, then it is written what it missed, and presence is
told at the very end.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from socketio.exceptions import ConnectionRefusedError as Refused

from auth.principal import Principal
from auth.tokens import Verifier
from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import parts
from gateway.cluster.lineage import Lineage
from gateway.cluster.presence.base import Presence, Visitor
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.engine import ClosingReason, Packet, Server
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.encoding import Json
from gateway.ground.rooms import ADMINS, rooms_of
from gateway.notify.delivery import events
from gateway.notify.delivery.cursors import Delivery
from gateway.notify.delivery.replaying import PASSES, Replaying
from gateway.notify.delivery.translations import spoken
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.people.contacts import ContactBook, contact_of
from gateway.notify.people.topics import TopicBook
from gateway.notify.wording.languages import Languages
from gateway.protocol.asking import connecting
from gateway.protocol.operations import events_for
from gateway.sockets.commands import Replace
from gateway.sockets.events import ADMIN, ROOT
from gateway.sockets.expiries import Expiries
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StoreUnavailable
from storage.inboxes import Opening
from storage.people import Contact

REPLAY_SECONDS = 60.0
"""How long a client may take to read what it missed. For each pass of the replay; one that takes longer is
closed as a slow consumer.
"""

logger = logging.getLogger(__name__)


def refusal(code: str, message: str, *, retry: bool) -> Refused:
    """A refusal: with `retry` the client's transport closes, without it gets `connect_error` with `data: {code, retry}`.

    `code` is one of those in docs/protocol.md, `message` is for people. `retry` decides what a stock client
    does: it comes back by itself after a transport that closed, and stays away after a `connect_error`.
    """
    return Refused(message, {"code": code, "retry": retry})


def rooms_in(namespace: str, principal: Principal, topics: Sequence[str] = ()) -> tuple[str, ...]:
    """The rooms of a principal's session in a namespace; `topics` are those that the store gives the user. A
    session of `/admin` is in `admins` alone, whatever its token names.
    """
    return (ADMINS,) if namespace == ADMIN else rooms_of(principal, topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What it takes to let clients in. One for a node, made with its namespaces and shared by the door, the
    mover and the renewal. It holds no state of its own.
    """

    server: Server
    sessions: Sessions
    expiries: Expiries
    verifier: Verifier
    replaying: Replaying
    delivery: Delivery
    presence: Presence
    bus: Bus
    contacts: ContactBook
    topics: TopicBook
    mutes: Mutes
    languages: Languages
    lineage: Lineage
    clock: Clock
    connections_per_user: int
    """More than these, and the oldest make room; 0 for no limit."""

    def remember(self, session: Session, contact: Contact) -> None:
        """Note what a token tells of its user, unless the user was erased meanwhile."""
        if not session.erased:
            self.contacts.remember(contact)


class Arrival:
    """One session's way in. Each step is called once, after the one before it.

    It lives from the CONNECT of a client to the moment when the client is in, or has gone. The door keeps it
    between `admit` and `replay`, since the engine has to let the session in between those two.
    """

    __slots__ = ("_at", "_opening", "_since", "session")

    def __init__(self, at: Reception, session: Session, *, since: object) -> None:
        self._at = at
        self.session = session
        self._since = since
        """What the client says it has seen. As it came, neither read nor checked: `admit` reads it, when the
        rooms are known.
        """
        self._opening: Opening
        """What the store answered in `admit`. Not there before."""

    @classmethod
    async def verified(cls, at: Reception, sid: str, namespace: str, auth: Mapping[str, Any]) -> Self:
        """The arrival of a client whose token is good. Raises `AuthError`, or the refusal itself.

        Nothing is registered yet, so that a client which is turned away here leaves nothing behind. Awaits
        keys where the verifier has to fetch them.
        """
        principal = await at.verifier.verify(auth.get("token"))
        if namespace == ADMIN and principal.role is None:
            raise refusal(
                "forbidden", "this token has none of the roles admin, support and viewer", retry=False
            )
        rooms = rooms_in(namespace, principal)
        ends_at = at.expiries.end_of(principal)
        session = Session(
            sid=sid, namespace=namespace, principal=principal, locale=principal.locale, rooms=rooms, ends_at=ends_at,
        )  # fmt: skip
        return cls(at, session, since=auth.get("since"))

    async def admit(self) -> None:
        """Hold back what comes in the rooms, and read what the client missed. What fails leaves no trace.

        Raises `Invalid` for what the client says of it.

        Raises `StorageError` where the store is away. Whatever it raises, the session is
        out of the register and out of its rooms again: a cancelled connect as well, therefore
        `BaseException`.
        """
        at, session = self._at, self.session
        # Known before its topics are read: of a change that comes meanwhile it is told afterwards.
        at.sessions.add(session)
        try:
            if at.topics.in_use and session.namespace == ROOT:
                session.topics = await at.topics.of(session.user)
                session.rooms = rooms_in(session.namespace, session.principal, session.topics)
            since, epoch = connecting.since(self._since, session.rooms), connecting.epoch(self._since)
            session.muted = await at.mutes.of(session.user)
            session.locale = await at.languages.of_reader(session.user, session.principal.locale)
            self._opening = await at.replaying.join(
                session.sid, session.user, session.rooms, since=since, epoch=epoch, muted=session.muted
            )
            session.epoch = self._opening.epoch
            # The stage is raised before the epoch is compared: a turn that comes meanwhile closes all that
            # are beyond JOINING.
            session.stage = Stage.ADMITTED
            if session.epoch != at.lineage.epoch:
                # Another node has found the store put back: this one's cursors have to know before anybody is let in.
                await at.lineage.check()
                if session.epoch != at.lineage.epoch:
                    raise StoreUnavailable("the store was put back a moment ago")
        except BaseException:
            at.sessions.remove(session.sid)
            at.delivery.rooms.leave(session.sid, session.rooms)
            raise

    async def replay(self) -> bool:
        """Write what the client missed, then `ready`, then what came meanwhile. False when it is gone, or too slow.

        The first pass writes what was missed since the client's own sequences. If more came than delivery
        could hold, a further pass reads on from the heads of the one before, `PASSES` passes at most; after
        that the client is closed as a slow consumer.

        Raises `TimeoutError` for a client that does not read, and `StorageError`. A store that was put back
        between two passes ends the session as unavailable: its sequences are of two lines.
        """
        at, session, opening = self._at, self.session, self._opening
        replayed = 0
        for _ in range(PASSES):
            if opening.missed and not await self._write(opening):
                return False
            replayed += len(opening.missed)
            if session.stage is Stage.ADMITTED:
                # Once, and before live frames: a client may rely on `ready` being behind what it missed.
                at.sessions.write(session, await self._ready(opening, replayed))
                session.stage = Stage.READY
            # `open` would make a member of a session that nobody takes out again.
            if not at.sessions.is_live(session):
                return False
            if at.delivery.open(session.sid, opening.heads):
                return True
            opening = await at.replaying.go_on(
                session.user, session.rooms, heads=opening.heads, epoch=session.epoch, muted=session.muted
            )
            if opening.epoch != session.epoch:
                await self.give_up(ClosingReason.UNAVAILABLE)
                return False
        await self.give_up(ClosingReason.SLOW_CONSUMER)
        return False

    async def _write(self, opening: Opening) -> bool:
        """Write what was missed at the client's pace: a long replay must not make a slow consumer of it.

        Each notification is told in the language of the reader. False when the client has gone. `on_replayed`
        hears only of a replay that was written whole.
        """
        namespace, locale = self.session.namespace, self.session.locale
        packets = [
            Packet.event(namespace, events.notification_event(spoken(notification, locale)))
            for notification in opening.missed
        ]
        async with asyncio.timeout(REPLAY_SECONDS):
            written = await self._at.server.write_all(self.session.sid, packets)
        if written and self._at.delivery.on_replayed is not None:
            self._at.delivery.on_replayed(opening.missed)
        return written

    async def _ready(self, opening: Opening, replayed: int) -> bytes:
        """The event `ready`: the counts, and what the client must know of where it stands.

        For an admin also the counts of the cluster, and what the admin's role allows. `muted` is left out
        where nothing is muted.
        """
        session = self.session
        facts: Json = {
            "user": session.user,
            **events.count(opening),
            "replayed": replayed,
            "resync": opening.resync,
            "epoch": opening.epoch,
            "expires_at": encoding.time(session.principal.expires_at),
        }
        if session.muted is not None:
            facts["muted"] = events.muted(session.muted)
        if session.namespace == ADMIN:
            facts |= await self._online() | _allowed(session.principal)
        return events.encode("ready", facts)

    async def _online(self) -> Json:
        """The counts of the cluster; null while presence cannot tell. An admin who comes in must not be kept out
        by a presence that is away.
        """
        try:
            users, connections = await self._at.presence.counts()
        except PresenceUnavailable:
            return {"users": None, "connections": None}
        return {"users": users, "connections": connections}

    async def enter(self) -> None:
        """Watch the token, tell presence, and let the user's oldest connections make room for this one.

        Called when the client has all it missed, so that nobody is announced who could not be let in. What is
        beyond `connections_per_user` is closed by an order to all nodes, since the oldest connection may be
        anywhere.
        """
        at, session = self._at, self.session
        at.expiries.watch(session)
        principal, now = session.principal, at.clock()
        at.remember(session, contact_of(principal, last_seen=now))
        # Before presence is told, not after: a client that goes during that call must be taken out by the
        # door.
        session.stage = Stage.ENTERED
        visitor = Visitor(
            connection=at.sessions.name_of(session),
            user=principal.user,
            name=principal.name,
            roles=tuple(sorted(principal.roles)),
            topics=principal.topics,
            since=now,
        )
        surplus = await at.presence.enter(visitor, limit=at.connections_per_user)
        for some in parts(surplus):
            await at.bus.order_all(Replace(some))
        if not at.sessions.is_live(session):
            # It went while presence was told; its own leaving may have come first and found nothing.
            await at.presence.leave(visitor.connection, now=at.clock())

    async def give_up(self, reason: ClosingReason) -> None:
        """End a session that has not come all the way. The engine calls `disconnect` for it, which takes it out
        of register and rooms.
        """
        await self._at.server.close(self.session.sid, self.session.namespace, reason)


def _allowed(principal: Principal) -> Json:
    """What the admin may do here: the role, and the events and routes that it covers, for the dashboard to show no others."""
    role = principal.role
    return {} if role is None else {"role": role, "may": events_for(role)}
