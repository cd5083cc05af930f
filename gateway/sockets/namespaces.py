"""The namespaces "/" and "/admin" of one node, put together: who comes in, what they are given, what they may ask.

Sessions of both differ only in their rooms, and in what may be asked: `gateway.sockets.operation_events`.

It makes what the room `gateway.sockets` consists of, in the order of what each needs, and has no behaviour of
its own. A node has one.
"""

from collections.abc import Mapping
from typing import Any

from auth.tokens import Verifier
from gateway.cluster.bus.base import Bus
from gateway.cluster.lineage import Lineage
from gateway.cluster.presence.base import Presence
from gateway.engine import Server
from gateway.ground.clock import Clock
from gateway.ground.parts import CarryOut, Meters, Part
from gateway.notify.delivery.cursors import Delivery
from gateway.notify.delivery.replaying import Replaying
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.inboxes.reading import Reading
from gateway.notify.people.contacts import ContactBook
from gateway.notify.people.topics import TopicBook
from gateway.notify.wording.languages import Languages
from gateway.sockets.arrival import Reception
from gateway.sockets.commands import SessionCommands
from gateway.sockets.counting import LiveCounts
from gateway.sockets.door import Door
from gateway.sockets.events import Events
from gateway.sockets.expiries import Expiries
from gateway.sockets.memberships import LiveMemberships
from gateway.sockets.moving import Mover
from gateway.sockets.muting import LiveMutes
from gateway.sockets.renewal import Renewal
from gateway.sockets.replay_event import ReplayEvent
from gateway.sockets.returning import LiveReturns
from gateway.sockets.sessions import Session, Sessions
from storage.inboxes import Inboxes
from storage.streams import Streams


class Namespaces(Part):
    """The Socket.IO side of a node. Tokens are measured by `token_clock`, all else by `clock`.

    It starts the watch over tokens, the carrying out of commands and the counts. `memberships`, `mutes` and `returns` are
    parts by themselves, which the node starts behind it. They are made here because they need the sessions.
    """

    def __init__(
        self,
        *,
        server: Server,
        verifier: Verifier,
        inboxes: Inboxes,
        streams: Streams,
        reading: Reading,
        replaying: Replaying,
        delivery: Delivery,
        presence: Presence,
        bus: Bus,
        contacts: ContactBook,
        topics: TopicBook,
        mutes: Mutes,
        languages: Languages,
        lineage: Lineage,
        clock: Clock,
        token_clock: Clock,
        node: str,
        leeway_seconds: float,
        connections_per_user: int,
    ) -> None:
        self.sessions = Sessions(server, node=node)
        self.registry = Events(server, self.sessions)
        """Where parts outside this room register their own events."""
        self.session_commands = SessionCommands(
            server=server,
            sessions=self.sessions,
            delivery=delivery,
            contacts=contacts,
        )
        # By themselves: they wait for the store, and nobody may stay for as long as that is away.
        self.counts = LiveCounts(self.sessions, reading)
        self.expiries = Expiries(
            self.sessions, token_clock, leeway_seconds=leeway_seconds, expired=self.session_commands.expire
        )
        reception = Reception(
            server=server,
            sessions=self.sessions,
            expiries=self.expiries,
            verifier=verifier,
            replaying=replaying,
            delivery=delivery,
            presence=presence,
            bus=bus,
            contacts=contacts,
            topics=topics,
            mutes=mutes,
            languages=languages,
            lineage=lineage,
            clock=clock,
            connections_per_user=connections_per_user,
        )
        mover = Mover(reception, reading)
        self.memberships = LiveMemberships(topics, self.sessions, mover)
        self.mutes = LiveMutes(mutes, languages, self.sessions, reading)
        self.returns = LiveReturns(self.sessions, reading, inboxes, streams)
        Door(reception, self._settle)
        ReplayEvent(self.registry, replaying)
        Renewal(self.registry, mover, reception)

    def _settle(self, session: Session) -> None:
        """The session has come in while its user's topics, mutes or snoozes changed.

        The door calls it after the session has entered. It only makes users fall due, and never waits.
        """
        self.memberships.settle(session)
        self.mutes.note([session.user])
        self.returns.settle(session)

    def measure(self, meters: Meters) -> None:
        sessions = self.sessions
        meters.watch_gauge("bellhop_sessions", "Sessions in either namespace", lambda: len(sessions))
        meters.watch_gauge("bellhop_users", "Users with a session on this node", lambda: sessions.users)

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {**self.session_commands.commands(), **self.counts.commands()}

    def start(self) -> None:
        self.expiries.start()
        self.session_commands.start()
        self.counts.start()

    async def stop(self) -> None:
        """End the watch, the counts and the orders. Sessions are left to the engine, which ends after this."""
        await self.expiries.stop()
        await self.counts.stop()
        await self.session_commands.stop()
