"""The mail that an emit owes: each room's case is judged, and the verdict says what is owed, now, later or never.

Planning asks it for an emit and for a preview; campaigns borrow `mail_of` for theirs. Nothing is stored here:
a mail goes to the store with its notification, in one step. What is decided here is decided again as the mail
leaves, so only what can be known at an emit is.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from gateway.catalog.channels import EMAIL
from gateway.ground.rooms import user_of
from gateway.notify.deciding.decision import Judge, Judged
from gateway.notify.deciding.gates import address
from gateway.notify.deciding.verdicts import Case, Delay, Moment, Send, Skip
from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.notify.wording.said import CatalogText
from gateway.notify.wording.scribe import Filled
from storage.errors import StorageError
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Notification

USERS_NAMED = 100
"""In an error or beside an answer so many users are named: all are counted."""

NO_MAIL: Mapping[str, Mail] = {}
NO_CASES: Mapping[str, Case] = {}
NO_WAITS: Mapping[str, float] = {}


class NoAddress(Exception):
    """Mail was asked for users whose addresses nobody has told.

    It is the answer of one request: none of its notifications is stored. With `email.if_known` it is not
    raised, and those users get no mail (`left_out`).
    """

    def __init__(self, users: Sequence[str]) -> None:
        named = ", ".join(users[:USERS_NAMED])
        more = f" and {len(users) - USERS_NAMED} more" if len(users) > USERS_NAMED else ""
        super().__init__(
            f"no address is known for {named}{more}: give email.to, an email claim in the token, or email.if_known"
        )
        self.users = tuple(users)


async def mails_of_each(
    judge: Judge, requests: Sequence[Filled | Exception], now: datetime
) -> list[Mapping[str, Mail] | Exception]:
    """The mails that each request owes, by room, judged together; what goes wrong with one is its answer.

    Rooms that are no user's owe none, and are absent; a request that could not be filled in owes none either. Where no
    request asks for mail nothing is judged, which is most.
    """
    if not _any_asks(requests):
        return [NO_MAIL] * len(requests)
    cases: list[Mapping[str, Case]] = [
        NO_CASES
        if isinstance(filled, Exception) or filled.request.email is None
        else cases_of(filled.request, filled.request.rooms, now)
        for filled in requests
    ]
    judged = iter(await judge.judge([case for some in cases for case in some.values()], Moment.EMIT))
    mails: list[Mapping[str, Mail] | Exception] = []
    for filled, some in zip(requests, cases, strict=True):
        if isinstance(filled, Exception) or not some:
            mails.append(NO_MAIL)
            continue
        # Taken before anything can raise: the iterator must stand where the next request begins.
        verdicts = [next(judged) for _ in some]
        try:
            mails.append(_mails(filled, some, verdicts))
        except (NoAddress, StorageError) as error:
            mails.append(error)
    return mails


def cases_of(request: EmitRequest, rooms: Sequence[str], now: datetime) -> Mapping[str, Case]:
    """The mail of each user's room, in question; none to a room of many."""
    email = request.email
    assert email is not None
    due_at = now + timedelta(seconds=email.after_seconds or 0)
    after_of = email.after_of or NO_WAITS
    lifetime = request.expires_in_seconds
    expires_at = None if lifetime is None else now + timedelta(seconds=lifetime)
    return {
        room: Case(
            type=request.type,
            user=user,
            room=room,
            channel=EMAIL,
            now=now,
            due_at=now + timedelta(seconds=after_of[room]) if room in after_of else due_at,
            to=email.to,
            unless=email.unless,
            lane=email.lane,
            rhythm=request.rhythm,
            expires_at=expires_at,
        )
        for room in rooms
        if (user := user_of(room)) is not None and (email.only is None or room in email.only)
    }


async def held_of_each(
    judge: Judge, later: Sequence[tuple[Filled, Mapping[str, datetime]]]
) -> list[Mapping[str, datetime]]:
    """Until when a rule would hold the mail of each request, by room, if it were emitted in its rooms at these times.

    It goes by what is known now. Raises `StorageError`.
    """
    cases: list[Mapping[str, Case]] = [
        NO_CASES
        if filled.request.email is None
        else {
            room: case
            for room, at in times.items()
            for case in cases_of(filled.request, (room,), at).values()
        }
        for filled, times in later
    ]
    judged = iter(await judge.judge([case for some in cases for case in some.values()], Moment.EMIT))
    held: list[Mapping[str, datetime]] = []
    for some in cases:
        until: dict[str, datetime] = {}
        for room in some:
            outcome = next(judged)
            if isinstance(outcome, StorageError):
                raise outcome
            if isinstance(outcome.verdict, Delay):
                until[room] = outcome.verdict.until
        held.append(until)
    return held


def mail_of(email: EmailRequest, case: Case, judged: Judged, text: CatalogText | None) -> Mail:
    """What is owed by the verdict: now, later, or nothing from the beginning. `text` is what the catalog says.

    What is to be merged waits as well: it is gathered when it is due.

    What is skipped at once is stored as well, so that people are told why. `reason` and `decided_by` are the
    verdict's.
    """
    to = case.to or address.found(judged.facts)
    subject = email.subject if text is None else email.subject or text.subject
    order = MailOrder(to=to, subject=subject, due_at=case.due_at, unless=email.unless, lane=email.lane)
    verdict = judged.verdict
    return Mail(
        order=order,
        state=MailState.SKIPPED if isinstance(verdict, Skip) else MailState.PENDING,
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
        if each.mail is not None and address.lacked(each.mail)
    ]


def lanes_owed(emits: Iterable[Sequence[Notification]]) -> Collection[LaneName]:
    """The lanes in which the notifications of these emits have mail that waits to go out.

    For whoever wakes the workers. Mail that is stored in their hands is `LEASED`, and wakes nobody.
    """
    return {
        each.mail.order.lane
        for notifications in emits
        for each in notifications
        if each.mail is not None and each.mail.state is MailState.PENDING
    }


def _any_asks(requests: Sequence[Filled | Exception]) -> bool:
    """Whether any of them wants mail; most do not."""
    for filled in requests:  # noqa: SIM110 - every emit asks, and a generator costs twice as much
        if isinstance(filled, Filled) and filled.request.email is not None:
            return True
    return False


def _mails(
    filled: Filled, cases: Mapping[str, Case], verdicts: Sequence[Judged | StorageError]
) -> Mapping[str, Mail]:
    """The mail of each room. Raises `NoAddress` for users of whom none is known, unless they may be left out."""
    email = filled.request.email
    assert email is not None
    mails: dict[str, Mail] = {}
    unknown: list[str] = []
    for (room, case), judged in zip(cases.items(), verdicts, strict=True):
        if isinstance(judged, StorageError):
            raise judged
        if address.lacks(judged.verdict):
            unknown.append(case.user or "")
        mails[room] = mail_of(email, case, judged, filled.texts.get(room))
    if unknown and not email.if_known:
        raise NoAddress(unknown)
    return mails
