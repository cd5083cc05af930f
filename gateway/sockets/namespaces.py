"""The namespaces "/" and "/admin" of one node, put together: who comes in, what they are given, what they may ask.

Sessions of both differ only in their rooms, and in the further events of `gateway.sockets.admin_events`.
"""

from auth.tokens import Verifier
from gateway.cluster.bus.base import Bus
from gateway.cluster.lineage import Lineage
from gateway.cluster.presence.base import Presence
from gateway.engine import Server
from gateway.ground.clock import Clock
from gateway.notify.contacts import ContactBook
from gateway.notify.delivery import Delivery
from gateway.notify.notifier import Notifier
from gateway.sockets.arrival import Door, Reception
from gateway.sockets.commands import SessionCommands
from gateway.sockets.events import Events
from gateway.sockets.expiries import Expiries
from gateway.sockets.inbox_events import InboxEvents
from gateway.sockets.renewal import Renewal
from gateway.sockets.sessions import Sessions
from storage.store import Inboxes


class Namespaces:
    """The Socket.IO side of a node. Tokens are measured by `token_clock`, all else by `clock`."""

    def __init__(
        self,
        *,
        server: Server,
        verifier: Verifier,
        inboxes: Inboxes,
        notifier: Notifier,
        delivery: Delivery,
        presence: Presence,
        bus: Bus,
        contacts: ContactBook,
        lineage: Lineage,
        clock: Clock,
        token_clock: Clock,
        node: str,
        leeway_seconds: float,
        connections_per_user: int,
        replay_limit: int,
    ) -> None:
        self.sessions = Sessions(server, node=node)
        self.events = Events(server, self.sessions)
        self.commands = SessionCommands(
            server=server,
            sessions=self.sessions,
            notifier=notifier,
            delivery=delivery,
            contacts=contacts,
        )
        self.expiries = Expiries(
            self.sessions, token_clock, leeway_seconds=leeway_seconds, expired=self.commands.expire
        )
        reception = Reception(
            server=server,
            sessions=self.sessions,
            expiries=self.expiries,
            verifier=verifier,
            inboxes=inboxes,
            delivery=delivery,
            presence=presence,
            bus=bus,
            contacts=contacts,
            lineage=lineage,
            clock=clock,
            connections_per_user=connections_per_user,
            replay_limit=replay_limit,
        )
        Door(reception)
        InboxEvents(self.events, notifier, inboxes, clock=clock, replay_limit=replay_limit)
        Renewal(self.events, notifier, reception)

    def start(self) -> None:
        self.expiries.start()
        self.commands.start()

    async def stop(self) -> None:
        await self.expiries.stop()
        await self.commands.stop()
