"""Whether what an emit makes is shown in-app. What a rule stops is stored all the same, and kept unseen.

Planning asks it, beside `owing`, which asks the same of mail. Who reads, and where, is none of it: a room of
many hides from one reader by `inboxes.muting`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from gateway.catalog.channels import IN_APP, Channel
from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_of
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.verdicts import Case, Moment, Skip
from gateway.notify.preferences.suspicion import Suspicion
from gateway.notify.wording.scribe import Filled
from storage.errors import StorageError

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

Hidden = Mapping[str, Skip]
"""Why a notification is not shown, by its room."""
NOTHING_HIDDEN: Hidden = {}


class Choosers(Protocol):
    """Who may have refused something: `gateway.notify.preferences.book.PreferenceBook`."""

    @property
    def in_use(self) -> bool:
        """Whether anybody may have chosen anything."""
        ...

    def refusal(self, type_: "NotificationType", channel: Channel) -> Suspicion | None:
        """The rooms whose users may have refused it; None: nobody has. It holds until its caller waits."""
        ...


ShowingCase = tuple[int, Case]
"""Whether something is shown, with the place of its request among those that were given."""


def in_question(
    catalog: LiveCatalog, choosers: Choosers, requests: Sequence[Filled | Exception], now: datetime
) -> list[ShowingCase]:
    """What of the requests may have to be hidden; nothing, as nearly always, is the answer of a look.

    Types that are on for everybody cost nothing, nor do users who have refused nothing.
    """
    questions: list[ShowingCase] = []
    if not catalog.may_hide and (catalog.current is None or not choosers.in_use):
        return questions
    types = {} if catalog.current is None else catalog.current.types
    suspicions: dict[str, Suspicion | None] = {}
    for index, filled in enumerate(requests):
        if isinstance(filled, Exception):
            continue
        request = filled.request
        type_ = request.type
        if type_ not in suspicions:
            suspicions[type_] = _suspicion(catalog, choosers, type_, now)
        suspicion = suspicions[type_]
        if suspicion is None or not request.in_app:
            continue
        suspects = suspicion.rooms
        # Not a comprehension: that is a call, which nearly no room is worth.
        for room in request.rooms:
            if room in suspects and suspicion.of(room):
                questions.append((index, _case(type_, types.get(type_), room, now)))  # noqa: PERF401
    return questions


async def hidden_of_each(
    judge: Judge, questions: Sequence[ShowingCase], count: int
) -> list[Hidden | StorageError]:
    """What is hidden of each of `count` requests, of which these are in question.

    In the order of the requests; each by room. A request with one room of which it is not known is answered
    with that error: it is not stored in part.
    """
    hidden: list[Hidden | StorageError] = [NOTHING_HIDDEN] * count
    if not questions:
        return hidden
    skips: dict[int, dict[str, Skip]] = {}
    failures: dict[int, StorageError] = {}
    verdicts = await judge.judge([case for _, case in questions], Moment.EMIT)
    for (index, case), verdict in zip(questions, verdicts, strict=True):
        if isinstance(verdict, StorageError):
            failures[index] = verdict
        elif isinstance(verdict.verdict, Skip):
            skips.setdefault(index, {})[case.room] = verdict.verdict
    # That it is not known of one room is the answer of all.
    found: dict[int, Hidden | StorageError] = {**skips, **failures}
    for index, outcome in found.items():
        hidden[index] = outcome
    return hidden


def _case(type_: str, known: "NotificationType | None", room: str, now: datetime) -> Case:
    """The in-app part of a notification in this room, in question."""
    return Case(
        type=type_, user=user_of(room), room=room, channel=IN_APP, now=now, due_at=now,
        category=None if known is None else known.category, critical=known is not None and known.critical,
    )  # fmt: skip


def _suspicion(catalog: LiveCatalog, choosers: Choosers, type_: str, now: datetime) -> Suspicion | None:
    """The rooms in which a rule may hide what is of this type; None where there is none.

    Of a type that is not open to everybody all rooms are judged: the gates `switch`, `rollout` and `holdout`
    tell which.
    """
    if not catalog.is_open(type_, IN_APP, now):
        return Suspicion()
    known = None if catalog.current is None else catalog.current.types.get(type_)
    if known is None or known.critical:
        return None
    return choosers.refusal(known, IN_APP)
