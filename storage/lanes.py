"""The shelf of lanes: what became of the mail that each has sent, minute by minute, and whether it is paused.

Counts are figures, not records: a process that crashes takes its last few seconds of them along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from storage.mail import LaneName

MINUTE_SECONDS = 60


class LaneOutcome(StrEnum):
    """What a mail came to, as far as it says something of its lane.

    The first two are what a lane has tried; the next three come later, of mail that counts in the minute it was sent in.
    """

    SENT = "sent"  # the relay took it
    REFUSED = "refused"  # the relay refused its recipient for good
    DELIVERED = "delivered"  # of those sent: said to be in the mailbox
    BOUNCED = "bounced"  # of those sent: came back
    COMPLAINED = "complained"  # of those sent: called spam
    FAILED = "failed"  # the relay was away, or took nothing of us: it is tried again


OUTCOMES = frozenset(LaneOutcome)
"""What this release knows; what a newer one counts beside is left aside."""


class LaneCount(NamedTuple):
    """What is counted: one outcome of one lane in one minute, or of the mail of one campaign in it."""

    lane: str
    """A `LaneName`, or what `of_campaign` says."""
    minute: int
    """In which the mail was sent, or refused: numbered since 1970."""
    outcome: LaneOutcome


def of_campaign(campaign_id: str) -> str:
    """The name under which the mail of one campaign is counted, beside its lane."""
    return f"campaign:{campaign_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why no mail of a lane leaves.

    It holds until somebody resumes the lane: no time ends it.
    """

    at: datetime
    by: str
    """Who or what has paused it: `brake`, `cli`, `user:ann`, `service:shop`."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """Whether a lane is paused, and since when it is judged. A lane that was never paused is `UNTOUCHED`."""

    paused: Pause | None = None
    since: datetime | None = None
    """When it was resumed last: only mail that was sent from then on is judged."""


UNTOUCHED = LaneState()


class Lanes(Protocol):
    """The lanes of all processes on this store.

    Counts may be lost or told twice with a process that crashes. A pause is durable when it answers, and every worker asks
    for `states` itself: one that has leased mail before may still send that.
    """

    async def add(self, counts: Mapping[LaneCount, int]) -> None:
        """Count these beside what any process has counted; in one write, however many.

        It is not idempotent: a caller that hears `StoreUnavailable` does not know whether they are counted.
        """
        ...

    async def sums(self, lane: str, *, since: int) -> Mapping[LaneOutcome, int]:
        """How many came to what, of the mail sent in that minute and after; an outcome of none may be absent.

        `lane` is as in `LaneCount`. Over all processes; what a newer release counts besides is left out.
        """
        ...

    async def states(self) -> Mapping[LaneName, LaneState]:
        """Of each lane that was ever paused.

        A lane that is absent is `UNTOUCHED`. There are as many as `LaneName` has, so it costs next to nothing.
        """
        ...

    async def pause(self, lane: LaneName, pause: Pause, *, judged: datetime | None) -> bool:
        """Have no mail of the lane leave; false, and no change, when it is paused, or was resumed since it was judged.

        `judged` is the `since` of the state that the pause was decided by: whoever has resumed it is not overruled by figures of before.

        The look and the write are one step: of a brake and an admin who act at once one is answered False.
        """
        ...

    async def resume(self, lane: LaneName, *, at: datetime) -> bool:
        """Let it go on, and judge it anew from then on; false, and no change, when it was not paused.

        `since` is `at` from then on, and with it whatever was judged before is out of date.
        """
        ...

    async def clear(self, *, before: int, limit: int) -> int:
        """Forget up to `limit` counts of earlier minutes; answers how many.

        Fewer than `limit` says that none is left. In no order that is promised.
        """
        ...
