"""What is concluded from shares of people, beside what another's library concludes from the same."""

import pytest
from scipy import special

from gateway.experiments.inference import (
    Proportion,
    arm_size,
    chance,
    chi_squared_above,
    difference,
    holm,
    sequential_sum,
    sequential_winner,
    split_chance,
    wilson,
)

SHARES = [
    (Proportion(56, 70), Proportion(48, 80)), (Proportion(9, 10), Proportion(3, 10)), (Proportion(0, 10), Proportion(1, 10)),
    (Proportion(500, 10_000), Proportion(570, 10_000)), (Proportion(5, 5), Proportion(0, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SHARES)
def test_the_chance_of_a_difference_is_that_of_the_chi_squared_test_of_four_fields(
    one: Proportion, other: Proportion
):
    fields = [(one.of, one.people), (one.people - one.of, one.people), (other.of, other.people), (other.people - other.of, other.people)]  # fmt: skip
    converted, people = one.of + other.of, one.people + other.people
    rates = [converted / people, 1 - converted / people] * 2
    squared = sum(
        (found - of * rate) ** 2 / (of * rate) for (found, of), rate in zip(fields, rates, strict=True)
    )

    assert chance(one, other) == pytest.approx(special.chdtrc(1, squared))


def test_where_nobody_or_everybody_converts_nothing_is_surprising():
    assert chance(Proportion(0, 10), Proportion(0, 10)) == 1
    assert chance(Proportion(10, 10), Proportion(10, 10)) == 1
    assert chance(Proportion(1, 10), Proportion(0, 0)) == 1


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        # The examples of Newcombe's paper on one share, of the same year.
        (Proportion(81, 263), 0.2553, 0.3662),
        (Proportion(15, 148), 0.0624, 0.1605),
        (Proportion(0, 20), 0.0, 0.1611),
        (Proportion(1, 29), 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_wilsons(share: Proportion, low: float, high: float):
    assert wilson(share) == pytest.approx((low, high), abs=1e-4)


def test_of_nobody_a_share_may_be_anything():
    assert wilson(Proportion(0, 0)) == (0, 1)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        # The examples of the paper, table II: (a), (b), (c), (g) and (h).
        (Proportion(56, 70), Proportion(48, 80), 0.0524, 0.3339),
        (Proportion(9, 10), Proportion(3, 10), 0.1705, 0.8090),
        (Proportion(6, 7), Proportion(2, 7), 0.0582, 0.8062),
        (Proportion(0, 10), Proportion(0, 20), -0.1611, 0.2775),
        (Proportion(10, 10), Proportion(0, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombes_paper(
    one: Proportion, other: Proportion, low: float, high: float
):
    assert difference(one, other) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("freedom", range(1, 9))
@pytest.mark.parametrize("value", [0.0, 0.3, 2.0, 10.8, 60.0])
def test_the_tail_of_chi_squared_is_right_for_as_many_arms_as_there_may_be(freedom: int, value: float):
    assert chi_squared_above(value, freedom) == pytest.approx(special.chdtrc(freedom, value))


def test_a_split_is_judged_by_its_weights():
    assert split_chance([821, 946], [1, 1]) == pytest.approx(
        special.chdtrc(1, (946 - 821) ** 2 / (946 + 821))
    )
    weighted = special.chdtrc(2, 10**2 / 250 + 10**2 / 250)
    assert split_chance([500, 260, 240], [2, 1, 1]) == pytest.approx(weighted)
    assert split_chance([0, 0], [1, 1]) == 1
    assert split_chance([7], [1]) == 1
    assert split_chance([100_000, 0], [1, 1]) == 0


@pytest.mark.parametrize("chances", [[0.01, 0.04, 0.03], [0.5, 0.001, 0.02, 0.9], [0.03], []])
def test_among_many_comparisons_each_counts_for_less(chances: list[float]):
    # By the rule as it is told in words: the smallest counts as often as there are, the next once less, none less than one before.
    wanted: dict[float, float] = {}
    for rank, each in enumerate(sorted(chances)):
        wanted[each] = max([min(1.0, each * (len(chances) - rank)), *wanted.values()])

    assert holm(chances) == pytest.approx([wanted[each] for each in chances])


@pytest.mark.parametrize(
    ("baseline", "effect", "comparisons"), [(0.05, 0.02, 1), (0.2, 0.05, 1), (0.03, 0.02, 3)]
)
def test_the_planned_size_has_the_planned_power(baseline: float, effect: float, comparisons: int):
    people = arm_size(baseline, effect, comparisons=comparisons)

    middle = baseline + effect / 2
    spread = ((baseline * (1 - baseline) + (baseline + effect) * (1 - baseline - effect)) / people) ** 0.5
    bound = special.ndtri(1 - 0.05 / 2 / comparisons) * (2 * middle * (1 - middle) / people) ** 0.5
    assert special.ndtr((effect - bound) / spread) == pytest.approx(0.8, abs=0.001)


def chance_of_winning(planned: int, ahead: float) -> tuple[float, float]:
    """How likely each arm wins, each conversion being the first's with the chance `ahead`: counted through, path by path."""
    at: dict[int, float] = {0: 1.0}
    won = {1: 0.0, -1: 0.0}
    bound = 2.25 * planned**0.5
    for _ in range(planned):
        following: dict[int, float] = {}
        for place, likely in at.items():
            for step, part in ((1, ahead), (-1, 1 - ahead)):
                if abs(place + step) >= bound:
                    won[step] += likely * part
                else:
                    following[place + step] = following.get(place + step, 0.0) + likely * part
        at = following
    return won[1], won[-1]


@pytest.mark.parametrize(("baseline", "effect"), [(0.05, 0.02), (0.02, 0.01), (0.2, 0.1)])
def test_the_sequential_rule_errs_as_seldom_as_promised_and_finds_what_it_was_planned_for(
    baseline: float, effect: float
):
    planned = sequential_sum(baseline, effect)

    assert sum(chance_of_winning(planned, 0.5)) <= 0.05
    found, wrong = chance_of_winning(planned, (baseline + effect) / (2 * baseline + effect))
    assert found == pytest.approx(0.8, abs=0.03)
    assert wrong < 0.001


def test_who_is_far_enough_ahead_has_won_and_what_comes_afterwards_changes_nothing():
    bound = 23  # 2.25 roots of 100, and up

    assert sequential_winner([1] * 22, 100) == 0
    assert sequential_winner([1] * bound, 100) == 1
    assert sequential_winner([1] * bound + [-1] * 77, 100) == 1
    assert sequential_winner([-1] * bound, 100) == -1
    assert sequential_winner([1, -1] * 50 + [1] * bound, 100) == 0
