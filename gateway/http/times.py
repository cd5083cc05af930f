"""How long the sites take to answer, by route and status, as operators see it."""

from gateway.ground.parts import TIME_BOUNDS, Meters, ObserveBy, Part, unmeasured

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those that have a series of their own."""


class RequestTimes(Part):
    """Told by the edge of each request that was answered. One for a process: both sites have it."""

    def __init__(self) -> None:
        self._observe: ObserveBy = unmeasured

    def measure(self, meters: Meters) -> None:
        self._observe = meters.histogram_by(
            "bellhop_http_request_seconds",
            "Requests answered, by route and status; polls and websockets excepted",
            ("site", "method", "route", "status"),
            TIME_BOUNDS,
        )

    def answered(self, site: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a pattern, of which there are few."""
        # A method is the caller's own word: any other would be a new series each time.
        known = method if method in METHODS else "other"
        self._observe((site, known, route, str(status)), seconds)
