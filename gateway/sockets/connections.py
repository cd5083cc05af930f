"""The namespaces "/" and "/admin": who comes in, what they are given, what they may ask.

A connection is verified and its inbox is read before it is let in, so that every failure is a refusal with a code;
what it missed is written after it was let in, while live frames are held back. Sessions of both namespaces differ
only in their rooms, and in the further events of `gateway.sockets.admin_events`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused

from auth.errors import AuthError
from auth.principal import Principal
from auth.tokens import Verifier
from gateway.cluster.bus.base import Bus, Obey
from gateway.cluster.lineage import Lineage
from gateway.cluster.presence.base import Presence, Visitor
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.engine import Packet, Server
from gateway.engine.closing import Reason
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.rooms import ADMINS, membership, rooms_of, user_of
from gateway.ground.tasks import Tasks
from gateway.notify import events
from gateway.notify.contacts import ContactBook
from gateway.notify.delivery import Delivery
from gateway.notify.notifier import NoAddress, Notifier
from gateway.protocol import problems, schemas, shapes
from gateway.protocol.problems import Problem
from gateway.sockets.sessions import Expiries, Session, Sessions
from storage.errors import IdempotencyMismatch, InvalidCursor, StorageError, StoreUnavailable, Unstorable
from storage.inboxes import Inboxes, Opening
from storage.people import Contact

ROOT = "/"
ADMIN = "/admin"
REPLAYS = 5
"""How often a replay is begun again because more came meanwhile than could be held back."""
REPLAY_SECONDS = 60.0
"""How long a client may take to read what it missed."""
RELEASE_SECONDS = 5.0
"""How long a room without sessions stays subscribed: a page reload comes back to it."""
ORDERS_LIMIT = 10_000
RECOUNTS_AT_ONCE = 4

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Ask = Callable[[Session, Mapping[str, Any]], Awaitable[Answer]]


def refusal(code: str, message: str, *, retry: bool) -> Refused:
    """A refusal: with `retry` the client's transport closes, without it gets `connect_error` with `data: {code, retry}`."""
    return Refused(message, {"code": code, "retry": retry})


