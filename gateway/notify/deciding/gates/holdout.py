"""Who is held out of the experiment of a type gets nothing of it, until that is settled.

Whoever is held out is told nothing by any channel, so that what the others do can be compared. It is no
choice of the person's. The catalog refuses a holdout for what is critical, and this gate lets that pass as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.experiments.lots import Aside
from gateway.notify.deciding.drawing import draw, number
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip

RULE = "holdout"
HELD_OUT = Skip(rule=RULE, detail="held out of the experiment")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlace:
    """What falls to a person in an experiment, as it is shown to people too."""

    trial: str
    """The experiment's id."""
    lot: int
    """The person's lot, from 0 to 9,999."""
    variant: str | None
    """The variant; None: the type's own words, or nothing."""
    counted: bool
    """Whether the variant has fallen to the person by lot."""
    held_out: bool


def judge(case: Case, place: TrialPlace) -> Skip | None:
    """Nothing for who is held out, but for what is critical."""
    return HELD_OUT if place.held_out and not case.critical else None


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether any experiment holds anybody out."""
    del cases
    return sources.catalog.has_holdouts


def wants(case: Case, moment: Moment) -> bool:
    """Always, of people: it may have been settled since. A campaign has an experiment of its own."""
    del moment
    return case.user is not None and case.campaign is None


async def gather(sources: Sources, cases: Sequence[Case]) -> list[TrialPlace | None]:
    """A place for each person whose type has an experiment; computed, nothing is asked."""
    return [_place(sources, case) for case in cases]


def _place(sources: Sources, case: Case) -> TrialPlace | None:
    """What falls to the user of the case; None where the type has no experiment."""
    trial = sources.catalog.trial(case.type)
    if trial is None or case.user is None:
        return None
    drawn = draw(sources.catalog, case.type, trial, case.user)
    return TrialPlace(
        trial=trial.id,
        lot=number(trial, case.user),
        variant=None if drawn.variant is None else drawn.variant.name,
        counted=drawn.is_tried,
        held_out=drawn.aside is Aside.HELD_OUT,
    )


GATE = Gate(rule=RULE, facts=TrialPlace, judge=judge, in_use=in_use, wants=wants, gather=gather)
