"""The manager: which sessions there are, and which rooms they are in.

python-socketio's client manager on direct structures: room → sid → connection for a fan-out without look-ups, session →
rooms so that a disconnect costs its own rooms only.

It also works under one of the library's managers for a message queue, as the second base of a class: that one
leaves to it all that is local. A test holds it to this. Bellhop has no such class.
"""

import inspect
import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from socketio import AsyncManager
from socketio import packet as sio

from gateway.engine.connection import Connection
from gateway.engine.messages import message
from gateway.engine.namespace_session import NamespaceSession, NamespaceStage
from gateway.engine.stats import EngineStats
from gateway.engine.tick import Tick

logger = logging.getLogger(__name__)

NOBODY: Mapping[str, Connection] = {}
CALLBACKS = 1000
"""Unanswered acknowledgements remembered per session; the oldest gives way."""


class Manager(AsyncManager):  # type: ignore[misc]  # the library has no types
    """Sessions and rooms of this node. Only open sessions are members of a room for those who send to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sessions: dict[str, NamespaceSession] = {}
        """By sid, over all namespaces: sids are unique."""
        self._sessions_of: dict[str, tuple[NamespaceSession, ...]] = {}
        """By the connection's sid: seldom more than one."""
        self._rooms: dict[str, dict[str, dict[str, Connection]]] = {}
        """Open sessions by namespace, room and sid. Namespaces stay once they had a session: there are few."""
        self._everyone: dict[str, dict[str, Connection]] = {}
        """Open sessions by namespace and sid."""
        self._ack_ids = itertools.count(1)

    def serve(
        self,
        connections: Mapping[str, Connection],
        *,
        tick: Tick,
        stats: EngineStats,
        generate_id: Callable[[], str],
    ) -> None:
        """Keep the sessions of these connections, which are written to by `tick`. Called once, before anything else."""
        self._connections = connections
        self._tick = tick
        self._stats = stats
        self._generate_id = generate_id

    def everyone(self, namespace: str) -> Mapping[str, Connection]:
        return self._everyone.get(namespace, NOBODY)

    def room(self, namespace: str, room: str) -> Mapping[str, Connection]:
        """The open sessions of one room: the same object as long as the room has any. An empty name is nobody's.

        A name that is a live sid means this session, whoever entered a room of that name: what is addressed to a
        session must not be had by taking its name.
        """
        session = self.sessions.get(room)
        if session is not None and session.namespace == namespace:
            everyone = self._everyone.get(namespace, NOBODY)
            return {room: everyone[room]} if room in everyone else NOBODY
        return self.members(namespace, room)

    def members(self, namespace: str, room: str) -> Mapping[str, Connection]:
        """The open sessions that have entered a room of this name, whatever else it is the name of."""
        rooms = self._rooms.get(namespace)
        return NOBODY if rooms is None else rooms.get(room, NOBODY)

    # Sessions

    def sessions_of(self, connection: Connection) -> tuple[NamespaceSession, ...]:
        """The sessions that the connection has, in whatever stage."""
        return self._sessions_of.get(connection.sid, ())

    def session_of(self, connection: Connection, namespace: str) -> NamespaceSession | None:
        """The one that it has there, or is about to; who is being taken out may come again meanwhile."""
        for session in self._sessions_of.get(connection.sid, ()):
            if session.namespace == namespace and session.stage is not NamespaceStage.LEAVING:
                return session
        return None

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Begin a session; None when the connection has one in the namespace already."""
        connection = self._connections.get(eio_sid)
        if connection is None or self.session_of(connection, namespace) is not None:
            return None
        session = NamespaceSession(self._generate_id(), namespace, connection)
        self.sessions[session.sid] = session
        self._sessions_of[eio_sid] = (*self._sessions_of.get(eio_sid, ()), session)
        return session.sid

    async def connect(self, sid: str, namespace: str) -> str | None:
        """Open the session: from now on it is a member of the rooms that it has entered."""
        session = self._find(sid, namespace)
        if session is None:
            return None
        session.stage = NamespaceStage.OPEN
        self._tick.seal()  # members are about to change: what was sent before is for those before
        self._everyone.setdefault(namespace, {})[sid] = session.connection
        for room in session.rooms:
            self._admit(session, room)
        return sid

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Take the session out of what is sent; its rooms can still be asked for, until `disconnect`."""
        session = self._find(sid, namespace)
        if session is None:
            return None
        if session.stage is NamespaceStage.OPEN:
            self._tick.seal()
            self._everyone[namespace].pop(sid, None)
            for room in session.rooms:
                self._dismiss(session, room)
        session.stage = NamespaceStage.LEAVING
        return session.connection.sid

    async def disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget the session. A message queue's manager above it has told the other nodes before, where that was asked."""
        del kwargs
        self.pre_disconnect(sid, namespace)
        session = self.sessions.pop(sid, None)
        if session is not None:
            self._forget(session)
        self.callbacks.pop(sid, None)

    def _forget(self, session: NamespaceSession) -> None:
        eio_sid = session.connection.sid
        others = tuple(each for each in self._sessions_of[eio_sid] if each is not session)
        if others:
            self._sessions_of[eio_sid] = others
        else:
            del self._sessions_of[eio_sid]

    def is_connected(self, sid: str, namespace: str) -> bool:
        session = self._find(sid, namespace)
        return session is not None and session.stage is NamespaceStage.OPEN

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        session = self._find(sid, namespace)
        return session is not None and session.stage is NamespaceStage.PENDING

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        connection = self._connections.get(eio_sid)
        session = None if connection is None else self.session_of(connection, namespace)
        return None if session is None else session.sid

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        session = self._find(sid, namespace)
        return None if session is None else session.connection.sid

    def get_namespaces(self) -> Collection[str]:
        return [namespace for namespace, members in self._everyone.items() if members]

    # Rooms

    async def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        del eio_sid
        self.enter(sid, namespace, room)

    def enter(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member. An unknown session or an empty name is no error: the client may have gone."""
        session = self._find(sid, namespace)
        if session is None or not room or room in session.rooms or session.stage is NamespaceStage.LEAVING:
            return
        session.rooms.add(room)
        if session.stage is NamespaceStage.OPEN:
            self._tick.seal()
            self._admit(session, room)

    async def leave_room(self, sid: str, namespace: str, room: str) -> None:
        self.leave(sid, namespace, room)

    def leave(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member no more; one that is none is no error."""
        session = self._find(sid, namespace)
        if session is None or room not in session.rooms:
            return
        session.rooms.remove(room)
        if session.stage is NamespaceStage.OPEN:
            self._tick.seal()
            self._dismiss(session, room)

    async def close_room(self, room: str, namespace: str | None = None) -> None:
        for sid in list(self._rooms.get(namespace or "/", {}).get(room, ())):
            self.leave(sid, namespace or "/", room)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms entered, and as in the library the session's own sid, which is an address too."""
        session = self._find(sid, namespace)
        return [] if session is None else [session.sid, *session.rooms]

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        for sid, connection in self._members(namespace, room).items():
            yield sid, connection.sid

    # Sending

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Send an event as the library does, on the same path as `fan_out`, so that order holds between the two.

        Without `to` and `room` it goes to everyone; an empty name or list goes to nobody.
        """
        del kwargs
        namespace = namespace or "/"
        members = self._members(namespace, room if to is None else to)
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        values = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        if callback is None:
            packet = message(sio.EVENT, namespace, [event, *values])
            for sid, connection in list(members.items()):
                if sid not in skipped:
                    connection.write(packet)
                    self._stats.deliveries += 1
            return
        for sid, connection in list(members.items()):
            if sid not in skipped:
                number = self._generate_ack_id(sid, callback)
                connection.write(message(sio.EVENT, namespace, [event, *values], number))

    async def trigger_callback(self, sid: str | None, id: int | None, data: Any) -> None:  # noqa: A002 - the library's name
        """Hand an acknowledgement to who waits for it. Unknown ones are ignored: they may be late, or made up."""
        callback = self.callback(sid, id)
        if callback is not None:
            await self.call_back(callback, data)

    def callback(self, sid: str | None, number: int | None) -> Callable[..., Any] | None:
        """Who waits for this acknowledgement; asked once, it is answered."""
        waiting: dict[int | None, Callable[..., Any]] = self.callbacks.get(sid, {})
        return waiting.pop(number, None)

    async def call_back(self, callback: Callable[..., Any], data: Any) -> None:
        try:
            answer = callback(*data)
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            logger.exception("acknowledgement callback failed")

    def _generate_ack_id(self, sid: str, callback: Callable[..., Any]) -> int:
        # The library keeps its counter among the callbacks, under 0, where an ACK 0 takes it away.
        waiting: dict[int, Callable[..., Any]] = self.callbacks.setdefault(sid, {})
        if len(waiting) >= CALLBACKS:
            del waiting[next(iter(waiting))]
        number = next(self._ack_ids)
        waiting[number] = callback
        return number

    def _members(self, namespace: str, room: Any) -> Mapping[str, Connection]:
        if room is None:
            return self.everyone(namespace)
        if isinstance(room, str):
            return self.room(namespace, room)
        return {sid: connection for name in room for sid, connection in self.room(namespace, name).items()}

    def _find(self, sid: str, namespace: str) -> NamespaceSession | None:
        session = self.sessions.get(sid)
        return session if session is not None and session.namespace == namespace else None

    def _admit(self, session: NamespaceSession, room: str) -> None:
        self._rooms.setdefault(session.namespace, {}).setdefault(room, {})[session.sid] = session.connection

    def _dismiss(self, session: NamespaceSession, room: str) -> None:
        rooms = self._rooms[session.namespace]
        members = rooms.get(room)
        if members is not None and members.pop(session.sid, None) is not None and not members:
            del rooms[room]
