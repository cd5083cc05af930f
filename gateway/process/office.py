"""What works for all nodes in a process of its own, where nobody connects but probes and the metrics' collector.

Mail worker and taker of returns are the two. They share a store with the nodes, and nothing else.
"""

from gateway.ground.settings import Settings
from gateway.http import edge
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.http.sites import Site
from gateway.observe.writes import Writes
from gateway.process import descriptors, lifetime
from gateway.process.base import Process
from gateway.process.settings import ProcessSettings


class Office(Process):
    """A process whose only site is the internal one, and that has no more than probes and metrics.

    A subclass has the parts that do its work. It draws nobody's connections, so the limit of descriptors is
    of little matter.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        site = settings[SiteSettings]
        self.health = Health(Writes(self.store))
        self.internal = edge.application("internal", self.request_times)
        self.internal.add_routes([*self.health.liveness(), *self.health.readiness(), *self.metrics.routes()])
        self._site = Site(self.internal, site.internal_hosts, site.internal_port)
        """The internal site, which is its first door."""

    @classmethod
    def run(cls, settings: Settings) -> int:
        """Work until a signal asks for the end, finish what is under way, and answer the exit code."""
        descriptors.prepare()
        drain_seconds = settings[ProcessSettings].drain_seconds
        return lifetime.run(lambda: cls(settings), cls.start, drain_seconds=drain_seconds)
