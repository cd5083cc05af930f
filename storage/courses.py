"""The course of a mail: what was said of it on its way that a later state has taken the place of.

A mail that leaves at its first attempt has no steps: its state says it all. The last `STEPS_KEPT` are kept, with the mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.encoding import micros, moment
from storage.endings import Buried, Ending, Postponed
from storage.mail import MailState
from storage.obligations import Lease, Subject

STEPS_KEPT = 20
"""Of one mail, the newest."""
SAID_CHARACTERS = 300


class StepKind(StrEnum):
    """The names of the last three are those of the mail's states, so that `heard` need not tell them apart."""

    POSTPONED = "postponed"  # an attempt failed, and another follows
    HELD = "held"  # a rule held it
    BURIED = "buried"  # it was given up on
    REVIVED = "revived"  # and tried again
    DELIVERED = "delivered"  # heard after it was sent: it is in the mailbox
    BOUNCED = "bounced"  # it came back
    COMPLAINED = "complained"  # its reader called it spam


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseStep:
    """One thing that was said of a mail. It holds no address of its own, but a server's words may quote one: they go
    when the user is erased.
    """

    at: datetime
    kind: StepKind
    attempt: int | None = None
    """Which it was, from 1; None for what is none."""
    rule: str | None = None
    """The one that held it."""
    code: int | None = None
    """Of SMTP."""
    said: str | None = None
    """In the words of the mail server, or of the rule; `SAID_CHARACTERS` at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one mail has come to its state; the state itself is in the mail."""

    of: Subject
    """What the mail is of."""
    steps: Sequence[CourseStep]
    """The oldest first."""


def step_of(ending: Ending, lease: Lease, now: datetime) -> CourseStep | None:
    """What is to be kept of how a lease ends; None where the mail's state keeps it.

    It is written in the same write that ends the lease, so a lease that was lost leaves no step. `Sent`, `Skipped`,
    `Released` and `Gathered` have none.
    """
    attempt = lease.mail.attempts
    match ending:
        case Postponed(reason=reason, code=code, rule=rule):
            kind = StepKind.POSTPONED if rule is None else StepKind.HELD
            return CourseStep(at=now, kind=kind, attempt=attempt, rule=rule, code=code, said=reason)
        case Buried(reason=reason, code=code):
            return CourseStep(at=now, kind=StepKind.BURIED, attempt=attempt, code=code, said=reason)
        case _:
            return None


def heard(state: MailState, reason: str | None, now: datetime) -> CourseStep:
    """What was heard of a mail after it was sent.

    `state` is one of `AFTER_SENT` but `SENT` itself, which is heard of by nobody: a `ValueError` says so.
    """
    return CourseStep(at=now, kind=StepKind(state.value), said=reason)


def fields_of(step: CourseStep) -> list[Any]:
    """A step as the stores keep it.

    In the order of its fields, short enough to be kept by the twenty: what is longer than `SAID_CHARACTERS` is cut here.
    """
    said = None if step.said is None else step.said[:SAID_CHARACTERS]
    return [micros(step.at), step.kind.value, step.attempt, step.rule, step.code, said]


def step_from(fields: Sequence[Any]) -> CourseStep:
    """A step as `fields_of` has written it. A kind that this release does not know raises `ValueError`."""
    at, kind, attempt, rule, code, said = fields
    return CourseStep(at=moment(at), kind=StepKind(kind), attempt=attempt, rule=rule, code=code, said=said)
