"""When more is leased: pure, so that times are the test's."""

import pytest

from mailer.pacing import PATIENCE, Pacing


@pytest.mark.parametrize(("places", "enough"), [(1, 1), (2, 2), (3, 2), (8, 5)])
def test_the_stock_is_more_than_half_of_the_places(places: int, enough: int) -> None:
    pacing = Pacing(places)

    assert [pacing.has_stock(count) for count in range(places + 1)] == [
        count >= enough for count in range(places + 1)
    ]


def test_the_stock_ends_once() -> None:
    pacing = Pacing(8)

    assert [left for left in range(8) if pacing.ends_stock(left)] == [4]


def test_half_of_the_places_are_waited_for_as_long_as_a_few_leases_take() -> None:
    pacing = Pacing(8)
    pacing.lease_seconds = 0.25 / PATIENCE

    assert pacing.patience(1, 100.0) == 0.25
    assert pacing.patience(2, 100.125) == 0.125
    assert pacing.patience(3, 100.25) == 0.0
    assert pacing.patience(4, 100.125) == 0.0

    pacing.leasing()
    assert pacing.patience(1, 200.0) == 0.25


@pytest.mark.parametrize("places", [1, 2])
def test_one_place_of_few_is_worth_a_lease(places: int) -> None:
    pacing = Pacing(places)
    pacing.lease_seconds = 0.25 / PATIENCE

    assert pacing.patience(1, 100.0) == 0.0
