"""The statistics of one process over a real store."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from gateway.notify.stats.asking import Statistics, StatsReport, StatsRequest
from gateway.notify.stats.noting import Noter
from gateway.notify.stats.recounting import Recounter
from storage.events import Event, Outcome, Series
from storage.sqlite import SQLiteStore

NOON = datetime(2026, 12, 1, 12, 30, 15, tzinfo=UTC)


class Process:
    """The statistics of one process, whose clock stands where it is put; `fails` is what the store raises."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.now = NOON
        self.fails: Exception | None = None
        self.notes = 0
        shelf = SimpleNamespace(note=self._note, series_of=self.store.stats.series_of)
        self.noter = Noter(
            shelf,
            self.store.streams,
            self.store.shared_secret,
            lambda: self.now,
            varies=lambda type_: type_ == "TRIED",
        )
        self.recounter = Recounter(
            self.store.stats, lambda: self.now, holder="node", days=90, may_delete=lambda: True
        )
        self.statistics = Statistics(self.store.stats, lambda: self.now, days=90)

    async def _note(self, events: list[Event]) -> None:
        self.notes += 1
        if self.fails is not None:
            raise self.fails
        await self.store.stats.note(events)

    async def told(self) -> Counter[tuple[Series, Outcome]]:
        """All events that are stored."""
        page = await self.store.stats.told(after=None, since=None, limit=100_000, now=self.now)
        found: Counter[tuple[Series, Outcome]] = Counter()
        for each in page:
            found[each.event.series, each.event.outcome] += each.event.count
        return found

    async def count(self) -> None:
        while not await self.recounter.round():
            pass


def series(type_: str, channel: str = "in_app", **rest: str) -> Series:
    return Series(type_, channel, **rest)


async def report(process: Process, **asked: object) -> StatsReport:
    return await process.statistics.look(StatsRequest(**asked))
