"""What became of a mail in a worker's hands, for its log and for who counts."""

from dataclasses import dataclass
from enum import StrEnum

from storage.obligations import Subject


class Result(StrEnum):
    """What became of a mail in a worker's hands, for its log and its counts."""

    SENT = "sent"
    SKIPPED = "skipped"  # not needed any more
    HELD = (
        "held"  # not now, and nothing has failed: a rule wants it later, or its domain takes no more at once
    )
    GATHERED = "gathered"  # it waits in a digest now
    POSTPONED = "postponed"  # will be tried again
    BURIED = "buried"  # given up on
    LOST = "lost"  # the lease had ended, or the store could not be told: another attempt will follow


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOutcome:
    """What one lease came to."""

    id: str
    """Of the obligation."""
    of: Subject
    type: str
    """Of what the mail tells."""
    result: Result
    seconds: float
    """From the lease to the settled end."""
    rule: str | None = None
    """By which it was skipped."""
    code: int | None = None
    attempts: int
    variant: str | None = None
    """Which of several ways to say it this was."""
    unheard: bool = False
    """Whether it failed before the relay had heard of it: that was away, or takes nothing of us."""
