"""What may be concluded from shares of people: how many are needed, how far two differ, and what is chance.

Pure, and by the normal distribution alone. All of it holds `ALPHA`: of experiments in which nothing differs, no more than that
part finds a difference. The sizes are those by which `POWER` of the experiments find a difference that is there.

`findings` applies it to the arms of an experiment; planners ask it how many people are needed. Each formula
names its source, so that it can be looked up; `tests/unit/gateway` compares the figures with those of others.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil, erfc, exp, gamma, inf, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

ALPHA: Final = 0.05
"""How often an experiment may find a difference where there is none."""
POWER: Final = 0.8
"""How often it is to find one that is there, as large as it was planned for."""
SKEWED: Final = 0.001
"""A split that is less likely than this was not made by the weights."""
SEQUENTIAL_BOUND: Final = 2.25
"""In roots of the planned sum: Evan Miller, "Simple sequential A/B testing" (2015), two-sided at 5 %."""
_NORMAL: Final = NormalDist()


class Proportion(NamedTuple):
    """So many of so many people."""

    of: int
    """Those who have converted."""
    people: int

    @property
    def rate(self) -> float:
        """From 0 to 1; 0 where there is nobody."""
        return self.of / self.people if self.people else 0.0


class Interval(NamedTuple):
    """From the lower to the upper end."""

    low: float
    high: float


# Before: how many are needed


def arm_size(baseline: float, effect: float, *, comparisons: int = 1) -> int:
    """People in each arm, by whom a rise of the rate by `effect` is found at the end; each comparison has its part of `ALPHA`.

    Fleiss, "Statistical Methods for Rates and Proportions", section 4.2, without a correction for continuity.

    Rates are from 0 to 1, and `baseline` + `effect` below 1; `effect` is above 0.
    """
    raised = baseline + effect
    middle = (baseline + raised) / 2
    by_chance = _quantile(1 - ALPHA / 2 / comparisons) * sqrt(2 * middle * (1 - middle))
    in_truth = _quantile(POWER) * sqrt(baseline * (1 - baseline) + raised * (1 - raised))
    return ceil(((by_chance + in_truth) / effect) ** 2)


def sequential_sum(baseline: float, effect: float) -> int:
    """Conversions of both arms together after which there is no winner, if there was none before.

    Found by halving, sixty times, which is exact to the last person: there is no formula for it. Raises
    `ZeroDivisionError` for an effect of 0.
    """
    drift = effect / (2 * baseline + effect)
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _reaches(middle, sqrt(1 - drift * drift)) >= POWER else (middle, high)
    return ceil((high / drift) ** 2)


def _reaches(pull: float, spread: float) -> float:
    """How likely a walk passes the bound that drifts by `pull` roots of its length: the first passage of a Brownian motion."""
    bound = SEQUENTIAL_BOUND
    mirrored = exp(min(700.0, 2 * pull * bound / spread**2)) * _below((-bound - pull) / spread)
    return _below((pull - bound) / spread) + mirrored


# After: what was found


def sequential_winner(steps: Iterable[int], planned: int) -> int:
    """1 when the first arm has won, -1 when the other has, 0 when neither has, by the order in which they converted.

    A step is 1 for the first arm's, and -1 for the other's. What comes behind the planned sum changes nothing, so it may be
    asked as often as one likes, and at any time. The arms must be equal, and be sent at the same time.
    """
    bound = SEQUENTIAL_BOUND * sqrt(planned)
    ahead = 0
    # In their order: a bound that was crossed once stays crossed, whatever comes after it.
    for step in islice(steps, planned):
        ahead += step
        if abs(ahead) >= bound:
            return step
    return 0


def chance(one: Proportion, other: Proportion) -> float:
    """How likely shares are as far apart as these, or farther, when nothing differs: two-sided, of the pooled variance.

    1 where one of them has nobody, or both have all or none: nothing can be said then.
    """
    if not one.people or not other.people:
        return 1.0
    pooled = (one.of + other.of) / (one.people + other.people)
    variance = pooled * (1 - pooled) * (1 / one.people + 1 / other.people)
    if variance <= 0:
        return 1.0
    return erfc(abs(one.rate - other.rate) / sqrt(2 * variance))


def holm(chances: Sequence[float]) -> list[float]:
    """Each chance as it counts among the others, so that `ALPHA` holds for all of them together (Holm, 1979)."""
    adjusted = [0.0] * len(chances)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, chances[place] * (len(chances) - rank)))
        adjusted[place] = least
    return adjusted


def wilson(share: Proportion, alpha: float = ALPHA) -> Interval:
    """The score interval of a share (Wilson, 1927).

    Of nobody it is from 0 to 1: nothing is known.
    """
    if not share.people:
        return Interval(0.0, 1.0)
    z, n, rate = _quantile(1 - alpha / 2), share.people, share.rate
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def difference(one: Proportion, other: Proportion, alpha: float = ALPHA) -> Interval:
    """By how much the first rate is above the other's (Newcombe, 1998, method 10)."""
    apart = one.rate - other.rate
    own, others = wilson(one, alpha), wilson(other, alpha)
    below = sqrt((one.rate - own.low) ** 2 + (others.high - other.rate) ** 2)
    above = sqrt((own.high - one.rate) ** 2 + (other.rate - others.low) ** 2)
    return Interval(apart - below, apart + above)


def split_chance(people: Sequence[int], weights: Sequence[float]) -> float:
    """How likely a split is as far from the weights as this, or farther: Pearson's χ².

    1 where nobody is split yet, or among one.
    """
    total, whole = sum(people), sum(weights)
    if not total or len(people) < 2:
        return 1.0
    wanted = [total * weight / whole for weight in weights]
    return chi_squared_above(
        sum((count - each) ** 2 / each for count, each in zip(people, wanted, strict=True)), len(people) - 1
    )


def chi_squared_above(value: float, freedom: int) -> float:
    """The upper tail of χ², by its recurrence over the degrees of freedom."""
    half = value / 2
    if half > 700 or half == inf:
        return 0.0
    tail, start = (erfc(sqrt(half)), 1) if freedom % 2 else (exp(-half), 2)
    for reached in range(start, freedom, 2):
        tail += half ** (reached / 2) * exp(-half) / gamma(reached / 2 + 1)
    return min(1.0, tail)


def _quantile(of: float) -> float:
    """The value that the part `of` of a normal distribution lies below."""
    return _NORMAL.inv_cdf(of)


def _below(value: float) -> float:
    """How much of a normal distribution lies below the value."""
    return _NORMAL.cdf(value)
