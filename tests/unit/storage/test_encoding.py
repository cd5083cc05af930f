"""A caller's object comes back from its text as it was."""

import math

import pytest

from storage.encoding import data_of, data_text


@pytest.mark.parametrize(
    "value",
    [
        *(sign * (10**digits + step) for digits in range(15, 26) for step in (-1, 0, 1) for sign in (1, -1)),
        2**63, 2**64 - 1, 2**64, -(2**63) - 1, 0.1234567890123456789, 1e308, 5e-324, -0.0, None, True,
        math.inf, "\ud800", "a\x00b", "1234567890123456789012", [], {}, {"": {"a.b": "$"}},
    ],
)  # fmt: skip
def test_each_value_comes_back_as_it_was(value):
    """Whole numbers beyond 64 bits, too, and what other JSON cannot say."""
    read = data_of(data_text({"x": value}))

    assert read == {"x": value}
    assert type(read["x"]) is type(value)
    assert str(read["x"]) == str(value)


def test_what_is_no_number_comes_back():
    assert math.isnan(data_of(data_text({"x": math.nan}))["x"])
