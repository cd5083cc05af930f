"""How often services may emit: on average, whatever they emit at once."""

import time

import pytest

from gateway.http.rates import EmitRate
from gateway.protocol.problems import Problem


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which goes on when the test says so."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


async def test_what_is_more_than_a_window_holds_is_paid_for_in_time(clock: list[float]):
    rate = EmitRate(10)
    await rate.spend("shop", 99)
    await rate.spend("shop", 1_000)

    with pytest.raises(Problem) as refused:
        await rate.spend("shop", 1)
    clock[0] += 99.5
    with pytest.raises(Problem) as still_refused:
        await rate.spend("shop", 1_000)
    clock[0] += 0.5
    await rate.spend("shop", 1_000)

    assert refused.value.headers == {"Retry-After": "100"}
    assert still_refused.value.headers == {"Retry-After": "1"}


async def test_what_a_window_holds_is_asked_of_the_window_alone():
    rate = EmitRate(10)
    await rate.spend("shop", 100)

    with pytest.raises(Problem) as refused:
        await rate.spend("shop", 100)
    await rate.spend("other", 100)

    assert 1 <= int(refused.value.headers["Retry-After"]) <= 10


async def test_without_a_rate_everything_passes():
    rate = EmitRate(0)

    for _ in range(3):
        await rate.spend("shop", 10_000)
