"""Planning: what an emit would have stored, as notifications and the mail that they owe; nothing is stored here.

A request is filled in by the catalog; then each of its channels is judged; then a notification is made for
each of its rooms.

Three ask it: the emitter for what is to be stored, the scheduler whether a request could ever be carried out
(`vet`) and how long its mail would be held, and the previews (`drafts`). Where a type has an experiment,
`trials.planning` stands in its place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs

from auth.principal import ADMIN
from gateway.catalog.live import LiveCatalog
from gateway.ground import logs
from gateway.ground.clock import Clock
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import NOBODY_CHOSE
from gateway.notify.deciding.verdicts import Moment, Send, Skip, Verdict
from gateway.notify.emitting import owing, showing
from gateway.notify.emitting.owing import NO_MAIL
from gateway.notify.emitting.showing import NOTHING_HIDDEN, Choosers, Hidden
from gateway.notify.requests import EmitRequest
from gateway.notify.wording.scribe import Filled, Scribe
from storage.errors import StorageError
from storage.ids import uuid7
from storage.mail import Mail
from storage.notifications import Collapse, Entry, Notification, Origin
from storage.streams import Emission, IdempotencyKey

_OF_ADMINS = f"{ADMIN}:"
"""How the scope of an admin's connection begins."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What an emit would make of one room, and what would become of its mail now."""

    notification: Notification
    verdict: Verdict


class Planner:
    """Makes plans by what is known now.

    It has no state of its own. One serves all emits of a node, also at once; `now` is one moment for the
    whole batch.
    """

    def __init__(
        self,
        *,
        catalog: LiveCatalog,
        scribe: Scribe,
        judge: Judge,
        clock: Clock,
        choosers: Choosers = NOBODY_CHOSE,
    ) -> None:
        self._catalog = catalog
        self._choosers = choosers
        self._scribe = scribe
        self._judge = judge
        self._clock = clock

    async def plan(self, requests: Sequence[EmitRequest], scope: str) -> list[Emission | Exception]:
        """What is to be appended for each, or why nothing is.

        In the order of the requests. An answer is an exception where the request is unfit, has a mail without
        an address, or facts could not be looked up; it does not touch the others. The number of questions to
        the store does not grow with the requests.
        """
        now, origin = self._clock(), _origin(scope)
        filled = await self._scribe.fill(requests)
        questions = showing.in_question(self._catalog, self._choosers, filled, now)
        hidden = await showing.hidden_of_each(self._judge, questions, len(filled))
        mails = await owing.mails_of_each(self._judge, filled, now)
        # What is not planned after all leaves its own unused.
        rooms = sum([len(each.request.rooms) for each in filled if isinstance(each, Filled)])
        ids = iter(uuid7.many(rooms))
        planned: list[Emission | Exception] = []
        for each, unseen, owed in zip(filled, hidden, mails, strict=True):
            if isinstance(each, Exception):
                planned.append(each)
            # Most have nothing hidden and owe nothing, and are asked no more than that.
            elif unseen is not NOTHING_HIDDEN and isinstance(unseen, Exception):
                planned.append(unseen)
            elif owed is not NO_MAIL and isinstance(owed, Exception):
                planned.append(owed)
            else:
                planned.append(_emission(each, scope, origin, now, owed, unseen, ids))
        return planned

    async def vet(self, requests: Sequence[EmitRequest]) -> list[Filled | Exception]:
        """Each request as it would be carried out now, or what keeps it from ever being, such as `Unfit`.

        Nothing is judged: what holds now need not hold when it is due.
        """
        return await self._scribe.fill(requests)

    async def held_of_each(
        self, later: Sequence[tuple[Filled, Mapping[str, datetime]]]
    ) -> list[Mapping[str, datetime]]:
        """Until when the mail of each would be held, by room, if it were emitted at these times. Raises `StorageError`.

        It only tells the caller what to expect; as it is emitted it is judged anew.
        """
        return await owing.held_of_each(self._judge, later)

    async def drafts(self, request: EmitRequest, *, limit: int) -> list[Draft]:
        """What an emit of the request would make of its first `limit` rooms now; nothing is stored or sent.

        Raises `Unfit` and `StorageError`.

        By the same functions as `plan`, so that a preview cannot say otherwise; the mail is judged as at a
        preview, with all that is known now.
        """
        now = self._clock()
        rooms = request.rooms[:limit]
        [filled] = await self._scribe.fill([structs.replace(request, rooms=rooms)])
        if isinstance(filled, Exception):
            raise filled
        questions = showing.in_question(self._catalog, self._choosers, [filled], now)
        [hidden] = await showing.hidden_of_each(self._judge, questions, 1)
        if isinstance(hidden, StorageError):
            raise hidden
        email = filled.request.email
        cases = {} if email is None else owing.cases_of(filled.request, rooms, now)
        judged = dict(zip(cases, await self._judge.judge(list(cases.values()), Moment.PREVIEW), strict=True))
        drafts = []
        for room in rooms:
            mail, verdict = None, judged.get(room)
            if isinstance(verdict, StorageError):
                raise verdict
            if verdict is not None and email is not None:
                mail = owing.mail_of(email, cases[room], verdict, filled.texts.get(room))
            drafts.append(
                Draft(
                    _notification(uuid7(), filled, room, now, mail, hidden.get(room)),
                    Send() if verdict is None else verdict.verdict,
                )
            )
        return drafts


