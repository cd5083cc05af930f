"""When a worker leases more, so that a lease is of several mails where much is due. Pure: it is told the time, and waits for nothing."""

STOCK_SHARE = 0.5
"""Of a lane's places: while more of them are taken by mail that waits for its turn or its moment, no more is leased."""
PAGE_SHARE = 0.5
"""Of a lane's places: so many are worth a lease while much is due."""

PATIENCE = 4
"""So many times as long as the store took for the last lease are they waited for."""


class Pacing:
    """The pacing of one lane's leases: whether to lease now, or to wait until more places are free.

    It only trades time for fewer questions to the store: whatever it says, a worker may lease.
    """

    def __init__(self, places: int) -> None:
        """`places` is how many of its mails may be held at once."""
        self._places = places
        self.lease_seconds = 0.0
        """How long the store took for the last lease."""
        self._waiting_since: float | None = None

    def has_stock(self, awaiting: int) -> bool:
        """Whether it is the lane's rate that mail waits for, and enough does: more would be leased too early."""
        return awaiting > STOCK_SHARE * self._places

    def ends_stock(self, awaiting: int) -> bool:
        """Whether the stock has come to its end with the one that waits no more; so many are left."""
        return self.has_stock(awaiting + 1) and not self.has_stock(awaiting)

    def patience(self, free: int, now: float) -> float:
        """How many seconds to wait for more than the `free` places; 0 or less: lease now.

        No longer than a few leases take, so that no place is empty for much longer than it has to be.
        """
        if free >= PAGE_SHARE * self._places:
            return 0.0
        if self._waiting_since is None:
            self._waiting_since = now
        return self._waiting_since + PATIENCE * self.lease_seconds - now

    def leasing(self) -> None:
        """A lease is asked for: the waiting for places is over."""
        self._waiting_since = None
