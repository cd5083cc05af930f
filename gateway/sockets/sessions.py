"""The live sessions of this node: who they are, how far they have come, and what is written to them.

It answers who is here, and writes to one of them. Who is in which room for delivery is of
`gateway.notify.delivery`; who is online elsewhere is of presence.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, auto

from auth.principal import Principal
from gateway.engine import ClosingReason, Packet, Server
from storage.histories import Muted


class Stage(IntEnum):
    """How far a session has come; it only rises.

    Other modules compare with `<` and `>=`: what a session may be told depends on how far it has come.
    """

    JOINING = auto()  # its rooms hold their frames back for it, and its inbox is being read
    ADMITTED = auto()  # its inbox was read, in an epoch that is in force: the engine may let it in
    READY = auto()  # it was told `ready`, and is being let into its rooms
    ENTERED = auto()  # presence is told of it


@dataclass(slots=True, eq=False)
class Session:
    """One live Socket.IO connection of a principal, in one namespace. Made by an arrival, ended by the door. It
    is compared by identity: a sid that came back would be another session.
    """

    sid: str
    """The engine's id of it, unique on this node for good."""
    namespace: str
    principal: Principal
    """Who the token says it is; a renewal puts another of the same user in its place."""
    locale: str | None
    """The language that the user reads: at first the token's, once its inbox is read what the user has chosen."""
    rooms: tuple[str, ...]
    """In the order of `rooms_of`; never changed in place, so that a tuple may be a key or be kept over a wait."""
    ends_at: datetime
    """When the connection ends with its token."""
    stage: Stage = Stage.JOINING
    epoch: str = ""
    """Of the store when the inbox was read; empty before that."""
    warned_of: datetime | None = None
    """The end that the client was told of by `token:expiring`. A newer token has another end, and is warned of anew."""
    topics: tuple[str, ...] = ()
    """Those that the store gives the user, beside the token's."""
    is_unsettled: bool = False
    """Whether the user's topics or mutes may have changed while the session was on its way in."""
    missed_return: bool = False
    """Whether something may have come back from a snooze while the session was on its way in."""
    moving: asyncio.Lock | None = None
    """Held by who moves the session into other rooms, once somebody has."""
    muted: Muted | None = None
    """The types that the client was told are not wanted."""
    ending: ClosingReason | None = None
    """Why it has to end. The engine cannot close one that it has not let in yet: the door does so as soon as it has."""
    watched: tuple[float, ...] = ()
    """The ends that are in the heap of `Expiries`."""
    erased: bool = False
    """Whether the user was erased meanwhile: nothing that the session still brings is remembered."""

    @property
    def user(self) -> str:
        return self.principal.user


class Sessions:
    """Sessions by id, by user and by room. One register for a node, of its loop alone. It has each session from
    `admit` to its end, so also those that are not let in yet.
    """

    def __init__(self, server: Server, *, node: str) -> None:
        self._server = server
        self._node = node
        self._by_sid: dict[str, Session] = {}
        self._by_user: dict[str, list[Session]] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    @property
    def users(self) -> int:
        """How many users have a session here."""
        return len(self._by_user)

    def get(self, sid: str) -> Session | None:
        return self._by_sid.get(sid)

    def locale_of(self, sid: str) -> str | None:
        """The language that the session's user reads. None for one that has gone, or of whom nobody has told any."""
        session = self._by_sid.get(sid)
        return None if session is None else session.locale

    def has(self, sid: str) -> bool:
        return sid in self._by_sid

    def is_live(self, session: Session) -> bool:
        """Whether the session has not gone meanwhile. To be asked after every wait, before something is done for
        it that only its end would undo.
        """
        return self._by_sid.get(session.sid) is session

    def all(self) -> list[Session]:
        """A copy: callers may wait between one and the next."""
        return list(self._by_sid.values())

    def of_user(self, user: str) -> list[Session]:
        """A copy, in the order in which they came."""
        return list(self._by_user.get(user, ()))

    def of_room(self, room: str) -> list[Session]:
        """Costs a look at every session of the node; for what is seldom asked. Frames go by the engine's rooms instead."""
        return [session for session in self._by_sid.values() if room in session.rooms]

    def add(self, session: Session) -> None:
        """Register a session. Called once for each, before it joins its rooms."""
        self._by_sid[session.sid] = session
        self._by_user.setdefault(session.user, []).append(session)

    def remove(self, sid: str) -> None:
        """Forget a session when it was refused or has gone; one that is not here is ignored."""
        session = self._by_sid.pop(sid, None)
        if session is not None:
            others = self._by_user[session.user]
            others.remove(session)
            if not others:
                del self._by_user[session.user]

    # Names in the cluster

    def name_of(self, session: Session) -> str:
        """What presence calls the session; no other in the cluster has this name.

        Such as `"node-1/3kTq…"`.
        """
        return f"{self._node}/{session.sid}"

    def named(self, name: str) -> Session | None:
        """The session that presence calls so, if it is one of this node's. A node's name may have slashes in it;
        a sid has none.
        """
        node, _, sid = name.rpartition("/")
        return self._by_sid.get(sid) if node == self._node else None

    # Writing

    def write(self, session: Session, event: bytes) -> None:
        """Owe the session an event, a JSON array; one that has gone gets nothing.

        Never waits. A client that does not read is closed by the engine when its buffer is full.
        """
        self._server.write(session.sid, Packet.event(session.namespace, event))

    async def write_all(self, session: Session, events: Iterable[bytes]) -> bool:
        """Owe the session several events that are large together, at its client's pace; False when it has gone."""
        packets = [Packet.event(session.namespace, event) for event in events]
        return await self._server.write_all(session.sid, packets)

    def tell(self, sid: str, event: bytes) -> bool:
        """Write an event to a session; False when it has gone."""
        session = self._by_sid.get(sid)
        if session is None:
            return False
        self.write(session, event)
        return True
