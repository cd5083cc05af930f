"""How much is looked at to count a minute of the statistics anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.events import Alike, Event, Outcome, Series, key_of_one, keys_of_each
from storage.sqlite import SQLiteStore
from storage.sqlite.stats import SQLiteStats
from storage.stats import Bucket, Step
from tests.support.sqlite_steps import steps_of

MINUTE = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENTS, TOGETHER = 30, 100
STEPS_AN_EVENT = 13
"""To look each event up as well, and to sort them all, takes half as many again."""


async def test_a_minute_is_counted_by_its_index_alone_and_in_its_order(tmp_path: Path):
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    series = Series("ORDER_UPDATE", "in_app")
    for moment in range(MOMENTS):
        at = MINUTE + timedelta(seconds=moment)
        keys = keys_of_each([f"{moment}-{n}" for n in range(TOGETHER)], Outcome.DELIVERED)
        read = key_of_one(f"{moment}-0", Outcome.READ)
        await store.stats.note(
            [
                Alike(keys=keys, at=at, series=series, outcome=Outcome.DELIVERED),
                Event(key=read, at=at, series=series, outcome=Outcome.READ),
            ]
        )

    counts, steps = steps_of(
        tmp_path / "bellhop.db",
        lambda connection: SQLiteStats.recount.__wrapped__(
            store.stats, connection, Bucket(Step.MINUTE, MINUTE), of=None
        ),
    )
    await store.close()

    assert counts == {series: {Outcome.DELIVERED: MOMENTS * TOGETHER, Outcome.READ: MOMENTS}}
    assert steps < STEPS_AN_EVENT * MOMENTS * TOGETHER
