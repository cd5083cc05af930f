"""The ledger tells what Redis has to be told, whatever was answered, lost or overtaken."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.cluster.presence.base import Visitor
from gateway.cluster.presence.ledger import HeldConnection, Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def visitor(connection: str, user: str, *, at: int = 0) -> Visitor:
    return Visitor(connection=connection, user=user, name=None, roles=(), since=NOW + timedelta(seconds=at))


def come(ledger: Ledger, connection: str, user: str = "ann") -> HeldConnection:
    held = ledger.come(visitor(connection, user))
    assert held is not None
    return held


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def compared(ledger: Ledger, *there: str) -> tuple[list[str], set[str]]:
    missing, surplus = ledger.compare(ledger.question(), set(there))
    return [held.visitor.connection for held in missing], surplus


def test_a_connection_comes_and_goes_once(ledger):
    come(ledger, "a1")

    assert ledger.come(visitor("a1", "ann")) is None
    assert ledger.go("a1", NOW)
    assert not ledger.go("a1", NOW)
    assert not ledger.go("unknown", NOW)


def test_only_what_was_confirmed_is_missed_and_what_nobody_answered_is_put_again(ledger):
    ledger.put_in(come(ledger, "confirmed"), arriving=False)
    come(ledger, "under way")
    come(ledger, "doubtful").doubtful = True

    assert compared(ledger, "confirmed", "doubtful") == (["doubtful"], set())
    assert compared(ledger) == (["confirmed", "doubtful"], set())


def test_what_was_confirmed_after_the_question_is_missing_in_no_answer(ledger):
    held = come(ledger, "a1")
    question = ledger.question()
    ledger.put_in(held, arriving=False)

    assert ledger.compare(question, set()) == ([], set())


def test_what_redis_has_and_nobody_knows_is_surplus_but_not_what_is_being_taken_out(ledger):
    come(ledger, "here")
    come(ledger, "leaving")
    ledger.go("leaving", NOW)

    assert compared(ledger, "here", "leaving", "strange") == ([], {"strange"})


def test_who_left_while_it_was_put_back_is_to_be_taken_out_again(ledger):
    held = come(ledger, "a1")
    ledger.go("a1", NOW)
    ledger.taken_out("a1", due=5)

    ledger.put_back([held], NOW + timedelta(seconds=1))

    assert ledger.gone["a1"].at == NOW + timedelta(seconds=1)


def test_an_answer_ends_the_doubts_that_were_before_its_question_and_no_later_ones(ledger):
    assert not ledger.in_doubt
    ledger.doubt()
    question = ledger.question()
    ledger.doubt()

    ledger.agree(question)
    assert ledger.in_doubt
    ledger.agree(ledger.question())
    assert not ledger.in_doubt


def test_a_memory_that_was_lost_is_restored_with_those_whose_leaving_is_not_announced(ledger):
    for name in ("stays", "not noted", "noted", "announced", "never there"):
        held = come(ledger, name)
        if name != "never there":
            ledger.put_in(held, arriving=False)
    for name in ("not noted", "noted", "announced", "never there"):
        ledger.go(name, NOW)
    ledger.taken_out("announced", due=5)
    ledger.taken_out("noted", due=9)
    ledger.announced(upto=5, arriving=[])

    known, left = ledger.lost()

    assert [held.visitor.connection for held in known] == ["stays"]
    assert set(left) == {"not noted", "noted"}
    assert ledger.in_doubt


def test_a_departure_that_is_noted_twice_is_kept_until_the_later_time(ledger):
    ledger.put_in(come(ledger, "a1"), arriving=False)
    ledger.go("a1", NOW)
    ledger.taken_out("a1", due=5)
    ledger.taken_out("a1", due=9)
    ledger.taken_out("unknown", due=9)

    ledger.announced(upto=5, arriving=[])

    assert set(ledger.lost()[1]) == {"a1"}


def test_who_arrived_in_an_empty_memory_is_known_until_announced(ledger):
    ledger.put_in(come(ledger, "a1", "ann"), arriving=True)
    ledger.put_in(come(ledger, "b1", "bob"), arriving=True)

    ledger.announced(upto=0, arriving=["bob", "of another node"])

    assert [ledger.is_arriving(user) for user in ("ann", "bob", "of another node")] == [False, True, False]


def test_beyond_a_limit_the_oldest_are_named_and_never_the_newcomer(ledger):
    for number in range(4):
        ledger.come(visitor(f"a{number}", "ann", at=number))
    ledger.come(visitor("b1", "bob"))
    late = ledger.held["a0"].visitor  # the oldest by its time, and the one that has just come

    assert ledger.beyond(ledger.held["a3"].visitor, 2) == ["a0", "a1"]
    assert ledger.beyond(late, 2) == ["a1", "a2"]
    assert ledger.beyond(late, 0) == []
    assert ledger.beyond(late, 4) == []


def test_all_go_at_once_at_the_end(ledger):
    come(ledger, "a1")
    come(ledger, "b1", "bob")

    ledger.go_all(NOW)

    assert not ledger.held
    assert set(ledger.gone) == {"a1", "b1"}
