"""No more mail of a type than the catalog allows in a rolling window, by what was sent; what is more goes into a digest, or nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.catalog.rhythms import Throttle
from gateway.notify.verdicts import EMAIL, Case, Gate, Merge, Moment, Skip, Sources
from gateway.notify.whereabouts import zones_of
from gateway.notify.windows import Plan, key_of, plan_of, spoken

RULE = "throttle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What may be sent to the user, and what was sent."""

    limit: int
    per: float
    """Seconds."""
    sent: int
    plan: Plan | None
    """Of the digest that takes what is more; None: it is not sent at all."""


def judge(case: Case, usage: Usage) -> Merge | Skip | None:
    return None if usage.sent < usage.limit else exceeded(case, usage)


def exceeded(case: Case, usage: Usage) -> Merge | Skip:
    """What becomes of a mail that is one too many."""
    detail = f"{case.user} gets {usage.limit} in {spoken(usage.per)} at most"
    if usage.plan is None:
        return Skip(rule=RULE, detail=detail)
    return Merge(window=usage.plan.window(max(case.now, case.due_at)), rule=RULE, detail=detail)


def counted_as(type_: str, user: str) -> str:
    """What a mail counts as that is sent."""
    return f"{type_}\0{user}"


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
    catalog = sources.catalog.current
    types = {} if catalog is None else catalog.types
    found: list[Usage | None] = []
    for case in cases:
        type_ = types.get(case.type)
        throttle = None if type_ is None else type_.throttle
        if throttle is None:
            found.append(None)
            continue
        user = case.user or ""
        since = case.now - timedelta(seconds=throttle.per)
        sent = await sources.sendings.counted(counted_as(case.type, user), since=since)
        plan = await _plan(sources, case.type, user, throttle)
        found.append(Usage(limit=throttle.limit, per=throttle.per, sent=sent, plan=plan))
    return found


async def _plan(sources: Sources, type_: str, user: str, throttle: Throttle) -> Plan | None:
    if throttle.then == "drop":
        return None
    catalog = sources.catalog.current
    digest = None if catalog is None else catalog.types[type_].digest
    if digest is None:
        return Plan(key=key_of(type_), every=throttle.per)
    zones = await zones_of(sources, [user])
    return plan_of(type_, digest, str(zones[user]))


def in_use(sources: Sources) -> bool:
    """Whether any type has a throttle."""
    return sources.catalog.has_throttles


GATE = Gate(
    rule=RULE,
    facts=Usage,
    judge=judge,
    wants=wants,
    gather=gather,
    in_use=in_use,
    spares_critical=True,
)
