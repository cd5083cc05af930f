"""The part that runs campaigns, those of all nodes in turn.

Each turn is a bounded step (`steps`) under a lease, on whichever node takes it; one that dies in the middle is taken over when
its lease ends, and what it has done stays done.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.campaigns.steps import Steps
from gateway.notify.rounds import Rounds, rest_until
from storage.campaigns import Campaigns, Lead
from storage.errors import StorageError
from storage.mail import LaneName

LEASE_SECONDS = 10.0
"""How long another node waits before it goes on with a campaign whose node has died. A step has to be
shorter: whoever is late is refused.
"""
POLL_SECONDS = 5.0
"""The rest while no campaign has work: so long may it stay unnoticed here what another node was asked, should that node die."""
WAKE_SECONDS = 1.0
"""The longest rest while any campaign is at work: this node's mail worker is woken at each look, to help."""
SHORTEST_REST_SECONDS = 0.02
FAILED_SECONDS = 5.0
"""The pause of one campaign after a step of it that failed; the others go on."""
PRUNED_AT_ONCE = 2_000
"""Rows in one keeping of the house."""

logger = logging.getLogger(__name__)


class CampaignRunner(Part):
    """Works on all campaigns that have work, one bounded turn after the other.

    Every node has one, and each works on one campaign at a time.

    While the store is away nothing goes on (`Rounds` asks again), and mail that is owed leaves when it is
    back.
    """

    def __init__(
        self,
        shelf: Campaigns,
        steps: Steps,
        *,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        clock: Clock,
        due_clock: Clock,
        history_days: int,
        may_delete: Callable[[], bool],
    ) -> None:
        """What is due is judged by `due_clock`: what went out early cannot be called back."""
        self.stopped: int | None = None
        """Campaigns of all nodes that are paused though nobody has asked for it; None until they were counted."""
        self._shelf = shelf
        self._steps = steps
        self._wake_mailer = wake_mailer
        self._clock = clock
        self._due_clock = due_clock
        self._history_days = history_days
        self._may_delete = may_delete
        self._rounds = Rounds(self._turn, logger, "campaigns cannot be worked on")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_campaign_recipients",
            "Recipients of campaigns that were decided for here, by what they came to",
            "state",
            self._steps.decided,
        )
        meters.watch_gauge(
            "bellhop_campaigns_stopped",
            "Campaigns that are paused though nobody has asked for it, of all nodes",
            lambda: self.stopped,
        )

    def start(self) -> None:
        self._tasks.start(self._rounds.run, name="campaigns")

    async def stop(self) -> None:
        await self._tasks.stop()

    def wake(self) -> None:
        """Say that a campaign may have work. Never waits."""
        self._rounds.wake()

    def hurry(self) -> None:
        """Say that mail of the bulk lane is due."""
        self._wake_mailer((LaneName.BULK,))

    async def keep_house(self) -> None:
        """Count those that have stopped, and forget what ended longer ago than histories are kept."""
        self.stopped = await self._shelf.stopped()
        if self._history_days and self._may_delete():
            before = self._clock() - timedelta(days=self._history_days)
            await self._shelf.prune(before=before, limit=PRUNED_AT_ONCE)

    async def _turn(self) -> float:
        """Work on the one that has waited longest; answers for how many seconds there is nothing to do then.

        After a campaign was worked on there is no rest: the next in line may have waited as long.
        """
        now = self._due_clock()
        wake_at = await self._shelf.next_wake()
        if wake_at is None:
            return in_step(POLL_SECONDS)
        # At each look: what another node has owed, the worker of this one learns of by no message.
        self.hurry()
        if wake_at > now:
            return rest_until(wake_at, now, shortest=SHORTEST_REST_SECONDS, longest=WAKE_SECONDS)
        lead = await self._shelf.lead(lease_seconds=LEASE_SECONDS, now=now)
        if lead is not None:
            await self._work(lead, now)
        return 0

    async def _work(self, lead: Lead, now: datetime) -> None:
        """Make a step and give the campaign back, with when to look at it again. Raises `StorageError`, and
        then the lease runs out.
        """
        try:
            wake_at = await self._steps.make(lead, now)
        except StorageError:
            raise
        except Exception:
            # The others have their turn meanwhile.
            logger.exception("a campaign cannot be worked on", extra={"campaign": lead.campaign.id})
            wake_at = now + timedelta(seconds=FAILED_SECONDS)
        await self._shelf.rest(lead, wake_at=wake_at, now=now)
