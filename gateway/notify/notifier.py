"""The use cases: emit, recall, history, read, and what admins and backends may ask.

The one place where a request becomes a stored, delivered and mailed notification. Knows stores, delivery, bus and
presence by their Protocols; leaves parsing and answers to the HTTP routes and the namespaces.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct, structs

from gateway.cluster.bus.base import TRANSIENT, Bus, Frame
from gateway.cluster.commands import Disconnect, Erase, Recount
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.presence.base import Joined, Left, Online, Presence, Roster
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.rooms import ADMINS, membership, user_of, user_room
from gateway.notify import events
from gateway.notify.contacts import ContactBook
from storage.errors import StorageError, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.inboxes import Count, HistoryPage, HistoryQuery, Marked, Receipt
from storage.mail import Mail, MailOrder, MailState, Unless
from storage.outbox import MailPage
from storage.people import Contact, UserData
from storage.store import Store
from storage.streams import Appended, Emission, IdempotencyKey, Notification

NOTIFICATION = "notification"
USER_DATA_LIMIT = 10_000
REVIVE_PAGE = 200
REVIVE_PAGES = 5
"""One order revives 1,000 at most, so that a broken relay is not met by all at once."""


STEP_NOTIFICATIONS = 1000
"""How many notifications are made, stored and delivered before others have their turn."""
NO_ADDRESS = "no address is known"
"""Why a mail was skipped from the beginning."""


USERS_NAMED = 100
"""Of users in an error or beside an answer: all are counted."""


class NoAddress(Exception):
    """Mail was asked for users whose addresses nobody has told."""

    def __init__(self, users: Sequence[str]) -> None:
        named = ", ".join(users[:USERS_NAMED])
        more = f" and {len(users) - USERS_NAMED} more" if len(users) > USERS_NAMED else ""
        super().__init__(
            f"no address is known for {named}{more}: give email.to, an email claim in the token, or email.if_known"
        )
        self.users = tuple(users)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRequest:
    to: str | None = None
    """None: the address last seen in the user's token."""
    subject: str | None = None
    after_seconds: float = 0
    unless: Unless | None = None
    if_known: bool = False
    """Mail those whose address is known, and leave out the others."""


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
    """Where frames for this node's sessions go: `gateway.notify.delivery.Delivery`."""

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
        now = self._clock()
        mails = _mails(request, await self._known([request]), now)
        emission = _emission(request, scope, now, mails)
        if request.store:
            appended = await self._commit.append(emission)
        else:
            appended = Appended(notifications=emission.notifications)
        await self._share(self._deliver(appended, request.event, scope))
        return appended

    async def emit_many(self, requests: Sequence[EmitRequest], *, scope: str) -> list[Emitted | Exception]:
        """Emit each, in order; what goes wrong with one is its answer and does not touch the others.

        Many go in steps, between which others have their turn. Raises `StoreUnavailable` when none was stored; a store
        that goes away in the middle is the answer of those that were not.
        """
        answers: list[Emitted | Exception] = []
        for step in _steps(requests):
            try:
                answers += await self._emit_step(step, scope)
            except StoreUnavailable as error:
                if not answers:
                    raise
                answers += [error] * (len(requests) - len(answers))
                break
            await asyncio.sleep(0)
        return answers

    async def _emit_step(self, requests: Sequence[EmitRequest], scope: str) -> list[Emitted | Exception]:
        now = self._clock()
        prepared = await self._prepared(requests, scope, now)
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
        rooms = request.rooms[:limit]
        known = await self._known([structs.replace(request, rooms=rooms)])
        drafts: list[Notification | NoAddress] = []
        for room in rooms:
            mail = None if request.email is None else _mail(request.email, room, known, now)
            if mail is not None and mail.state is MailState.SKIPPED:
                drafts.append(NoAddress([user_of(room) or ""]))
            else:
                drafts.append(_notification(request, room, now, mail))
        return drafts

    async def transient(self, room: str, event: str, payload: Mapping[str, Any]) -> None:
        """Deliver an event to who is connected to the room now, on every node; nothing is kept."""
        if self._is_heard(room):
            encoded = events.encode(event, payload)
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
        encoded = events.encode(event, {"user": change.user, **payload, "at": encoding.time(change.at)})
        self._receiver.receive(ADMINS, TRANSIENT, encoded)

    async def _prepared(
        self, requests: Sequence[EmitRequest], scope: str, now: datetime
    ) -> list[Emission | Exception]:
        """What is to be appended for each, or why nothing is."""
        known: Mapping[str, str] = {}
        unknown: StorageError | None = None
        try:
            known = await self._known(requests)
        except StorageError as error:
            unknown = error
        prepared: list[Emission | Exception] = []
        for request in requests:
            if unknown is not None and _needs_address(request):
                prepared.append(unknown)
                continue
            try:
                prepared.append(_emission(request, scope, now, _mails(request, known, now)))
            except NoAddress as error:
                prepared.append(error)
        return prepared

    async def _known(self, requests: Sequence[EmitRequest]) -> Mapping[str, str]:
        """The addresses, by user, of those whom the requests mail without naming one: in one question."""
        users = {
            user_of(room) or "": None
            for request in requests
            if _needs_address(request)
            for room in request.rooms
        }
        if not users:
            return {}
        contacts = await self._contacts.contacts(list(users))
        return {user: contact.email for user, contact in contacts.items() if contact.email is not None}

    def _deliver(self, appended: Appended, event: str, scope: str) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new.

        This node comes first: its sessions must not wait for a bus that is away.
        """
        if appended.duplicate:
            return ()
        frames: list[Frame] = []
        owes_mail = False
        for notification in appended.notifications:
            owes_mail = owes_mail or (
                notification.mail is not None and notification.mail.state is MailState.PENDING
            )
            room = notification.room
            # Most notifications are for users who are out: without other nodes, their frames are never made.
            if notification.in_app and self._is_heard(room):
                encoded = events.encode(event, events.notification(notification))
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
        return await self._store.streams.notification(notification_id)

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        return await self._store.inboxes.receipts(notification_id)

    async def recall(self, notification_id: str) -> Notification | None:
        """Take a notification back, from the history and from every screen; None for an unknown id."""
        before = await self._store.streams.notification(notification_id)
        recalled = await self._store.streams.recall(notification_id, now=self._clock())
        if recalled is None:
            return None
        if before is not None and before.recalled_at is None and recalled.seq is not None:
            payload = {"id": recalled.id, "room": recalled.room, "seq": recalled.seq}
            await self.transient(recalled.room, "recalled", payload)
            # Each node knows which rooms its sessions' unread counts are made of.
            await self._bus.order_all(Recount(recalled.room))
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
        return await self._store.inboxes.history(query, now=self._clock())

    async def begin(self, user: str, rooms: Sequence[str]) -> None:
        """The user has come, with these rooms: those that have never begun for the user begin here."""
        await self._store.inboxes.begin(user, rooms, membership=membership(user), now=self._clock())

    async def unread(self, user: str, rooms: Sequence[str]) -> Count:
        return await self._store.inboxes.unread(user, rooms, now=self._clock())

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._counted(user, await self._store.inboxes.read(user, rooms, ids, now=self._clock()))

    async def read_all(self, user: str, rooms: Sequence[str]) -> Marked:
        return await self._counted(user, await self._store.inboxes.read_all(user, rooms, now=self._clock()))

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._counted(
            user, await self._store.inboxes.dismiss(user, rooms, ids, now=self._clock())
        )

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        return await self._store.inboxes.seen(user, rooms, ids, now=self._clock())

    async def _counted(self, user: str, marked: Marked) -> Marked:
        """Bring the badge up to date in every connection of the user."""
        if marked.changed:
            await self.transient(user_room(user), "inbox", events.count(marked))
        return marked

    # Mail

    async def mail_page(self, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
        return await self._store.outbox.mail_page(state=state, before=before, limit=limit)

    async def revive(self, ids: Sequence[str]) -> list[str]:
        revived = await self._store.outbox.revive(ids, now=self._clock())
        if revived:
            self._wake_mailer()
        return revived

    async def revive_all(self) -> tuple[int, bool]:
        """Put dead mail back, newest first, up to a bound; answers how many, and whether there is more."""
        count = 0
        before = None
        for _ in range(REVIVE_PAGES):
            page = await self._store.outbox.mail_page(state=MailState.DEAD, before=before, limit=REVIVE_PAGE)
            count += len(await self.revive([item.id for item in page.items])) if page.items else 0
            before = page.next
            if before is None:
                break
        return count, before is not None

    async def mail_counts(self) -> Mapping[MailState, int]:
        return await self._store.outbox.mail_counts()

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
        await self._bus.order_all(Disconnect(user, reason))
        return 0 if online is None else online.connections

    async def user_data(self, user: str) -> UserData:
        data = await self._store.people.user_data(user, user_room(user), limit=USER_DATA_LIMIT)
        return replace(data, contact=await self._contacts.contact(user))

    async def erase_user(self, user: str) -> int:
        """Forget everything held about the user; open connections end, and nothing is remembered of them."""
        await self._bus.order_all(Erase(user))
        return await self._store.people.erase_user(user, user_room(user), now=self._clock())


def _steps(requests: Sequence[EmitRequest]) -> Iterator[Sequence[EmitRequest]]:
    """The requests in their order, cut where a step would have more notifications than it may."""
    start, held = 0, 0
    for index, request in enumerate(requests):
        weight = len(request.rooms)
        if held and held + weight > STEP_NOTIFICATIONS:
            yield requests[start:index]
            start, held = index, 0
        held += weight
    yield requests[start:]


def _needs_address(request: EmitRequest) -> bool:
    return request.email is not None and request.email.to is None


def _mails(request: EmitRequest, known: Mapping[str, str], now: datetime) -> Mapping[str, Mail]:
    """The mail of each room. Raises `NoAddress` for users of whom none is known, unless they may be left out."""
    email = request.email
    if email is None:
        return {}
    mails = {room: _mail(email, room, known, now) for room in request.rooms}
    if not email.if_known:
        unknown = [user_of(room) or "" for room, mail in mails.items() if mail.state is MailState.SKIPPED]
        if unknown:
            raise NoAddress(unknown)
    return mails


def _mail(email: EmailRequest, room: str, known: Mapping[str, str], now: datetime) -> Mail:
    to = email.to or known.get(user_of(room) or "")
    due_at = now + timedelta(seconds=email.after_seconds)
    order = MailOrder(to=to or "", subject=email.subject, due_at=due_at, unless=email.unless)
    return Mail(
        order=order,
        state=MailState.PENDING if to else MailState.SKIPPED,
        due_at=due_at,
        reason=None if to else NO_ADDRESS,
        updated_at=now,
    )


def left_out(notifications: Iterable[Notification]) -> list[str]:
    """The users who get no mail because their address is not known."""
    return [
        user_of(each.room) or ""
        for each in notifications
        if each.mail is not None and each.mail.reason == NO_ADDRESS
    ]


def _emission(request: EmitRequest, scope: str, now: datetime, mails: Mapping[str, Mail]) -> Emission:
    """What the store is asked to append; `mails` are the obligations of the request's rooms, by room."""
    notifications = tuple([_notification(request, room, now, mails.get(room)) for room in request.rooms])
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
