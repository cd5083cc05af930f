"""Which catalog each node runs, as the nodes tell one another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.commands import Command
from gateway.notify.types import versions
from gateway.notify.types.versions import CatalogRuns, Versions
from gateway.observe.metrics import Metrics

DEADLINE_SECONDS = 20


class Hall:
    """Where nodes hear one another."""

    def __init__(self) -> None:
        self.parts: dict[str, Versions] = {}
        self.said: list[CatalogRuns] = []


class Speaking(LocalBus):
    carries = True

    def __init__(self, hall: Hall, node: str) -> None:
        super().__init__()
        self._hall = hall
        self._node = node

    async def order_others(self, command: Command) -> None:
        assert isinstance(command, CatalogRuns)
        self._hall.said.append(command)
        for name, part in self._hall.parts.items():
            if name != self._node:
                part.commands()[CatalogRuns](command)


class Node:
    def __init__(self, hall: Hall, name: str, version: str | None) -> None:
        self.live = LiveCatalog()
        self.run(version)
        self.name = name
        self.part = Versions(self.live, Speaking(hall, name), name)
        hall.parts[name] = self.part

    def run(self, version: str | None) -> None:
        if version is not None:
            self.live.replace(
                Catalog(default_locale="en", categories={}, types={}, templates={}, version=version)
            )

    async def knows(self, **nodes: str | None) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.part.nodes() != nodes:
                await asyncio.sleep(0.01)


@pytest.fixture
async def hall(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Hall, AsyncExitStack]]:
    monkeypatch.setattr(versions, "BREATH_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        yield Hall(), stack


def started(hall: tuple[Hall, AsyncExitStack], name: str, version: str | None) -> Node:
    place, stack = hall
    node = Node(place, name, version)
    node.part.start()
    stack.push_async_callback(node.part.stop)
    return node


def measured(node: Node) -> float:
    metrics = Metrics()
    node.part.measure(metrics)
    [family] = [each for each in metrics.collect() if each.name == "bellhop_catalog_versions"]
    return family.samples[0].value


async def test_nodes_tell_what_they_run_at_their_start_and_are_answered(hall):
    one = started(hall, "one", "v1")
    two = started(hall, "two", "v1")

    for node in (one, two):
        await node.knows(one="v1", two="v1")
        assert node.part.concerns() == []
        assert measured(node) == 1


async def test_another_version_is_told_as_it_comes_into_force_and_complained_of_until_all_run_it(hall):
    one, two = started(hall, "one", "v1"), started(hall, "two", "v1")
    await one.knows(one="v1", two="v1")

    two.run("v2")

    await one.knows(one="v1", two="v2")
    assert one.part.concerns() == ["catalog: the nodes run different ones: v1 at one; v2 at two"]
    assert measured(one) == 2
    one.run("v2")
    await two.knows(one="v2", two="v2")
    assert two.part.concerns() == []


async def test_a_node_without_a_catalog_says_so_where_another_has_one_and_nothing_else(hall):
    place, _ = hall
    one = started(hall, "one", None)
    two = started(hall, "two", None)
    await asyncio.sleep(0)
    assert place.said == []

    three = started(hall, "three", "v1")

    await three.knows(one=None, two=None, three="v1")
    await one.knows(one=None, two=None, three="v1")
    assert two.part.concerns() == ["catalog: the nodes run different ones: none at one, two; v1 at three"]


async def test_a_node_that_stops_is_none_of_those_that_run(hall):
    one, two = started(hall, "one", "v1"), started(hall, "two", "v2")
    await one.knows(one="v1", two="v2")

    await two.part.stop()

    assert one.part.nodes() == {"one": "v1"}


async def test_a_node_that_died_is_forgotten(hall, monkeypatch: pytest.MonkeyPatch):
    one = started(hall, "one", "v1")
    one.part.heard(CatalogRuns("gone", "v0"))
    assert one.part.nodes() == {"gone": "v0", "one": "v1"}

    monkeypatch.setattr(versions, "FORGET_SECONDS", -1.0)

    assert one.part.nodes() == {"one": "v1"}


async def test_its_own_word_and_those_of_too_many_are_not_kept(hall, monkeypatch: pytest.MonkeyPatch):
    one = started(hall, "one", "v1")
    monkeypatch.setattr(versions, "NODES_MAX", 2)

    for name in ("one", "a", "b", "c"):
        one.part.heard(CatalogRuns(name, "v2"))
    one.part.heard(CatalogRuns("a", "v3"))

    assert one.part.nodes() == {"a": "v3", "b": "v2", "one": "v1"}


async def test_of_many_nodes_some_are_named(hall):
    one = started(hall, "one", "v1")
    for number in range(9):
        one.part.heard(CatalogRuns(f"n{number}", "v2"))

    assert one.part.concerns() == [
        "catalog: the nodes run different ones: v1 at one; v2 at n0, n1, n2 and 6 more"
    ]


async def test_a_node_that_is_alone_tells_nobody():
    live = LiveCatalog()
    part = Versions(live, LocalBus(), "one")
    part.start()

    assert part.nodes() == {"one": None}
    assert part.concerns() == []
    await part.stop()
