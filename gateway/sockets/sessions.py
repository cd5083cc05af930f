"""The live sessions of this node: who they are, how far they have come, and what is written to them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, auto

from auth.principal import Principal
from gateway.engine import Packet, Server
from storage.inboxes import Muted


class Stage(IntEnum):
    """How far a session has come; it only rises."""

    JOINING = auto()  # its rooms hold their frames back for it, and its inbox is being read
    ADMITTED = auto()  # its inbox was read, in an epoch that is in force: the engine may let it in
    READY = auto()  # it was told `ready`, and is being let into its rooms
    ENTERED = auto()  # presence is told of it


@dataclass(slots=True, eq=False)
class Session:
    """One live Socket.IO connection of a principal, in one namespace."""

    sid: str
    namespace: str
    principal: Principal
    rooms: tuple[str, ...]
    ends_at: datetime
    """When the connection ends with its token."""
    stage: Stage = Stage.JOINING
    epoch: str = ""
    """Of the store when the inbox was read; empty before that."""
    warned_of: datetime | None = None
    """The end that the client was told of by `token:expiring`."""
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
    erased: bool = False
    """Whether the user was erased meanwhile: nothing that the session still brings is remembered."""

    @property
    def user(self) -> str:
        return self.principal.user


class Sessions:
    """Sessions by id, by user and by room."""

    def __init__(self, server: Server, *, node: str) -> None:
        self._server = server
        self._node = node
        self._by_sid: dict[str, Session] = {}
        self._by_user: dict[str, list[Session]] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    @property
    def users(self) -> int:
        return len(self._by_user)

    def get(self, sid: str) -> Session | None:
        return self._by_sid.get(sid)

    def locale_of(self, sid: str) -> str | None:
        """The language that the session's user reads."""
        session = self._by_sid.get(sid)
        return None if session is None else session.principal.locale

    def has(self, sid: str) -> bool:
        return sid in self._by_sid

    def is_live(self, session: Session) -> bool:
        """Whether the session has not gone meanwhile."""
        return self._by_sid.get(session.sid) is session

    def all(self) -> list[Session]:
        return list(self._by_sid.values())

    def of_user(self, user: str) -> list[Session]:
        return list(self._by_user.get(user, ()))

    def of_room(self, room: str) -> list[Session]:
        return [session for session in self._by_sid.values() if room in session.rooms]

    def add(self, session: Session) -> None:
        self._by_sid[session.sid] = session
        self._by_user.setdefault(session.user, []).append(session)

    def remove(self, sid: str) -> None:
        session = self._by_sid.pop(sid, None)
        if session is not None:
            others = self._by_user[session.user]
            others.remove(session)
            if not others:
                del self._by_user[session.user]

    # Names in the cluster

    def name_of(self, session: Session) -> str:
        """What presence calls the session; no other in the cluster has this name."""
        return f"{self._node}/{session.sid}"

    def named(self, name: str) -> Session | None:
        """The session that presence calls so, if it is one of this node's."""
        node, _, sid = name.rpartition("/")
        return self._by_sid.get(sid) if node == self._node else None

    # Writing

    def write(self, session: Session, event: bytes) -> None:
        """Owe the session an event, a JSON array; one that has gone gets nothing."""
        self._server.write(session.sid, Packet.event(session.namespace, event))

    def tell(self, sid: str, event: bytes) -> bool:
        """Write an event to a session; False when it has gone."""
        session = self._by_sid.get(sid)
        if session is None:
            return False
        self.write(session, event)
        return True
