"""No more mail than its sender or the catalog allows in a rolling window, by what was sent; what is more goes
into a digest, or nowhere.

This gate only looks, and several mails at once may all be let pass by it. That no more leave than may is seen
to by `departing`, which claims a place for each as it goes, under the same name (`counted_as`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.catalog.channels import EMAIL
from gateway.notify.deciding.gates.digest import digest_of
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Merge, Moment, Skip
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.deciding.windows import WindowPlan, key_of, plan_of, spoken
from storage.rhythms import Throttle

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

RULE = "throttle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What may be sent to the user, and what was sent."""

    limit: int
    """Mails that may be sent in the window."""
    per: float
    """The length of the window, in seconds."""
    sent: int
    """Mails that were sent in it, or are under way."""
    plan: WindowPlan | None
    """The plan of the digest that takes what is more; None: it is not sent at all."""


def judge(case: Case, usage: Usage) -> Merge | Skip | None:
    """Pass while there is room."""
    return None if usage.sent < usage.limit else exceeded(case, usage)


def exceeded(case: Case, usage: Usage) -> Merge | Skip:
    """What becomes of a mail that is one too many.

    `departing` asks it too, for what the claim has refused. The digest's window begins when the mail is due.
    """
    detail = f"{case.user} gets {usage.limit} in {spoken(usage.per)} at most"
    if usage.plan is None:
        return Skip(rule=RULE, detail=detail)
    return Merge(window=usage.plan.window(max(case.now, case.due_at)), rule=RULE, detail=detail)


def counted_as(case: Case, throttle: Throttle) -> str:
    """What a mail counts as that is sent.

    The type or the key, a zero byte, and the user: `type:NEW_DEAL` and `ann`, or `key:…` where the sender or
    the catalog counts several types together.
    """
    return f"{key_of(case.type, throttle.key)}\0{case.user}"


def throttle_of(case: Case, type_: "NotificationType | None") -> Throttle | None:
    """What its sender says of it, else its type."""
    if case.rhythm is not None and case.rhythm.throttle is not None:
        return case.rhythm.throttle
    return None if type_ is None else type_.throttle


def wants(case: Case, moment: Moment) -> bool:
    """At an emit nobody knows what will have been sent when it is due."""
    return (
        case.channel == EMAIL
        and case.user is not None
        and case.is_own
        and not case.hastened
        and moment in (Moment.LEASE, Moment.PREVIEW)
    )


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Usage | None]:
    """What each user was sent, one question for each case: it is asked as a mail leaves, which is one at a time."""
    catalog = sources.catalog.current
    types = {} if catalog is None else catalog.types
    return [await _usage(sources, case, types.get(case.type)) for case in cases]


async def _usage(sources: Sources, case: Case, type_: "NotificationType | None") -> Usage | None:
    """How much of the throttle is used; None for what has none."""
    throttle = throttle_of(case, type_)
    if throttle is None:
        return None
    since = case.now - timedelta(seconds=throttle.per)
    # One that failed for a moment has claimed its place already, and must not be one too many by itself.
    sent = await sources.sendings.counted(
        counted_as(case, throttle), since=since, besides=case.notification_id
    )
    plan = None if throttle.then == "drop" else await _plan(sources, case, type_, throttle)
    return Usage(limit=throttle.limit, per=throttle.per, sent=sent, plan=plan)


async def _plan(
    sources: Sources, case: Case, type_: "NotificationType | None", throttle: Throttle
) -> WindowPlan:
    """Of the digest that takes what is more: the one that it would come in anyway, else one as long as the window."""
    digest = digest_of(case, type_)
    if digest is None:
        return WindowPlan(key=key_of(case.type, throttle.key), every=throttle.per)
    user = case.user or ""
    zones = await zones_of(sources, [user])
    return plan_of(case.type, digest, str(zones[user]))


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether any type has a throttle, or a sender wants one."""
    if sources.catalog.has_throttles:
        return True
    return any(case.rhythm is not None and case.rhythm.throttle is not None for case in cases)


GATE = Gate(
    rule=RULE,
    facts=Usage,
    judge=judge,
    wants=wants,
    gather=gather,
    in_use=in_use,
    spares_critical=True,
)
