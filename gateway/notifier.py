"""The use cases: emit, recall, history, read, and what admins and backends may ask.

The one place where a request becomes a stored, delivered and mailed notification. Knows stores, delivery, bus and
presence by their Protocols; leaves parsing and answers to the HTTP routes and the namespaces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from gateway import wire
from gateway.bus.base import TRANSIENT, Bus, Frame
from gateway.clock import Clock
from gateway.contacts import ContactBook
from gateway.gossip import HeadGossip
from gateway.presence.base import Joined, Left, Online, Presence, Roster
from gateway.rooms import ADMINS, membership, user_of, user_room
from storage.errors import StorageError
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.models import (
    Appended,
    Contact,
    Count,
    Emission,
    HistoryPage,
    HistoryQuery,
    IdempotencyKey,
    Mail,
    MailOrder,
    MailPage,
    MailState,
    Marked,
    Notification,
    Receipt,
    Unless,
    UserData,
)
from storage.store import Store

NOTIFICATION = "notification"
USER_DATA_LIMIT = 10_000
REVIVE_PAGE = 200
REVIVE_PAGES = 5
"""One order revives 1,000 at most, so that a broken relay is not met by all at once."""


class NoAddress(Exception):
    """Mail was asked for a user whose address nobody has told."""

    def __init__(self, user: str) -> None:
        super().__init__("no address is known for this user: give email.to, or an email claim in the token")
        self.user = user


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRequest:
    to: str | None = None
    """None: the address last seen in the user's token."""
    subject: str | None = None
    after_seconds: float = 0
    unless: Unless | None = None


class EmitRequest(Struct, frozen=True, kw_only=True, gc=False):
    """A validated request to emit one notification to one or more rooms."""

    rooms: tuple[str, ...]
    type: str
    title: str
    body: str = ""
    link: str | None = None
    data: Mapping[str, Any]
    email: EmailRequest | None = None
    expires_in_seconds: float | None = None
    in_app: bool = True
    store: bool = True
    event: str = NOTIFICATION
    """Another name only when nothing is stored."""
    idempotency_key: str | None = None
    fingerprint: bytes = b""
    """A digest of the request's body: tells a repetition from another request under the same key."""


Emitted = Appended
"""What an emit became, as the store says it; what is not stored has no sequences and is no duplicate."""


Tap = Callable[[Sequence[Notification], str], None]
"""Takes what was emitted just now, and in whose name; must neither wait nor raise."""


class Receiver(Protocol):
    """Where frames for this node's sessions go: `gateway.delivery.Delivery`."""

    def hears(self, room: str) -> bool: ...

    def receive(self, room: str, seq: int, event: bytes) -> None: ...


