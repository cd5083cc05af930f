"""What came of notifications and mails, as figures: of a time, step by step or as a whole, by what one likes to tell apart.

It reads roll-ups alone, never events, so an answer costs by its length and not by what happened. It lags
behind by what the noter has queued and the recounter has not counted yet.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.notify.stats.recounting import kept_from
from storage.events import Outcome, StatsChannel
from storage.stats import Stats, StatsQuery, Step, Sum

STEPS_MAX = 1500
"""How many steps may be told one by one: a day of minutes, or four years of days."""
ROWS_MAX = 5000
"""How many rows an answer may have."""
_SUMS_MAX = len(StatsChannel) * ROWS_MAX
DEFAULT_SPAN = timedelta(days=1)
"""How long before its end a time begins where only the end is asked for."""
_FINEST = ((Step.MINUTE, timedelta(hours=3)), (Step.HOUR, timedelta(days=8)))
"""The step by which a time as a whole is added up, for times up to the length beside it; longer ones are added up by days."""
_EDGE = timedelta(microseconds=1)
"""The shortest time that there is: an end that stands on a step's edge does not take the next step in."""

_IN_APP_RATES = (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED)
_MAIL_RATES = (Outcome.DELIVERED, Outcome.CLICKED, Outcome.BOUNCED, Outcome.COMPLAINED)


class Unanswerable(ValueError):
    """A question that nobody could read the answer of; `field` is what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        """What of the question is to be changed, as the caller has named it: `from`, `step`, `by`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRequest:
    """A question: of which time, in which steps, told apart by what, and only of what."""

    since: datetime | None = None
    """The beginning; None: a day before `until`."""
    until: datetime | None = None
    """The end, exclusive; None: now."""
    step: Step | None = None
    """The length of the steps to be told one by one; None: the time as a whole."""
    by: tuple[str, ...] = ()
    """Of `storage.events.DIMENSIONS`, such as `type` and `channel`; empty: all together."""
    where: Mapping[str, str] = field(default_factory=dict)
    """What a dimension must be, such as `{"lane": "bulk"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What part of what there was came so far, in the same time; None of nothing.

    Each is from 0 to 1, or above it: what came in this time may be of what was sent before.
    """

    in_app: Mapping[Outcome, float] | None
    """Parts of what was emitted to one person each; None where nothing was."""
    email: Mapping[Outcome, float] | None
    """For `sent` the part of what was accepted, for all else the part of what was sent; None where nothing was accepted."""


@dataclass(slots=True)
class Figures:
    """What was counted, by channel.

    It is filled while an answer is put together, and not changed after.
    """

    by_channel: dict[str, Counter[Outcome]] = field(default_factory=dict)
    """By `StatsChannel`: only one channel's figures can be parts of one another."""

    def add(self, channel: str, counts: Mapping[Outcome, int]) -> None:
        """Add these to the channel's."""
        self.by_channel.setdefault(channel, Counter()).update(counts)

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """All channels together."""
        total: Counter[Outcome] = Counter()
        for counts in self.by_channel.values():
            total.update(counts)
        return total

    @property
    def rates(self) -> Rates:
        """Of the shared rooms there are none: how many a notification there was for, nobody knows."""
        shown, mailed = (
            self.by_channel.get(channel, Counter()) for channel in (StatsChannel.IN_APP, StatsChannel.EMAIL)
        )
        email = _parts(mailed, Outcome.ACCEPTED, [Outcome.SENT])
        return Rates(
            in_app=_parts(shown, Outcome.EMITTED, _IN_APP_RATES),
            email=None
            if email is None
            else email | (_parts(mailed, Outcome.SENT, _MAIL_RATES) or dict.fromkeys(_MAIL_RATES, 0.0)),
        )


def _parts(
    counts: Mapping[Outcome, int], base: Outcome, outcomes: Sequence[Outcome]
) -> dict[Outcome, float] | None:
    """Each outcome as a part of the base; None where the base is nothing."""
    whole = counts[base]
    return {outcome: round(counts[outcome] / whole, 4) for outcome in outcomes} if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRow:
    """The figures of one step and one combination."""

    at: datetime | None
    """When the step began; None where the time is asked for as a whole."""
    of: tuple[str, ...]
    """The values that it is told apart by, in the order of `StatsReport.by`."""
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsReport:
    """The answer. The time is that asked for, made longer to whole steps."""

    since: datetime
    until: datetime
    step: Step | None
    """What was asked for; None: the time as a whole."""
    counted_by: Step
    """The step whose roll-ups were added up."""
    kept_from: datetime | None
    """From when on there are roll-ups of that step: earlier ones were deleted. None when all are there."""
    by: tuple[str, ...]
    totals: Figures
    rows: Sequence[StatsRow]


class Statistics:
    """The use case of whoever wants to know what came of it. Raises `StoreUnavailable` when the store is away.

    It keeps nothing, and any node answers the same.
    """

    def __init__(self, shelf: Stats, clock: Clock, *, days: int) -> None:
        self._shelf = shelf
        self._clock = clock
        self._days = days

    async def look(self, asked: StatsRequest) -> StatsReport:
        """Raises `Unanswerable`.

        Raises `StorageError` too. Times are made longer to whole steps in UTC, so a day is a day there.
        """
        now = self._clock()
        until = asked.until or now
        since = asked.since or until - DEFAULT_SPAN
        if since >= until:
            raise Unanswerable("from", "Must be before `to`.")
        step = asked.step or self._finest(since, until, now)
        since, until = step.start(since), step.start(until + step.length - _EDGE)
        if asked.step is not None and (until - since) / step.length > STEPS_MAX:
            raise Unanswerable("step", f"Must be longer: these are more than {STEPS_MAX} steps.")
        question = StatsQuery(
            step=step,
            since=since,
            until=until,
            # Rates are a channel's.
            by=asked.by if "channel" in asked.by else (*asked.by, "channel"),
            each=asked.step is not None,
            where=asked.where,
            # One more than there may be, so that too many are seen as such.
            limit=_SUMS_MAX + 1,
        )
        totals, rows = _told(await self._shelf.sums(question), question, len(asked.by))
        if len(rows) > ROWS_MAX:
            raise Unanswerable("by", f"Must be less, or less time: these are more than {ROWS_MAX} rows.")
        return StatsReport(
            since=since,
            until=until,
            step=asked.step,
            counted_by=step,
            kept_from=kept_from(step, now, days=self._days),
            by=asked.by,
            totals=totals,
            rows=rows,
        )

    def _finest(self, since: datetime, until: datetime, now: datetime) -> Step:
        """The shortest step that is kept for all of the time, and not too many of them."""
        for step, longest in _FINEST:
            kept = kept_from(step, now, days=self._days)
            if until - since <= longest and (kept is None or since >= kept):
                return step
        return Step.DAY


def _told(sums: Sequence[Sum], question: StatsQuery, width: int) -> tuple[Figures, list[StatsRow]]:
    """All together, and the rows: as many of `of` as were asked for.

    The channel is asked for in any case, and is put together again where it was not.
    """
    place = question.by.index("channel")
    totals = Figures()
    rows: dict[tuple[datetime | None, tuple[str, ...]], Figures] = {}
    for each in sums:
        channel = each.of[place]
        totals.add(channel, each.counts)
        rows.setdefault((each.at, each.of[:width]), Figures()).add(channel, each.counts)
    return totals, [StatsRow(at=at, of=of, figures=figures) for (at, of), figures in rows.items()]
