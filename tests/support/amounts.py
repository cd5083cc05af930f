"""How much a test tries: enough for every day, or much more in `make test-long`.

That sets `BELLHOP_TEST_LONG=1`. A greater number is as many times more: `BELLHOP_TEST_LONG=20`, with `--timeout 0`, for a night.
"""

import os

import pytest

LONG = int(os.environ.get("BELLHOP_TEST_LONG") or 0)
AT_LENGTH = pytest.mark.long(only=True)
"""On a case of a test that has others every day: one more of what they show."""


def amount(every_day: int, *, long: int) -> int:
    """How many examples, events or rounds; whoever asks is a property test, or marked `long`."""
    return long * LONG if LONG else every_day
