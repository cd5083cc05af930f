"""What is stale is counted by what there is, in bounded rounds, on one node at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.notify.stats.asking import StatsRequest
from gateway.notify.stats.recounting import MINUTES_KEPT, Recounter, basis, kept_from
from storage import stats
from storage.events import Event, Outcome, key_of_one
from storage.ids import uuid7
from storage.stats import Bucket, StatsQuery, Step
from tests.unit.gateway.stats.process import NOON, Process, report, series


def test_what_is_counted_depends_on_what_is_kept():
    young = NOON - timedelta(hours=40)
    old = NOON - MINUTES_KEPT
    for step, time, expected in (
        (Step.MINUTE, young, (Step.MINUTE, None)),
        (Step.MINUTE, old, (Step.HOUR, None)),
        (Step.HOUR, young, (Step.HOUR, Step.MINUTE)),
        (Step.HOUR, old, (Step.HOUR, None)),
        (Step.DAY, young, (Step.DAY, Step.HOUR)),
        (Step.DAY, old, (Step.DAY, Step.HOUR)),
    ):
        bucket, of = basis(Bucket(step, step.start(time)), NOON)
        assert (bucket.step, of) == expected
        assert bucket.start == bucket.step.start(time)
    assert kept_from(Step.MINUTE, NOON, days=90) == datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert kept_from(Step.HOUR, NOON, days=1) == datetime(2026, 11, 30, tzinfo=UTC)


async def test_late_events_reach_the_days_after_minutes_and_hours_are_forgotten(process: Process):
    def tell(days: float, number: int = 1) -> list[Event]:
        at = NOON - timedelta(days=days)
        return [
            Event(key=key_of_one(uuid7(), Outcome.SEEN), at=at, series=series("ORDER"), outcome=Outcome.SEEN)
            for _ in range(number)
        ]

    await process.store.stats.note([*tell(0, 2), *tell(5), *tell(100)])
    await process.count()
    await process.store.stats.note([*tell(5, 3), *tell(0)])
    await process.count()

    async def at(step: Step) -> list[tuple[float, int]]:
        asked = StatsQuery(step=step, since=NOON - timedelta(days=200), until=NOON, each=True)
        return [
            ((NOON - each.at).days, each.counts[Outcome.SEEN])
            for each in await process.store.stats.sums(asked)
            if each.at
        ]

    assert await at(Step.DAY) == [(100, 1), (5, 4), (0, 3)]
    assert await at(Step.HOUR) == [(5, 4), (0, 3)]
    assert await at(Step.MINUTE) == [(0, 3)]
    assert (await process.told())[series("ORDER"), Outcome.SEEN] == 7


async def test_many_stale_buckets_are_counted_in_bounded_rounds(process: Process):
    await process.store.stats.note(
        [
            Event(
                key=key_of_one(uuid7(), Outcome.READ),
                at=NOON - timedelta(minutes=minute),
                series=series("ORDER"),
                outcome=Outcome.READ,
            )
            for minute in range(120)
        ]
    )

    assert await process.recounter.round() == 0
    await process.count()

    assert await process.store.stats.stale(limit=9) == []
    report = await process.statistics.look(StatsRequest(since=NOON - timedelta(hours=3)))
    assert (report.counted_by, report.totals.counts) == (Step.MINUTE, {Outcome.READ: 120})


async def test_who_is_not_the_leader_rests_and_who_was_does_no_harm(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    other = Recounter(process.store.stats, lambda: process.now, holder="b", days=90, may_delete=lambda: False)
    await process.recounter.round()
    assert await other.round() > 0
    await process.store.stats.note(
        [Event(key=b"\x02x", at=NOON, series=series("ORDER"), outcome=Outcome.READ)]
    )
    recount = process.store.stats.recount

    async def slow(bucket: Bucket, *, of: Step | None) -> stats.SeriesCounts:
        """Another takes over meanwhile, and counts it all."""
        monkeypatch.undo()
        counts = await recount(bucket, of=of)
        process.now += timedelta(minutes=1)
        await other.round()
        return counts

    monkeypatch.setattr(process.store.stats, "recount", slow)
    assert await process.recounter.round() > 0

    assert await process.store.stats.stale(limit=9) == []
    assert (await report(process)).totals.counts == {Outcome.READ: 1}
