"""Versions: which catalog each node runs, as the nodes tell one another; that they differ for long is a mistake of somebody's.

While a deployment rolls they differ for a moment. A node without a catalog tells so only where another has one.

Nothing is decided by it: each node goes by its own catalog. It is shown to operators (`states`, `/readyz` as a
warning, a gauge).
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.parts import CarryOut, Meters, Part
from gateway.ground.tasks import Tasks

TELL_SECONDS = 15.0
"""The time between two tellings of a node that has nothing new to tell."""
FORGET_SECONDS = 60.0
"""After so long without a word, a node is taken to be gone: four tellings."""
BREATH_SECONDS = 0.5
"""The shortest time between two tellings: many nodes that start together are answered together."""
NODES_MAX = 1000
"""How many nodes are remembered with what they run; of further ones nothing is known."""
NODES_NAMED = 3
"""How many nodes of each version a warning names."""


class CatalogRuns(Command, frozen=True, tag="catalog"):
    """Know which version of the catalog a node runs."""

    node: str
    version: str | None
    """The version of its catalog; None: it has no catalog."""
    leaves: bool = False
    """The node stops: it is none of those that run any more."""


class Versions(Part):
    """What this node tells, and what it has heard.

    What was heard is kept in memory, by node, and goes with the process. A bus that is away makes the others
    be forgotten after a minute, and so ends the warning too.
    """

    def __init__(self, live: LiveCatalog, bus: Bus, node: str) -> None:
        self._live = live
        self._bus = bus
        self._node = node
        self._heard: dict[str, tuple[str | None, float]] = {}
        """By node: its version, and when it told so, by the loop's clock."""
        self._due = asyncio.Event()
        self._tasks = Tasks()
        live.on_change.append(lambda _: self._due.set())

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_catalog_versions",
            "Versions of the catalog that nodes run, as far as this one has heard; none counts as one",
            lambda: len(set(self.nodes().values())),
        )

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {CatalogRuns: self.heard}

    def concerns(self) -> list[str]:
        """Where nodes run different catalogs, which are at which; a node without one runs `none`."""
        nodes = self.nodes()
        by_version: dict[str, list[str]] = {}
        for node, version in nodes.items():
            by_version.setdefault(version or "none", []).append(node)
        if len(by_version) < 2:
            return []
        told = "; ".join(f"{version} at {_named(by_version[version])}" for version in sorted(by_version))
        return [f"catalog: the nodes run different ones: {told}"]

    def nodes(self) -> Mapping[str, str | None]:
        """The version of each node that has told so lately, this one's included, by name."""
        self._forget()
        heard = {node: version for node, (version, _) in self._heard.items()}
        return dict(sorted({**heard, self._node: self._own()}.items()))

    def heard(self, command: CatalogRuns) -> None:
        """Another node tells which catalog it runs, or that it leaves. Of `NODES_MAX` nodes it is remembered.

        Never waits. A node that was not known is answered soon, for it knows nobody.
        """
        if command.node == self._node:
            return
        if command.leaves:
            self._heard.pop(command.node, None)
            return
        if command.node not in self._heard:
            self._forget()
            if len(self._heard) >= NODES_MAX:
                return
            # It has just come, and knows nobody.
            self._due.set()
        self._heard[command.node] = command.version, asyncio.get_running_loop().time()

    def start(self) -> None:
        """Tell, where there may be other nodes to hear."""
        if self._bus.carries:
            self._tasks.start(self._tell_forever, name="catalog versions")

    async def stop(self) -> None:
        """Say that this node leaves, so that the others need not wait to forget it."""
        if self._tasks:
            await self._tasks.stop()
            if self._matters():
                await self._bus.order_others(CatalogRuns(self._node, self._own(), leaves=True))

    def _own(self) -> str | None:
        """The version of this node's catalog; None where it has none."""
        return None if self._live.current is None else self._live.current.version

    def _matters(self) -> bool:
        """Whether any node has a catalog."""
        return self._own() is not None or any(version is not None for version, _ in self._heard.values())

    def _forget(self) -> None:
        """Forget who has told nothing for `FORGET_SECONDS`."""
        since = asyncio.get_running_loop().time() - FORGET_SECONDS
        for node in [node for node, (_, at) in self._heard.items() if at < since]:
            del self._heard[node]

    async def _tell_forever(self) -> None:
        """Tell at once, and again every `TELL_SECONDS`; sooner when a catalog comes into force or a node has
        come, but not within `BREATH_SECONDS`.
        """
        while True:
            # Before telling: whoever comes meanwhile is told in the next.
            self._due.clear()
            self._forget()
            if self._matters():
                await self._bus.order_others(CatalogRuns(self._node, self._own()))
            await asyncio.sleep(BREATH_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_SECONDS):
                    await self._due.wait()


def _named(nodes: list[str]) -> str:
    """The first of these nodes by name, and how many more there are."""
    more = len(nodes) - NODES_NAMED
    return ", ".join(nodes[:NODES_NAMED]) + (f" and {more} more" if more > 0 else "")
