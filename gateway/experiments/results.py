"""How an experiment stands, and what follows of it for those who are not on trial.

Both campaigns and types ask `results` for what is shown, and `outcome` as often as they like for whether it
is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.experiments import findings
from gateway.experiments.findings import Arm, Conclusion, Design, Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """An experiment, as it stands."""

    design: Design
    over_at: datetime | None
    """None: it has not begun."""
    arms: tuple[Arm, ...]
    """As they were counted for this look, the control first."""
    findings: Findings


def results(
    design: Design, arms: Sequence[Arm], order: Sequence[str], *, over_at: datetime | None, now: datetime
) -> Results:
    """What these arms tell now; `order` as of `findings.findings`."""
    is_over = over_at is not None and now >= over_at
    found = findings.findings(design, arms, order, is_over=is_over)
    return Results(design=design, over_at=over_at, arms=tuple(arms), findings=found)


def outcome(told: Results, *, now: datetime) -> str | None:
    """The variant that all others get; None while nobody knows. Without a winner that is sure it is the control.

    A winner counts at once when it has enough conversions; without one everybody waits for the end. A broken
    experiment ends with the control too.
    """
    found = told.findings
    if found.conclusion is Conclusion.WINNER and found.has_enough:
        return found.winner
    is_over = told.over_at is not None and now >= told.over_at
    return told.arms[0].name if is_over or found.conclusion is Conclusion.NO_WINNER else None
