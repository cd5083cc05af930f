"""The time, as a value that is handed in, so that tests hold it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment, aware and in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)