def _emission(
    filled: Filled,
    scope: str,
    origin: Origin,
    now: datetime,
    mails: Mapping[str, Mail],
    hidden: Hidden,
    ids: Iterator[str],
) -> Emission:
    """What the store is asked to append; `mails` and `hidden` are by room, and `ids` has one for each.

    Without a key of its own each call is another emission.
    """
    request = filled.request
    rooms = request.rooms
    if len(rooms) == 1:
        # What most are.
        room = rooms[0]
        notifications: tuple[Notification, ...] = (
            _notification(next(ids), filled, room, now, mails.get(room), hidden.get(room)),
        )
    else:
        notifications = tuple(
            [_notification(next(ids), filled, room, now, mails.get(room), hidden.get(room)) for room in rooms]
        )
    if request.idempotency_key is None:
        return Emission(notifications=notifications, origin=origin)
    key = IdempotencyKey(scope=scope, text=request.idempotency_key, fingerprint=request.fingerprint)
    return Emission(notifications=notifications, key=key, origin=origin)


def _origin(scope: str) -> Origin:
    """Who has asked, and by which request; kept with the emission, for its trace."""
    # Not which admin: the notification may be kept when that admin is erased.
    by = ADMIN if scope.startswith(_OF_ADMINS) else scope
    return Origin(by, logs.request_id.get())


def _notification(
    id_: str, filled: Filled, room: str, now: datetime, mail: Mail | None, hidden: Skip | None
) -> Notification:
    """One room's notification, with the mail that it owes, and unseen where a rule hides it.

    A repetition has another id, and the store answers with the first.

    An entry is made only where there is something to keep in it. What is hidden is stored, without a
    sequence, with the rule that hid it.
    """
    request, text = filled.request, filled.texts.get(room)
    entry = None
    if text is not None:
        entry = text.entry
    elif request.actions or request.image is not None:
        # Of a type that the catalog does not have.
        entry = Entry(actions=request.actions, image=request.image)
    if hidden is not None:
        entry = structs.replace(entry or Entry(), hidden_by=hidden.rule, hidden_why=hidden.detail)
    if request.rhythm is not None:
        entry = structs.replace(entry or Entry(), rhythm=request.rhythm)
    lifetime = request.expires_in_seconds
    collapse_key = request.collapse_key or (None if text is None else text.collapse_key)
    return Notification(
        id=id_,
        room=room,
        type=request.type,
        title=request.title or "" if text is None else text.words.title,
        body=request.body if text is None else text.words.body,
        link=request.link if text is None else text.words.link,
        data=request.data,
        created_at=now,
        expires_at=None if lifetime is None else now + timedelta(seconds=lifetime),
        in_app=request.in_app and hidden is None,
        mail=mail,
        entry=entry,
        # What is not stored takes the place of nothing: no history shows it.
        collapse=None if collapse_key is None or not request.store else Collapse(collapse_key),
    )
