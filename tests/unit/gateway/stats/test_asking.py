"""Figures are told as parts of what there was, and what is too much is refused."""

from datetime import timedelta

import pytest

from gateway.notify.stats.asking import ROWS_MAX, Unanswerable
from storage import stats
from storage.events import Event, Outcome
from storage.stats import StatsQuery, Step
from tests.unit.gateway.stats.process import NOON, Process, report, series


async def test_figures_are_parts_of_what_there_was_by_channel(process: Process):
    at = NOON - timedelta(hours=1)
    counts = {
        series("A"): {
            Outcome.EMITTED: 8,
            Outcome.DELIVERED: 6,
            Outcome.SEEN: 4,
            Outcome.READ: 2,
            Outcome.CLICKED: 1,
        },
        series("A", "shared"): {Outcome.EMITTED: 1, Outcome.SEEN: 90},
        series("A", "email", lane="bulk"): {Outcome.ACCEPTED: 4, Outcome.SENT: 2, Outcome.BOUNCED: 1},
        series("B", "email"): {Outcome.ACCEPTED: 1},
    }
    await process.store.stats.note(
        [
            Event(key=f"{which} {outcome}".encode(), at=at, series=which, outcome=outcome, count=count)
            for which, outcomes in counts.items()
            for outcome, count in outcomes.items()
        ]
    )
    await process.count()

    found = await report(process, by=("type",))

    assert [(row.of, row.figures.counts[Outcome.EMITTED]) for row in found.rows] == [(("A",), 9), (("B",), 0)]
    rates = found.rows[0].figures.rates
    assert rates.in_app == {
        Outcome.DELIVERED: 0.75,
        Outcome.SEEN: 0.5,
        Outcome.READ: 0.25,
        Outcome.CLICKED: 0.125,
    }
    assert rates.email == {
        Outcome.SENT: 0.5, Outcome.DELIVERED: 0, Outcome.CLICKED: 0, Outcome.BOUNCED: 0.5, Outcome.COMPLAINED: 0,
    }  # fmt: skip
    none_sent = found.rows[1].figures.rates
    assert (none_sent.in_app, none_sent.email and none_sent.email[Outcome.SENT]) == (None, 0)
    assert found.totals.counts[Outcome.SEEN] == 94
    assert [row.of for row in (await report(process, by=("channel", "type"))).rows] == [
        ("email", "A"), ("email", "B"), ("in_app", "A"), ("shared", "A"),
    ]  # fmt: skip


async def test_what_is_too_much_is_refused(process: Process, monkeypatch: pytest.MonkeyPatch):
    day = timedelta(days=1)
    for asked, field in (
        ({"since": NOON, "until": NOON}, "from"),
        ({"since": NOON - 2 * day, "step": Step.MINUTE}, "step"),
    ):
        with pytest.raises(Unanswerable) as refused:
            await report(process, **asked)
        assert refused.value.field == field
    many = [stats.Sum(None, (f"T{number}", "in_app"), {}) for number in range(ROWS_MAX + 1)]

    async def sums(question: StatsQuery) -> list[stats.Sum]:
        return many[: question.limit]

    monkeypatch.setattr(process.store.stats, "sums", sums)
    with pytest.raises(Unanswerable) as refused:
        await report(process, by=("type",))
    assert refused.value.field == "by"


@pytest.mark.parametrize(
    ("hours_ago", "hours", "step"),
    [
        (2, 2, Step.MINUTE),
        (72, 2, Step.HOUR),
        (24 * 7, 24 * 7, Step.HOUR),
        (24 * 30, 24 * 30, Step.DAY),
        (24 * 200, 1, Step.DAY),
    ],
)
async def test_a_time_as_a_whole_is_added_up_by_the_shortest_steps_that_are_kept(
    process: Process, hours_ago: int, hours: int, step: Step
):
    since = NOON - timedelta(hours=hours_ago)
    found = await report(process, since=since, until=since + timedelta(hours=hours))
    assert found.counted_by is step
