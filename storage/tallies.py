"""The shelf of tallies: how many notifications of each type came to which end, by channel and hour.

They are figures, not records: a process that crashes takes its last few seconds of them along, and a batch whose answer got
lost may be counted twice.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Tally(NamedTuple):
    """What is counted."""

    type: str
    channel: str
    outcome: str


class Tallies(Protocol):
    """Counts by hours, which are numbered since 1970."""

    async def add(self, hour: int, counts: Mapping[Tally, int]) -> None:
        """Count these beside what any process has counted; in one write, however many."""
        ...

    async def since(self, hour: int, *, type_: str | None = None) -> Mapping[Tally, int]:
        """The sums from that hour on; of one type, or of all."""
        ...

    async def clear(self, *, before: int, limit: int) -> int:
        """Forget up to `limit` counts of earlier hours; answers how many."""
        ...
