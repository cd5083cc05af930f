"""The table of enhanced codes: what a refusal says of its address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.bounces import Bounce, BounceSeverity, at_the_door, severity

HARD = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
SOFT = ("5.2.2", "4.2.2", "4.1.1", "4.4.7", "4.7.1", "4.3.0", "4.0.0")
NEITHER = (
    "5.7.1", "5.7.25", "5.7.26", "5.3.0", "5.3.4", "5.4.1", "5.4.4", "5.4.14", "5.5.0", "5.6.0", "5.0.0",
    "5.1.0", "5.1.4", "5.1.7", "5.1.8", "5.2.0", "5.2.3", "5.2.4", "2.0.0", "2.1.1", "2.2.2",
)  # fmt: skip
NONE = ("", "5", "5.1", "5.1.1.1", "5.1.1 ", "3.1.1", "550", "x.1.1", "5.1.0001", "５.1.1")


@pytest.mark.parametrize(
    ("status", "found"),
    [
        *((each, BounceSeverity.HARD) for each in HARD),
        *((each, BounceSeverity.SOFT) for each in SOFT),
        *((each, BounceSeverity.NEITHER) for each in (*NEITHER, *NONE)),
    ],
)
def test_the_enhanced_code_decides_and_not_the_five(status: str, found: BounceSeverity) -> None:
    assert severity(status) is found


@given(st.text())
def test_no_other_text_says_anything_of_an_address(text: str) -> None:
    if severity(text) is not BounceSeverity.NEITHER:
        assert text in HARD or text.startswith("4.") or text == "5.2.2"


@pytest.mark.parametrize("status", HARD)
def test_a_recipient_refused_for_good_at_the_door_is_a_hard_bounce(status: str) -> None:
    found = at_the_door(status, "recipient refused", permanent=True)

    assert found == Bounce(severity=BounceSeverity.HARD, status=status, diagnostic="recipient refused")


@pytest.mark.parametrize("status", ["5.2.2", "4.2.2"])
def test_a_full_mailbox_at_the_door_counts_as_soft(status: str) -> None:
    found = at_the_door(status, "full", permanent=False)

    assert found is not None
    assert found.severity is BounceSeverity.SOFT


@pytest.mark.parametrize("status", ["4.7.1", "4.3.0", "4.1.1", "4.4.7", "5.7.1", None])
def test_greylists_and_troubles_of_the_relay_say_nothing_of_an_address(status: str | None) -> None:
    """A relay that is ill for five days must not strike off everybody."""
    assert at_the_door(status, "x", permanent=False) is None


def test_what_was_not_for_good_is_no_hard_bounce_whatever_its_code() -> None:
    assert at_the_door("5.1.1", "x", permanent=False) is None
