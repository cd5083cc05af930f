"""Which names the statistics have: so many of a day, so that there are few figures whatever is emitted.

Types are whatever services send, and might be made of ids by mistake: each name would be a series, for
minutes, hours and days. The noter asks for each event. Each process counts names for itself, so of the
cluster there may be more.
"""

from datetime import datetime

from storage.events import Series

NAMES_MAX = 1000
"""Types, and as many campaigns, that are told by name of a day in one process; all others together are `OTHERS`."""
OTHERS = "*"


class Names:
    """The types and campaigns that one process tells by name.

    It forgets at midnight, UTC, by the time of the events. Those of a day that come late begin a day anew,
    which only lets more names in.
    """

    def __init__(self, most: int = NAMES_MAX) -> None:
        self._most = most
        self._day = 0
        self._types: set[str] = set()
        self._campaigns: set[str] = set()
        self._bound: dict[Series, Series] = {}
        """What was answered today: there are few series."""

    def bound(self, series: Series, at: datetime) -> Series:
        """The same series, or one that has `OTHERS` for a name.

        What is not told by name loses its variant too.
        """
        if (day := at.toordinal()) != self._day:
            self._day = day
            self._types.clear()
            self._campaigns.clear()
            self._bound.clear()
        known = self._bound.get(series)
        if known is not None:
            return known
        bound = self._bounded(series)
        if bound is series:
            # Only of what is told by name: others come without end.
            self._bound[series] = series
        return bound

    def _bounded(self, series: Series) -> Series:
        """The series with the names that there is room for; those that are new take up a place."""
        if self._has(self._types, series.type) and self._has(self._campaigns, series.campaign):
            return series
        return series._replace(
            type=series.type if self._has(self._types, series.type) else OTHERS,
            campaign=series.campaign if self._has(self._campaigns, series.campaign) else OTHERS,
            # Of many together it would tell nothing.
            variant="",
        )

    def _has(self, names: set[str], name: str) -> bool:
        """Whether the name may be told: it has a place, or takes one. An empty name takes none."""
        if name in names:
            return True
        if name and len(names) >= self._most:
            return False
        if name:
            names.add(name)
        return True
