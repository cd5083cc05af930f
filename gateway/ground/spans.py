"""Spans of time as people write them: a number of seconds, or a text such as 90s, 10m, 2h or 7d."""

import re

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PATTERN = _SPAN.pattern


def seconds_of(value: object) -> float | None:
    """The seconds of a span; None of what is none."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return float(match[1]) * _UNITS[match[2]]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # it is a number
