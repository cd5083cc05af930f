"""What several answers of a relay, taken together, say of us and of one recipient."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import standing
from mailer.standing import Judgement, RelayStanding


def judged(here: RelayStanding, *recipients: str, outspoken: bool = False) -> list[Judgement]:
    return [here.refused(recipient, outspoken=outspoken) for recipient in recipients]


def test_several_refused_in_a_row_are_about_us() -> None:
    here = RelayStanding()

    assert judged(here, "ann", "bob", "cid", "dan") == [
        Judgement.DOUBT, Judgement.DOUBT, Judgement.OURS, Judgement.OURS,
    ]  # fmt: skip
    assert here.stopped


def test_a_refusal_that_is_outspoken_stops_at_once_and_keeps_nobody_else_waiting() -> None:
    here = RelayStanding()

    assert judged(here, "ann", outspoken=True) == [Judgement.DOUBT]

    assert here.stopped


def test_one_recipient_refused_again_and_again_is_told_and_keeps_nobody_else_waiting() -> None:
    here = RelayStanding()

    assert judged(here, *["ann"] * 5) == [Judgement.DOUBT] * 5

    assert here.stopped


def test_a_recipient_refused_while_others_are_accepted_is_refused_alone() -> None:
    here = RelayStanding()

    verdicts = []
    for name in ("ann", "Ann", "ANN"):
        verdicts += judged(here, name, outspoken=True)
        here.accepted("bob")

    assert verdicts == [Judgement.DOUBT, Judgement.OWN, Judgement.OWN]
    assert not here.stopped


def test_each_attempt_that_counts_needs_another_to_be_accepted_anew() -> None:
    here = RelayStanding()
    judged(here, "ann")
    here.accepted("bob")

    assert judged(here, "ann", "ann", "ann") == [Judgement.OWN, Judgement.DOUBT, Judgement.DOUBT]


def test_the_recipients_own_acceptance_proves_nothing_against_it() -> None:
    here = RelayStanding()
    judged(here, "ann")
    here.accepted("ann")

    assert judged(here, "ann") == [Judgement.DOUBT]


def test_a_quota_that_ends_again_counts_against_one_mail_of_those_it_stopped_before() -> None:
    """They were refused before another was accepted, all of them, and are not to be blamed for it one by one."""
    here = RelayStanding()
    people = [f"user{number}" for number in range(20)]
    judged(here, *people, outspoken=True)
    here.accepted("ann")

    verdicts = judged(here, *people, outspoken=True)

    assert verdicts[:4] == [Judgement.OWN, Judgement.DOUBT, Judgement.DOUBT, Judgement.OURS]
    assert set(verdicts[4:]) == {Judgement.OURS}


def test_what_was_ours_before_a_recipient_was_heard_of_ends_when_one_is_refused_for_itself() -> None:
    here = RelayStanding()
    here.failed()
    assert here.stopped

    here.let_in()

    assert not here.stopped


def test_a_recipient_that_does_not_exist_says_nothing_of_those_that_were_refused() -> None:
    """It is refused before its content is, and a quota is told after that."""
    here = RelayStanding()
    judged(here, "ann", outspoken=True)

    here.let_in()

    assert here.stopped


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "REMEMBERED", 5)
    here = RelayStanding()

    judged(here, *map(str, range(20)))
    here.accepted("ann")
    judged(here, *map(str, range(100, 120)))

    assert len(here._refused) == len(here._outvoted) == 5


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=200))
def test_under_a_wrong_setting_no_attempt_ever_counts(refusals: list[tuple[str, bool]]) -> None:
    here = RelayStanding()

    assert Judgement.OWN not in [here.refused(who, outspoken=outspoken) for who, outspoken in refusals]


@given(st.lists(st.sampled_from(["bad", *"abcdef"]), max_size=200), st.booleans())
def test_one_recipient_never_has_all_wait(mails: list[str], outspoken: bool) -> None:
    here = RelayStanding()
    counted, chances = 0, 0
    fresh = False
    for who in mails:
        if who == "bad":
            verdict = here.refused(who, outspoken=outspoken)
            assert verdict is not Judgement.OURS
            counted += verdict is Judgement.OWN
            chances += fresh
            fresh = False
        else:
            here.accepted(who)
            assert not here.stopped
            fresh = here._outvoted.keys() == {"bad"}
    assert counted == chances
