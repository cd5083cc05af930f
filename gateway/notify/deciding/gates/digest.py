"""Mail that is to come in a digest: as the person has chosen, else as its sender says, else as its type does;
else what quiet hours have held, if that is several.

It says `Merge` for all that it has a plan for: at an emit that is kept as a mail that waits, and only as it
is due is it put into a digest (`departing`). It is the last gate, so what is gathered is what would have been
sent.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.catalog.channels import EMAIL
from gateway.notify.deciding.gates import quiet
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Merge, Moment
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.deciding.windows import DAILY, WEEKLY, WindowPlan, plan_of
from gateway.notify.preferences.chosen import NOTHING, UserPreferences
from storage.rhythms import ClockTime, DigestRule

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

RULE = "digest"
HELD = "quiet"
"""The key of what quiet hours have held: at their end it comes in one mail."""
HELD_SECONDS = 60.0
"""How long a digest of what was held stays open after the first of it: the others are due in the same moment,
and may take so long to be looked at.
"""
_CHOSEN = {"daily": WindowPlan(key="daily", every=DAILY), "weekly": WindowPlan(key="weekly", every=WEEKLY)}
"""What a person may choose: one digest over all types each."""


def judge(case: Case, plan: WindowPlan) -> Merge:
    """Merge by the plan, with the window of the moment when it is due."""
    window = plan.window(max(case.now, case.due_at))
    if plan.key == HELD:
        return Merge(
            window=window, rule=RULE, detail=f"{case.user} gets one mail of what quiet hours have held"
        )
    first = "the first at once, then " if plan.leading else ""
    return Merge(window=window, rule=RULE, detail=f"{case.user} gets {first}{plan.words}")


def wants(case: Case, moment: Moment) -> bool:
    """Not of what is in a digest already, nor of a digest's own mail.

    A campaign's mail is asked as it is drafted, and `campaigns.drafts` passes over the merge: a newsletter is
    gathered with nothing.
    """
    is_asked = case.channel == EMAIL and case.user is not None and not case.hastened
    return is_asked and case.is_own and moment is not Moment.CLOSING


async def gather(sources: Sources, cases: Sequence[Case]) -> list[WindowPlan | None]:
    """A plan for each case whose mail is gathered."""
    chosen = await sources.preferences.of_many(list(dict.fromkeys(case.user or "" for case in cases)))
    # Nobody of these has chosen anything, and no type and no sender wants one.
    if not chosen and not in_use(sources, cases):
        return [None] * len(cases)
    catalog = sources.catalog.current
    types = {} if catalog is None else catalog.types
    plans = [_plan(case, types.get(case.type), chosen.get(case.user or "", NOTHING)) for case in cases]
    plans = [
        await _together(sources, case) if plan is None and case.was_held else plan
        for case, plan in zip(cases, plans, strict=True)
    ]
    # Only a time of day is another one elsewhere.
    by_wall = {
        case.user or ""
        for case, plan in zip(cases, plans, strict=True)
        if plan is not None and isinstance(plan.every, ClockTime)
    }
    if not by_wall:
        return plans
    zones = await zones_of(sources, list(by_wall), chosen)
    return [
        replace(plan, zone=str(zones[user]))
        if plan is not None and (user := case.user or "") in zones
        else plan
        for case, plan in zip(cases, plans, strict=True)
    ]


def _plan(case: Case, type_: "NotificationType | None", preferences: UserPreferences) -> WindowPlan | None:
    """How the mail is gathered; None where it is sent alone. The zone is put in by `gather`, where it counts."""
    value = preferences.cell(type_, case.type, EMAIL).value
    if isinstance(value, str):
        return _CHOSEN[value]
    digest = digest_of(case, type_)
    return None if digest is None else plan_of(case.type, digest, "UTC")


async def _together(sources: Sources, case: Case) -> WindowPlan | None:
    """That what was held comes in one mail, unless it is one mail only.

    One question for each case that was held and has no other plan: it is asked as a mail leaves, which is one
    at a time.
    """
    is_one_of_several = await sources.digests.has_company(
        case.room, key=HELD, rule=quiet.RULE, besides=case.notification_id or "", now=case.now
    )
    return WindowPlan(key=HELD, every=HELD_SECONDS) if is_one_of_several else None


def digest_of(case: Case, type_: "NotificationType | None") -> DigestRule | None:
    """What its sender says of it, else its type."""
    if case.rhythm is not None and case.rhythm.digest is not None:
        return case.rhythm.digest
    return None if type_ is None else type_.digest


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether any type has a digest, anybody has chosen anything, a sender wants one, or quiet hours have held something."""
    if sources.catalog.has_digests or sources.preferences.in_use:
        return True
    return any(
        case.was_held or (case.rhythm is not None and case.rhythm.digest is not None) for case in cases
    )


GATE = Gate(
    rule=RULE,
    facts=WindowPlan,
    judge=judge,
    wants=wants,
    gather=gather,
    in_use=in_use,
    spares_critical=True,
)
