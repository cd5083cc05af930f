"""Who hears of the experiments of types: all of them while a type has one, and else nobody, so that it costs nothing.

It stands apart from the marks so that these know nothing of emitters, and they nothing of it. The process
makes one at its start.
"""

from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.notify.clicks.book import ClickBook
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.emitting.planning import Planner
from gateway.notify.inboxes.reading import Reading
from gateway.notify.stats.hearing import Hearing
from gateway.notify.trials.marks import TrialMarks

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog


class TakingPart:
    """Brings the experiments of the catalog in force to those who emit, and to those who hear of readers.

    It changes only at a reload of the catalog, in one turn of the loop: an emit is planned by one planner or
    by the other. A settled experiment still counts as one, until it is out of the catalog.
    """

    def __init__(
        self,
        live: LiveCatalog,
        marks: TrialMarks,
        *,
        emitter: Emitter,
        tried: Planner,
        reading: Reading,
        clicks: ClickBook,
        heard: Hearing | None,
    ) -> None:
        """`tried` makes the plans while any type has an experiment; the emitter's own planner at all other times.

        `heard` counts emits for the statistics; None where there are none.
        """
        self._live = live
        self._marks = marks
        self._emitter = emitter
        self._plain, self._tried = emitter.planner, tried
        self._reading = reading
        self._clicks = clicks
        self._heard = heard
        live.on_change.append(self._adopt)

    def _adopt(self, catalog: "Catalog | None") -> None:
        """Connect or disconnect, by what the catalog that has just come into force has."""
        del catalog
        tries = self._live.has_trials
        self._emitter.planner = self._tried if tries else self._plain
        # As the listeners have it, and not by a flag: a reload that changes nothing must not add a second
        # one.
        hears = self._marks.marked in self._reading.listeners
        if tries and not hears:
            self._reading.listeners.append(self._marks.marked)
            self._clicks.news.listeners.append(self._marks.clicked)
            self._note(is_varied=True)
        elif hears and not tries:
            self._reading.listeners.remove(self._marks.marked)
            self._clicks.news.listeners.remove(self._marks.clicked)
            self._note(is_varied=False)

    def _note(self, *, is_varied: bool) -> None:
        """Have the statistics tell variants apart, or not ask for them."""
        if self._heard is None:
            return
        plain, varied = self._heard.emitted, self._heard.emitted_in_variants
        self._emitter.listeners.remove(plain if is_varied else varied)
        self._emitter.listeners.append(varied if is_varied else plain)
