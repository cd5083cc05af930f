"""The shelf of tallies: how many notifications of each type came to which end, by channel and hour.

They are figures, not records: a process that crashes takes its last few seconds of them along, and a batch whose answer got
lost may be counted twice.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class TallyKey(NamedTuple):
    """What is counted: by type, channel and outcome, all three as texts that the counter chooses."""

    type: str
    channel: str
    outcome: str


class Tallies(Protocol):
    """Counts by hours, which are numbered since 1970."""

    async def add(self, hour: int, counts: Mapping[TallyKey, int]) -> None:
        """Count these beside what any process has counted; in one write, however many.

        Not idempotent. `hour` is that in which it happened; counts of an hour long past are added as well.
        """
        ...

    async def since(self, hour: int, *, type_: str | None = None) -> Mapping[TallyKey, int]:
        """The sums from that hour on; of one type, or of all.

        Over all processes, and over whole hours: the first hour is in it from its beginning.
        """
        ...

    async def clear(self, *, before: int, limit: int) -> int:
        """Forget up to `limit` counts of earlier hours; answers how many.

        Fewer than `limit` says that none is left. In no order that is promised.
        """
        ...
