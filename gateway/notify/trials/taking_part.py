"""Who hears of the experiments of types: all of them while a type has one, and else nobody, so that it costs nothing."""

from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.notify.clicks.book import ClickBook
from gateway.notify.emitting import Emitter
from gateway.notify.planning import Planner
from gateway.notify.reading import Reading
from gateway.notify.stats.noting import Noter
from gateway.notify.trials.book import TrialBook

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog


class TakingPart:
    """Brings the experiments of the catalog in force to those who emit, and to those who hear of readers."""

    def __init__(
        self,
        live: LiveCatalog,
        book: TrialBook,
        *,
        emitter: Emitter,
        tried: Planner,
        reading: Reading,
        clicks: ClickBook,
        noter: Noter | None,
    ) -> None:
        """`tried` makes the plans while any type has an experiment; the emitter's own planner at all other times."""
        self._live = live
        self._book = book
        self._emitter = emitter
        self._plain, self._tried = emitter.planner, tried
        self._reading = reading
        self._clicks = clicks
        self._noter = noter
        live.on_change.append(self._adopt)

    def _adopt(self, catalog: "Catalog | None") -> None:
        del catalog
        tries = self._live.has_trials
        self._emitter.planner = self._tried if tries else self._plain
        hears = self._book.marked in self._reading.listeners
        if tries and not hears:
            self._reading.listeners.append(self._book.marked)
            self._clicks.listeners.append(self._book.clicked)
            self._note(is_varied=True)
        elif hears and not tries:
            self._reading.listeners.remove(self._book.marked)
            self._clicks.listeners.remove(self._book.clicked)
            self._note(is_varied=False)

    def _note(self, *, is_varied: bool) -> None:
        """Have the statistics tell variants apart, or not ask for them."""
        if self._noter is None:
            return
        plain, varied = self._noter.emitted, self._noter.emitted_in_variants
        self._emitter.listeners.remove(plain if is_varied else varied)
        self._emitter.listeners.append(varied if is_varied else plain)
