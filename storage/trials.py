"""The shelf of trials: who takes part in the experiments of types, in which arm, and what came of it.

A person takes part once, however much they are sent: a row is a person, in the arm of the first time. What becomes of it is kept
the first time as well, so whoever tells of it may tell it again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody to whom an arm has fallen by lot.

    The lot is drawn elsewhere and falls the same way each time; here it is kept that it was drawn.
    """

    trial: str
    """The id of the experiment."""
    user: str
    variant: str
    at: datetime
    """When that was."""
    reached: bool = False
    """Whether they were shown it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A participant was shown or sent what the arm says.

    Only who was reached counts in the comparison: the others have seen neither way to say it.
    """

    trial: str
    user: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A participant has done what the experiment counts.

    It may come before `Reached` is told: both are kept, and then it counts.
    """

    trial: str
    user: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Somebody else says that a participant has done it. It counts of those who were reached before."""

    trial: str
    user: str
    at: datetime


Note = Reached | Converted | Reported


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCount:
    """What became of those in an arm.

    `assigned` includes those who were erased since.
    """

    assigned: int = 0
    reached: int = 0
    converted: int = 0
    """Of those reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """One person's part in an experiment.

    It is what a user is told of it: the experiment by its id, the arm by its name, and times.
    """

    trial: str
    variant: str
    enrolled_at: datetime
    reached_at: datetime | None
    converted_at: datetime | None


class Trials(Protocol):
    """Experiments of types, by their ids, and who takes part.

    Whoever enrols and notes may do so late, twice, and in several processes at once: the first of each stays. When a
    user is erased the row stays without the user, so that no result changes.
    """

    async def enrol(self, participants: Sequence[Participant]) -> None:
        """Keep those who are not known, durably; who is known stays in their arm, and may be reached by it now.

        It must have answered before an arm is shown: who is not known takes part in nothing. Whom no store can hold is
        passed over.
        """
        ...

    async def note(self, notes: Sequence[Note]) -> None:
        """Keep what became of participants, of each the first time; who takes part in nothing is passed over.

        In the order given. `Reported` of somebody who was not reached yet is lost.
        """
        ...

    async def begun_at(self, trial: str) -> datetime | None:
        """When the first came to take part; None of one in which nobody does."""
        ...

    async def counts(self, trial: str) -> dict[str, ArmCount]:
        """By variant.

        An arm that has fallen to nobody is absent.
        """
        ...

    async def conversions(self, trial: str, *, limit: int) -> list[str]:
        """The variants of those who were reached and have converted, in the order in which they did.

        It is a sequence that grows at its end, but for what is told late. `limit` of them at most.
        """
        ...

    async def of_user(self, user: str, *, limit: int) -> list[Participation]:
        """The experiments that a user takes part in, the newest first.

        `limit` of them at most; none after an erasure.
        """
        ...

    async def prune(self, *, before: datetime, keep: Collection[str], limit: int) -> int:
        """Forget up to `limit` who came to take part before that time; answers how many. Nobody of the trials to `keep`.

        In no order that is promised; fewer than `limit` says that none is left.
        """
        ...
