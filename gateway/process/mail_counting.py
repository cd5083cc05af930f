"""Counting what became of mail, everywhere where that is counted: lanes, tallies, statistics and experiments.

Metrics are told by the workers, and by who takes what comes back, themselves.
"""

from collections.abc import Callable

from gateway.catalog.live import LiveCatalog
from gateway.notify.digests.items import EXPIRED, RECALLED
from gateway.notify.lanes.book import LaneBook
from gateway.notify.returns.attribution import Ours
from gateway.notify.returns.fates import Fate
from gateway.notify.stats.noting import Noter
from gateway.notify.suppressions.listing import SuppressionList
from gateway.notify.trials.marks import TrialMarks
from gateway.notify.types.tally import Tally
from mailer.bounces import Bounce, BounceSeverity
from mailer.outcomes import MailOutcome, Result
from storage import events, lanes
from storage.endings import Skipped
from storage.mail import LaneName
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject

_HEARD = {
    Fate.DELIVERED: lanes.LaneOutcome.DELIVERED,
    Fate.BOUNCED: lanes.LaneOutcome.BOUNCED,
    Fate.COMPLAINED: lanes.LaneOutcome.COMPLAINED,
}
"""What is heard of a mail that says something of its lane."""


class MailCounting:
    """What the workers, and who takes what comes back, tell of mail. One for a process.

    Called on the loop for each mail; what counts neither waits nor raises.
    """

    def __init__(
        self,
        *,
        by_lane: LaneBook,
        tally: Tally,
        noter: Noter | None,
        catalog: LiveCatalog,
        suppressions: SuppressionList,
    ) -> None:
        self._lanes = by_lane
        self._tally = tally
        self._noter = noter
        self._catalog = catalog
        self._suppressions = suppressions
        self.trials: TrialMarks | None = None
        """Set where experiments are to hear of it."""
        self.gathered: Callable[[], None] = _nobody_waits
        """Called when a mail waits in a digest; set by who closes digests."""

    def ended(self, lane: LaneName, outcome: MailOutcome) -> None:
        """A worker is done with a mail, for now or for good."""
        self._tally.mailed(outcome.type, outcome.result)
        if self._noter is not None:
            self._noter.heard.mailed(lane, outcome)
        if self.trials is not None and self._catalog.has_trials:
            self.trials.mailed(outcome)
        if outcome.result is Result.GATHERED:
            self.gathered()
        if outcome.result is Result.SENT:
            self._lanes.scales.count(lane, lanes.LaneOutcome.SENT, campaign=_campaign_of(outcome.of))
        elif outcome.unheard:
            self._lanes.scales.count(lane, lanes.LaneOutcome.FAILED)

    def left_out(self, told: Notification, why: Skipped) -> None:
        """A rule has skipped a mail as its digest closed; what is gone by itself is counted nowhere."""
        if why.rule in (EXPIRED, RECALLED):
            return
        self._tally.mailed(told.type, Result.SKIPPED)
        if self._noter is not None:
            self._noter.heard.mail_left_out(told, why.rule)

    async def bounced(self, lease: Lease, bounce: Bounce) -> None:
        """Note an address that refuses mail, and count it against the lane if it does so for good."""
        if bounce.severity is BounceSeverity.HARD:
            lane, campaign = lease.mail.order.lane, _campaign_of(lease.of)
            self._lanes.scales.count(lane, lanes.LaneOutcome.REFUSED, campaign=campaign)
        await self._suppressions.bounced(lease, bounce)

    def returned(self, ours: Ours | None, fate: Fate) -> None:
        """Count what came back; a mail that is none of ours says nothing of a lane."""
        if ours is None or fate not in _HEARD:
            return
        lane = ours.mail.order.lane
        self._lanes.scales.count(
            lane, _HEARD[fate], sent_at=ours.mail.sent_at, campaign=_campaign_of(ours.of)
        )
        if self._noter is not None:
            self._noter.heard.mail_returned(events.Outcome(_HEARD[fate]), ours.told, lane)


def _nobody_waits() -> None:
    """Where nobody closes digests."""


def _campaign_of(subject: Subject | None) -> str | None:
    """The campaign that a mail is of; None for any other mail."""
    return subject.id if subject is not None and subject.kind is Kind.CAMPAIGN else None
