"""By what a relay knows a mail: read from what it says as it takes one."""

import pytest

from mailer.relay_ids import LONGEST, is_unguessable, key_of

SES = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("2.0.0 Ok: queued as 4ABC", "4ABC"),
        ("2.0.0 Ok: queued as 4c1xYZ2b3Kz9rTs", "4c1xYZ2b3Kz9rTs"),
        (f"Ok {SES}", SES),
        ("OK id=1rABCD-0001AB-1x", "1rABCD-0001AB-1x"),
        ("Ok: queued as kpjM-n-TQQ-XgCxvDw9LKA", "kpjM-n-TQQ-XgCxvDw9LKA"),
        (
            "2.6.0 <883953f4-6105-42a2-a16a-77a8eac79483@mx.example> [InternalId=123, Hostname=A] Queued mail for delivery",
            "883953f4-6105-42a2-a16a-77a8eac79483",
        ),
        (
            "2.0.0 OK  1700000000 d2e1a72fcca58-6cd1e0a1b2c3si123.45 - gsmtp",
            "d2e1a72fcca58-6cd1e0a1b2c3si123.45",
        ),
        ("queued as <abc123@relay.example>.", "abc123"),
        ("queued as (..).", None),
        ("Great success, thank you very much", None),
        ("ok", None),
        ("", None),
        (None, None),
    ],
)
def test_the_id_is_found_in_what_relays_say(said: str | None, key: str | None):
    assert key_of(said) == key


def test_an_id_has_a_length():
    assert key_of("queued as " + "1" * 300) == "1" * LONGEST


@pytest.mark.parametrize(
    ("key", "so"),
    [
        (SES, True),
        (SES.upper(), True),
        ("883953f4-6105-42a2-a16a-77a8eac79483", True),
        ("4ABC", False),
        ("4c1xYZ2b3Kz9rTs", False),
        ("1rABCD-0001AB-1x", False),
        # Of the time, or of a name: anybody can work these out.
        ("01a21671-7f99-77ac-8a63-ca2c5de100d2", False),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", False),
        ("74738ff5-5367-5958-9aee-98fffdcd1876", False),
        ("0883953f4-6105-42a2-a16a-77a8eac79483", False),
    ],
)
def test_only_what_is_random_cannot_be_guessed(key: str, so: bool):
    assert is_unguessable(key) is so
