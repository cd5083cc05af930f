"""Whether what an emit makes is shown in-app: its cases are judged where a rule could stop them, and what is stopped is kept unseen."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_of
from gateway.notify.decide import Judge
from gateway.notify.verdicts import IN_APP, Case, Moment, Skip
from gateway.notify.wording import Filled
from storage.errors import StorageError

Hidden = Mapping[str, Skip]
"""Why a notification is not shown, by its room."""
NONE: Hidden = {}


async def hidden_of_each(
    judge: Judge, catalog: LiveCatalog, requests: Sequence[Filled], now: datetime
) -> list[Hidden | StorageError]:
    """What is hidden of each request. Types that are on for everybody cost nothing."""
    if not catalog.in_use:
        return [NONE] * len(requests)
    cases = [_cases(filled, now) if _may_be_hidden(catalog, filled, now) else [] for filled in requests]
    if not any(cases):
        return [NONE] * len(requests)
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


def _may_be_hidden(catalog: LiveCatalog, filled: Filled, now: datetime) -> bool:
    request = filled.request
    if not request.in_app or not catalog.mentions(request.type):
        return False
    flag = catalog.flag(request.type, IN_APP)
    return (
        not (flag.type_on and flag.channel_on) or catalog.share(request.type, IN_APP, "", now).percent < 100
    )


def _cases(filled: Filled, now: datetime) -> list[Case]:
    request = filled.request
    return [
        Case(type=request.type, user=user_of(room), room=room, channel=IN_APP, now=now, due_at=now)
        for room in request.rooms
    ]
