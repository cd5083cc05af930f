"""How many mails may be under way to one recipient domain."""

import pytest

from mailer import domains
from mailer.domains import LONGEST_WAIT_SECONDS, Domains, Passage

HERE = "shop.example"


class Time:
    """In seconds, held by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def table_of(limit: int, time: Time | None = None) -> Domains:
    return Domains(limit, random=lambda: 0.999_999_999, time=time or Time())


def enter(table: Domains, domain: str = HERE) -> Passage:
    passage = table.enter(domain)
    assert passage is not None
    return passage


def throttle(table: Domains, domain: str = HERE) -> None:
    passage = enter(table, domain)
    table.throttled(passage, ended=False)
    table.leave(passage)


def take(table: Domains, count: int = 1) -> None:
    for _ in range(count):
        passage = enter(table)
        table.taken(passage)
        table.leave(passage)


def test_until_a_domain_is_throttled_only_the_lane_bounds_it() -> None:
    table = table_of(3)

    places = [table.enter(HERE) for _ in range(4)]

    assert [place is not None for place in places] == [True, True, True, False]
    assert table.bound("other.example") == 3


def test_the_bound_halves_down_to_one() -> None:
    table = table_of(8)

    bounds = []
    for _ in range(5):
        throttle(table)
        bounds.append(table.bound(HERE))

    assert bounds == [4, 2, 1, 1, 1]


def test_of_several_under_way_at_once_the_first_refusal_halves_the_bound() -> None:
    table = table_of(8)
    passages = [enter(table) for _ in range(8)]

    for passage in passages:
        table.throttled(passage, ended=False)
        table.leave(passage)

    assert table.bound(HERE) == 4


def test_the_bound_climbs_back_by_one_for_as_many_mails_as_it_holds() -> None:
    table = table_of(4)
    throttle(table)
    assert table.bound(HERE) == 2

    take(table, 3)
    assert table.bound(HERE) == 3
    take(table, 4)

    assert table.bound(HERE) == 4


@pytest.mark.parametrize("limit", [1, 4])
def test_a_domain_over_which_the_relay_hangs_up_rests_longer_each_time_until_mail_is_taken(
    limit: int,
) -> None:
    time = Time()
    table = table_of(limit, time)

    for rest in (0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, "taken", 0, 2):
        if rest == "taken":
            take(table)
            continue
        passage = enter(table)
        table.throttled(passage, ended=True)
        table.leave(passage)
        if rest:
            time.now += rest - 0.1
            assert table.enter(HERE) is None
            assert table.wait_seconds(HERE) >= 0.09
            time.now += 0.2


def test_of_several_under_way_as_the_relay_hangs_up_the_first_has_the_domain_rest() -> None:
    time = Time()
    table = table_of(8, time)
    first = enter(table)
    table.throttled(first, ended=True)
    table.leave(first)
    passages = [enter(table) for _ in range(4)]

    for passage in passages:
        table.throttled(passage, ended=True)
        table.leave(passage)

    time.now += 2.1
    assert table.enter(HERE) is not None


def test_another_domain_is_not_held_up() -> None:
    table = table_of(2)
    throttle(table)

    assert table.bound(HERE) == 1
    assert [table.enter("other.example") is not None for _ in range(2)] == [True, True]


def test_each_mail_that_is_put_off_waits_a_turn_more_and_never_too_long() -> None:
    table = table_of(1)
    passage = enter(table)

    waits = []
    for _ in range(2000):
        assert table.enter(HERE) is None
        waits.append(table.wait_seconds(HERE))

    assert waits[:3] == [1, 2, 3]
    assert waits[-1] == LONGEST_WAIT_SECONDS
    table.leave(passage)
    assert table.bound(HERE) == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "REMEMBERED", 2)
    table = table_of(2)
    throttle(table, "oldest.example")
    under_way = enter(table, "newer.example")

    throttle(table, "newest.example")

    assert table.bound("oldest.example") == 2  # forgotten
    assert table.bound("newest.example") == 1
    table.throttled(under_way, ended=False)
    assert table.bound("newer.example") == 1


def test_mail_under_way_is_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "REMEMBERED", 1)
    table = table_of(2)
    under_way = enter(table, "one.example")

    other = enter(table, "two.example")

    table.throttled(under_way, ended=False)
    table.leave(under_way)
    table.leave(other)
    assert table.bound("one.example") == 1
