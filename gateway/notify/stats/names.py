"""Which names the statistics have: so many of a day, so that there are few figures whatever is emitted."""

from datetime import datetime

from storage.stats import Series

NAMES_MAX = 1000
"""Types, and as many campaigns, that are told by name of a day in one process; all others together are `OTHERS`."""
OTHERS = "*"


class Names:
    """The types and campaigns that one process tells by name."""

    def __init__(self, most: int = NAMES_MAX) -> None:
        self._most = most
        self._day = 0
        self._types: set[str] = set()
        self._campaigns: set[str] = set()
        self._bound: dict[Series, Series] = {}
        """What was answered today: there are few series."""

    def bound(self, series: Series, at: datetime) -> Series:
        """The same series, or one that has `OTHERS` for a name."""
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
        if self._has(self._types, series.type) and self._has(self._campaigns, series.campaign):
            return series
        return series._replace(
            type=series.type if self._has(self._types, series.type) else OTHERS,
            campaign=series.campaign if self._has(self._campaigns, series.campaign) else OTHERS,
            # Of many together it would tell nothing.
            variant="",
        )

    def _has(self, names: set[str], name: str) -> bool:
        if name in names:
            return True
        if name and len(names) >= self._most:
            return False
        if name:
            names.add(name)
        return True
