"""Buckets: the documented function, evenly spread, apart for two types, and stable while a percentage is raised."""

from collections import Counter
from hashlib import sha256

import pytest

from gateway.catalog.buckets import BUCKETS, bucket
from gateway.catalog.switches import Share

USERS = [f"user-{number}" for number in range(20_000)]


@pytest.mark.parametrize(
    ("type_", "channel", "salt", "key", "expected"),
    [
        ("ORDER_UPDATE", "email", "v1", "42", 1823),
        ("ORDER_UPDATE", "email", "v1", "ann", 4227),
        ("ORDER_UPDATE", "in_app", "v1", "ann", 1695),
        ("ORDER_UPDATE", "email", "v2", "ann", 2082),
        ("SALE_OFFER", "email", "", "ann", 3547),
        ("SALE_OFFER", "email", "", "Jürgen Ω", 2271),
        ("SALE_OFFER", "in_app", "", "topic:deals", 668),
    ],
)
def test_the_vectors_of_the_documentation(type_, channel, salt, key, expected):
    assert bucket(type_, channel, salt, key) == expected
    spelled = f"{type_}:{channel}:{salt}".encode() + b"\0" + key.encode()
    assert int.from_bytes(sha256(spelled).digest()[:8], "big") % 10_000 == expected


def chi_square(counts: list[int], expected: float) -> float:
    return sum((count - expected) ** 2 / expected for count in counts)


def test_the_buckets_are_evenly_filled():
    """20 groups: 43.8 is passed by chance once in a thousand times, and these users are always the same."""
    counts = Counter(bucket("T", "email", "", user) // (BUCKETS // 20) for user in USERS)

    assert chi_square([counts[group] for group in range(20)], len(USERS) / 20) < 43.8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A", "email", ""), ("B", "email", "")),
        (("A", "email", ""), ("A", "in_app", "")),
        (("A", "email", "v1"), ("A", "email", "v2")),
    ],
)
def test_two_types_channels_or_salts_have_nothing_to_do_with_each_other(one, other):
    """A table of 10 by 10: chi-square with 81 degrees of freedom passes 126.1 once in a thousand times."""
    counts = Counter((bucket(*one, user) // 1000, bucket(*other, user) // 1000) for user in USERS)

    assert chi_square([counts[x, y] for x in range(10) for y in range(10)], len(USERS) / 100) < 126.1


def is_in(user: str, percent: float) -> bool:
    return Share(type="T", channel="email", salt="v1", key=user, percent=percent, overridden=False).is_in


def included(percent: float) -> set[str]:
    return {user for user in USERS if is_in(user, percent)}


def test_who_is_in_stays_in():
    shares = [included(percent) for percent in (0, 5, 25, 100)]

    assert shares[0] < shares[1] < shares[2] < shares[3] == set(USERS)
    assert shares[0] == set()
    assert abs(len(shares[1]) - 1000) < 120
    assert abs(len(shares[2]) - 5000) < 250


def test_a_hundredth_of_a_percent_is_one_bucket():
    """Although 0.07 times 100 is a little more than 7 to a computer."""
    buckets = {user: bucket("T", "email", "v1", user) for user in USERS}
    assert {6, 7} <= set(buckets.values())

    assert all(is_in(user, 0.07) is (at < 7) for user, at in buckets.items())


def test_an_id_of_any_text_has_a_bucket():
    assert 0 <= bucket("T", "email", "", "\ud800") < BUCKETS
