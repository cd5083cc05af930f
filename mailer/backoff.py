"""When a failed mail is tried again, and when it is given up on. Pure: time and chance are handed in."""

from collections.abc import Callable
from dataclasses import dataclass

from mailer.errors import DeliveryFailure, PermanentFailure, RelayFailure, TemporaryFailure

Random = Callable[[], float]
"""Answers a number from 0 to 1, 1 excluded."""

FIRST_SECONDS = 60.0
FACTOR = 4.0
LONGEST_SECONDS = 12 * 3600.0
"""With these, the eight attempts of the default span 15 to 30 hours, 22 on average: a relay that is down overnight, or a
full mailbox, costs no mail, while the first repeat comes within a minute."""
LONGEST_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """Try again after `delay_seconds`."""

    delay_seconds: float
    reason: str
    code: int | None = None
    counted: bool = True
    """Whether the attempt counts against the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bury:
    """Give up.

    The reason is kept with the mail, and the code of the last answer.
    """

    reason: str
    code: int | None = None


def next_delay(attempt: int, *, random: Random, first_seconds: float = FIRST_SECONDS) -> float:
    """Seconds to wait after the failed attempt number `attempt` (1 is the first).

    The upper half of an exponential range is drawn from: enough to keep what failed together from coming back together,
    and never so short that an attempt is spent on the outage that failed the one before.

    After the first failure 30 to 60 seconds, after the second 2 to 4 minutes, after the seventh 6 to 12 hours, and no
    longer after that.
    """
    return _jittered(first_seconds, FACTOR, LONGEST_SECONDS, attempt, random)


def patience_seconds(waited_seconds: float, *, random: Random, first_seconds: float = FIRST_SECONDS) -> float:
    """Seconds until a mail is tried again that has waited for us, and not failed: as long again, a quarter of an hour
    at most.

    It grows with the waiting, between half of that and all of it by chance. No attempt is counted.
    """
    longest = min(max(waited_seconds, first_seconds), max(LONGEST_PATIENCE_SECONDS, first_seconds))
    return longest * (0.5 + 0.5 * random())


def pause_seconds(failures: int, *, first: float, longest: float, random: Random) -> float:
    """Seconds the worker rests after `failures` failures in a row of something that all mail depends on.

    It doubles with each, up to `longest`, less up to a half by chance.
    """
    return _jittered(first, 2.0, longest, failures, random)


def decide(
    failure: DeliveryFailure | RelayFailure,
    *,
    attempts: int,
    limit: int,
    random: Random,
    first_seconds: float = FIRST_SECONDS,
) -> Postpone | Bury:
    """What becomes of a mail whose attempt number `attempts` ended in `failure`, which is its own.

    A `limit` of 0 never gives up.

    A permanent failure is the end at once. A temporary one is, when the attempts are used up and the relay had heard of
    the mail: what failed before that says nothing of it, and is put off uncounted for as long as it takes. A relay's
    `retry_after` is waited for.
    """
    if isinstance(failure, PermanentFailure):
        return Bury(reason=str(failure), code=failure.code)
    last = bool(limit) and attempts >= limit
    heard = not isinstance(failure, TemporaryFailure) or failure.heard
    if last and heard:
        return Bury(reason=f"given up after {attempts} attempts: {failure}", code=failure.code)
    delay = next_delay(attempts, random=random, first_seconds=first_seconds)
    if isinstance(failure, TemporaryFailure) and failure.retry_after is not None:
        delay = max(delay, failure.retry_after)
    return Postpone(delay_seconds=delay, reason=str(failure), code=failure.code, counted=not last)


def _jittered(first: float, factor: float, longest: float, failures: int, random: Random) -> float:
    # The exponent is bounded before the power is taken: a mail that is never given up on must not overflow a float.
    """A range that grows by `factor` with each failure up to `longest`; a number from its upper half."""
    ceiling = min(longest, first * factor ** min(max(failures, 1) - 1, 50))
    return ceiling * (0.5 + 0.5 * random())
