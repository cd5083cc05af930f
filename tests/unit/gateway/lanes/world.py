"""A store, and the lanes of several processes over it."""

from pathlib import Path

from gateway.notify.lanes.book import LaneBook
from gateway.notify.lanes.brakes import Bounds
from storage.lanes import LaneOutcome
from storage.mail import LaneName
from storage.sqlite import SQLiteStore
from tests.unit.gateway.suppressions.listing import HeldClock

BOUNDS = Bounds(bounces=0.05, complaints=0.003, mails=10, window_seconds=3600)
BULK, TRANSACTIONAL = LaneName.BULK, LaneName.TRANSACTIONAL
DEADLINE_SECONDS = 30


class World:
    """A store, and the lanes of as many processes as are asked for."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.clock = HeldClock()
        self.processes: list[LaneBook] = []

    async def process(self, bounds: Bounds = BOUNDS) -> LaneBook:
        lanes = LaneBook(self.store.lanes, bounds, self.clock)  # type: ignore[arg-type]
        await lanes.start()
        self.processes.append(lanes)
        return lanes


def count(lanes: LaneBook, lane: LaneName = BULK, *, campaign: str | None = None, **counts: int) -> None:
    for name, times in counts.items():
        for _ in range(times):
            lanes.scales.count(lane, LaneOutcome(name), campaign=campaign)
