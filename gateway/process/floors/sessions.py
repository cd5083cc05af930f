"""Who is connected here, and who else emits to them."""

from gateway.access.settings import KeySettings
from gateway.cluster.settings import ClusterSettings
from gateway.ground.clock import system_clock
from gateway.notify.delivery.replaying import Replaying
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.floors.users import UserFloor
from gateway.process.member import Member
from gateway.sockets.namespaces import Namespaces
from gateway.sockets.neighbours import Neighbours
from gateway.sockets.settings import SocketSettings


class SessionFloor:
    """The namespaces, which are told of what changes for those who are in them.

    Here what changes for users (preferences, catalog, epoch) is led to those of them who are connected.
    """

    def __init__(self, member: Member, telling: TellingFloor, inboxes: InboxFloor, users: UserFloor) -> None:
        sockets = member.settings[SocketSettings]
        self.namespaces = Namespaces(
            server=member.server,
            verifier=member.access.verifier,
            inboxes=member.store.inboxes,
            streams=member.store.streams,
            reading=inboxes.reading,
            replaying=Replaying(
                inboxes=member.store.inboxes,
                delivery=member.delivery,
                clock=member.clock,
                limit=sockets.replay_limit,
            ),
            delivery=member.delivery,
            presence=member.presence,
            bus=member.bus,
            contacts=member.contacts,
            topics=users.topics,
            mutes=inboxes.mutes,
            languages=telling.languages,
            lineage=member.lineage,
            clock=member.clock,
            # Tokens are made by others, by their wall clocks; the node's own may be held to the store's.
            token_clock=system_clock,
            node=member.node_id,
            leeway_seconds=member.settings[KeySettings].jwt_leeway_seconds,
            connections_per_user=sockets.max_connections_per_user,
        )
        # By what the node hears of others' changes as well: the book of preferences tells of both.
        member.preferences.listeners.append(self.namespaces.mutes.note)
        member.catalog.on_change.append(lambda _: self.namespaces.mutes.look_at_all())
        # Before the start: the first check of the lineage may turn.
        member.lineage.on_turn = self.namespaces.session_commands.turn
        member.delivery.locale_of = self.namespaces.sessions.locale_of
        self.neighbours = _neighbours(member)
        """None where no other process emits here."""


def _neighbours(member: Member) -> Neighbours | None:
    """Who hears what others emit by the same Redis; None where nobody else does."""
    cluster = member.settings[ClusterSettings]
    if not cluster.foreign_emits:
        return None
    return Neighbours(cluster.bus_url, prefix=cluster.bus_prefix, receive=member.delivery.receive)