class Connections:
    """The Socket.IO side of a node."""

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
        self.sessions = Sessions()
        self._server = server
        self._verifier = verifier
        self._inboxes = inboxes
        self._notifier = notifier
        self._delivery = delivery
        self._presence = presence
        self._bus = bus
        self._contacts = contacts
        self._lineage = lineage
        self._clock = clock
        self._token_clock = token_clock
        self._node = node
        self._leeway = timedelta(seconds=leeway_seconds)
        self._connections_per_user = connections_per_user
        self._replay_limit = replay_limit
        self._expiries = Expiries(
            self.sessions, token_clock, expiring=self._token_expiring, expired=self._token_expired
        )
        self._orders: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(ORDERS_LIMIT)
        self._unknown_orders = Seldom(logger, "orders that this release does not know are dropped")
        self._empty_rooms: set[str] = set()
        self._tasks = Tasks()
        self._commands: dict[str, Obey] = {}
        for namespace in (ROOT, ADMIN):
            self._register(namespace)
        server.on_open = self._open

    def start(self) -> None:
        self._expiries.start()
        self._tasks.start(self._carry_out_orders(), name="connections orders")
        self._tasks.start(self._release_rooms(), name="connections release rooms")

    async def stop(self) -> None:
        await self._expiries.stop()
        await self._tasks.stop()

    def on_command(self, name: str, obey: Obey) -> None:
        """Hand the bus's commands of this name to `obey`."""
        self._commands[name] = obey

    def has(self, sid: str) -> bool:
        return self.sessions.get(sid) is not None

    def tell(self, sid: str, event: bytes) -> bool:
        """Write an event to a session; False when it has gone."""
        session = self.sessions.get(sid)
        if session is None:
            return False
        self._write(session, event)
        return True

    def on(self, namespace: str, event: str, ask: Ask) -> None:
        """Answer `event` with `{ok: true, …}`, or `{ok: false, error}` for every way it can fail."""

        async def answer(sid: str, payload: object = None, *_: object) -> Answer:
            session = self.sessions.get(sid)
            if session is None:
                return failure("unauthorized", "the connection is not open")
            try:
                return {"ok": True, **await ask(session, _object(payload))}
            except Exception as error:  # noqa: BLE001 - whatever happens, the client gets an answer
                return explain(error, event)

        self._server.on(event, answer, namespace=namespace)

    # Coming in

    def _register(self, namespace: str) -> None:
        async def connect(sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
            del environ
            await self._connect(sid, namespace, auth)

        async def disconnect(sid: str, reason: object = None) -> None:
            del reason
            await self._disconnect(sid)

        self._server.on("connect", connect, namespace=namespace)
        self._server.on("disconnect", disconnect, namespace=namespace)
        for event, ask in {
            "history": self._history,
            "read": self._read,
            "seen": self._seen,
            "dismiss": self._dismiss,
            "replay": self._replay,
            "token": self._token,
        }.items():
            if not (namespace == ADMIN and event == "history"):  # the admins' history may read any room
                self.on(namespace, event, ask)

    async def _connect(self, sid: str, namespace: str, auth: object) -> None:
        given: Mapping[str, Any] = auth if isinstance(auth, Mapping) else {}
        try:
            principal = await self._verifier.verify(given.get("token"))
            if namespace == ADMIN and not principal.is_admin:
                raise refusal("forbidden", "this token has not the role admin", retry=False)
            rooms = rooms_in(namespace, principal)
            since = schemas.since(given.get("since"), rooms)
            await self._admit(sid, namespace, principal, rooms, since, schemas.epoch(given.get("since")))
        except Refused:
            raise
        except AuthError as error:
            raise refusal(error.code, str(error), retry=error.retry) from error
        except schemas.Invalid as error:
            raise refusal("validation_failed", str(error), retry=False) from error
        except (StoreUnavailable, PresenceUnavailable) as error:
            raise refusal("unavailable", "try again in a moment", retry=True) from error
        except Exception as error:
            logger.exception("connect failed")
            raise refusal("unavailable", "try again in a moment", retry=True) from error

    async def _admit(
        self,
        sid: str,
        namespace: str,
        principal: Principal,
        rooms: tuple[str, ...],
        since: Mapping[str, int],
        epoch: str | None,
    ) -> None:
        session = Session(
            sid=sid, namespace=namespace, principal=principal, rooms=rooms, ends_at=self._end_of(principal)
        )
        self.sessions.add(session)
        try:
            # Join before reading the store: a repetition can be dropped, a hole cannot be seen.
            await self._delivery.join(sid, rooms)
            session.opening = await self._inboxes.opening(
                principal.user,
                rooms,
                since=since,
                limit=self._replay_limit,
                now=self._clock(),
                membership=membership(principal.user),
                epoch=epoch,
            )
            session.epoch = session.opening.epoch
            if session.epoch != self._lineage.epoch:
                # Another node has found the store put back: this one's cursors have to know before anybody is let in.
                await self._lineage.check()
                if session.epoch != self._lineage.epoch:
                    raise StoreUnavailable("the store was put back a moment ago")
        except BaseException:
            self._forget(session)
            raise

    async def _open(self, sid: str, namespace: str) -> None:
        """The client has been let in: write what it missed, then `ready`, then what came meanwhile."""
        session = self.sessions.get(sid)
        if session is None or session.opening is None:
            return
        opening, session.opening = session.opening, None
        try:
            if not await self._write_replay(session, opening):
                return
            self._expiries.watch(session)
            await self._enter(session)
        except TimeoutError:
            await self._server.close(sid, namespace, Reason.SLOW_CONSUMER)
        except StorageError:
            await self._server.close(sid, namespace, Reason.UNAVAILABLE)
        except Exception:
            logger.exception("opening failed")
            await self._server.close(sid, namespace, Reason.UNAVAILABLE)

    async def _write_replay(self, session: Session, opening: Opening) -> bool:
        """Let the session into its rooms when it has been given all that it missed; False when it has gone meanwhile."""
        replayed = 0
        announced = False
        for _ in range(REPLAYS):
            packets = [
                Packet.event(session.namespace, events.notification_event(notification))
                for notification in opening.missed
            ]
            if packets:
                # At the client's pace: a long replay must not make a slow consumer of it.
                async with asyncio.timeout(REPLAY_SECONDS):
                    if not await self._server.write_all(session.sid, packets):
                        return False
            replayed += len(packets)
            if not announced:
                self._write(session, await self._ready(session, opening, replayed))
                announced = True
            if self.sessions.get(session.sid) is not session:
                return False
            if self._delivery.open(session.sid, opening.heads):
                return True
            opening = await self._inboxes.opening(
                session.user,
                session.rooms,
                since=opening.heads,
                limit=self._replay_limit,
                now=self._clock(),
                epoch=session.epoch,
            )
            if opening.epoch != session.epoch:
                await self._server.close(session.sid, session.namespace, Reason.UNAVAILABLE)
                return False
        await self._server.close(session.sid, session.namespace, Reason.SLOW_CONSUMER)
        return False

    async def _ready(self, session: Session, opening: Opening, replayed: int) -> bytes:
        payload: Answer = {
            "user": session.user,
            **events.count(opening),
            "replayed": replayed,
            "resync": opening.resync,
            "epoch": opening.epoch,
            "expires_at": encoding.time(session.principal.expires_at),
        }
        if session.namespace == ADMIN:
            payload |= await self._online()
        return events.encode("ready", payload)

    async def _online(self) -> Answer:
        """The counts of the cluster; null while presence cannot tell."""
        try:
            users, connections = await self._presence.counts()
        except PresenceUnavailable:
            return {"users": None, "connections": None}
        return {"users": users, "connections": connections}

    async def _enter(self, session: Session) -> None:
        """Tell presence, and let the user's oldest connections make room for this one."""
        principal = session.principal
        now = self._clock()
        self._remember(
            session, Contact(user=principal.user, email=principal.email, name=principal.name, last_seen=now)
        )
        session.entered = True
        visitor = Visitor(
            connection=self._connection(session.sid),
            user=principal.user,
            name=principal.name,
            roles=tuple(sorted(principal.roles)),
            topics=principal.topics,
            since=now,
        )
        surplus = await self._presence.enter(visitor, limit=self._connections_per_user)
        if surplus:
            await self._bus.command({"do": "replace", "connections": surplus})
        if self.sessions.get(session.sid) is not session:
            # It went while presence was told; its own leaving may have come first and found nothing.
            await self._presence.leave(visitor.connection, now=self._clock())

    # Going out

    async def _disconnect(self, sid: str) -> None:
        session = self.sessions.get(sid)
        if session is None:
            return
        self._forget(session)
        if session.entered:
            now = self._clock()
            self._remember(session, Contact(user=session.user, last_seen=now))
            await self._presence.leave(self._connection(sid), now=now)

    def _remember(self, session: Session, contact: Contact) -> None:
        if not session.erased:
            self._contacts.remember(contact)

    def _forget(self, session: Session) -> None:
        self.sessions.remove(session.sid)
        self._empty_rooms.update(self._delivery.leave(session.sid, session.rooms))

    async def _release_rooms(self) -> None:
        aged: set[str] = set()
        while True:
            await asyncio.sleep(RELEASE_SECONDS)
            await self._delivery.release(aged)
            aged, self._empty_rooms = self._empty_rooms, set()

    def _token_expiring(self, session: Session) -> None:
        self._write(
            session,
            events.encode("token:expiring", {"expires_at": encoding.time(session.principal.expires_at)}),
        )

    def _token_expired(self, session: Session) -> None:
        self._order(lambda: self._server.close(session.sid, session.namespace, Reason.TOKEN_EXPIRED))

    # What is asked of all namespaces

    async def _history(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        return await self.history(schemas.history(payload), session.user, session.rooms)

    async def history(self, ask: schemas.HistoryRequest, user: str, rooms: Sequence[str]) -> Answer:
        """A page of the history that `user` sees of `rooms`, as an answer."""
        page = await self._notifier.history(
            user, rooms, before=ask.before, limit=ask.limit, types=ask.types, unread_only=ask.unread_only
        )
        return shapes.history(page)

    async def _read(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        ids = schemas.read(payload).ids
        if ids is None:
            marked = await self._notifier.read_all(session.user, session.rooms)
        else:
            marked = await self._notifier.read(session.user, session.rooms, ids)
        return events.count(marked)

    async def _seen(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        await self._notifier.seen(session.user, session.rooms, schemas.ids(payload))
        return {}

    async def _dismiss(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        marked = await self._notifier.dismiss(session.user, session.rooms, schemas.ids(payload))
        return events.count(marked)

    async def _replay(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        given = payload.get("since")
        since, epoch = schemas.since(given, session.rooms), schemas.epoch(given)
        opening = await self._inboxes.opening(
            session.user,
            session.rooms,
            since=since,
            limit=self._replay_limit,
            now=self._clock(),
            epoch=epoch,
        )
        return {
            "notifications": [events.notification(notification) for notification in opening.missed],
            "resync": opening.resync,
            "epoch": opening.epoch,
            **events.count(opening),
        }

    async def _token(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """A newer token of the same user carries the connection on, with its own topics."""
        principal = await self._verifier.verify(schemas.token(payload))
        if principal.user != session.user:
            raise schemas.Invalid({"token": ["It is another user's."]})
        if session.namespace == ADMIN and not principal.is_admin:
            raise schemas.Invalid({"token": ["It has not the role admin."]})
        await self._move(session, rooms_in(session.namespace, principal))
        session.principal = principal
        session.ends_at = self._end_of(principal)
        self._expiries.watch(session)
        self._remember(session, Contact(user=principal.user, email=principal.email, name=principal.name))
        return {"expires_at": encoding.time(principal.expires_at)}

    async def _move(self, session: Session, rooms: tuple[str, ...]) -> None:
        """Bring the session into the rooms it has gained, and out of those it has lost, and tell the client of it."""
        gained = [room for room in rooms if room not in session.rooms]
        lost = [room for room in session.rooms if room not in rooms]
        session.rooms = rooms
        if not gained and not lost:
            return
        await self._quit(session, lost)
        try:
            heads = await self._join(session, gained) if gained else {}
        except BaseException:
            # Half in, it would hear nothing of them for good: the same token, sent again, finds them to be gained again.
            if self.sessions.get(session.sid) is session:
                session.rooms = tuple(room for room in rooms if room not in gained)
                await self._quit(session, gained)
            raise
        if heads is not None:
            self._write(session, events.encode("rooms", {"joined": gained, "left": lost, "heads": heads}))
            count = await self._notifier.unread(session.user, rooms)
            self._write(session, events.encode("inbox", events.count(count)))

    async def _quit(self, session: Session, rooms: Sequence[str]) -> None:
        """Have a live session hear no more of rooms."""
        self._empty_rooms.update(self._delivery.leave(session.sid, rooms))
        for room in rooms:
            await self._server.leave_room(session.sid, room, session.namespace)

    async def _join(self, session: Session, rooms: Sequence[str]) -> Mapping[str, int] | None:
        """Have a live session hear rooms from their heads on, which are answered; None if it is gone or too slow."""
        await self._delivery.join(session.sid, rooms)
        for _ in range(REPLAYS):
            opening = await self._inboxes.opening(
                session.user,
                rooms,
                since={},
                limit=self._replay_limit,
                now=self._clock(),
                membership=membership(session.user),
            )
            if self.sessions.get(session.sid) is not session:
                return None
            if self._delivery.open(session.sid, opening.heads):
                return opening.heads
        await self._server.close(session.sid, session.namespace, Reason.SLOW_CONSUMER)
        return None

    def turn(self, epoch: str) -> None:
        """The store was put back, and its sequences begin anew in this epoch: have all who were let in before come again."""
        self._delivery.rewind()
        former = [session for session in self.sessions.all() if session.epoch not in (None, epoch)]
        self._order(lambda: self._close_all(former, Reason.UNAVAILABLE))

    # What other nodes, admins and backends order

    def obey(self, command: Mapping[str, Any]) -> None:
        """Take a command of the bus; unknown ones are left to newer versions."""
        others = self._commands.get(command["do"])
        if others is not None:
            others(command)
            return
        match command:
            case {"do": "disconnect", "user": str(user)}:
                self._order(lambda: self._close_all(self.sessions.of_user(user), Reason.REVOKED))
            case {"do": "erase", "user": str(user)}:
                self._contacts.forget(user)
                erased = self.sessions.of_user(user)
                for each in erased:
                    each.erased = True
                self._order(lambda: self._close_all(erased, Reason.REVOKED))
            case {"do": "replace", "connections": list(connections)}:
                mine = [
                    session
                    for connection in connections
                    if (session := self.sessions.get(self._own_sid(connection))) is not None
                ]
                if mine:
                    self._order(lambda: self._close_all(mine, Reason.REPLACED))
            case {"do": "recount", "room": str(room)}:
                self._order(lambda: self._recount(room))
            case _:
                self._unknown_orders.say(order=str(command["do"])[:40])

    def _order(self, order: Callable[[], Awaitable[None]]) -> None:
        try:
            self._orders.put_nowait(order)
        except asyncio.QueueFull:
            logger.error("an order is dropped: too many wait", extra={"orders": ORDERS_LIMIT})  # noqa: TRY400 - no trace tells more

    async def _carry_out_orders(self) -> None:
        while True:
            order = await self._orders.get()
            try:
                await order()
            except StorageError:
                logger.info("an order is dropped: the store is away")
            except Exception:
                logger.exception("an order failed")

    async def _close_all(self, sessions: Sequence[Session], reason: Reason) -> None:
        for session in sessions:
            await self._server.close(session.sid, session.namespace, reason)

    async def _recount(self, room: str) -> None:
        """Tell this node's users in `room` their unread count anew, each once, over the rooms that they are in."""
        own = user_of(room)
        sessions = self.sessions.of_room(room) if own is None else self.sessions.of_user(own)
        badges: dict[tuple[str, tuple[str, ...]], list[Session]] = {}
        for session in sessions:
            if session.namespace == ROOT:
                badges.setdefault((session.user, session.rooms), []).append(session)
        at_once = asyncio.Semaphore(RECOUNTS_AT_ONCE)

        async def recount(user: str, rooms: Sequence[str], shown: Sequence[Session]) -> None:
            async with at_once:
                count = await self._notifier.unread(user, rooms)
            event = events.encode("inbox", events.count(count))
            for session in shown:
                self._write(session, event)

        async with asyncio.TaskGroup() as group:
            for (user, rooms), shown in badges.items():
                group.create_task(recount(user, rooms, shown), name="recount")

    # Small things

    def _write(self, session: Session, event: bytes) -> None:
        self._server.write(session.sid, Packet.event(session.namespace, event))

    def _connection(self, sid: str) -> str:
        """The session's name in the cluster."""
        return f"{self._node}/{sid}"

    def _own_sid(self, connection: object) -> str:
        node, _, sid = str(connection).rpartition("/")
        return sid if node == self._node else ""

    def _end_of(self, principal: Principal) -> datetime:
        """The token's end; one that was let in after it, thanks to the leeway, has until the leeway is over."""
        overdue = principal.expires_at <= self._token_clock()
        return principal.expires_at + self._leeway if overdue else principal.expires_at


def rooms_in(namespace: str, principal: Principal) -> tuple[str, ...]:
    """The rooms of a principal's session in a namespace."""
    return (ADMINS,) if namespace == ADMIN else rooms_of(principal)


def _object(payload: object) -> Mapping[str, Any]:
    if payload is None:
        return {}
    if not isinstance(payload, Mapping):
        raise schemas.Invalid({"": ["Must be an object."]})
    return payload


def failure(code: str, message: str, **facts: Any) -> Answer:
    return {"ok": False, "error": {"code": code, "message": message, **facts}}


def explain(error: Exception, event: str) -> Answer:
    """The answer to an event that failed; what nobody foresaw is logged, and not shown."""
    match error:
        case schemas.Invalid():
            return failure("validation_failed", str(error), errors=error.errors)
        case NoAddress():
            users = shapes.some_users(error.users)
            return failure("validation_failed", str(error), without_address=users)
        case InvalidCursor() | Unstorable():
            return failure("validation_failed", str(error))
        case Problem():
            details = problems.of(error)
            return failure(details.code, details.detail or problems.TITLES[details.code][1])
        case AuthError():
            return failure(error.code, str(error))
        case IdempotencyMismatch():
            return failure("idempotency_mismatch", "the key was used before with another content")
        case StorageError() | PresenceUnavailable():
            return failure("unavailable", "try again in a moment", retry_after=1)
        case _:
            logger.error("event failed", extra={"event": event}, exc_info=error)
            return failure("internal", "something went wrong here; it has been logged")
