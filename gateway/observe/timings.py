"""Times of what happens thousands of times a second: a histogram that costs a look-up and two additions.

`prometheus_client.Histogram` is made for threads: it takes two locks and looks through its buckets for each observation.
What is told on the loop alone needs neither.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Timings:
    """A histogram of seconds by labels, in the format that Prometheus scrapes. Told and read on the loop alone.

    A series is kept for each labels that were ever told, so these must be few.
    """

    def __init__(self, name: str, help: str, labels: Sequence[str], bounds: Sequence[float]) -> None:  # noqa: A002 - the word Prometheus uses
        self._name = name
        self._help = help
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._told: dict[Labels, tuple[list[int], list[float]]] = {}
        """By labels how many fell into each bucket, and in a list of one their sum in seconds."""
        if not labels:
            # The one series there is: it is told from the start.
            self._begin(())

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one that took so long."""
        buckets, total = self._told.get(labels) or self._begin(labels)
        buckets[bisect_left(self._bounds, seconds)] += 1
        total[0] += seconds

    def _begin(self, labels: Labels) -> tuple[list[int], list[float]]:
        told = self._told[labels] = [0] * (len(self._bounds) + 1), [0.0]
        return told

    def collect(self) -> Iterator[Metric]:
        """The family, as it stands now."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, (buckets, total) in self._told.items():
            cumulative = list(zip(names, accumulate(buckets), strict=True))
            family.add_metric(labels, cumulative, total[0])
        yield family
