"""Emitting: the one place where a request becomes stored, delivered and mailed notifications.

Every emit takes the same four steps, over a list of requests: plan (what is to be appended, and what is owed by mail),
store, deliver on this node, share with the others. Knows the store, the contacts and the mail worker by what it asks of
them; leaves parsing and answers to the HTTP routes and the namespaces.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from gateway.cluster.bus.base import Frame
from gateway.ground.clock import Clock
from gateway.ground.rooms import user_of
from gateway.notify.contacts import ContactBook
from gateway.notify.fanout import Fanout
from gateway.notify.requests import EmailRequest, EmitRequest
from storage.errors import StorageError, StoreUnavailable
from storage.groupcommit import GroupCommit
from storage.ids import uuid7
from storage.mail import Mail, MailOrder, MailState
from storage.streams import Appended, Emission, IdempotencyKey, Notification

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


Emitted = Appended
"""What an emit became, as the store says it; what is not stored has no sequences and is no duplicate."""

Listener = Callable[[Sequence[Notification], str], None]
"""Takes what was emitted just now, and in whose name; must neither wait nor raise."""

Tally = Callable[[str, int], None]
"""Counts so many requests under an outcome: `accepted`, `duplicate`, or the code of what went wrong."""


class Emitter:
    """The use cases of emitting, of one node. Every request's outcome is counted here, once."""

    def __init__(
        self,
        *,
        commit: GroupCommit,
        contacts: ContactBook,
        fanout: Fanout,
        clock: Clock,
        wake_mailer: Callable[[], None],
        count: Tally,
        code_of: Callable[[Exception], str],
    ) -> None:
        self._commit = commit
        self._contacts = contacts
        self._fanout = fanout
        self._clock = clock
        self._wake_mailer = wake_mailer
        self._count = count
        self._code_of = code_of
        self.listeners: list[Listener] = []
        """They hear of everything that is emitted through this node; repetitions excepted."""

    async def emit(self, request: EmitRequest, *, scope: str) -> Emitted:
        """Store the notification in each of its rooms, then deliver it; when this returns it cannot be lost.

        `scope` names whose idempotency keys these are. Raises `IdempotencyMismatch`, `NoAddress` and `StorageError`.
        """
        try:
            [planned] = await self._plan((request,), scope)
            if isinstance(planned, Exception):
                raise planned
            if request.store:
                emitted = await self._commit.append(planned)
            else:
                emitted = Appended(notifications=planned.notifications)
            await self._fanout.share(self._deliver(request, emitted, scope))
        except Exception as error:
            self.refuse(error)
            raise
        self._count(self._outcome(emitted), 1)
        return emitted

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
        for outcome, count in Counter(map(self._outcome, answers)).items():
            self._count(outcome, count)
        return answers

    def refuse(self, error: Exception) -> None:
        """Count a request that ends here, or that never came this far."""
        self._count(self._code_of(error), 1)

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

    async def _emit_step(self, requests: Sequence[EmitRequest], scope: str) -> list[Emitted | Exception]:
        planned = await self._plan(requests, scope)
        answers = await self._store(requests, planned)
        frames: list[Frame] = []
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Appended):
                frames += self._deliver(request, answer, scope)
        await self._fanout.share(frames)
        return answers

    async def _plan(self, requests: Sequence[EmitRequest], scope: str) -> list[Emission | Exception]:
        """What is to be appended for each, or why nothing is."""
        now = self._clock()
        known: Mapping[str, str] = {}
        unknown: StorageError | None = None
        try:
            known = await self._known(requests)
        except StorageError as error:
            unknown = error
        planned: list[Emission | Exception] = []
        for request in requests:
            if unknown is not None and _needs_address(request):
                planned.append(unknown)
                continue
            try:
                planned.append(_emission(request, scope, now, _mails(request, known, now)))
            except NoAddress as error:
                planned.append(error)
        return planned

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

    async def _store(
        self, requests: Sequence[EmitRequest], planned: Sequence[Emission | Exception]
    ) -> list[Emitted | Exception]:
        """Append what was planned and is to be kept; answers what each request became."""
        kept = [
            emission
            for request, emission in zip(requests, planned, strict=True)
            if request.store and isinstance(emission, Emission)
        ]
        outcomes = iter(await self._commit.append_many(kept)) if kept else iter(())
        answers: list[Emitted | Exception] = []
        for request, emission in zip(requests, planned, strict=True):
            if isinstance(emission, Exception):
                answers.append(emission)
            elif request.store:
                answers.append(next(outcomes))
            else:
                answers.append(Appended(notifications=emission.notifications))
        return answers

    def _deliver(self, request: EmitRequest, emitted: Emitted, scope: str) -> Sequence[Frame]:
        """Deliver on this node what is new, and answer the frames for the others. What is not stored is always new."""
        if emitted.duplicate:
            return ()
        frames = self._fanout.deliver(emitted.notifications, request.event)
        if request.email is not None and any(map(_owes_mail, emitted.notifications)):
            self._wake_mailer()
        for listen in self.listeners:
            listen(emitted.notifications, scope)
        return frames

    def _outcome(self, answer: Emitted | Exception) -> str:
        if isinstance(answer, Exception):
            return self._code_of(answer)
        return "duplicate" if answer.duplicate else "accepted"


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


def _owes_mail(notification: Notification) -> bool:
    return notification.mail is not None and notification.mail.state is MailState.PENDING


def left_out(emitted: Emitted) -> list[str]:
    """The users who get no mail because their address is not known."""
    return [
        user_of(each.room) or ""
        for each in emitted.notifications
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
