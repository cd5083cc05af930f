"""The use cases: emit, recall, history, read, and what admins and backends may ask.

The one place where a request becomes a stored, delivered and mailed notification. Knows stores, delivery, bus and
presence by their Protocols; leaves parsing and answers to the HTTP routes and the namespaces.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from gateway.cluster.bus.base import TRANSIENT, Bus, Frame
from gateway.cluster.gossip import HeadGossip
from gateway.cluster.presence.base import Joined, Left, Online, Presence, Roster
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.rooms import ADMINS, membership, user_of, user_room
from gateway.notify import events
from gateway.notify.contacts import ContactBook
from gateway.notify.decide import Judge, Judged
from gateway.notify.gates import address
from gateway.notify.verdicts import EMAIL, Case, Delay, Merge, Moment, Send, Skip, Verdict
from storage.errors import StorageError, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.inboxes import Count, HistoryPage, HistoryQuery, Marked, Receipt
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
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


@dataclass(frozen=True, slots=True)
class Draft:
    """What an emit would make of one room, and what would become of its mail now."""

    notification: Notification
    verdict: Verdict


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
        judge: Judge,
        clock: Clock,
        wake_mailer: Callable[[Iterable[LaneName]], None],
    ) -> None:
        self._store = store
        self._judge = judge
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
        mails = {} if request.email is None else await self._mails(request, request.email, now)
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

    async def drafts(self, request: EmitRequest, *, limit: int) -> list[Draft]:
        """What an emit of the request would make of its first `limit` rooms now; nothing is stored or sent."""
        now = self._clock()
        rooms = request.rooms[:limit]
        if request.email is None:
            return [Draft(_notification(request, room, now, None), Send()) for room in rooms]
        cases = _cases(request, request.email, rooms, now)
        drafts = []
        for case, room, judged in zip(
            cases, rooms, await self._judge.judge(cases, Moment.PREVIEW), strict=True
        ):
            if isinstance(judged, StorageError):
                raise judged
            mail = _mail(request.email, case, judged)
            drafts.append(Draft(_notification(request, room, now, mail), judged.verdict))
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
        mails = await self._mails_of_each(requests, now)
        prepared: list[Emission | Exception] = []
        for request, mail in zip(requests, mails, strict=True):
            prepared.append(mail if isinstance(mail, Exception) else _emission(request, scope, now, mail))
        return prepared

    async def _mails(self, request: EmitRequest, email: EmailRequest, now: datetime) -> Mapping[str, Mail]:
        """The mail of each room of one request. Raises as `emit`."""
        cases = _cases(request, email, request.rooms, now)
        return _ordered(request, email, cases, await self._judge.judge(cases, Moment.EMIT))

    async def _mails_of_each(
        self, requests: Sequence[EmitRequest], now: datetime
    ) -> list[Mapping[str, Mail] | Exception]:
        """The same of many, judged together; what goes wrong with one is its answer."""
        cases = [
            () if request.email is None else _cases(request, request.email, request.rooms, now)
            for request in requests
        ]
        if not any(cases):
            return [{}] * len(requests)
        judged = iter(await self._judge.judge([case for some in cases for case in some], Moment.EMIT))
        mails: list[Mapping[str, Mail] | Exception] = []
        for request, some in zip(requests, cases, strict=True):
            verdicts = [next(judged) for _ in some]
            try:
                mails.append(
                    {} if request.email is None else _ordered(request, request.email, some, verdicts)
                )
            except (NoAddress, StorageError) as error:
                mails.append(error)
        return mails

    def _deliver(self, appended: Appended, event: str, scope: str) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new.

        This node comes first: its sessions must not wait for a bus that is away.
        """
        if appended.duplicate:
            return ()
        frames: list[Frame] = []
        owed: set[LaneName] = set()
        for notification in appended.notifications:
            mail = notification.mail
            if mail is not None and mail.state is MailState.PENDING:
                owed.add(mail.order.lane)
            room = notification.room
            # Most notifications are for users who are out: without other nodes, their frames are never made.
            if notification.in_app and self._is_heard(room):
                encoded = events.encode(event, events.notification(notification))
                seq = TRANSIENT if notification.seq is None else notification.seq
                self._receiver.receive(room, seq, encoded)
                frames.append((room, seq, encoded))
        if owed:
            self._wake_mailer(owed)
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
            self._wake_mailer(LaneName)
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
        await self._bus.command({"do": "disconnect", "user": user, "detail": reason})
        return 0 if online is None else online.connections

    async def user_data(self, user: str) -> UserData:
        data = await self._store.people.user_data(user, user_room(user), limit=USER_DATA_LIMIT)
        return replace(data, contact=await self._contacts.contact(user))

    async def erase_user(self, user: str) -> int:
        """Forget everything held about the user; open connections end, and nothing is remembered of them."""
        await self._bus.command({"do": "erase", "user": user})
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


def _cases(request: EmitRequest, email: EmailRequest, rooms: Sequence[str], now: datetime) -> Sequence[Case]:
    """The mail of each room, in question."""
    due_at = now + timedelta(seconds=email.after_seconds)
    return [
        Case(
            type=request.type,
            user=user_of(room),
            channel=EMAIL,
            now=now,
            due_at=due_at,
            to=email.to,
            unless=email.unless,
        )
        for room in rooms
    ]


def _ordered(
    request: EmitRequest,
    email: EmailRequest,
    cases: Sequence[Case],
    verdicts: Sequence[Judged | StorageError],
) -> Mapping[str, Mail]:
    """The mail of each room. Raises `NoAddress` for users of whom none is known, unless they may be left out."""
    mails: dict[str, Mail] = {}
    unknown: list[str] = []
    for room, case, judged in zip(request.rooms, cases, verdicts, strict=True):
        if isinstance(judged, StorageError):
            raise judged
        if _lacks_address(judged.verdict):
            unknown.append(case.user or "")
        mails[room] = _mail(email, case, judged)
    if unknown and not email.if_known:
        raise NoAddress(unknown)
    return mails


def _lacks_address(verdict: Verdict) -> bool:
    return isinstance(verdict, Skip) and verdict.rule == address.RULE


def _mail(email: EmailRequest, case: Case, judged: Judged) -> Mail:
    """What is owed by the verdict: now, later, or nothing from the beginning."""
    to = case.to or next((fact.email for fact in judged.facts if isinstance(fact, address.Address)), None)
    order = MailOrder(to=to or "", subject=email.subject, due_at=case.due_at, unless=email.unless)
    verdict = judged.verdict
    skipped = isinstance(verdict, (Skip, Merge))
    return Mail(
        order=order,
        state=MailState.SKIPPED if skipped else MailState.PENDING,
        due_at=verdict.until if isinstance(verdict, Delay) else case.due_at,
        reason=None if isinstance(verdict, Send) else verdict.detail,
        decided_by=None if isinstance(verdict, Send) else verdict.rule,
        updated_at=case.now,
    )


def left_out(notifications: Iterable[Notification]) -> list[str]:
    """The users who get no mail because their address is not known."""
    return [
        user_of(each.room) or ""
        for each in notifications
        if each.mail is not None and each.mail.reason == address.UNKNOWN
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
