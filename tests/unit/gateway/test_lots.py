"""Who gets what of an experiment: by a lot that anybody can compute, and that has to do with no rollout."""

from collections import Counter

import pytest

from gateway.catalog.buckets import bucket
from gateway.experiments.inference import SKEWED, split_chance
from gateway.experiments.lots import Aside, Split, lot

USERS = [f"user-{n}" for n in range(4000)]


@pytest.mark.parametrize(
    ("salt", "user", "drawn"),
    [
        ("autumn", "ann", 3537),
        ("autumn", "bob", 5825),
        ("v1", "42", 6818),
        ("", "ann", 9659),
        ("autumn", "Größe", 2915),
    ],
)
def test_a_lot_is_what_the_documentation_says(salt: str, user: str, drawn: int):
    assert lot(salt, user) == drawn


def test_a_lone_surrogate_has_a_lot_too():
    assert 0 <= lot("", "\ud800") < 10_000


def test_people_are_shared_out_by_the_weights_and_all_else_is_held_out_or_waits():
    split = Split(salt="autumn", weights=(2, 1, 1), holdout=10, share=50)

    found = Counter(split.place(user) for user in USERS)

    wanted = {0: 22.5, 1: 11.25, 2: 11.25, Aside.HELD_OUT: 10, Aside.WAITS: 45}
    assert found.keys() == wanted.keys()
    assert split_chance([found[place] for place in wanted], list(wanted.values())) > SKEWED


def test_without_a_holdout_and_a_rest_everybody_gets_a_variant():
    assert {Split(salt="s", weights=(1, 1)).place(user) for user in USERS} == {0, 1}


def test_every_lot_on_trial_has_a_variant_however_few_there_are():
    split = Split(salt="s", weights=(1,) * 8, share=1)

    assert split.on_trial == 100
    assert {split.place(user) for user in USERS} == {*range(8), Aside.WAITS}


def test_who_is_early_in_a_rollout_gets_no_variant_before_others_even_under_its_salt():
    early = [user for user in USERS if bucket("NEWS", "email", "v1", user) < 2500]
    split = Split(salt="v1", weights=(1, 1))

    places = Counter(split.place(user) for user in early)

    assert split_chance([places[0], places[1]], [1, 1]) > SKEWED
