"""Refusals are counted under a bounded set of names, and logged at a bounded rate."""

import logging

import pytest

from gateway.engine.refusals import CODES, LINE_SECONDS, Refusal, Refusals


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("gateway.engine.refusals.time.monotonic", lambda: now[0])
    return now


def test_a_code_that_nobody_knows_is_counted_as_other():
    refusals = Refusals()

    for number in range(1000):
        refusals.note(f"made-up-{number}", "192.0.2.1")
    refusals.note("invalid_token", "192.0.2.1")

    assert set(refusals.counts) == set(CODES)
    assert refusals.counts["other"] == 1000
    assert refusals.counts["invalid_token"] == 1


def test_a_line_per_code_and_while_says_how_many_there_were(clock, caplog):
    caplog.set_level(logging.INFO)
    refusals = Refusals()

    for _ in range(100):
        refusals.note("invalid_token", "192.0.2.1")
        refusals.note("rate_limited", "192.0.2.2")
    clock[0] += LINE_SECONDS
    refusals.note("invalid_token", "192.0.2.3")

    said = [(line.code, line.address, line.refused) for line in caplog.records]
    assert said == [
        ("invalid_token", "192.0.2.1", 1),
        ("rate_limited", "192.0.2.2", 1),
        ("invalid_token", "192.0.2.3", 100),
    ]


@pytest.mark.parametrize(
    ("error", "code", "temporary"),
    [
        ({"message": "no", "data": {"code": "expired_token", "retry": False}}, "expired_token", False),
        ({"message": "later", "data": {"code": "unavailable", "retry": True}}, "unavailable", True),
        ({"message": "no"}, "other", False),
        ({"message": "no", "data": ["what a handler", "likes to say"]}, "other", False),
    ],
)
def test_what_a_handler_has_raised_is_final_unless_it_says_otherwise(error, code, temporary):
    refusal = Refusal.of(error)

    assert (refusal.code, refusal.temporary, refusal.told) == (code, temporary, error)
