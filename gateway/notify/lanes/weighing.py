"""Weighing: what became of the mail that a lane, or a campaign, has sent within the window.

Each process counts what it sends and hears, and adds that to what the store has of all; it is weighed by those sums. `brakes`
says what is too bad, and `book` acts on it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.notify.lanes.brakes import Bounds, LaneHealth
from storage.errors import StorageError
from storage.lanes import MINUTE_SECONDS, LaneCount, LaneOutcome, Lanes, of_campaign
from storage.mail import LaneName

LOOK_SECONDS = 2.0
"""How long after the first count the counts are stored, and judged together with those of others."""
KEPT_SECONDS = 4 * 86_400
"""How long counts by the minute are kept: more than the longest window."""
CLEAR_STEP = 1000
"""Counts that one keeping of the house deletes at most."""
FAILING_MINUTES = 30
"""How long the relay must have taken no mail before its failures count as failures in a row."""
LASTING_MINUTES = 5
"""How long ago the first of these failures must have been."""


class Scales:
    """What this process counts, and the figures of all. What asks the store raises `StorageError`.

    What is counted here waits in memory until it is stored; a crash takes it along.
    """

    def __init__(self, shelf: Lanes, bounds: Bounds, clock: Clock, *, counted: Callable[[], None]) -> None:
        """`counted` is called `LOOK_SECONDS` after the first count since a `flush`."""
        self._shelf = shelf
        self._bounds = bounds
        self._clock = clock
        self._counted = counted
        self._counts: Counter[LaneCount] = Counter()
        """What is not stored yet, by lane, minute of the sending, and outcome."""

    def count(
        self,
        lane: LaneName,
        outcome: LaneOutcome,
        *,
        sent_at: datetime | None = None,
        campaign: str | None = None,
    ) -> None:
        """A mail of the lane, and of the campaign if it is of one, that was sent then (now, where it is not said) has come to this.

        It is counted in the minute in which the mail was sent, not in that of the report: the brake judges
        what was sent. Never waits.
        """
        # One timer for all that is counted until the look: the first sets it.
        if not self._counts:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._counted)
        minute = minute_of(sent_at or self._clock())
        self._counts[LaneCount(lane, minute, outcome)] += 1
        if campaign is not None:
            self._counts[LaneCount(of_campaign(campaign), minute, outcome)] += 1

    async def flush(self) -> None:
        """Store what was counted. What could not be is counted on; what a cancelled write had in it is given
        up, for it may be stored.
        """
        counts, self._counts = self._counts, Counter()
        try:
            if counts:
                await self._shelf.add(counts)
        except StorageError:
            self._counts.update(counts)
            raise

    async def clear(self) -> None:
        """Forget a bounded part of the counts that no window reaches any more."""
        before = self._clock() - timedelta(seconds=KEPT_SECONDS)
        await self._shelf.clear(before=minute_of(before), limit=CLEAR_STEP)

    async def lane(self, lane: LaneName, *, resumed: datetime | None) -> LaneHealth:
        """How a lane fares; judged is what was sent since it was `resumed`.

        One question to the store, and two more where the relay fails.
        """
        since = self._judged_from(resumed)
        counts = await self._shelf.sums(lane, since=since)
        failures = await self._failures(lane, since=since) if counts.get(LaneOutcome.FAILED) else 0
        return LaneHealth(counts=counts, enough=self._bounds.mails, failures=failures)

    async def campaign(self, campaign_id: str, *, resumed: datetime | None) -> LaneHealth:
        """The same of a campaign's own mail. That the relay fails is the lane's matter."""
        counts = await self._shelf.sums(of_campaign(campaign_id), since=self._judged_from(resumed))
        return LaneHealth(counts=counts, enough=self._bounds.mails)

    def _judged_from(self, resumed: datetime | None) -> int:
        """The first minute whose mail is judged: of the window, and of what was resumed since then."""
        minute = minute_of(self._clock() - timedelta(seconds=self._bounds.window_seconds))
        # From the next minute on: of the one in which it was resumed, some may be from before.
        return minute if resumed is None else max(minute, minute_of(resumed) + 1)

    async def _failures(self, lane: LaneName, *, since: int) -> int:
        """How often the relay has failed in a row; 0 unless that began long enough ago, for most failures mend themselves."""
        now = minute_of(self._clock())
        recent = await self._shelf.sums(lane, since=max(since, now - FAILING_MINUTES))
        if recent.get(LaneOutcome.SENT) or recent.get(LaneOutcome.REFUSED):
            return 0
        lately = await self._shelf.sums(lane, since=max(since, now - LASTING_MINUTES))
        failed = recent.get(LaneOutcome.FAILED, 0)
        return failed if failed > lately.get(LaneOutcome.FAILED, 0) else 0


def minute_of(moment: datetime) -> int:
    """The minutes since the epoch: the grain of all that is counted."""
    return int(moment.timestamp()) // MINUTE_SECONDS
