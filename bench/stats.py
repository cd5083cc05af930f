"""What statistics cost at size: events told and counted, the bytes that they take, and how long a page takes (`make bench-stats`).

A store is filled through its shelf, as a node does it: events of 90 days in the order of their times, and 275 more days of
roll-ups. Then a gateway is started on it, and asked what the dashboard's page Statistics asks: the figures by type and channel,
and the steps by channel, of a day, a week, a month and a year. A page is both answers, asked for at once as the
page does, over HTTP. Before that some of the events are told once more, some come late for each hour, and whoever counts them is gone
after some steps, for another to go on; then the roll-ups are held to the events: each day is counted once more, from the events alone,
and by its hours.
"""

import asyncio
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import machine
from bench.backing import STORES
from bench.command import BenchCommand, run
from bench.servers import API_KEY, ServerProcess, bellhop, cost
from gateway.notify.stats.recounting import Recounter
from storage.connect import connect
from storage.events import DIMENSIONS, Event, Outcome, Series, key_of_one
from storage.ids import UUID7Source
from storage.stats import Bucket, SeriesCounts, Stale, Stats, StatsQuery, Step
from storage.store import Store

RESULTS = Path(__file__).parent / "RESULTS-stats.md"
EVENTS = 1_000_000
QUICK_EVENTS = 20_000
BATCH = 1000
TYPES = 40
RAW_DAYS = 90
DAYS = 365
IN_APP = (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED)
PAGES = {"24 hours": (1, "hour"), "7 days": (7, "day"), "30 days": (30, "day"), "a year": (364, "day")}
LOOKS = 20
HELD = """Before the pages were measured, some batches of events were told again, something came late for each hour, and
whoever counted was gone after some writes, before or after the last of them. Then each day was what its events come to, and what
its hours do."""
REPEATED = 100
"""Of so many batches one is told again."""
LIFE = 50
"""How often one who counts writes, before it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsFindings:
    told_micros: float
    """Of one event."""
    counted_seconds: float
    bytes_a_million: float
    pages_ms: dict[str, tuple[float, float]]
    """The median of each, and the time of CPU that gateway and store took for it."""


def events(count: int, now: datetime) -> Iterator[list[Event]]:
    """Batches, the oldest first; of each notification some outcomes."""
    start = now - timedelta(days=RAW_DAYS) + timedelta(hours=1)
    step = (now - start) / count
    moment = start
    ids = UUID7Source(lambda: int(moment.timestamp() * 1e9))
    batch: list[Event] = []
    about = ids()
    for place in range(count):
        moment = start + step * place
        outcome = IN_APP[place % len(IN_APP)]
        if outcome is IN_APP[0]:
            about = ids()
        type_ = f"TYPE_{place // len(IN_APP) % TYPES}"
        batch.append(
            Event(key=key_of_one(about, outcome), at=moment, series=Series(type_, "in_app"), outcome=outcome)
        )
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def fill(store: Store, count: int, now: datetime) -> tuple[float, float]:
    """Answers how many seconds it took to tell, and to count."""
    begun = time.perf_counter()
    again = []
    for place, batch in enumerate(events(count, now)):
        await store.stats.note(batch)
        if place % REPEATED == 0:
            again.append(batch)
    told = time.perf_counter()
    recounter = Recounter(store.stats, lambda: now, holder="bench", days=RAW_DAYS, may_delete=lambda: False)
    while not await recounter.round():
        pass
    counted = time.perf_counter()
    await disturb(store, again, now)
    await hold(store, now)
    await _earlier_days(store, now)
    return told - begun, counted - told


class CounterGone(Exception):
    """Who counted is."""


class Mortal:
    """The shelf, as one has it who is gone at its `LIFE`th write: before it, or after it and before the answer."""

    def __init__(self, shelf: Stats, *, is_written: bool) -> None:
        self._shelf = shelf
        self._is_written = is_written
        self._left = LIFE

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shelf, name)

    async def replace(self, bucket: Bucket, counts: SeriesCounts, *, of: Sequence[Stale], turn: int) -> bool:
        self._left -= 1
        if self._left or self._is_written:
            written = await self._shelf.replace(bucket, counts, of=of, turn=turn)
            if self._left:
                return written
        raise CounterGone


async def disturb(store: Store, again: Iterable[list[Event]], now: datetime) -> None:
    """Tell these again, and something late for each hour, and have it counted by many who are gone in the middle."""
    for batch in again:
        await store.stats.note(batch)
    ids = UUID7Source(time.time_ns)
    for day in range(1, RAW_DAYS):
        late = [
            Event(
                key=key_of_one(ids(), Outcome.READ), at=now - timedelta(days=day, hours=hour),
                series=Series("TYPE_0", "in_app"), outcome=Outcome.READ,
            )
            for hour in range(24)
        ]  # fmt: skip
        await store.stats.note(late)
    lives = 0
    while await store.stats.stale(limit=1):
        lives += 1
        # Each comes when the lease of the one before is over.
        turn_at = now + timedelta(minutes=lives)
        mortal = Mortal(store.stats, is_written=lives % 2 == 0)
        recounter = Recounter(
            mortal,  # type: ignore[arg-type]  # it hands all else on
            partial(_same, turn_at), holder="bench", days=RAW_DAYS, may_delete=lambda: False,
        )  # fmt: skip
        with suppress(CounterGone):
            while not await recounter.round():
                pass


def _same(now: datetime) -> datetime:
    return now


async def hold(store: Store, now: datetime) -> None:
    """Raises AssertionError for a day whose roll-ups are not what its events come to."""
    for days in range(RAW_DAYS + 1):
        day = Bucket(Step.DAY, Step.DAY.start(now - timedelta(days=days)))
        by_events = await store.stats.recount(day, of=None)
        by_hours = await store.stats.recount(day, of=Step.HOUR)
        told = await store.stats.sums(
            StatsQuery(step=Step.DAY, since=day.start, until=day.end, by=DIMENSIONS)
        )
        by_days = {Series(*each.of): each.counts for each in told}
        assert by_events == by_hours == by_days, day


async def _earlier_days(store: Store, now: datetime) -> None:
    turn = await store.stats.lead("filler", lease_seconds=0, now=now + timedelta(days=1))
    assert turn is not None
    counts = {
        Series(f"TYPE_{number}", channel): dict.fromkeys(IN_APP, 100)
        for number in range(TYPES)
        for channel in ("in_app", "email")
    }
    for day in range(RAW_DAYS, DAYS):
        bucket = Bucket(Step.DAY, Step.DAY.start(now - timedelta(days=day)))
        await store.stats.replace(bucket, counts, of=[], turn=turn)


def page_ms(gateway: ServerProcess, days: int, step: str, now: datetime, both: Executor) -> float:
    since = (now - timedelta(days=days)).isoformat()

    def ask(query: dict[str, str]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{gateway.internal_port}/internal/stats?{urlencode({'from': since, **query})}",
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert b'"rows":[{' in answer.read()

    begun = time.perf_counter()
    for _ in both.map(ask, ({"by": "type,channel"}, {"by": "channel", "step": step})):
        pass
    return 1000 * (time.perf_counter() - begun)


def cpu_seconds(*pids: int | None) -> float:
    return sum(cost(pid).cpu_seconds for pid in pids if pid is not None)


def measure(name: str, count: int) -> StatsFindings:
    with (
        tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder,
        STORES[name](Path(folder)) as backing,
    ):
        now = datetime.now(UTC)

        async def filled() -> tuple[int, float, float]:
            store = connect(backing.url)
            await store.open()
            empty = backing.bytes()
            try:
                return empty, *await fill(store, count, now)
            finally:
                await store.close()

        empty, told, counted = asyncio.run(filled())
        taken = backing.bytes() - empty
        with bellhop(Path(folder), store_url=backing.url) as gateway, ThreadPoolExecutor(2) as both:
            pages = {}
            for page, (days, step) in PAGES.items():
                page_ms(gateway, days, step, now, both)  # what is asked for the first time is not in memory
                before = cpu_seconds(gateway.pid, backing.pid)
                median = statistics.median(page_ms(gateway, days, step, now, both) for _ in range(LOOKS))
                pages[page] = (median, 1000 * (cpu_seconds(gateway.pid, backing.pid) - before) / LOOKS)
        return StatsFindings(
            told_micros=1e6 * told / count,
            counted_seconds=counted,
            bytes_a_million=1e6 * taken / count,
            pages_ms=pages,
        )


def main() -> None:
    command = BenchCommand("bench-stats", __doc__, rounds=1, results=RESULTS)
    command.choice("--stores", STORES)
    command.number("--events", EVENTS)
    options = command.parse()
    count = QUICK_EVENTS if options.quick else options.events
    head = [
        f"# Statistics of {count:,} events\n\n`{command.line}`, {datetime.now(UTC):%Y-%m-%d}. {HELD}\n",
        f"| {count:,} events | µs an event told | s to count all anew | MB a million | {' | '.join(PAGES)} |",
    ]
    head.append("|---|" + "---:|" * (3 + len(PAGES)))
    rows = []
    for name in options.stores.split(","):
        found = measure(name, count)
        pages = " | ".join(f"{ms:.0f} ms ({cpu:.0f})" for ms, cpu in found.pages_ms.values())
        rows.append(
            f"| {name} | {found.told_micros:.0f} | {found.counted_seconds:.1f} | {found.bytes_a_million / 1e6:.0f} | {pages} |"
        )
    said = f"{machine.description()}; a page is the median of {LOOKS}, with the CPU's time of gateway and store; {TYPES} types."
    command.tell("\n".join([*head, *rows, "", said, ""]), options)


if __name__ == "__main__":
    run(main)
