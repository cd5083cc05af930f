"""Whether what an emit makes is shown in-app: its cases are judged where a rule could stop them, and what is stopped is kept unseen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from gateway.catalog.channels import Channel
from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_of
from gateway.notify.decide import Judge
from gateway.notify.verdicts import IN_APP, Case, Moment, Skip
from gateway.notify.wording import Filled
from storage.errors import StorageError

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

Hidden = Mapping[str, Skip]
"""Why a notification is not shown, by its room."""
NONE: Hidden = {}


class Choosers(Protocol):
    """Who may have refused something: `gateway.notify.preference_book.PreferenceBook`."""

    @property
    def in_use(self) -> bool: ...

    def may_refuse(self, user: str, type_: "NotificationType", channel: Channel) -> bool: ...


async def hidden_of_each(
    judge: Judge, catalog: LiveCatalog, choosers: Choosers, requests: Sequence[Filled], now: datetime
) -> list[Hidden | StorageError]:
    """What is hidden of each request. Types that are on for everybody cost nothing, nor do users who have refused nothing."""
    if not catalog.in_use:
        return [NONE] * len(requests)
    rooms = [_rooms(catalog, choosers, filled, now) for filled in requests]
    if not any(rooms):
        return [NONE] * len(requests)
    cases = [_cases(filled, some, now) for filled, some in zip(requests, rooms, strict=True)]
    judged = iter(await judge.judge([case for some in cases for case in some], Moment.EMIT))
    found: list[Hidden | StorageError] = []
    for some in cases:
        verdicts = [next(judged) for _ in some]
        failure = next((verdict for verdict in verdicts if isinstance(verdict, StorageError)), None)
        found.append(
            failure
            or {
                case.room: each.verdict
                for case, each in zip(some, verdicts, strict=True)
                if not isinstance(each, StorageError) and isinstance(each.verdict, Skip)
            }
        )
    return found


def _rooms(catalog: LiveCatalog, choosers: Choosers, filled: Filled, now: datetime) -> Sequence[str]:
    """Those in which a rule may hide it."""
    request = filled.request
    if not request.in_app:
        return ()
    if not catalog.is_open(request.type, IN_APP, now):
        return request.rooms
    known = None if catalog.current is None else catalog.current.types.get(request.type)
    if known is None or known.critical or not choosers.in_use:
        return ()
    return [
        room
        for room in request.rooms
        if (user := user_of(room)) is not None and choosers.may_refuse(user, known, IN_APP)
    ]


def _cases(filled: Filled, rooms: Sequence[str], now: datetime) -> list[Case]:
    type_ = filled.request.type
    return [
        Case(type=type_, user=user_of(room), room=room, channel=IN_APP, now=now, due_at=now) for room in rooms
    ]
