"""When a lane's mail, or a campaign's, is to be paused: how much of it came back, or was called spam. Pure.

Judged is what was sent within a window, and what became of that mail, whenever it was heard: a complaint of today about mail of
last week says nothing of what is sent now.

`weighing` brings the figures, `book` acts on the answer; nothing here reads a clock or a store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.lanes import LaneOutcome

FEW = 5
"""So many mails that came back, or were called spam, may be chance, whatever part of all they are. Only more
than these brake: of 200 mails, one complaint alone would be more than 0.3 %.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From where on a lane is paused; the parts are of 1, and 0 is no bound.

    One is made at the start from the settings (`book.bounds_of`) and holds until the process ends.
    """

    bounces: float
    """A lane is paused when more than this part of its mail came back, or was refused for its address."""
    complaints: float
    """A lane is paused when more than this part of its mail was called spam."""
    mails: int
    """While fewer mails were sent than this, no rate is told."""
    window_seconds: float
    failures: int = 0
    """A lane is paused when the relay has failed so often in a row; 0 is no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneHealth:
    """What became of the mail that a lane has sent within the window.

    It is made anew at each look, of the counts of all processes; it has no life of its own.
    """

    counts: Mapping[LaneOutcome, int] = field(default_factory=dict)
    """How many mails came to each end; what is absent is none. A mail counts as sent and as what it came to later."""
    enough: int
    """While fewer mails were sent than this, no rate is told."""
    failures: int = 0
    """How often the relay has failed since it took the last mail, or heard one out. It is 0 while that lasts
    shorter than is worth a pause.
    """

    def of(self, outcome: LaneOutcome) -> int:
        return self.counts.get(outcome, 0)

    @property
    def mails(self) -> int:
        """What was sent, and what the relay refused for its address: the whole that the rates are parts of.

        What failed for the relay's own reasons is neither: it will be tried again.
        """
        return self.of(LaneOutcome.SENT) + self.of(LaneOutcome.REFUSED)

    @property
    def bounced(self) -> int:
        """At the door, or later."""
        return self.of(LaneOutcome.REFUSED) + self.of(LaneOutcome.BOUNCED)

    @property
    def complained(self) -> int:
        return self.of(LaneOutcome.COMPLAINED)

    @property
    def bounce_rate(self) -> float | None:
        """A part of 1; None of too few mails."""
        return self._rate(self.bounced)

    @property
    def complaint_rate(self) -> float | None:
        """As `bounce_rate`."""
        return self._rate(self.complained)

    def _rate(self, count: int) -> float | None:
        return None if self.mails < self.enough else count / self.mails


def reason_to_pause(health: LaneHealth, bounds: Bounds) -> str | None:
    """Why the lane is to be paused, as people read it; None when it is well, or too little is known.

    It is written down with the pause and shown to operators, so it holds figures and no addresses. The rates
    come before the failures: they say more.
    """
    for what, count, rate, bound in (
        ("came back", health.bounced, health.bounce_rate, bounds.bounces),
        ("were called spam", health.complained, health.complaint_rate, bounds.complaints),
    ):
        if bound and rate is not None and count > FEW and rate > bound:
            return f"{count} of {health.mails} mails {what}: {_percent(rate)}, and {_percent(bound)} may"
    if bounds.failures and health.failures >= bounds.failures:
        return f"the relay has failed {health.failures} times in a row, and taken no mail meanwhile"
    return None


def _percent(part: float) -> str:
    return f"{part * 100:.3g} %"
