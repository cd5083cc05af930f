"""What an experiment is said to have found: by hand, and by a thousand experiments in which nothing differs, or something does.

Who converts is drawn from a generator with a fixed seed, so that each run sees the same thousand.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import log, sqrt
from random import Random

import pytest

from gateway.experiments.findings import (
    EVENTS_LEAST,
    Arm,
    Conclusion,
    Design,
    Findings,
    Rule,
    findings,
)
from gateway.notify.clicks.judging import AGENT, PREFETCH, Posted, judge
from storage.clicks import Hit, HitKind
from tests.support.amounts import amount

EVEN = Design(weights=(1, 1), baseline=0.05, effect=0.02)
THREE = Design(weights=(1, 1, 1), baseline=0.1, effect=0.04)
RUNS = amount(1000, long=20_000)
NAMES = ("a", "b", "c")


def arms(*of: tuple[int, int], weights: tuple[int, ...] = (1, 1, 1)) -> list[Arm]:
    return [
        Arm(name=name, weight=weight, assigned=people, people=people, converted=converted)
        for name, weight, (converted, people) in zip(NAMES, weights, of, strict=False)
    ]


# By hand


def test_two_equal_arms_are_judged_in_the_order_in_which_people_converted():
    order = ["b"] * 40
    found = findings(EVEN, arms((0, 1000), (40, 1000)), order, is_over=False)

    assert (EVEN.rule, found.conclusion, found.winner) == (Rule.SEQUENTIAL, Conclusion.WINNER, "b")
    assert not found.has_enough
    [beside] = found.comparisons
    assert (beside.arm, beside.difference) == ("b", 0.04)
    assert 0 < beside.interval.low < 0.04 < beside.interval.high
    lost = findings(EVEN, arms((40, 1000), (0, 1000)), ["a"] * 40, is_over=False)
    assert (lost.conclusion, lost.winner) == (Conclusion.WINNER, "a")


def test_without_a_difference_two_arms_are_open_until_their_sum_or_their_time_is_over():
    planned = EVEN.conversions
    assert planned is not None
    even = arms((planned // 2, 3000), (planned // 2, 3000))

    assert findings(EVEN, even, ["a", "b"] * 20, is_over=False).conclusion is Conclusion.OPEN
    assert findings(EVEN, even, ["a", "b"] * 20, is_over=True).conclusion is Conclusion.NO_WINNER
    assert findings(EVEN, even, ["a", "b"] * planned, is_over=False).conclusion is Conclusion.NO_WINNER


def test_more_arms_are_judged_at_the_end_and_each_against_the_control():
    better = arms((300, 3000), (310, 3000), (420, 3000))

    assert THREE.rule is Rule.FIXED
    assert findings(THREE, better, [], is_over=False).conclusion is Conclusion.OPEN
    found = findings(THREE, better, [], is_over=True)
    assert (found.conclusion, found.winner, found.has_enough) == (Conclusion.WINNER, "c", True)
    control = findings(THREE, arms((420, 3000), (310, 3000), (300, 3000)), [], is_over=True)
    assert control.winner == "a"
    # Worse than the control for sure is one of two only: which is the best nobody knows.
    assert findings(THREE, arms((400, 3000), (390, 3000), (300, 3000)), [], is_over=True).winner is None


def test_arms_of_different_weights_or_times_are_judged_at_the_end_too():
    assert Design(weights=(3, 1), baseline=0.05, effect=0.02).rule is Rule.FIXED
    assert Design(weights=(1, 1), baseline=0.05, effect=0.02, is_timed=True).rule is Rule.FIXED


def test_people_who_are_split_otherwise_than_planned_prove_nothing():
    found = findings(EVEN, arms((900, 10_000), (100, 9000)), ["a"] * 100, is_over=True)

    assert (found.conclusion, found.winner) == (Conclusion.BROKEN, None)
    assert findings(
        Design(weights=(3, 1), baseline=0.05, effect=0.02),
        arms((700, 7500), (100, 2500), weights=(3, 1)), [], is_over=True,
    ).conclusion is Conclusion.WINNER  # fmt: skip


def test_a_plan_says_how_many_it_takes():
    assert EVEN.people == pytest.approx(5000, rel=0.1)
    assert THREE.people == 3 * (THREE.people // 3)
    # The smallest arm has as many as it would have beside an equal one.
    assert Design(weights=(9, 1), baseline=0.05, effect=0.02).people == pytest.approx(22_130, rel=0.01)


# By a thousand


def conversions(random: Random, people: int, rate: float) -> Iterator[float]:
    """When people convert, as parts of the time from the first of them to the last: how many is left to chance."""
    place = 0
    while True:
        # So many in between do not.
        place += 1 + int(log(1.0 - random.random()) / log(1.0 - rate))
        if place > people:
            return
        yield random.random()


def experiment(random: Random, design: Design, rates: tuple[float, ...]) -> Findings:
    """One experiment from its beginning to its end, with as many people as its plan says."""
    people = design.people * design.weights[0] // sum(design.weights)
    clicks = [
        (at, name)
        for name, rate in zip(NAMES, rates, strict=False)
        for at in conversions(random, people, rate)
    ]
    order = [name for _, name in sorted(clicks)]
    counted = arms(*((order.count(name), people) for name in NAMES[: len(rates)]))
    return findings(design, counted, order, is_over=True)


def part(runs: int, made: Callable[[], Findings], wanted: Callable[[Findings], bool]) -> float:
    return sum(wanted(made()) for _ in range(runs)) / runs


def has_winner(found: Findings) -> bool:
    return found.conclusion is Conclusion.WINNER


def promised(rate: float, runs: int) -> float:
    """With what chance may add to it in so many runs."""
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


@pytest.mark.long
@pytest.mark.parametrize("design", [EVEN, THREE])
def test_where_nothing_differs_no_more_winners_are_found_than_promised(design: Design):
    random = Random(1)
    rates = (design.baseline,) * len(design.weights)
    runs = RUNS if design is EVEN else RUNS // 2

    found = part(runs, lambda: experiment(random, design, rates), has_winner)

    assert 0 < found <= promised(0.05, runs)


@pytest.mark.long
@pytest.mark.parametrize("design", [EVEN, THREE])
def test_a_difference_as_it_was_planned_for_is_found_as_often_as_planned(design: Design):
    random = Random(2)
    rates = (*(design.baseline,) * (len(design.weights) - 1), design.baseline + design.effect)
    best = NAMES[len(rates) - 1]
    runs = RUNS // 4

    found = part(runs, lambda: experiment(random, design, rates), lambda one: one.winner == best)

    assert found >= 2 * 0.8 - promised(0.8, runs)


NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)


def hits(random: Random, mail: str) -> list[Hit]:
    """What becomes of a mail that a program looks into, or a person, or first the one and then the other."""
    bot = random.random() < 0.2
    # As the mail comes in, or later: by its name, ahead of a person, or all links at once.
    at, how = random.choice([(2.0, ()), (60.0, (AGENT,)), (60.0, (PREFETCH,)), (4000.0, ())])
    made = [(f"link {n}", at + n, how, "scanner") for n in range(3 if bot else 0)]
    made.append(("link 1", 7200.0 + random.random() * 3600, (), "home"))
    return [
        Hit(
            id=f"{mail}{n}", mail=mail, user=mail, type="NEWS", notification=None, room=None, campaign="c",
            target=target.encode(), links=4, at=NOW + timedelta(seconds=seconds), network=network.encode(), signals=how,
        )
        for n, (target, seconds, how, network) in enumerate(made)
    ]  # fmt: skip


def is_humans(random: Random, mail: str, *, person: bool) -> bool:
    """Whether a click counts, as it is judged in earnest."""
    of_mail = hits(random, mail)
    seen = of_mail if person else of_mail[:-1]
    posted = Posted(sent_at=NOW, domain="gmail.com")
    return any(judge(each, seen, posted)[0] is HitKind.HUMAN for each in seen)


@pytest.mark.long
@pytest.mark.parametrize(("lift", "least", "most"), [(0.0, 0.0, 0.05), (0.02, 0.8, 1.0)])
def test_programs_that_follow_links_in_a_fifth_of_the_mails_change_nothing_of_that(
    lift: float, least: float, most: float
):
    random = Random(3)
    # How mails are judged that a person follows too, and how those that none does: drawn once, by the rules in force.
    followed = [is_humans(random, f"m{n}", person=True) for n in range(500)]
    unfollowed = [is_humans(random, f"m{n}", person=False) for n in range(500)]
    told, mistaken = sum(followed) / 500, sum(unfollowed) / 500
    runs = RUNS // 4
    rates = tuple(told * rate + mistaken * (1 - rate) for rate in (EVEN.baseline, EVEN.baseline + lift))

    found = part(
        runs,
        lambda: experiment(random, EVEN, rates),
        lambda one: one.winner == "b" if lift else has_winner(one),
    )

    assert 2 * least - promised(least, runs) <= found <= promised(most, runs)
    assert (told, mistaken) == (1.0, 0.0)


@pytest.mark.long
def test_programs_that_nobody_tells_from_people_hide_differences_but_make_none():
    random = Random(4)
    rate = 0.95 * EVEN.baseline + 0.2

    found = part(RUNS // 8, lambda: experiment(random, EVEN, (rate, rate)), has_winner)

    assert found <= promised(0.05, RUNS // 8)
    assert EVEN.people * rate / 2 >= EVENTS_LEAST