class Notifier:
    """The use cases of one node. Methods raise `StoreUnavailable` when the store is away."""

    def __init__(
        self,
        *,
        store: Store,
        commit: GroupCommit,
        receiver: Receiver,
        bus: Bus,
        gossip: HeadGossip,
        presence: Presence,
        contacts: ContactBook,
        clock: Clock,
        wake_mailer: Callable[[], None],
    ) -> None:
        self._store = store
        self._commit = commit
        self._receiver = receiver
        self._bus = bus
        self._gossip = gossip
        self._presence = presence
        self._contacts = contacts
        self._clock = clock
        self._wake_mailer = wake_mailer
        self.tap: Tap | None = None
        """Hears of everything that is emitted through this node; repetitions excepted."""

    # Emit

    async def emit(self, request: EmitRequest, *, scope: str) -> Emitted:
        """Store the notification in each of its rooms, then deliver it; when this returns it cannot be lost.

        `scope` names whose idempotency keys these are. Raises `IdempotencyMismatch` and `NoAddress`.
        """
        emission = await self._emission(request, scope, self._clock())
        if request.store:
            appended = await self._commit.append(emission)
        else:
            appended = Appended(notifications=emission.notifications)
        await self._share(self._deliver(appended, request.event, scope))
        return appended

    async def emit_many(self, requests: Sequence[EmitRequest], *, scope: str) -> list[Emitted | Exception]:
        """Emit each, in order; what goes wrong with one is its answer and does not touch the others."""
        now = self._clock()
        prepared = [
            # Without mail there is nobody to ask and nothing to go wrong: no coroutine for each of thousands.
            _emission(request, scope, now)
            if request.email is None
            else await self._prepared(request, scope, now)
            for request in requests
        ]
        stored = [
            emission
            for request, emission in zip(requests, prepared, strict=True)
            if request.store and isinstance(emission, Emission)
        ]
        outcomes = iter(await self._commit.append_many(stored)) if stored else iter(())
        answers: list[Emitted | Exception] = []
        frames: list[Frame] = []
        for request, emission in zip(requests, prepared, strict=True):
            outcome: Emitted | Exception
            if isinstance(emission, Exception):
                outcome = emission
            elif request.store:
                outcome = next(outcomes)
            else:
                outcome = Appended(notifications=emission.notifications)
            if isinstance(outcome, Appended):
                frames += self._deliver(outcome, request.event, scope)
            answers.append(outcome)
        await self._share(frames)
        return answers

    async def drafts(self, request: EmitRequest, *, limit: int) -> list[Notification | NoAddress]:
        """What an emit of the request would make of its first `limit` rooms now; nothing is stored or sent."""
        now = self._clock()
        drafts: list[Notification | NoAddress] = []
        for room in request.rooms[:limit]:
            try:
                mail = None if request.email is None else await self._mail(request.email, room, now)
                drafts.append(_notification(request, room, now, mail))
            except NoAddress as error:
                drafts.append(error)
        return drafts

    async def transient(self, room: str, event: str, payload: Mapping[str, Any]) -> None:
        """Deliver an event to who is connected to the room now, on every node; nothing is kept."""
        if self._is_heard(room):
            encoded = wire.event(event, payload)
            self._receiver.receive(room, TRANSIENT, encoded)
            await self._bus.publish([(room, TRANSIENT, encoded)])

    def _is_heard(self, room: str) -> bool:
        """Whether a frame of the room may find anybody, here or on another node."""
        return self._bus.carries or self._receiver.hears(room)

    async def announce(self, change: Joined | Left) -> None:
        """Tell this node's admins that a user has come or gone; presence tells every node itself, in one order."""
        if not self._receiver.hears(ADMINS):
            return
        if isinstance(change, Joined):
            payload: dict[str, Any] = {"name": change.name, "roles": list(change.roles)}
        else:
            payload = {}
        event = "presence:joined" if isinstance(change, Joined) else "presence:left"
        encoded = wire.event(event, {"user": change.user, **payload, "at": wire.time(change.at)})
        self._receiver.receive(ADMINS, TRANSIENT, encoded)

    async def _prepared(self, request: EmitRequest, scope: str, now: datetime) -> Emission | Exception:
        try:
            return await self._emission(request, scope, now)
        except (NoAddress, StorageError) as error:
            return error

    async def _emission(self, request: EmitRequest, scope: str, now: datetime) -> Emission:
        if request.email is None:
            return _emission(request, scope, now)
        mails = [await self._mail(request.email, room, now) for room in request.rooms]
        return _emission(request, scope, now, mails)

    async def _mail(self, email: EmailRequest, room: str, now: datetime) -> Mail:
        to = email.to
        if to is None:
            user = user_of(room) or ""
            contact = await self._contacts.contact(user)
            if contact is None or contact.email is None:
                raise NoAddress(user)
            to = contact.email
        due_at = now + timedelta(seconds=email.after_seconds)
        order = MailOrder(to=to, subject=email.subject, due_at=due_at, unless=email.unless)
        return Mail(order=order, state=MailState.PENDING, due_at=due_at, updated_at=now)

    def _deliver(self, appended: Appended, event: str, scope: str) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new.

        This node comes first: its sessions must not wait for a bus that is away.
        """
        if appended.duplicate:
            return ()
        frames: list[Frame] = []
        owes_mail = False
        for notification in appended.notifications:
            owes_mail = owes_mail or notification.mail is not None
            room = notification.room
            # Most notifications are for users who are out: without other nodes, their frames are never made.
            if notification.in_app and self._is_heard(room):
                encoded = wire.event(event, wire.notification(notification))
                seq = TRANSIENT if notification.seq is None else notification.seq
                self._receiver.receive(room, seq, encoded)
                frames.append((room, seq, encoded))
        if owes_mail:
            self._wake_mailer()
        if self.tap is not None:
            self.tap(appended.notifications, scope)
        return frames

    async def _share(self, frames: Sequence[Frame]) -> None:
        """Have the other nodes deliver, and know how far the rooms have come."""
        await self._bus.publish(frames)
        await self._gossip.tell(frames)

    # What is kept

    async def notification(self, notification_id: str) -> Notification | None:
        return await self._store.notification(notification_id)

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        return await self._store.receipts(notification_id)

    async def recall(self, notification_id: str) -> Notification | None:
        """Take a notification back, from the history and from every screen; None for an unknown id."""
        before = await self._store.notification(notification_id)
        recalled = await self._store.recall(notification_id, now=self._clock())
        if recalled is None:
            return None
        if before is not None and before.recalled_at is None and recalled.seq is not None:
            payload = {"id": recalled.id, "room": recalled.room, "seq": recalled.seq}
            await self.transient(recalled.room, "recalled", payload)
            # Each node knows which rooms its sessions' unread counts are made of.
            await self._bus.command({"do": "recount", "room": recalled.room})
        return recalled

    async def history(
        self,
        user: str,
        rooms: Sequence[str],
        *,
        before: str | None = None,
        limit: int = 20,
        types: Sequence[str] = (),
        unread_only: bool = False,
    ) -> HistoryPage:
        query = HistoryQuery(
            user=user, rooms=rooms, before=before, limit=limit, types=types, unread_only=unread_only
        )
        return await self._store.history(query, now=self._clock())

    async def begin(self, user: str, rooms: Sequence[str]) -> None:
        """The user has come, with these rooms: those that have never begun for the user begin here."""
        await self._store.begin(user, rooms, membership=membership(user), now=self._clock())

    async def unread(self, user: str, rooms: Sequence[str]) -> Count:
        return await self._store.unread(user, rooms, now=self._clock())

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._counted(user, await self._store.read(user, rooms, ids, now=self._clock()))

    async def read_all(self, user: str, rooms: Sequence[str]) -> Marked:
        return await self._counted(user, await self._store.read_all(user, rooms, now=self._clock()))

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._counted(user, await self._store.dismiss(user, rooms, ids, now=self._clock()))

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._store.seen(user, rooms, ids, now=self._clock())

    async def _counted(self, user: str, marked: Marked) -> Marked:
        """Bring the badge up to date in every connection of the user."""
        if marked.changed:
            await self.transient(user_room(user), "inbox", wire.count(marked))
        return marked

    # Mail

    async def mail_page(self, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
        return await self._store.mail_page(state=state, before=before, limit=limit)

    async def revive(self, ids: Sequence[str]) -> list[str]:
        revived = await self._store.revive(ids, now=self._clock())
        if revived:
            self._wake_mailer()
        return revived

    async def revive_all(self) -> tuple[int, bool]:
        """Put dead mail back, newest first, up to a bound; answers how many, and whether there is more."""
        count = 0
        before = None
        for _ in range(REVIVE_PAGES):
            page = await self._store.mail_page(state=MailState.DEAD, before=before, limit=REVIVE_PAGE)
            count += len(await self.revive([item.id for item in page.items])) if page.items else 0
            before = page.next
            if before is None:
                break
        return count, before is not None

    async def mail_counts(self) -> Mapping[MailState, int]:
        return await self._store.mail_counts()

    # Users

    async def roster(self, *, after: str | None = None, limit: int, prefix: str = "") -> Roster:
        return await self._presence.roster(after=after, limit=limit, prefix=prefix)

    async def find(self, user: str) -> Online | None:
        return await self._presence.find(user)

    async def contact(self, user: str) -> Contact | None:
        return await self._contacts.contact(user)

    async def last_seen(self, user: str) -> datetime | None:
        contact = await self._contacts.contact(user)
        return None if contact is None else contact.last_seen

    async def disconnect_user(self, user: str, reason: str | None = None) -> int:
        """End every connection of the user on every node; answers how many were known."""
        online = await self._presence.find(user)
        await self._bus.command({"do": "disconnect", "user": user, "detail": reason})
        return 0 if online is None else online.connections

    async def user_data(self, user: str) -> UserData:
        data = await self._store.user_data(user, user_room(user), limit=USER_DATA_LIMIT)
        return replace(data, contact=await self._contacts.contact(user))

    async def erase_user(self, user: str) -> int:
        """Forget everything held about the user; open connections end, and nothing is remembered of them."""
        await self._bus.command({"do": "erase", "user": user})
        return await self._store.erase_user(user, user_room(user), now=self._clock())


def _emission(request: EmitRequest, scope: str, now: datetime, mails: Sequence[Mail] = ()) -> Emission:
    """What the store is asked to append; `mails` are the obligations of the request's rooms, in their order."""
    mail_of = dict(zip(request.rooms, mails, strict=True)) if mails else {}
    notifications = tuple([_notification(request, room, now, mail_of.get(room)) for room in request.rooms])
    if request.idempotency_key is None:
        return Emission(notifications=notifications)
    key = IdempotencyKey(scope=scope, text=request.idempotency_key, fingerprint=request.fingerprint)
    return Emission(notifications=notifications, key=key)


def _notification(request: EmitRequest, room: str, now: datetime, mail: Mail | None) -> Notification:
    lifetime = request.expires_in_seconds
    return Notification(
        id=uuid7(),
        room=room,
        type=request.type,
        title=request.title,
        body=request.body,
        link=request.link,
        data=request.data,
        created_at=now,
        expires_at=None if lifetime is None else now + timedelta(seconds=lifetime),
        in_app=request.in_app,
        mail=mail,
    )
