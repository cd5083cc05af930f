"""What an experiment has found so far: pure, so that it is the same whoever asks, and may be asked again.

The first arm is the control. Two arms of one weight may be looked at whenever one likes, by the sequential rule: it goes by the
order in which people converted. Others, and arms that are sent at different times, are looked at once, when their time is over,
each against the control, with Holm's correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.experiments import inference
from gateway.experiments.inference import ALPHA, SKEWED, Interval, Proportion

EVENTS_LEAST = 100
"""Conversions of each arm, without which no winner is sent to anybody by itself; people may choose one all the same.
"""


class Rule(StrEnum):
    """By which rule an experiment is looked at."""

    SEQUENTIAL = "sequential"
    FIXED = "fixed"


class Conclusion(StrEnum):
    """What can be said of an experiment now."""

    OPEN = "open"  # its time is not over, and nobody has won yet
    WINNER = "winner"
    NO_WINNER = "no_winner"  # it is over, and no difference has shown
    BROKEN = "broken"  # people were not split as they should have been: nothing can be concluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What an experiment is planned to find: a rise of the rate `baseline` by `effect`, as parts of one."""

    weights: tuple[int, ...]
    """Of the arms in their order, the control first."""
    baseline: float
    """The part of people who convert anyway, as the planner expects it."""
    effect: float
    is_timed: bool = False
    """Whether the arms are sent at different times."""

    @property
    def rule(self) -> Rule:
        is_even = len(self.weights) == 2 and self.weights[0] == self.weights[1]
        return Rule.SEQUENTIAL if is_even and not self.is_timed else Rule.FIXED

    @property
    def conversions(self) -> int | None:
        """Of both arms, after which there is no winner by the sequential rule; None by the other."""
        if self.rule is Rule.FIXED:
            return None
        return inference.sequential_sum(self.baseline, self.effect)

    @property
    def people(self) -> int:
        """How many are needed in all arms together, so that four of five such experiments find such a rise."""
        if (conversions := self.conversions) is not None:
            return round(2 * conversions / (2 * self.baseline + self.effect))
        of_arm = inference.arm_size(self.baseline, self.effect, comparisons=len(self.weights) - 1)
        # The smallest arm has so many.
        return -(-of_arm * sum(self.weights) // min(self.weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A variant, and what became of the people to whom it has fallen; it is counted anew for each look."""

    name: str
    """The variant's."""
    weight: int
    """Its part of the people, beside the others' weights."""
    assigned: int
    """To whom it has fallen by lot."""
    people: int
    """Who have got it: of the others, rules have said no."""
    converted: int
    """Of `people`: those who have done what counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An arm beside the control."""

    arm: str
    """The name of the variant that stands beside the control."""
    difference: float
    """Of the rates: above zero the arm's is the greater."""
    interval: Interval
    """In which the true difference is, in 95 of 100 such experiments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What can be said of an experiment's arms. It is made anew at each look; only what is chosen by it is kept, by others."""

    conclusion: Conclusion
    winner: str | None
    """The name of an arm; None unless the conclusion is `WINNER`."""
    comparisons: tuple[Comparison, ...]
    has_enough: bool
    """Whether each arm has as many conversions as it takes to act on it unasked."""


def findings(design: Design, arms: Sequence[Arm], order: Sequence[str], *, is_over: bool) -> Findings:
    """What these arms tell; `is_over` once their time is.

    `order` names the arm of each conversion as they came, the first `design.conversions` at least; by the
    other rule it is not asked for.
    """
    control, *others = arms
    conclusion, winner = _conclusion(design, arms, order, is_over=is_over)
    return Findings(
        conclusion=conclusion,
        winner=winner,
        comparisons=tuple(
            Comparison(
                arm=arm.name,
                difference=_share(arm).rate - _share(control).rate,
                interval=inference.difference(_share(arm), _share(control)),
            )
            for arm in others
        ),
        has_enough=all(arm.converted >= EVENTS_LEAST for arm in arms),
    )


def _share(arm: Arm) -> Proportion:
    """Those who have converted, of those who have got it: whom rules kept from it says nothing of it."""
    return Proportion(arm.converted, arm.people)


def is_broken(arms: Sequence[Arm]) -> bool:
    """Whether people are split otherwise than by the weights: then who is in an arm was not left to chance."""
    return inference.split_chance([arm.assigned for arm in arms], [arm.weight for arm in arms]) < SKEWED


def _conclusion(
    design: Design, arms: Sequence[Arm], order: Sequence[str], *, is_over: bool
) -> tuple[Conclusion, str | None]:
    """The conclusion, and the winner's name. A broken split comes before everything else."""
    if is_broken(arms):
        return Conclusion.BROKEN, None
    planned = design.conversions
    if planned is not None:
        return _sequential(arms, order, planned, is_over=is_over)
    if not is_over:
        return Conclusion.OPEN, None
    winner = _best(arms)
    return (Conclusion.NO_WINNER, None) if winner is None else (Conclusion.WINNER, winner)


def _sequential(
    arms: Sequence[Arm], order: Sequence[str], planned: int, *, is_over: bool
) -> tuple[Conclusion, str | None]:
    """By the order of conversions; each arm's next one moves a walk by a step."""
    control, other = (arm.name for arm in arms)
    lead = inference.sequential_winner((1 if name == other else -1 for name in order), planned)
    if lead:
        return Conclusion.WINNER, other if lead > 0 else control
    return (Conclusion.NO_WINNER if is_over or len(order) >= planned else Conclusion.OPEN), None


def _best(arms: Sequence[Arm]) -> str | None:
    """The best of those that are better than the control for sure, or the control if it is better than all."""
    control, *others = arms
    chances = inference.holm([inference.chance(_share(arm), _share(control)) for arm in others])
    sure = [arm for arm, chance in zip(others, chances, strict=True) if chance <= ALPHA]
    rate = _share(control).rate
    if better := [arm for arm in sure if _share(arm).rate > rate]:
        return max(better, key=lambda arm: _share(arm).rate).name
    return control.name if len(sure) == len(others) else None
